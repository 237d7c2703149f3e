//! Where the built things are: the filter, the command, Envoy, PostgreSQL, the Python of the test clients.
//!
//! A missing one fails with the command that makes it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// The filter.
pub fn filter() -> PathBuf {
    built(root().join("dist/privyseal.wasm"), "./justw wasm")
}

/// A filter that does nothing: the floor of what any filter costs.
pub fn noop_filter() -> PathBuf {
    built(root().join("dist/noop.wasm"), "./justw _floors")
}

/// A filter that reads the header map and nothing else: the floor of what a filter costs that looks at all headers.
pub fn map_filter() -> PathBuf {
    built(root().join("dist/map.wasm"), "./justw _floors")
}

/// The `privyseal` command, from the profile that this program was built with.
pub fn privyseal() -> PathBuf {
    let exe = std::env::current_exe().expect("own path");
    let profile = exe.ancestors().find(|dir| dir.join("deps").is_dir()).expect("built by cargo");
    built(profile.join("privyseal"), "cargo build -p privyseal")
}

/// Envoy itself, not the script around it: it is signalled by its process id.
pub fn envoy() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| brought("envoy"))
}

/// A Python with the SDKs that the tests run.
pub fn python() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| brought("clients"))
}

/// The directory of PostgreSQL's programs.
pub fn postgres() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| brought("postgres"))
}

/// What writes down the calls of a process.
pub fn strace() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| brought("strace"))
}

/// Where the packages of the identity provider lie.
pub fn provider() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| brought("oidc"))
}

fn brought(part: &str) -> PathBuf {
    let out = Command::new(root().join("justw")).args(["--path", part]).output().expect("justw runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    PathBuf::from(String::from_utf8_lossy(&out.stdout).trim())
}

fn built(path: PathBuf, command: &str) -> PathBuf {
    assert!(path.exists(), "{} is missing; to make it: {command}", path.display());
    path
}
