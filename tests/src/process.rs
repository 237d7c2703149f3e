//! A child process that is signalled by its id and never outlives its owner.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

pub struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What may be sent to it.
#[derive(Clone, Copy, Debug)]
pub enum Signal {
    Stop,
    Continue,
    Terminate,
    Kill,
}

impl Process {
    /// Starts it with its output in files under `dir`, named after `name`.
    pub fn spawn(mut command: Command, dir: &Path, name: &str) -> Result<Process> {
        let stdout = dir.join(format!("{name}.stdout"));
        let stderr = dir.join(format!("{name}.stderr"));
        let child = command
            .stdin(Stdio::null())
            .stdout(File::options().create(true).append(true).open(&stdout)?)
            .stderr(File::options().create(true).append(true).open(&stderr)?)
            .spawn()
            .with_context(|| format!("{} does not start", command.get_program().to_string_lossy()))?;
        Ok(Process { child, stdout, stderr })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything written to standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// Everything written to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// An error with its last words if it has ended.
    pub fn assert_running(&mut self, name: &str) -> Result<()> {
        match self.ended() {
            Some(status) => bail!("{name} ended with {status}: {}", self.stderr().trim()),
            None => Ok(()),
        }
    }

    pub fn signal(&self, signal: Signal) {
        let name = match signal {
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
            Signal::Terminate => "-TERM",
            Signal::Kill => "-KILL",
        };
        let sent = Command::new("kill").args([name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|s| s.success()), "{signal:?} to {} was not sent", self.pid());
    }

    /// Ends it at once and collects it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// CPU time used by all its threads so far, in microseconds.
    pub fn cpu_micros(&self) -> u64 {
        let tasks = format!("/proc/{}/task", self.pid());
        std::fs::read_dir(tasks)
            .map(|dir| {
                dir.flatten().map(|task| read(&task.path().join("schedstat"))).filter_map(nanos).sum::<u64>() / 1000
            })
            .unwrap_or(0)
    }

    /// Memory in RAM, in KiB.
    pub fn rss_kib(&self) -> u64 {
        let status = read(Path::new(&format!("/proc/{}/status", self.pid())));
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or("0");
        line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Output may hold any byte: a test that looks for a leak must not fail to read it.
fn read(path: &Path) -> String {
    std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}

fn nanos(schedstat: String) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}
