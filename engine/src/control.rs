//! What a worker knows of the approver's kill switch, and how old that is.
//!
//! Must not go here: the calls themselves (`filter`), what a kill does to a request (`exchange`).

use crate::hold::{Control, Kill, VERSION, is_spoken};

/// Older than this, the worker no longer knows whether the kill switch is on.
pub const STALE_MS: u64 = 10_000;
/// How long the approver keeps one poll open: well below [`STALE_MS`], so that a healthy approver is never stale.
pub const POLL_MS: u64 = 4_000;
/// How long after a failed poll the next one starts.
pub const RETRY_MS: u64 = 500;

/// The worker's view of `/v1/control`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    kill: Kill,
    epoch: Option<u64>,
    heard_ms: u64,
}

/// What the switch says of requests now, from the mildest to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Posture {
    /// As the policy says.
    Normal,
    /// Nothing was heard for too long: whatever a rule selects is held.
    Stale,
    /// Every request is held.
    Hold,
    /// Every request is denied.
    Deny,
}

impl Switch {
    /// A worker that starts has [`STALE_MS`] to hear from its approver.
    pub fn new(now_ms: u64) -> Switch {
        Switch { kill: Kill::Off, epoch: None, heard_ms: now_ms }
    }

    pub fn posture(&self, now_ms: u64) -> Posture {
        match self.kill {
            Kill::Deny => Posture::Deny,
            Kill::Hold => Posture::Hold,
            Kill::Off if now_ms.saturating_sub(self.heard_ms) > STALE_MS => Posture::Stale,
            Kill::Off => Posture::Normal,
        }
    }

    /// The path of the next poll. The first one answers at once.
    pub fn poll_path(&self) -> String {
        match self.epoch {
            Some(epoch) => format!("/v1/control?v={VERSION}&epoch={epoch}&wait_ms={POLL_MS}"),
            None => format!("/v1/control?v={VERSION}&wait_ms=0"),
        }
    }

    /// Takes in an answer; false if it is none.
    pub fn hear(&mut self, status: u16, body: &[u8], now_ms: u64) -> bool {
        let control = (status == 200).then(|| serde_json::from_slice::<Control>(body).ok()).flatten();
        match control {
            Some(control) if is_spoken(control.v) => {
                *self = Switch { kill: control.kill, epoch: Some(control.epoch), heard_ms: now_ms };
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn silence_becomes_stale_and_an_answer_cures_it() {
        let mut switch = Switch::new(1_000);
        assert_eq!(switch.posture(11_000), Posture::Normal);
        assert_eq!(switch.posture(11_001), Posture::Stale);
        assert!(!switch.hear(200, b"<html>", 11_001));
        assert!(!switch.hear(503, br#"{"v":1,"epoch":1,"kill":"off"}"#, 11_001));
        assert!(!switch.hear(200, br#"{"v":9,"epoch":1,"kill":"off"}"#, 11_001));
        assert_eq!(switch.posture(11_001), Posture::Stale);
        assert!(switch.hear(200, br#"{"v":1,"epoch":1,"kill":"off"}"#, 11_001));
        assert_eq!(switch.posture(11_001), Posture::Normal);
    }

    #[test]
    fn a_kill_outlives_silence() {
        let mut switch = Switch::new(0);
        assert!(switch.hear(200, br#"{"v":1,"epoch":3,"kill":"deny"}"#, 0));
        assert_eq!(switch.posture(1_000_000), Posture::Deny);
        assert_eq!(switch.poll_path(), "/v1/control?v=2&epoch=3&wait_ms=4000");
    }
}
