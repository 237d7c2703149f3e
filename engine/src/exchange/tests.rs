//! Whole exchanges, callback by callback, without a host.

use serde_json::{Value, json};

use super::*;
use crate::hold::{Answer, Forwarded, Intake, Release, ReleaseVerdict, State as HoldState, VERSION};
use crate::testing::test;

mod compressed;
mod heads;
mod observing;
mod own_hold;
mod streaming;

const KEY: [u8; 32] = [7; 32];
const START: u64 = 1_000_000;

fn gateway(policy: Value) -> Rc<Gateway> {
    let keys = Keys::new(KEY.to_vec());
    let policy = Policy::parse(&serde_json::to_vec(&policy).unwrap(), &keys.pseudonym).unwrap();
    Rc::new(Gateway::new(policy, keys, "envoy-1".into()))
}

/// Holds deletions and large payments, denies `/admin`, masks `/chat`, leaves the rest alone.
fn policy() -> Value {
    json!({
        "version": 1,
        "default": "allow",
        "approver": {"cluster": "approver"},
        "identity": {"principal": [{"trusted_header": "x-agent-id"}]},
        "body_limit": "1KiB",
        "profiles": {"mail": {"entities": ["EMAIL_ADDRESS"]}},
        "rules": [
            {"id": "delete", "match": {"method": ["DELETE"]}, "verdict": "hold", "why": "deletes"},
            {"id": "pay", "match": {"method": ["POST"], "path": "/pay", "body": {"/amount": {"gte": 10000}}}, "verdict": "hold", "why": "large payment"},
            {"id": "admin", "match": {"path": "/admin/**"}, "verdict": "deny"},
        ],
        "redact": [{"match": {"path": "/chat"}, "direction": "both", "profile": "mail"}],
    })
}

struct Run {
    exchange: Exchange,
    current: Rc<Gateway>,
    now: Now,
}

impl Run {
    fn new(policy: Value) -> Run {
        let gateway = gateway(policy);
        Run {
            exchange: Exchange::new(Rc::clone(&gateway), [9; 16]),
            current: gateway,
            now: Now { ms: START, posture: Posture::Normal },
        }
    }

    fn step(&mut self, event: Event<'_>) -> Step {
        self.exchange.step(self.now, &self.current, event)
    }

    fn head(&mut self, method: &str, path: &str, fields: &[(&str, &str)], end: bool) -> Step {
        let mut all =
            vec![(":method", method), (":scheme", "https"), (":authority", "crm.example.com"), (":path", path)];
        all.extend_from_slice(fields);
        let fields = all.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
        self.step(Event::RequestHead { fields, claims: Claims::default(), end })
    }

    /// A body in one piece: asked for, then read.
    fn body(&mut self, body: &str) -> Step {
        let step = self.step(Event::RequestBody { buffered: body.len(), end: true });
        assert_eq!(step, Step::pause_with(Effect::ReadRequestBody));
        self.step(Event::RequestBytes(body.as_bytes()))
    }

    /// Holds `DELETE /things/1` and returns the intake that the approver got.
    fn held(&mut self) -> Intake {
        let step = self.head("DELETE", "/things/1", &[("x-agent-id", "agent:7")], true);
        assert_eq!(step.flow, Flow::Pause);
        let call = call(&step);
        assert_eq!((call.kind, call.path.as_str()), (CallKind::Create, "/v1/holds"));
        let intake = serde_json::from_slice(&call.body).unwrap();
        self.step(Event::Dispatched(Some(1)));
        intake
    }

    fn ended(&mut self, token: u32, status: u16, body: &[u8]) -> Step {
        self.step(Event::CallEnded { token, status: Some(status), body })
    }

    /// Held and approved: the step that asks for the release.
    fn approved(&mut self) -> (Intake, Step) {
        let intake = self.held();
        let step = self.ended(1, 201, &view("pending", 1));
        assert!(call(&step).path.starts_with("/v1/holds/h-1/wait?v=2&revision=1&wait_ms=20000"));
        self.step(Event::Dispatched(Some(2)));
        let step = self.ended(2, 200, &view("approved", 2));
        (intake, step)
    }
}

