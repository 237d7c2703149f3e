//! How far a long run is, for whoever watches stderr. Short runs say nothing, nor does a run that nobody watches.
//!
//! Must not go here: results.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// What takes no longer says nothing.
const FIRST: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_millis(250);

/// Does `work`; meanwhile `how_far` stands on the last line of the terminal, with the time that it has taken.
pub fn during<T>(how_far: impl Fn() -> String + Send, work: impl FnOnce() -> T) -> T {
    if io::stderr().is_terminal() { shown(io::stderr(), FIRST, how_far, work) } else { work() }
}

fn shown<T>(
    mut out: impl Write + Send,
    first: Duration,
    how_far: impl Fn() -> String + Send,
    work: impl FnOnce() -> T,
) -> T {
    let (working, done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let started = Instant::now();
            let mut wait = first;
            while done.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                let _nobody_watches = write!(out, "\r\x1b[K{}, {} s", how_far(), started.elapsed().as_secs());
                let _nobody_watches = out.flush();
                wait = EVERY;
            }
            if wait == EVERY {
                let _nobody_watches = write!(out, "\r\x1b[K");
            }
        });
        let result = work();
        drop(working);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends what is written.
    struct Watched(mpsc::Sender<String>);

    impl Write for Watched {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _nobody_listens = self.0.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_long_run_says_how_far_it_is_and_cleans_up() {
        let (out, written) = mpsc::channel();
        let seen = shown(
            Watched(out),
            Duration::ZERO,
            || "3 of 7 files".to_owned(),
            || {
                let mut seen = String::new();
                while !seen.contains(" s") {
                    seen += &written.recv().unwrap();
                }
                seen
            },
        );
        assert!(seen.contains("3 of 7 files, 0 s"), "{seen:?}");
        assert_eq!(written.iter().collect::<String>().split("\r\x1b[K").last(), Some(""));
    }

    #[test]
    fn a_short_run_says_nothing() {
        let (out, written) = mpsc::channel();
        assert_eq!(shown(Watched(out), Duration::from_secs(600), String::new, || 7), 7);
        assert_eq!(written.iter().count(), 0);
    }
}
