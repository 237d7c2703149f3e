//! A PostgreSQL server of this process, started when the first test asks for it; it ends with the process.
//!
//! Must not go here: what the approver stores in it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::artefacts;

pub struct Postgres {
    url: String,
    /// Its standard input ends with this process, and it with that.
    _server: Child,
}

impl Postgres {
    /// A server with settings of its own, as lines of `postgresql.conf`.
    pub fn start(settings: &[&str]) -> Postgres {
        let mut server = Command::new(artefacts::root().join("tests/postgres"))
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("tests/postgres runs");
        let mut url = String::new();
        let stdout = server.stdout.take().expect("its output is piped");
        BufReader::new(stdout).read_line(&mut url).expect("an address");
        assert!(!url.is_empty(), "PostgreSQL does not start; the reason stands above");
        Postgres { url: url.trim().to_owned(), _server: server }
    }

    /// The one that tests share.
    pub fn shared() -> &'static Postgres {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(|| Postgres::start(&[]))
    }

    /// The address of a new, empty database.
    pub fn database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let made = Command::new(artefacts::postgres().join("createdb"))
            .args(["--host", self.folder(), "--username", "privyseal", &name])
            .status()
            .expect("createdb runs");
        assert!(made.success(), "the database {name} was not made");
        self.url.replace("/postgres?", &format!("/{name}?"))
    }

    /// Kills it as a crash would; it stays away until [`Postgres::let_up`].
    pub fn kill_and_keep_down(&self) {
        std::fs::write(self.down(), "").expect("its folder can be written");
        self.kill();
    }

    /// Kills it as a crash would; it starts again at once.
    pub fn kill(&self) {
        // With the sessions that it serves, which would answer what they had heard already.
        let killed = Command::new("kill").arg("-KILL").args(self.processes()).status().expect("kill runs");
        assert!(killed.success(), "it was not killed");
    }

    /// Lets the files of all its processes grow no further than `bytes`, as a full disk would; or again without end.
    pub fn limit_files(&self, bytes: Option<u64>) {
        // The soft limit alone, which may be raised again. Root may not everywhere what the processes' own user may.
        const LIMIT: &str = r#"
            user=$(stat -c %U "/proc/$2" 2>/dev/null) || exit 0 # It has ended.
            [ "$user" = "$(id -un)" ] || set -- "$@" runuser -u "$user" --
            limit=--fsize=$1: pid=$2
            shift 2
            "$@" prlimit --pid "$pid" "$limit" || ! [ -e "/proc/$pid" ]"#;
        let limit = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
        for pid in self.processes() {
            let limited = Command::new("sh").args(["-c", LIMIT, "sh", &limit, &pid]).status().expect("sh runs");
            assert!(limited.success(), "the files of {pid} were not limited");
        }
    }

    pub fn let_up(&self) {
        std::fs::remove_file(self.down()).expect("it was kept down");
    }

    /// The server, then all that it has started.
    fn processes(&self) -> Vec<String> {
        let server = std::fs::read_to_string(format!("{}/data/postmaster.pid", self.folder())).expect("it has run");
        let server = server.lines().next().expect("its first line is the process");
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        let children = children.expect("it runs, and the kernel lists its children");
        std::iter::once(server).chain(children.split_whitespace()).map(str::to_owned).collect()
    }

    fn down(&self) -> String {
        format!("{}/down", self.folder())
    }

    /// Where its socket and its data lie.
    pub fn folder(&self) -> &str {
        self.url.split_once("host=").expect("an address with a socket").1
    }
}