fn view(state: &str, revision: u64) -> Vec<u8> {
    json!({"v": 1, "id": "h-1", "state": state, "revision": revision, "deadline_ms": 2_000_000})
        .to_string()
        .into_bytes()
}

fn call(step: &Step) -> &Call {
    let mut calls = step.effects.iter().filter_map(|effect| match effect {
        Effect::Call(call) => Some(call),
        _ => None,
    });
    let call = calls.next().unwrap_or_else(|| panic!("no call in {step:?}"));
    assert!(calls.next().is_none(), "{step:?}");
    call
}

fn reply(step: &Step) -> (u16, &str, Value) {
    let Some(Effect::Reply(reply)) = step.effects.last() else { panic!("no reply at the end of {step:?}") };
    assert_eq!(step.flow, Flow::Pause);
    let code = reply.headers.iter().find(|(name, _)| *name == "x-privyseal-code").map(|(_, code)| code.as_str());
    (reply.status, code.unwrap(), serde_json::from_slice(&reply.body).unwrap())
}

fn answer(intake: &Intake, change: impl Fn(&mut Answer)) -> Vec<u8> {
    let mut answer = Answer {
        v: VERSION,
        hold: "h-1".into(),
        nonce: intake.nonce.clone(),
        digest: intake.digest.clone(),
        tenant: intake.tenant.clone(),
        environment: intake.environment.clone(),
        verdict: ReleaseVerdict::Released,
        state: HoldState::Released,
        issued_ms: START as i64,
        expires_ms: START as i64 + 30_000,
        receipt: None,
        mac: String::new(),
    };
    change(&mut answer);
    answer.mac = answer.authenticate(&KEY);
    serde_json::to_vec(&answer).unwrap()
}

fn resumes(step: &Step) -> bool {
    step.effects.contains(&Effect::Resume)
}

#[test]
fn what_no_rule_selects_is_left_alone() {
    let mut run = Run::new(policy());
    assert_eq!(run.head("GET", "/x", &[("x-envoy-retry-on", "5xx")], false), Step::proceed());
    assert_eq!(run.step(Event::RequestBody { buffered: 5_000_000, end: false }), Step::proceed());
    assert_eq!(run.step(Event::RequestTrailers(Vec::new())), Step::proceed());
    assert!(!run.exchange.wants_response());
}

#[test]
fn forged_control_headers_are_stripped_everywhere_and_envoys_where_a_rule_selects() {
    let remove = |name: &str| Effect::RemoveRequestHeader(name.into());
    let mut run = Run::new(policy());
    let step = run.head("GET", "/x", &[("x-privyseal-hold", "h-1"), ("x-envoy-retry-on", "5xx")], true);
    assert_eq!(step.effects, [remove("x-privyseal-hold")]);
    let step = Run::new(policy()).head("GET", "/x", &[("x_privyseal-hold", "h-1")], true);
    assert_eq!(step.effects, [remove("x_privyseal-hold")], "the same to an upstream behind CGI, WSGI or Rack");
    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[("x-privyseal-hold", "h-1"), ("x-envoy-retry-on", "5xx")], false);
    let step = run.body(r#"{"amount":1}"#);
    assert_eq!(step.flow, Flow::Continue);
    assert!(step.effects.contains(&remove("x-privyseal-hold")) && step.effects.contains(&remove("x-envoy-retry-on")));
}

#[test]
fn a_held_request_answers_pause_to_every_request_callback() {
    let mut run = Run::new(policy());
    run.held();
    for event in [
        Event::RequestBody { buffered: 0, end: false },
        Event::RequestBody { buffered: 3, end: true },
        Event::RequestTrailers(Vec::new()),
        Event::CallEnded { token: 77, status: Some(200), body: b"{}" },
    ] {
        assert_eq!(run.step(event), Step::pause());
    }
}

