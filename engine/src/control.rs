//! What a worker knows of the approver's kill switch, and how old that is.
//!
//! Must not go here: the calls themselves (`filter`), what a kill does to a request (`exchange`).

use crate::digest::{Encoder, hex};
use crate::hold::{Control, Kill, VERSION, is_spoken};
use crate::policy::Settings;

/// Older than this, the worker no longer knows whether the kill switch is on.
pub const STALE_MS: u64 = 10_000;
/// How long the approver keeps one poll open: well below [`STALE_MS`], so that a healthy approver is never stale.
pub const POLL_MS: u64 = 4_000;
/// How long after a failed poll the next one starts.
pub const RETRY_MS: u64 = 500;

/// What a gateway tells of itself with each poll, so that people see what runs where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About(String);

impl About {
    /// Of the gateway with this id, which enforces the policy of these bytes.
    pub fn new(gateway: &str, version: &str, policy: &[u8], settings: &Settings) -> About {
        let mut digest = Encoder::new("privyseal/policy/v1");
        digest.field("source", policy);
        let (digest, mut query) = (hex(&digest.sha256()), String::new());
        for (name, value) in [
            ("gateway", gateway),
            ("environment", settings.environment.as_str()),
            ("filter", version),
            ("policy", digest.get(..12).unwrap_or_default()),
            ("mode", if settings.observe { "observe" } else { "enforce" }),
        ] {
            query.extend(["&", name, "="]);
            for byte in value.bytes() {
                match byte {
                    b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => query.push(char::from(byte)),
                    _ => query.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        About(query)
    }
}

/// How gateways are told of a principal: a name of fixed length, and of nobody whom they have not met.
pub fn principal_name(principal: &str) -> String {
    let mut name = Encoder::new("privyseal/principal/v1");
    name.field("principal", principal.as_bytes());
    let mut name = hex(&name.sha256());
    name.truncate(32);
    name
}

/// The worker's view of `/v1/control`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// The last answer; of epoch 0 before the first.
    heard: Control,
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
        Switch { heard: Control::default(), heard_ms: now_ms }
    }

    /// Towards everybody.
    pub fn posture(&self, now_ms: u64) -> Posture {
        match self.heard.kill {
            Kill::Deny => Posture::Deny,
            Kill::Hold => Posture::Hold,
            Kill::Off if now_ms.saturating_sub(self.heard_ms) > STALE_MS => Posture::Stale,
            Kill::Off => Posture::Normal,
        }
    }

    /// Towards everybody or somebody.
    pub fn is_on(&self) -> bool {
        let Control { kill, hold, deny, .. } = &self.heard;
        *kill != Kill::Off || !hold.is_empty() || !deny.is_empty()
    }

    /// Towards this principal alone.
    pub fn posture_to(&self, principal: &str) -> Posture {
        let Control { hold, deny, .. } = &self.heard;
        if hold.is_empty() && deny.is_empty() {
            return Posture::Normal;
        }
        let name = principal_name(principal);
        if deny.contains(&name) {
            Posture::Deny
        } else if hold.contains(&name) {
            Posture::Hold
        } else {
            Posture::Normal
        }
    }

    /// The path of the next poll, which says who asks. The first one answers at once.
    pub fn poll_path(&self, about: &About) -> String {
        let About(about) = about;
        let Control { epoch, .. } = self.heard;
        let wait_ms = if epoch == 0 { 0 } else { POLL_MS };
        format!("/v1/control?v={VERSION}&epoch={epoch}&wait_ms={wait_ms}&principals=1{about}")
    }

    /// Takes in an answer; false if it is none.
    pub fn hear(&mut self, status: u16, body: &[u8], now_ms: u64) -> bool {
        let control = (status == 200).then(|| serde_json::from_slice::<Control>(body).ok()).flatten();
        match control {
            Some(control) if is_spoken(control.v) => {
                *self = Switch { heard: control, heard_ms: now_ms };
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
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
        assert_eq!(switch.poll_path(&About::default()), "/v1/control?v=2&epoch=3&wait_ms=4000&principals=1");
    }

    #[test]
    fn one_principal_is_stopped_and_no_other() {
        let mut switch = Switch::new(0);
        let (seven, eight) = (principal_name("agent-7"), principal_name("agent-8"));
        assert_eq!(seven, "ab6979729d6c57f0dc9c80646efb89bb", "approver and gateways agree on it");
        let heard = format!(r#"{{"v":2,"epoch":3,"kill":"off","hold":["{eight}"],"deny":["{seven}"]}}"#);
        assert!(switch.hear(200, heard.as_bytes(), 0));
        assert_eq!(switch.posture(1_000), Posture::Normal);
        let postures = ["agent-7", "agent-8", "agent-9"].map(|principal| switch.posture_to(principal));
        assert_eq!(postures, [Posture::Deny, Posture::Hold, Posture::Normal]);
        assert!(switch.hear(200, br#"{"v":2,"epoch":4,"kill":"off"}"#, 0));
        assert_eq!(switch.posture_to("agent-7"), Posture::Normal);
    }

    #[test]
    fn a_poll_says_who_asks_and_what_runs_there() {
        let source = br#"{"version":1,"default":"deny","mode":"observe","environment":"a b"}"#;
        let policy = Policy::parse(source, &[0; 32]).unwrap();
        let about = About::new("router~10.0.0.1~gw", "1.2.3", source, policy.settings());
        let path = Switch::new(0).poll_path(&about);
        let expected = "/v1/control?v=2&epoch=0&wait_ms=0&principals=1&gateway=router~10.0.0.1~gw&environment=a%20b&filter=1.2.3&policy=";
        let (digest, mode) = path.strip_prefix(expected).unwrap().split_once('&').unwrap();
        assert_eq!((digest.len(), mode), (12, "mode=observe"));
        let other = About::new("router~10.0.0.1~gw", "1.2.3", b"{}", policy.settings());
        assert_ne!(about, other, "another policy has another digest");
    }
}
