//! Which answers release, and which do not: one table for each call.

use super::*;
use crate::hold::VERSION;
use crate::testing::test;

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
const NOW: u64 = 1_000_000;

fn expected() -> Expected<'static> {
    Expected { hold: "h1", nonce: "n1", digest: "d1", tenant: "t1", environment: "e1" }
}

fn answer() -> Answer {
    Answer {
        v: VERSION,
        hold: "h1".into(),
        nonce: "n1".into(),
        digest: "d1".into(),
        tenant: "t1".into(),
        environment: "e1".into(),
        verdict: ReleaseVerdict::Released,
        state: State::Released,
        issued_ms: 999_000,
        expires_ms: 1_030_000,
        receipt: Some("a.b-c_d.e".into()),
        mac: String::new(),
    }
}

fn signed(mut answer: Answer) -> Vec<u8> {
    answer.mac = answer.authenticate(KEY);
    serde_json::to_vec(&answer).unwrap()
}

fn judge(status: Option<u16>, body: &[u8]) -> Result<Option<String>, Refusal> {
    release(status, body, &expected(), KEY, NOW)
}

fn code(result: Result<Option<String>, Refusal>) -> &'static str {
    match result {
        Ok(_) => "released",
        Err(Refusal::Retry { code } | Refusal::Final { code, .. }) => code,
    }
}

#[test]
fn only_the_exact_answer_releases() {
    assert_eq!(judge(Some(200), &signed(answer())), Ok(answer().receipt));
    let unsendable = Answer { receipt: Some("a.b\r\nx-admin: 1".into()), ..answer() };
    assert_eq!(judge(Some(200), &signed(unsendable)), Ok(None));
    let without = Answer { v: 1, receipt: None, ..answer() };
    assert_eq!(judge(Some(200), &signed(without)), Ok(None), "an approver that is one version older");
}

#[test]
fn an_answer_for_anything_else_does_not_release() {
    let changes: [fn(&mut Answer); 6] = [
        |a| a.v = 3,
        |a| a.hold = "h2".into(),
        |a| a.nonce = "n2".into(),
        |a| a.digest = "d2".into(),
        |a| a.tenant = "t2".into(),
        |a| a.environment = "e2".into(),
    ];
    for change in changes {
        let mut other = answer();
        change(&mut other);
        assert_eq!(code(judge(Some(200), &signed(other))), "approver_answer_invalid");
    }
}

#[test]
fn an_answer_out_of_its_time_does_not_release() {
    let late = Answer { expires_ms: 1_000_000, ..answer() };
    assert_eq!(code(judge(Some(200), &signed(late))), "approver_answer_expired");
    let early = Answer { issued_ms: 1_030_001, expires_ms: 2_000_000, ..answer() };
    assert_eq!(code(judge(Some(200), &signed(early))), "approver_answer_expired");
}

#[test]
fn an_answer_that_is_not_authentic_does_not_release() {
    for mac in [String::new(), "00".repeat(32), "zz".into(), answer().authenticate(b"another key")] {
        let body = serde_json::to_vec(&Answer { mac, ..answer() }).unwrap();
        assert_eq!(code(judge(Some(200), &body)), "approver_answer_invalid");
    }
}

#[test]
fn any_other_status_or_body_does_not_release() {
    let good = signed(answer());
    for status in [None, Some(500), Some(502), Some(503), Some(504)] {
        assert_eq!(code(judge(status, &good)), "approver_unavailable");
    }
    for status in [201, 202, 204, 301, 302] {
        assert_eq!(code(judge(Some(status), &good)), "approver_answer_invalid");
    }
    for status in [401, 403] {
        assert_eq!(code(judge(Some(status), &good)), "approver_refuses_gateway");
    }
    assert_eq!(code(judge(Some(404), &good)), "approver_refused");
    for body in [
        &b""[..],
        b"<html>ok</html>",
        br#"{"decision":"allow"}"#,
        br#"{"verdict":"released"}"#,
        b"null",
        b"[]",
        b"true",
    ] {
        assert_eq!(code(judge(Some(200), body)), "approver_answer_invalid");
    }
}

#[test]
fn other_verdicts_say_why() {
    let say = |verdict, state| code(judge(Some(200), &signed(Answer { verdict, state, ..answer() })));
    assert_eq!(say(ReleaseVerdict::AlreadyReleased, State::Released), "already_released");
    assert_eq!(say(ReleaseVerdict::Mismatch, State::Approved), "request_differs");
    assert_eq!(say(ReleaseVerdict::NotApproved, State::Revoked), "approval_revoked");
    assert_eq!(say(ReleaseVerdict::NotApproved, State::Pending), "approval_pending");
    assert_eq!(say(ReleaseVerdict::Released, State::Denied), "approver_answer_expired");
}

#[test]
fn a_view_must_be_whole() {
    let good = br#"{"v":1,"id":"0192-ab","state":"approved","revision":3,"deadline_ms":5}"#;
    assert_eq!(view(Some(201), good).unwrap().state, State::Approved);
    for body in [
        &br#"{"v":3,"id":"0192-ab","state":"approved","revision":3,"deadline_ms":5}"#[..],
        br#"{"v":1,"id":"","state":"approved","revision":3,"deadline_ms":5}"#,
        br#"{"v":1,"id":"../control","state":"approved","revision":3,"deadline_ms":5}"#,
        br#"{"v":1,"id":"a","state":"granted","revision":3,"deadline_ms":5}"#,
        br#"{"v":1,"id":"a","state":"approved"}"#,
        b"<html>",
    ] {
        assert_eq!(view(Some(200), body), Err(WRONG));
    }
    assert_eq!(view(None, good), Err(SILENT));
    assert_eq!(view(Some(503), good), Err(SILENT));
    assert_eq!(view(Some(204), good), Err(WRONG));
    assert!(matches!(view(Some(429), good), Err(Refusal::Final { http: 429, .. })));
}

#[test]
fn every_state_says_what_to_do() {
    use State::*;
    for state in [Pending, InfoRequested, Approved] {
        assert_eq!(answer_to_agent(state, None).0, Status::Pending);
    }
    for state in [Denied, Expired, Withdrawn, Cancelled, Lapsed, Revoked] {
        assert_eq!(answer_to_agent(state, None).0, Status::Denied);
    }
    assert_eq!(answer_to_agent(Released, None).0, Status::Released);
    assert!(answer_to_agent(Denied, Some("too broad")).3.ends_with(": too broad"));
}