#[test]
fn a_hold_decided_by_the_head_waits_for_the_body_and_its_trailers() {
    let mut run = Run::new(policy());
    let step = run.head("DELETE", "/things/1", &[], false);
    assert_eq!(step.flow, Flow::Pause);
    assert!(!step.effects.iter().any(|effect| matches!(effect, Effect::Call(_))));
    assert_eq!(run.step(Event::RequestBody { buffered: 3, end: false }), Step::pause());
    let trailers = vec![(b"x-t".to_vec(), b"1".to_vec())];
    assert_eq!(run.step(Event::RequestTrailers(trailers)), Step::pause_with(Effect::ReadRequestBody));
    let step = run.step(Event::RequestBytes(b"abc"));
    assert_eq!(step.flow, Flow::Pause);
    assert_eq!(call(&step).kind, CallKind::Create);
}

#[test]
fn a_json_rpc_call_sent_again_under_another_id_is_the_same_act_on_the_same_terms() {
    let sent = |id: u32, name: &str| {
        let mut run = Run::new(json!({
            "version": 1, "default": "allow", "approver": {"cluster": "approver"},
            "rules": [{"id": "tool", "match": {"mcp": {"tool": "delete_*"}}, "verdict": "hold"}],
        }));
        run.head("POST", "/mcp", &[("content-type", "application/json")], false);
        let step =
            run.body(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}"}}}}"#));
        let intake: Intake = serde_json::from_slice(&call(&step).body).unwrap();
        (intake.digest, intake.terms)
    };
    assert_eq!(sent(4, "delete_repo"), sent(12, "delete_repo"));
    let ((first, terms), (other, same_terms)) = (sent(4, "delete_repo"), sent(4, "delete_user"));
    assert_ne!(first, other);
    assert_eq!(terms, same_terms);
}

#[test]
fn an_approval_releases_once_and_resume_is_the_last_effect() {
    let mut run = Run::new(policy());
    let (intake, step) = run.approved();
    let release: Release = serde_json::from_slice(&call(&step).body).unwrap();
    assert_eq!(
        (release.nonce, release.digest, release.terms),
        (intake.nonce.clone(), intake.digest.clone(), intake.terms.clone())
    );
    assert_eq!(
        release.forwarded,
        Some(Forwarded {
            method: "DELETE".into(),
            authority: "crm.example.com".into(),
            path: "/things/1".into(),
            body_sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".into(),
        })
    );
    assert!(!resumes(&step));
    run.step(Event::Dispatched(Some(3)));
    let step = run.ended(3, 200, &answer(&intake, |a| a.receipt = Some("a.b.c".into())));
    assert!(step.effects.contains(&Effect::SetRequestHeader("x-privyseal-receipt", b"a.b.c".to_vec())));
    assert_eq!(step.effects.last(), Some(&Effect::Resume));
    assert!(step.effects.contains(&Effect::SetRequestHeader("x-privyseal-hold", b"h-1".to_vec())));
    assert_eq!(run.ended(3, 200, &answer(&intake, |_| {})), Step::proceed());
    let fields = vec![(b":status".to_vec(), b"503".to_vec())];
    let step = run.step(Event::ResponseHead { fields, end: true });
    let report: Value = serde_json::from_slice(&call(&step).body).unwrap();
    assert_eq!((report["outcome"].as_str(), report["status"].as_u64()), (Some("failed"), Some(503)));
    assert_eq!(run.step(Event::Gone), Step::proceed());
}

