//! Whole exchanges, callback by callback, without a host.

use std::cell::Cell;

use serde_json::{Value, json};

use super::*;
use crate::hold::{Answer, Forwarded, Intake, Release, ReleaseVerdict, State as HoldState, VERSION};
use crate::request::Headers;
use crate::testing::test;

mod bodies;
mod compressed;
mod heads;
mod holding;
mod observing;
mod own_hold;
mod streaming;
mod told;

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

/// What surrounds these exchanges.
struct Moment {
    ms: u64,
    posture: Posture,
    /// Towards `agent:7`, and nobody else.
    posture_to: Option<Posture>,
    /// How often the time or the sender was asked for.
    asked: Cell<usize>,
}

impl Surroundings for Moment {
    fn now_ms(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.ms
    }

    fn posture(&self, _now_ms: u64) -> Posture {
        self.posture
    }

    fn posture_to(&self, principal: &str) -> Posture {
        self.posture_to.filter(|_| principal == "agent:7").unwrap_or(Posture::Normal)
    }

    fn is_switched(&self) -> bool {
        self.posture_to.is_some() || matches!(self.posture, Posture::Hold | Posture::Deny)
    }

    fn claims(&self) -> Claims {
        self.asked.set(self.asked.get() + 1);
        Claims::default()
    }
}

struct Run {
    exchange: Exchange,
    current: Rc<Gateway>,
    now: Moment,
}

impl Run {
    fn new(policy: Value) -> Run {
        let gateway = gateway(policy);
        Run {
            exchange: Exchange::new(Rc::clone(&gateway), [9; 16]),
            current: gateway,
            now: Moment { ms: START, posture: Posture::Normal, posture_to: None, asked: Cell::default() },
        }
    }

    fn step(&mut self, event: Event<'_>) -> Step {
        self.exchange.step(&self.now, &self.current, event)
    }

    fn head(&mut self, method: &str, path: &str, fields: &[(&str, &str)], end: bool) -> Step {
        let mut all =
            vec![(":method", method), (":scheme", "https"), (":authority", "crm.example.com"), (":path", path)];
        all.extend_from_slice(fields);
        self.step(Event::RequestHead { fields: Headers::new(all), end })
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
    assert_eq!(run.step(Event::RequestTrailers(Headers::default())), Step::proceed());
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
fn denied_is_said_in_the_callers_protocol() {
    let mut run = Run::new(policy());
    let step = run.head("GET", "/admin/x", &[], true);
    let (status, code, _) = reply(&step);
    assert_eq!((status, code), (403, "denied_by_policy"));
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
fn what_no_rule_selects_is_let_go_unasked_unless_its_sender_matters() {
    let asked = |policy, posture_to| {
        let mut run = Run::new(policy);
        run.now.posture_to = posture_to;
        (run.head("GET", "/x", &[("x-agent-id", "agent:8")], true), run.now.asked.get())
    };
    assert_eq!(asked(policy(), None), (Step::proceed(), 0));
    let (step, count) = asked(policy(), Some(Posture::Deny));
    assert!(step == Step::proceed() && count > 0, "somebody is stopped: it might be this one");
    let scopes = [
        json!({"principal": "agent:7"}),
        json!({"on_behalf_of": "ann"}),
        json!({"claims": {"role": "admin"}}),
        json!({"source": "10.0.0.0/8"}),
    ];
    for scope in scopes {
        let mut policy = policy();
        policy["rules"] = json!([{"id": "r", "match": {"not": {"not": scope}}, "verdict": "deny"}]);
        assert!(asked(policy, None).1 > 0, "{scope}");
    }
}

#[test]
fn the_kill_switch_of_one_principal_reaches_no_other() {
    let sent = |posture, agent| {
        let mut run = Run::new(policy());
        run.now.posture_to = Some(posture);
        run.head("GET", "/x", &[("x-agent-id", agent)], true)
    };
    assert_eq!(reply(&sent(Posture::Deny, "agent:7")).1, "kill_switch");
    assert_eq!(call(&sent(Posture::Hold, "agent:7")).kind, CallKind::Create);
    assert_eq!(sent(Posture::Deny, "agent:8"), Step::proceed());
    assert_eq!(sent(Posture::Hold, "agent:8"), Step::proceed());

    // Turned while the body was on its way, and while people decided.
    let mut run = Run::new(policy());
    run.head("POST", "/pay", &[("x-agent-id", "agent:7")], false);
    run.now.posture_to = Some(Posture::Deny);
    assert_eq!(reply(&run.body(r#"{"amount":1}"#)).1, "kill_switch");
    let mut run = Run::new(policy());
    run.held();
    run.now.posture_to = Some(Posture::Deny);
    assert_eq!(reply(&run.ended(1, 200, &view("approved", 2))).1, "kill_switch");
}

#[test]
fn a_hold_of_everything_refuses_what_cannot_be_held() {
    let mut run = Run::new(policy());
    run.now.posture = Posture::Hold;
    run.head("POST", "/x", &[], false);
    assert_eq!(reply(&run.step(Event::RequestBody { buffered: 5_000, end: false })).0, 413);
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

    let mut run = Run::new(policy());
    run.head("GET", path, &[("x-agent-id", "agent:7")], true);
    run.step(Event::Dispatched(Some(5)));
    let step = run.ended(5, 429, b"{}");
    let (status, code, body) = reply(&step);
    assert_eq!((status, code, &body["next"]), (429, "asked_too_often", &json!("wait")));
    let Some(Effect::Reply(answered)) = step.effects.last() else { panic!("no reply") };
    assert!(answered.headers.iter().any(|(name, _)| *name == "retry-after"));

    assert_eq!(reply(&Run::new(policy()).head("GET", path, &[], true)).0, 404, "no principal");
    let agent = [("x-agent-id", "agent:7")];
    assert_eq!(reply(&Run::new(policy()).head("POST", path, &agent, true)).0, 405);
    let up = "/.well-known/privyseal/holds/..%2fcontrol";
    assert!(reply(&Run::new(policy()).head("GET", up, &agent, true)).0 >= 400);
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
