//! The wrapper's decisions on machines that lack something, played with stand-ins for the tools.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use e2e::artefacts;
use tempfile::TempDir;

/// A machine with only these tools on its path, beside what POSIX promises.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new(tools: &[(&str, &str)]) -> Machine {
        let machine = Machine { dir: TempDir::new().unwrap() };
        std::fs::create_dir(machine.bin()).unwrap();
        for tool in ["sh", "env", "sed", "tr", "grep", "dirname", "mkdir", "rm", "touch", "chmod", "ln", "flock", "cat"]
        {
            let real = ["/usr/bin", "/bin"].iter().map(|d| Path::new(d).join(tool)).find(|p| p.exists()).unwrap();
            std::os::unix::fs::symlink(real, machine.bin().join(tool)).unwrap();
        }
        for (name, script) in tools {
            machine.add(&machine.bin(), name, script);
        }
        machine
    }

    fn bin(&self) -> PathBuf {
        self.dir.path().join("bin")
    }

    /// Where Debian's own tools stand on it.
    fn debian(&self) -> PathBuf {
        self.dir.path().join("debian")
    }

    fn with_debian_toolchain(self) -> Machine {
        std::fs::create_dir(self.debian()).unwrap();
        self.add(&self.debian(), "cargo", r#"echo "debian cargo $*"; env | grep -E '^(RUSTC|CARGO_TARGET)' || :"#);
        self.add(&self.debian(), "rustc", "exit 0");
        self.add(&self.debian(), "wasm-ld-19", "exit 0");
        self
    }

    fn add(&self, dir: &Path, name: &str, script: &str) {
        let path = dir.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn justw(&self, arguments: &[&str]) -> (bool, String) {
        let Output { status, stdout, stderr } = Command::new(artefacts::root().join("justw"))
            .args(arguments)
            .env_clear()
            .env("PATH", self.bin())
            .env("HOME", self.dir.path())
            .env("DEBIAN_BIN", self.debian())
            .env("POSTGRES_DIR", self.debian())
            .output()
            .unwrap();
        (status.success(), format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)))
    }
}

const CARGO: (&str, &str) = ("cargo", r#"echo "rustup's cargo $*""#);
const CC: (&str, &str) = ("cc", "exit 0");
const RUSTUP_WITH_TARGETS: (&str, &str) = ("rustup", "printf 'wasm32-wasip1\\nwasm32-unknown-unknown\\n'");
const RUSTUP_WITHOUT_NET: (&str, &str) = ("rustup", r#"[ "$1 $2" = "target list" ] && echo x86_64-unknown-linux-gnu"#);

#[test]
fn rustups_toolchain_is_used_where_it_has_the_targets() {
    let machine = Machine::new(&[CARGO, CC, RUSTUP_WITH_TARGETS]).with_debian_toolchain();
    assert_eq!(machine.justw(&["--bring", "targets"]), (true, String::new()));
    let (ok, said) = machine.justw(&["--cargo", "wasm32-wasip1", "build", "-p", "x", "--", "y"]);
    assert_eq!((ok, said.trim()), (true, "rustup's cargo build --target wasm32-wasip1 -p x -- y"));
}

#[test]
fn debians_toolchain_is_used_where_rustup_cannot_reach_its_server() {
    let machine = Machine::new(&[CARGO, CC, RUSTUP_WITHOUT_NET]).with_debian_toolchain();
    let (ok, said) = machine.justw(&["--bring", "targets"]);
    assert!(ok && said.contains("trying Debian's toolchain"), "{said}");

    let (_, said) = machine.justw(&["--cargo", "wasm32-wasip1", "build", "-p", "x"]);
    assert!(said.contains("debian cargo build --target wasm32-wasip1 -Zbuild-std=std,panic_abort -p x"), "{said}");
    assert!(said.contains("RUSTC_BOOTSTRAP=1") && said.contains("CARGO_TARGET_WASM32_WASIP1_LINKER="), "{said}");
    assert!(said.contains("--allow-undefined"), "{said}");

    let (_, said) = machine.justw(&["--cargo", "wasm32-unknown-unknown", "test", "-p", "x"]);
    assert!(
        said.contains("-Zbuild-std=std,panic_abort,test")
            && said.contains("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER="),
        "{said}"
    );
    assert!(!said.contains("--allow-undefined"), "{said}");
}

#[test]
fn what_is_missing_is_said_with_the_command_that_brings_it() {
    for (tools, part, command) in [
        (&[][..], "targets", "https://sh.rustup.rs"),
        (&[CARGO], "targets", "sudo apt-get install gcc"),
        (
            &[CARGO, CC, RUSTUP_WITHOUT_NET],
            "targets",
            "sudo apt-get install rustc-web cargo-web rust-web-src lld-19 wasi-libc",
        ),
        (&[CARGO, CC], "targets", "sudo apt-get install rustc-web"),
        (&[CARGO, CC], "runner", "sudo apt-get install nodejs"),
        (&[], "oidc", "sudo apt-get install nodejs"),
        (&[("node", "exit 0")], "oidc", "sudo apt-get install npm"),
        (&[], "clients", "sudo apt-get install curl"),
        (&[], "postgres", "sudo apt-get install postgresql"),
        (&[], "strace", "sudo apt-get install strace"),
        (&[], "envoy", "sudo apt-get install python3"),
        (&[("python3", "exit 1")], "envoy", "sudo apt-get install python3-venv"),
    ] {
        let (ok, said) = Machine::new(tools).justw(&["--bring", part]);
        assert!(!ok && said.contains(command), "{part}: {said}");
    }
}

/// Debian splits `venv` from Python: then pip installs beside it.
#[test]
fn without_venv_pip_installs_beside() {
    let python = r#"
case "$1 $2" in
"-m venv") exit 1 ;;
"-m pip") [ "$3" = install ] && { for last; do :; done; echo "$last" >>"$HOME/installed"; }; exit 0 ;;
esac"#;
    let machine = Machine::new(&[("python3", python), ("curl", "exit 0")]);
    let (ok, said) = machine.justw(&["--path", "clients"]);
    assert!(ok && said.contains("/bin/python"), "{said}");
    let once = std::fs::read_to_string(machine.dir.path().join("installed")).unwrap();
    let (ok, said) = machine.justw(&["--path", "clients"]);
    assert!(ok && !said.contains("bringing"), "the second run brings nothing: {said}");
    assert_eq!(std::fs::read_to_string(machine.dir.path().join("installed")).unwrap(), once);
}

/// What failed half-way is not taken for complete.
#[test]
fn a_failed_download_is_tried_again() {
    let machine = Machine::new(&[
        ("python3", "echo no network >&2; [ \"$2\" = pip ] && [ \"$3\" = --version ]"),
        ("curl", "exit 0"),
    ]);
    for _ in 0..2 {
        let (ok, said) = machine.justw(&["--bring", "clients"]);
        assert!(!ok && said.contains("bringing") && said.contains("could not be brought"), "{said}");
    }
}