#[test]
fn no_other_answer_releases() {
    let wrong: [fn(&mut Answer); 5] = [
        |a| a.nonce = "00".repeat(16),
        |a| a.digest = "00".repeat(32),
        |a| a.hold = "h-2".into(),
        |a| a.environment.push('x'),
        |a| a.expires_ms = START as i64,
    ];
    for change in wrong {
        let mut run = Run::new(policy());
        let (intake, _) = run.approved();
        run.step(Event::Dispatched(Some(3)));
        assert!(!resumes(&run.ended(3, 200, &answer(&intake, change))));
    }
    for (status, body) in
        [(Some(200), &b"<html>"[..]), (Some(200), b""), (Some(204), b""), (Some(503), b""), (None, b"")]
    {
        let mut run = Run::new(policy());
        run.approved();
        run.step(Event::Dispatched(Some(3)));
        let step = run.step(Event::CallEnded { token: 3, status, body });
        assert!(!resumes(&step));
        assert_eq!(step.effects, [Effect::WakeAt(START + 500)]);
        run.now.ms += 5_001;
        assert_eq!(call(&run.step(Event::Timer)).kind, CallKind::Release, "the same nonce may ask again");
        run.step(Event::Dispatched(Some(4)));
        let step = run.step(Event::CallEnded { token: 4, status, body });
        assert_eq!(reply(&step).0, 503);
    }
}

#[test]
fn an_answer_to_another_call_is_not_heard() {
    let mut run = Run::new(policy());
    let (intake, _) = run.approved();
    run.step(Event::Dispatched(Some(3)));
    assert_eq!(run.ended(2, 200, &answer(&intake, |_| {})), Step::pause());
    assert_eq!(run.ended(99, 200, &answer(&intake, |_| {})), Step::pause());
}

#[test]
fn a_view_of_another_hold_is_not_believed() {
    let mut run = Run::new(policy());
    run.held();
    run.ended(1, 201, &view("pending", 1));
    run.step(Event::Dispatched(Some(2)));
    let other = json!({"v": 1, "id": "h-2", "state": "approved", "revision": 2, "deadline_ms": 1}).to_string();
    let step = run.ended(2, 200, other.as_bytes());
    assert_eq!(step.effects, [Effect::WakeAt(START + 500)]);
}

#[test]
fn an_approver_that_is_away_is_asked_again_and_then_refused() {
    let mut run = Run::new(policy());
    run.head("DELETE", "/things/1", &[], true);
    assert_eq!(run.step(Event::Dispatched(None)), Step::pause_with(Effect::WakeAt(START + 200)));
    run.now.ms += 200;
    assert_eq!(call(&run.step(Event::Timer)).kind, CallKind::Create);
    run.step(Event::Dispatched(None));
    run.now.ms += 200;
    run.step(Event::Timer);
    let step = run.step(Event::Dispatched(None));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code), (503, "approver_unavailable"));
    assert_eq!(body["executed"], false);
}

#[test]
fn a_wait_that_ends_is_pending_and_detaches() {
    let mut run = Run::new(policy());
    run.held();
    run.now.ms += 50_000;
    let step = run.ended(1, 201, &view("pending", 1));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code), (429, "approval_pending"));
    assert_eq!(body["next"], "resend_identical_request");
    assert_eq!(body["hold"], "h-1");
    assert_eq!(call(&step).path, "/v1/holds/h-1/detach");
    assert_eq!(run.step(Event::Gone), Step::proceed(), "detached once");
}

#[test]
fn a_client_that_leaves_is_detached() {
    let mut run = Run::new(policy());
    run.held();
    run.ended(1, 201, &view("pending", 1));
    run.step(Event::Dispatched(Some(2)));
    assert_eq!(call(&run.step(Event::Gone)).path, "/v1/holds/h-1/detach");
}

#[test]
fn each_final_state_is_said() {
    for (state, status, code) in [
        ("denied", 403, "approval_denied"),
        ("expired", 403, "approval_expired"),
        ("withdrawn", 403, "approval_withdrawn"),
        ("cancelled", 403, "approval_cancelled"),
        ("lapsed", 403, "approval_lapsed"),
        ("revoked", 403, "approval_revoked"),
        ("released", 409, "already_released"),
        ("info_requested", 429, "information_requested"),
    ] {
        let mut run = Run::new(policy());
        run.held();
        let step = run.ended(1, 200, &view(state, 1));
        let (got, said, body) = reply(&step);
        assert_eq!((got, said), (status, code));
        assert_eq!(body["executed"], state == "released");
    }
}

