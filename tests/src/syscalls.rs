//! What a process asks of the kernel, and in which order, as strace writes it down.
//!
//! Must not go here: which order is right (`tests/`).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{artefacts, eventually};

/// The calls that write to files and sockets, and those that wait for the disk.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync";
/// Longer than any write of the approver: a page of its database, or an answer.
const LONGEST: &str = "65536";

/// Where the calls of a process are written down.
#[derive(Clone, Debug)]
pub struct Syscalls(PathBuf);

impl Syscalls {
    /// Into a file. An error if processes may not be traced here.
    pub fn into_file(path: PathBuf) -> Result<Syscalls> {
        let tried = Command::new(artefacts::strace()).args(["-D", "-f", "-o", "/dev/null", "true"]).output()?;
        let said = String::from_utf8_lossy(&tried.stderr);
        ensure!(
            tried.status.success() && said.trim().is_empty(),
            "strace may trace nothing here: {}\nallow ptrace to whoever runs the tests: `--cap-add SYS_PTRACE` where a container \
             forbids it, `sysctl kernel.yama.ptrace_scope=1` where the kernel does",
            said.trim()
        );
        Ok(Syscalls(path))
    }

    /// The same command, watched. It stays a child of its own, signalled by its id; strace ends with it.
    pub fn of(&self, command: Command) -> Command {
        let mut watched = Command::new(artefacts::strace());
        watched.args(["-D", "-f", "-yy", "-qq", "-s", LONGEST, "-e", CALLS, "-o"]).arg(&self.0);
        watched.arg(command.get_program()).args(command.get_args());
        watched.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        watched
    }

    /// What was asked up to the end of the process, which must have ended.
    pub async fn until_end(&self, pid: u32) -> Vec<Call> {
        let text = eventually("strace has written down the end", async || {
            let text = std::fs::read(&self.0).ok()?;
            let text = String::from_utf8_lossy(&text).into_owned();
            has_ended(&text, pid).then_some(text)
        })
        .await;
        calls(&text)
    }
}

/// A call that the kernel has answered. What one begins after another was answered stands after it.
#[derive(Debug)]
pub struct Call {
    /// The lines at which it began and was answered.
    pub began: usize,
    pub answered: usize,
    pub name: String,
    /// Its arguments and its answer, with files and connections by name.
    pub text: String,
}

impl Call {
    /// It had nothing left to wait for, and nothing to complain of.
    pub fn has_synced(&self, file: &Path) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync") && self.is_on(file) && self.text.ends_with(") = 0")
    }

    pub fn has_written(&self, file: &Path, needle: &str) -> bool {
        self.name.contains("write") && self.is_on(file) && self.text.contains(needle)
    }

    pub fn has_told(&self, needle: &str) -> bool {
        self.is_on(OsStr::new("TCP:[").as_ref()) && self.text.contains(needle)
    }

    /// Its first argument is open on this.
    fn is_on(&self, file: &Path) -> bool {
        let opened = format!("<{}", file.display());
        self.text.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(&opened)
    }
}

/// `PID +++ killed by SIGKILL +++`, with the process in a column of its own.
fn has_ended(text: &str, pid: u32) -> bool {
    let of_pid = |line: &str| {
        line.split_once(' ')
            .is_some_and(|(whose, rest)| whose == pid.to_string() && rest.trim_start().starts_with("+++ "))
    };
    text.lines().any(of_pid)
}

/// `PID NAME(…) = …`, or, where another thread came between, `PID NAME(… <unfinished ...>` and `PID <... NAME resumed>…`.
fn calls(text: &str) -> Vec<Call> {
    const UNFINISHED: &str = " <unfinished ...>";
    let mut begun: Vec<(&str, Call)> = vec![];
    let mut calls = vec![];
    for (at, line) in text.lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some((_, rest)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            let Some(place) = begun.iter().position(|(whose, _)| *whose == pid) else { continue };
            let (_, call) = begun.swap_remove(place);
            calls.push(Call { answered: at, text: call.text + rest, ..call });
        } else if let Some((name, rest)) = rest.split_once('(') {
            let text = rest.strip_suffix(UNFINISHED).unwrap_or(rest).to_owned();
            let call = Call { began: at, answered: at, name: name.to_owned(), text };
            match rest.ends_with(UNFINISHED) {
                true => begun.push((pid, call)),
                false => calls.push(call),
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_answered_where_its_answer_stands() {
        let text = "7     fdatasync(12</d/db-wal> <unfinished ...>\n\
                    8     sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"{}\", 2, MSG_NOSIGNAL, NULL, 0) = 2\n\
                    7     <... fdatasync resumed>)       = 0\n7     +++ killed by SIGKILL +++\n";
        let calls = calls(text);
        let [told, synced] = &calls[..] else { panic!("{calls:?}") };
        assert!(told.has_told("{}") && !told.has_told("[]") && !told.has_synced(Path::new("/d/db-wal")));
        assert!(has_ended(text, 7) && !has_ended(text, 8));
        assert_eq!((synced.began, synced.answered, synced.name.as_str()), (0, 2, "fdatasync"));
    }
}
