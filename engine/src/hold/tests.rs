//! The messages as they travel: what each field does to the MAC, and golden files of this version and the one before.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::testing::test;

const KEY: [u8; 32] = [9; 32];

fn answer() -> Answer {
    Answer {
        v: VERSION,
        hold: "h".into(),
        nonce: "n".into(),
        digest: "d".into(),
        tenant: "t".into(),
        environment: "e".into(),
        verdict: ReleaseVerdict::Released,
        state: State::Released,
        issued_ms: 1,
        expires_ms: 2,
        receipt: Some("a.b.c".into()),
        mac: String::new(),
    }
}

#[test]
fn every_field_is_authenticated() {
    let mut good = answer();
    good.mac = good.authenticate(b"key");
    assert!(good.is_authentic(b"key"));
    assert!(!good.is_authentic(b"other"));
    let changed: [fn(&mut Answer); 12] = [
        |a| a.v = 1,
        |a| a.hold.push('x'),
        |a| a.nonce.push('x'),
        |a| a.digest.push('x'),
        |a| a.tenant.push('x'),
        |a| a.environment.push('x'),
        |a| a.verdict = ReleaseVerdict::Mismatch,
        |a| a.state = State::Denied,
        |a| a.issued_ms += 1,
        |a| a.expires_ms += 1,
        |a| a.receipt = None,
        |a| a.receipt = Some("a.b.d".into()),
    ];
    for change in changed {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(!bad.is_authentic(b"key"), "{bad:?}");
    }
    good.mac.push('0');
    assert!(!good.is_authentic(b"key"));
}

fn golden(version: u16) -> Value {
    serde_json::from_str(match version {
        1 => include_str!("golden/v1.json"),
        _ => include_str!("golden/v2.json"),
    })
    .unwrap()
}

/// Reads the message, also beside a member that a newer version may add, and writes it again.
fn through<T: DeserializeOwned + Serialize>(messages: &Value, name: &str) -> Value {
    let message = messages[name].clone();
    let mut newer = message.clone();
    newer["of_tomorrow"] = json!({ "a": [1] });
    let read: T = serde_json::from_value(newer).unwrap_or_else(|e| panic!("{name}: {e}"));
    serde_json::to_value(read).unwrap()
}

fn each(messages: &Value) -> Vec<(&'static str, Value)> {
    vec![
        ("intake", through::<Intake>(messages, "intake")),
        ("view", through::<View>(messages, "view")),
        ("release", through::<Release>(messages, "release")),
        ("answer", through::<Answer>(messages, "answer")),
        ("detach", through::<Detach>(messages, "detach")),
        ("report", through::<Report>(messages, "report")),
        ("status_query", through::<StatusQuery>(messages, "status_query")),
        ("information", through::<Information>(messages, "information")),
        ("control", through::<Control>(messages, "control")),
    ]
}

#[test]
fn messages_of_this_version_are_golden() {
    let messages = golden(VERSION);
    for (name, written) in each(&messages) {
        assert_eq!(written, messages[name], "{name}: a change of the contract needs another version");
    }
}

/// Whatever an older filter or approver wrote is still read, with nothing in it lost.
#[test]
fn messages_of_the_version_before_are_read() {
    let messages = golden(OLDEST);
    for (name, written) in each(&messages) {
        for (member, value) in messages[name].as_object().unwrap() {
            assert_eq!(&written[member], value, "{name}.{member}");
        }
    }
}

#[test]
fn answers_are_authenticated_as_their_version_says() {
    for version in [OLDEST, VERSION] {
        let answer: Answer = serde_json::from_value(golden(version)["answer"].clone()).unwrap();
        assert_eq!(answer.v, version);
        assert!(answer.is_authentic(&KEY), "{version}: {}", answer.authenticate(&KEY));
    }
}