#[test]
fn a_new_policy_must_still_say_the_same() {
    for (why, outcome) in [("deletes", "release"), ("deletes for good", "refusal")] {
        let mut run = Run::new(policy());
        run.held();
        let mut newer = policy();
        newer["rules"][0]["why"] = json!(why);
        newer["rules"].as_array_mut().unwrap().remove(2);
        run.current = gateway(newer);
        let step = run.ended(1, 200, &view("approved", 2));
        assert_eq!(step, Step::pause_with(Effect::ReadRequestBody));
        let step = run.step(Event::RequestBytes(b""));
        match outcome {
            "release" => assert_eq!(call(&step).kind, CallKind::Release),
            _ => assert_eq!(reply(&step).1, "policy_changed"),
        }
    }
}

#[test]
fn bodies_are_judged_whole() {
    let mut run = Run::new(policy());
    assert_eq!(run.head("POST", "/pay", &[], false).flow, Flow::Pause);
    assert_eq!(run.step(Event::RequestBody { buffered: 5, end: false }), Step::pause());
    assert_eq!(call(&run.body(r#"{"amount":10000}"#)).kind, CallKind::Create);

    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[], false);
    assert_eq!(run.body(r#"{"amount":9999}"#).flow, Flow::Continue);

    for body in [r#"{"amount":1,"amount":10000}"#, r#"{"amount":"#, r#"{"amount":1} x"#] {
        let mut run = Run::new(policy());
        run.head("POST", "/pay", &[], false);
        assert_eq!(reply(&run.body(body)).0, 400, "{body}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[], false);
    let step = run.step(Event::RequestBody { buffered: 1025, end: false });
    assert_eq!((reply(&step).0, reply(&step).1), (413, "body_too_large"));
    assert_eq!(run.step(Event::RequestBody { buffered: 4096, end: true }), Step::pause(), "what follows stays");
}

#[test]
fn a_body_that_never_comes_is_said() {
    let mut run = Run::new(policy());
    let step = run.head("POST", "/pay", &[], false);
    assert_eq!(step.effects, [Effect::WakeAt(START + 15_000)]);
    assert_eq!(reply(&run.step(Event::Timer)).1, "body_not_delivered");
}

#[test]
fn denied_is_said_in_the_callers_protocol() {
    let mut run = Run::new(policy());
    let step = run.head("GET", "/admin/x", &[], true);
    let (status, code, _) = reply(&step);
    assert_eq!((status, code), (403, "denied_by_policy"));
}

#[test]
fn masked_bodies_carry_headers_that_fit() {
    let mut run = Run::new(policy());
    let fields =
        [("content-type", "application/json"), ("content-length", "29"), ("content-md5", "x"), ("range", "bytes=0-1")];
    run.head("POST", "/chat", &fields, false);
    let step = run.body(r#"{"text":"ann@example.com, hi"}"#);
    assert_eq!(step.flow, Flow::Continue);
    let body = step.effects.iter().find_map(|effect| match effect {
        Effect::ReplaceRequestBody(body) => Some(String::from_utf8(body.clone()).unwrap()),
        _ => None,
    });
    let body = body.unwrap();
    assert!(body.contains("<EMAIL_ADDRESS") && !body.contains("ann@"), "{body}");
    let length = body.len().to_string().into_bytes();
    assert!(step.effects.contains(&Effect::SetRequestHeader("content-length", length)));
    assert!(step.effects.contains(&Effect::RemoveRequestHeader("content-md5".into())));
    assert!(step.effects.contains(&Effect::SetRequestHeader("accept-encoding", b"identity".to_vec())));
}

#[test]
fn bodies_that_cannot_be_read_are_not_masked_but_refused() {
    for (fields, body, status, code) in [
        (&[("content-encoding", "br")][..], "\u{1f}", 415, "unsupported_encoding"),
        (&[("content-encoding", "gzip")][..], "\u{1f}", 400, "invalid_compression"),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], "{}", 400, "duplicate_header"),
        (&[("content-type", "application/json; charset=utf-7")], "{}", 415, "unsupported_charset"),
        (&[("content-type", "application/json")], "{", 400, "truncated_json"),
    ] {
        let mut run = Run::new(policy());
        run.head("POST", "/chat", fields, false);
        let step = run.body(body);
        assert_eq!((reply(&step).0, reply(&step).1), (status, code));
    }
}

#[test]
fn responses_are_masked_whole_even_with_trailers() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[("content-type", "application/json")], false);
    run.body("{}");
    let fields: Fields =
        [(":status", "200"), ("content-type", "application/json"), ("content-length", "27"), ("etag", "x")]
            .iter()
            .map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()))
            .collect();
    let step = run.step(Event::ResponseHead { fields, end: false });
    assert_eq!(step, Step::pause(), "the head waits: it may stay true");
    assert_eq!(run.step(Event::ResponseBody { buffered: 26, end: false }), Step::pause());
    assert_eq!(run.step(Event::ResponseTrailers), Step::pause_with(Effect::ReadResponseBody));
    let step = run.step(Event::ResponseBytes(br#"{"mail":"anna@example.com"}"#));
    assert_eq!(step.flow, Flow::Continue);
    assert!(step.effects.contains(&Effect::RemoveResponseHeader("etag")));
    assert!(step.effects.contains(&Effect::SetResponseHeader("content-length", b"26".to_vec())));
    let replaced = step
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::ReplaceResponseBody(body) if !body.windows(4).any(|w| w == b"ann@")));
    assert!(replaced, "{step:?}");
}

#[test]
fn what_cannot_be_masked_does_not_pass() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    let fields = vec![(b":status".to_vec(), b"200".to_vec()), (b"content-encoding".to_vec(), b"br".to_vec())];
    let step = run.step(Event::ResponseHead { fields, end: false });
    assert_eq!((reply(&step).0, reply(&step).1), (502, "response_encoding_unsupported"));
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    run.step(Event::ResponseHead { fields: vec![(b":status".to_vec(), b"200".to_vec())], end: false });
    let step = run.step(Event::ResponseBody { buffered: 1025, end: false });
    assert_eq!((reply(&step).0, reply(&step).1), (502, "response_too_large"));
}

