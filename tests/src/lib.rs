//! The end-to-end harness: real Envoy, real filter, real approver, fakes for what lies outside.
//!
//! ```text
//! client ──► envoy (+ filter) ──► upstream        records every byte, answers as told
//!                 │
//!                 └──► approver or fake_approver  the built `privyseal serve`, or wrong answers on purpose
//! ```
//! Nothing here sleeps to wait: readiness, arrivals and states are awaited with a deadline. Must not go here: what is
//! asserted (`tests/`), what is told (`src/bin/`).

pub mod agents;
pub mod approver;
pub mod artefacts;
pub mod certificates;
pub mod client;
pub mod collector;
pub mod envoy;
pub mod fake_approver;
pub mod h2_client;
pub mod h2_upstream;
pub mod history;
pub mod identity_provider;
pub mod jwt;
pub mod kubernetes;
pub mod load;
pub mod openai;
pub mod policy;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod rendered;
pub mod scene;
pub mod syscalls;
pub mod tls_door;
pub mod upstream;

use std::future::Future;
use std::time::Duration;

/// How long anything may take that should happen at once. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; panics after [`PATIENCE`], saying what was awaited. It pauses as long as
/// the last question took: where asking is expensive, those who are asked need the time for their work.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let asked = tokio::time::Instant::now();
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(asked.elapsed().max(Duration::from_millis(15))).await;
    }
}

/// Returns when somebody presses Ctrl-C or asks the program to end. What was started ends as its owner is dropped.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("signals can be waited for");
    tokio::select! {
        _ = tokio::signal::ctrl_c() => (),
        _ = terminate.recv() => (),
    }
}
