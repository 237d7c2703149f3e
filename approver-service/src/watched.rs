//! Files that are read again when they change, or on SIGHUP.
//!
//! Must not go here: what stands in them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

pub struct Watched {
    files: Vec<(PathBuf, Option<Stamp>)>,
    hangup: Signal,
}

/// When a file was written and how long it is: another stamp is another text.
type Stamp = (SystemTime, u64);

impl Watched {
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> io::Result<Watched> {
        let files = paths.into_iter().map(|path| (path, None)).collect();
        Ok(Watched { files, hangup: signal(SignalKind::hangup())? })
    }

    /// What is there counts as known from now on. Called before reading: what is written meanwhile is then read again.
    pub fn note(&mut self) {
        for (path, seen) in &mut self.files {
            *seen = stamp(path);
        }
    }

    /// Is any file another than was noted?
    pub fn has_changed(&self) -> bool {
        self.files.iter().any(|(path, seen)| stamp(path) != *seen)
    }

    /// Returns when [`Watched::has_changed`], or when somebody asks for it with SIGHUP.
    pub async fn changed(&mut self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {
                    if self.has_changed() {
                        return;
                    }
                }
                _ = self.hangup.recv() => return,
            }
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}
