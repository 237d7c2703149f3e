//! Time. Must not go here: what is measured.

use std::time::Instant;

/// Seconds that one run takes.
pub fn once(run: impl FnOnce()) -> f64 {
    let started = Instant::now();
    run();
    started.elapsed().as_secs_f64()
}

/// Seconds of the fastest of some runs.
pub fn best(rounds: usize, run: impl Fn()) -> f64 {
    (0..rounds.max(1)).map(|_| once(&run)).fold(f64::MAX, f64::min)
}
