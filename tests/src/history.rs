//! The history of requests that were held while things died, and what must be true of it.
//!
//! A history is what three sides saw: agents of their answers, people of their decisions, the upstream of requests. The
//! upstream's part alone says what ran; holds say what was decided. Must not go here: who kills what (`bin/faults.rs`).

use std::time::Instant;

use anyhow::{Result, ensure};

/// What the agent heard in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// It was executed.
    Ran,
    /// It was collected before, and the answer lost: whether it ran is unknown, and it never runs again.
    Unknown,
}

/// One hold of a request, as the database has it after everything.
#[derive(Clone, Debug)]
pub struct Held {
    pub state: String,
    pub decided_by: Option<String>,
}

/// One request, which was approved once, and all that is known of it.
#[derive(Clone, Debug)]
pub struct History {
    pub end: End,
    pub holds: Vec<Held>,
    /// When the first approval was sent; nothing may run before.
    pub approving: Instant,
    /// Each time that the upstream saw it.
    pub ran: Vec<Instant>,
}

impl History {
    /// Fails if a decision was lost, or the request ran twice or before anybody approved it.
    pub fn check(&self) -> Result<()> {
        let released: Vec<&Held> = self.holds.iter().filter(|hold| hold.state == "released").collect();
        ensure!(self.ran.len() <= 1, "it ran {} times", self.ran.len());
        ensure!(released.len() == 1, "it was approved once, and released {} times", released.len());
        let known = released.iter().all(|hold| hold.decided_by.is_some());
        ensure!(known, "it was released, and nobody's decision is known");
        ensure!(self.ran.iter().all(|ran| *ran > self.approving), "it ran before anybody approved it");
        let heard = self.end != End::Ran || self.ran.len() == 1;
        ensure!(heard, "the agent was told that it ran, and the upstream never saw it");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    fn held(state: &str) -> Held {
        Held { state: state.to_owned(), decided_by: Some("alice".to_owned()) }
    }

    /// As it should be.
    fn true_history() -> History {
        let approving = Instant::now();
        History { end: End::Ran, holds: vec![held("released")], approving, ran: vec![approving + MOMENT] }
    }

    /// What is said of a true history after `forge` has been at it.
    #[track_caller]
    fn refused(forge: impl FnOnce(&mut History)) -> String {
        let mut history = true_history();
        forge(&mut history);
        history.check().expect_err("the forgery was not seen").to_string()
    }

    #[test]
    fn accepts_what_may_happen() {
        let mut history = true_history();
        history.check().unwrap();
        history.end = End::Unknown;
        history.check().unwrap();
        history.ran.clear();
        history.holds.push(held("denied"));
        history.check().unwrap();
    }

    #[test]
    fn sees_what_was_lost() {
        assert!(refused(|h| h.holds.clear()).contains("released 0 times"));
        assert!(refused(|h| h.holds = vec![held("pending")]).contains("released 0 times"));
        assert!(
            refused(|h| h.holds = vec![Held { decided_by: None, ..held("released") }]).contains("nobody's decision")
        );
        assert!(refused(|h| h.ran.clear()).contains("never saw it"));
    }

    #[test]
    fn sees_what_happened_twice() {
        assert!(refused(|h| h.ran.push(h.approving + 2 * MOMENT)).contains("ran 2 times"));
        assert!(refused(|h| h.holds.push(held("released"))).contains("released 2 times"));
    }

    #[test]
    fn sees_what_came_before_its_approval() {
        assert!(refused(|h| h.approving += 2 * MOMENT).contains("before anybody approved"));
    }
}