#[test]
fn the_kill_switch_reaches_what_no_rule_selects() {
    let mut run = Run::new(policy());
    run.now.posture = Posture::Deny;
    assert_eq!(reply(&run.head("GET", "/x", &[], true)).1, "kill_switch");
    let mut run = Run::new(policy());
    run.now.posture = Posture::Hold;
    assert_eq!(call(&run.head("GET", "/x", &[], true)).kind, CallKind::Create);
}

#[test]
fn a_hold_of_everything_refuses_what_cannot_be_held() {
    let mut run = Run::new(policy());
    run.now.posture = Posture::Hold;
    run.head("POST", "/x", &[], false);
    assert_eq!(reply(&run.step(Event::RequestBody { buffered: 5_000, end: false })).0, 413);
}

#[test]
fn a_response_without_findings_keeps_its_head() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    let fields = [(":status", "200"), ("content-length", "2"), ("etag", "x")];
    let fields = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    run.step(Event::ResponseHead { fields, end: false });
    run.step(Event::ResponseBody { buffered: 2, end: true });
    assert_eq!(run.step(Event::ResponseBytes(b"{}")), Step::proceed());
}

#[test]
fn a_stale_switch_holds_what_a_rule_selects_and_nothing_else() {
    let mut run = Run::new(policy());
    run.now.posture = Posture::Stale;
    assert_eq!(run.head("GET", "/x", &[], true), Step::proceed());
    let mut run = Run::new(policy());
    run.now.posture = Posture::Stale;
    run.head("POST", "/pay", &[], false);
    assert_eq!(call(&run.body(r#"{"amount":1}"#)).kind, CallKind::Create);
}

#[test]
fn agents_read_their_own_holds_and_nothing_else() {
    let path = "/.well-known/privyseal/holds/h-1";
    let mut run = Run::new(policy());
    let step = run.head("GET", path, &[("x-agent-id", "agent:7")], true);
    assert_eq!(call(&step).path, "/v1/holds/h-1/status");
    run.step(Event::Dispatched(Some(5)));
    let step = run.ended(5, 200, &view("pending", 1));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code), (200, "approval_pending"));
    assert_eq!(body["executed"], false);

    let mut run = Run::new(policy());
    run.head("GET", path, &[("x-agent-id", "agent:8")], true);
    run.step(Event::Dispatched(Some(5)));
    assert_eq!(reply(&run.ended(5, 404, b"{}")).0, 404);

    assert_eq!(reply(&Run::new(policy()).head("GET", path, &[], true)).0, 404, "no principal");
    let agent = [("x-agent-id", "agent:7")];
    assert_eq!(reply(&Run::new(policy()).head("POST", path, &agent, true)).0, 405);
    let up = "/.well-known/privyseal/holds/..%2fcontrol";
    assert!(reply(&Run::new(policy()).head("GET", up, &agent, true)).0 >= 400);
}

#[test]
fn an_answer_before_any_request_passes() {
    // Another filter refused the request before it came to us.
    let mut run = Run::new(policy());
    assert_eq!(run.step(Event::ResponseBody { buffered: 9, end: true }).flow, Flow::Continue);
    assert_eq!(run.step(Event::RequestBody { buffered: 9, end: true }).flow, Flow::Pause);
}

#[test]
fn an_upgrade_does_not_carry_its_response_past_the_mask() {
    let mut response_only = policy();
    response_only["redact"][0]["direction"] = json!("response");
    for end in [false, true] {
        let mut run = Run::new(response_only.clone());
        let step = run.head("GET", "/chat", &[("upgrade", "websocket"), ("connection", "upgrade")], end);
        assert_eq!(reply(&step).1, "upgrade_not_inspectable");
    }
    let mut run = Run::new(response_only);
    run.head("GET", "/chat", &[], true);
    let fields = vec![(b":status".to_vec(), b"204".to_vec())];
    run.step(Event::ResponseHead { fields, end: false });
    assert_eq!(run.step(Event::ResponseBody { buffered: 17, end: true }), Step::pause_with(Effect::ReadResponseBody));
}

#[test]
fn the_kill_switch_reaches_requests_whose_body_was_still_on_its_way() {
    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[], false);
    run.now.posture = Posture::Deny;
    assert_eq!(reply(&run.body(r#"{"amount":1}"#)).1, "kill_switch");
    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[], false);
    run.now.posture = Posture::Hold;
    assert_eq!(call(&run.body(r#"{"amount":1}"#)).kind, CallKind::Create);
    let mut run = Run::new(policy());
    run.held();
    run.now.posture = Posture::Deny;
    assert_eq!(reply(&run.ended(1, 200, &view("approved", 2))).1, "kill_switch");
}

#[test]
fn nothing_of_a_request_reaches_the_approver_unmasked() {
    let mut run = Run::new(policy());
    let step = run.head(
        "DELETE",
        "/things/ann@example.com",
        &[("content-type", "text/plain; name=ann@example.com"), ("x-note", "ann@example.com")],
        true,
    );
    let body = String::from_utf8(call(&step).body.clone()).unwrap();
    assert!(!body.contains("ann@"), "{body}");
}

#[test]
fn an_approver_sees_trailers() {
    let mut run = Run::new(policy());
    run.head("DELETE", "/things/1", &[], false);
    run.step(Event::RequestTrailers(vec![(b"x-t".to_vec(), b"payload".to_vec())]));
    let intake: Intake = serde_json::from_slice(&call(&run.step(Event::RequestBytes(b""))).body).unwrap();
    assert!(intake.preview.headers.contains(&("trailer x-t".into(), "payload".into())), "{:?}", intake.preview);
}

/// What the approver is told of one sending of a call.
fn told(policy: &Value, fields: &[(&str, &str)], body: &str) -> Intake {
    let mut run = Run::new(policy.clone());
    run.head("POST", "/rpc", fields, false);
    serde_json::from_slice(&call(&run.body(body)).body).unwrap()
}

#[test]
fn a_call_sent_again_is_the_same_to_the_approver() {
    let mut calls = policy();
    calls["rules"][0]["match"] = json!({"path": "/rpc"});
    calls["rules"][1]["match"] = json!({"mcp": {"tool": "delete_*"}});
    let rpc =
        |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"delete_repo"}}}}"#);
    let upload = |boundary: &str| format!("--{boundary}\r\n\r\nhello\r\n--{boundary}--\r\n");
    let multipart = |boundary: &str| format!("multipart/form-data; boundary={boundary}");
    let (a, b) = (told(&calls, &[], &rpc("9")), told(&calls, &[], &rpc("10")));
    assert_eq!((&a.digest, &a.terms), (&b.digest, &b.terms));
    assert!(!a.preview.body.contains('9'), "{}", a.preview.body);
    calls["rules"].as_array_mut().unwrap().remove(1);
    let (a, b) = (told(&calls, &[], &rpc("9")), told(&calls, &[], &rpc("10")));
    assert_ne!(a.digest, b.digest, "no rule takes this for a protocol with correlation");
    let (a, b) = (
        told(&calls, &[("content-type", &multipart("abc"))], &upload("abc")),
        told(&calls, &[("content-type", &multipart("abcd"))], &upload("abcd")),
    );
    assert_eq!((&a.digest, &a.terms), (&b.digest, &b.terms));
    let signed = |date: &str| {
        let value = format!("AWS4-HMAC-SHA256 Credential=A/20261122/eu/iam/aws4_request, Signature={date}");
        told(&calls, &[("authorization", value.as_str()), ("x-amz-date", date)], "x")
    };
    let (a, b) = (signed("1"), signed("2"));
    assert_eq!((&a.digest, &a.terms), (&b.digest, &b.terms));
}

#[test]
fn a_response_that_is_refused_is_still_reported() {
    let mut masked = policy();
    masked["redact"][0]["match"] = json!({"path": "/things/**"});
    let mut run = Run::new(masked);
    let (intake, _) = run.approved();
    run.step(Event::Dispatched(Some(3)));
    assert!(resumes(&run.ended(3, 200, &answer(&intake, |_| {}))));
    let fields = vec![(b":status".to_vec(), b"200".to_vec()), (b"content-encoding".to_vec(), b"br".to_vec())];
    let step = run.step(Event::ResponseHead { fields, end: false });
    assert_eq!(reply(&step).1, "response_encoding_unsupported");
    assert_eq!(call(&step).kind, CallKind::Outcome);
}

#[test]
fn what_no_rule_can_read_may_still_be_masked() {
    let part = "--b\r\ncontent-disposition: form-data; name=a\r\n\r\nann@example.com\r\n--b--\r\n";
    for (content_type, body) in
        [("multipart/form-data; boundary=b", part), ("application/xml", "<mail>ann@example.com</mail>")]
    {
        let mut run = Run::new(policy());
        run.head("POST", "/chat", &[("content-type", content_type)], false);
        let step = run.body(body);
        let masked = step.effects.iter().find_map(|effect| match effect {
            Effect::ReplaceRequestBody(body) => Some(String::from_utf8_lossy(body).into_owned()),
            _ => None,
        });
        assert!(masked.is_some_and(|body| !body.contains("ann@")), "{content_type}: {step:?}");
    }
}
