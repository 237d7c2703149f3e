//! Time of the processor, which other programs on the machine do not take. Must not go here: what is measured.

use cpu_time::ThreadTime;

/// Seconds that one run takes.
pub fn once(run: impl FnOnce()) -> f64 {
    let started = ThreadTime::now();
    run();
    started.elapsed().as_secs_f64()
}

/// Seconds of the fastest of some runs.
pub fn best(rounds: usize, run: impl Fn()) -> f64 {
    (0..rounds.max(1)).map(|_| once(&run)).fold(f64::MAX, f64::min)
}
