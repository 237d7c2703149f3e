# Every task. `./justw RECIPE` first brings what a fresh machine lacks; CI and the README call nothing else.

set shell := ["bash", "-euo", "pipefail", "-c"]

_default:
    @{{ quote(just_executable()) }} --list --unsorted

# the filter, to dist/privyseal.wasm
wasm:
    ./justw --bring targets
    ./justw --cargo wasm32-wasip1 build -p privyseal-filter --profile wasm
    install -D -m 644 target/wasm/wasm32-wasip1/wasm/privyseal_filter.wasm dist/privyseal.wasm

_noop:
    ./justw --cargo wasm32-wasip1 build -p privyseal-filter --profile wasm --example noop
    install -D -m 644 target/wasm/wasm32-wasip1/wasm/examples/noop.wasm dist/noop.wasm

# everything that ships: the filter and target/release/privyseal
build: wasm
    cargo build --release -p privyseal

# all tests: native, the engine under wasm32, end to end on the real Envoy; arguments go to the last of them
test *ARGS:
    tests/run {{ ARGS }}

# formatting and clippy, natively and for wasm
lint:
    ./justw --bring targets
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    ./justw --cargo wasm32-wasip1 clippy -p privyseal-filter -- -D warnings

# advisories, licences, duplicate crates and sources
deny:
    @command -v cargo-deny >/dev/null || { echo "cargo-deny is missing: cargo install --locked cargo-deny" >&2; exit 1; }
    cargo deny check
