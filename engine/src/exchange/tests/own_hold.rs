//! An agent answers a question about its hold, or withdraws it.

use super::*;
use crate::testing::test;

const AGENT: (&str, &str) = ("x-agent-id", "agent:7");
const HOLD: &str = "/.well-known/privyseal/holds/h-1";

fn asked(question: &str) -> Vec<u8> {
    json!({"v": 1, "id": "h-1", "state": "info_requested", "revision": 2, "deadline_ms": 2_000_000, "reason": question})
        .to_string()
        .into_bytes()
}

fn answering(body: &str) -> (Run, Step) {
    let mut run = Run::new(policy());
    assert_eq!(run.head("POST", &format!("{HOLD}/answer"), &[AGENT], false).flow, Flow::Pause);
    let step = run.body(body);
    (run, step)
}

#[test]
fn a_question_ends_the_wait_and_says_what_to_do() {
    let mut run = Run::new(policy());
    run.held();
    let step = run.ended(1, 201, &asked("which quarter?"));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code), (429, "information_requested"));
    assert_eq!((&body["next"], &body["executed"]), (&json!("answer_question"), &json!(false)));
    assert!(body["detail"].as_str().unwrap().contains("which quarter?"));
}

#[test]
fn an_answer_travels_masked_in_the_agents_name() {
    let (mut run, step) = answering(r#"{"answer": " the third, ask bob.canary\u0040example.com "}"#);
    assert_eq!(call(&step).path, "/v1/holds/h-1/answer");
    let sent: Value = serde_json::from_slice(&call(&step).body).unwrap();
    assert_eq!((&sent["principal"], &sent["environment"]), (&json!("agent:7"), &json!("production")));
    let text = sent["answer"].as_str().unwrap();
    assert!(text.starts_with("the third, ask <EMAIL_ADDRESS") && !text.contains("canary"), "{text}");
    run.step(Event::Dispatched(Some(5)));
    let step = run.ended(5, 200, &view("pending", 3));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code, &body["next"]), (200, "approval_pending", &json!("resend_identical_request")));
}

#[test]
fn what_is_no_answer_reaches_nobody() {
    for body in [
        "",
        "{}",
        "[]",
        "yes",
        r#"{"answer":""}"#,
        r#"{"answer":" "}"#,
        r#"{"answer":1}"#,
        r#"{"answer":"a","answer":"b"}"#,
        r#"{"answer":"a","x":1}"#,
        r#"{"answer":"a"}{}"#,
        r#"{"answer":"\ud800"}"#,
    ] {
        let (_, step) = answering(body);
        let (status, code, _) = reply(&step);
        assert_eq!((status, code), (400, "invalid_answer"), "{body}");
    }
    let long = format!(r#"{{"answer":"{}"}}"#, "x".repeat(4097));
    assert_eq!(reply(&answering(&long).1).1, "answer_too_long");

    let mut run = Run::new(policy());
    run.head("POST", &format!("{HOLD}/answer"), &[AGENT], false);
    assert_eq!(reply(&run.step(Event::RequestBody { buffered: 1 << 20, end: false })).1, "answer_too_long");
    let mut run = Run::new(policy());
    let step = run.head("POST", &format!("{HOLD}/answer"), &[AGENT], false);
    let Some(Effect::WakeAt(at)) = step.effects.first() else { panic!("{step:?}") };
    run.now.ms = *at;
    assert_eq!(reply(&run.step(Event::Timer)).1, "invalid_answer", "a body that never comes");
    assert_eq!(reply(&Run::new(policy()).head("POST", &format!("{HOLD}/answer"), &[AGENT], true)).1, "invalid_answer");
    assert_eq!(reply(&Run::new(policy()).head("POST", &format!("{HOLD}/answer"), &[], false)).0, 404, "no principal");
}

#[test]
fn an_agent_withdraws_its_own_hold() {
    let mut run = Run::new(policy());
    let step = run.head("DELETE", HOLD, &[AGENT], true);
    assert_eq!((call(&step).method, call(&step).path.as_str()), ("POST", "/v1/holds/h-1/withdraw"));
    run.step(Event::Dispatched(Some(5)));
    let step = run.ended(5, 200, &view("withdrawn", 3));
    let (status, code, body) = reply(&step);
    assert_eq!((status, code, &body["executed"]), (200, "approval_withdrawn", &json!(false)));
}

#[test]
fn what_an_agent_asks_stays_in_its_trace() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let fields = [AGENT, ("traceparent", trace)];
    let answer = format!("{HOLD}/answer");
    for (method, path, end) in [("GET", HOLD, true), ("DELETE", HOLD, true), ("POST", answer.as_str(), false)] {
        let mut run = Run::new(policy());
        let mut step = run.head(method, path, &fields, end);
        if !end {
            step = run.body(r#"{"answer": "the third"}"#);
        }
        assert!(call(&step).path.starts_with("/v1/holds/h-1/"), "{step:?}");
        assert_eq!(run.exchange.trace(), Some(trace), "{method}");
    }
    let mut run = Run::new(policy());
    run.head("GET", HOLD, &[AGENT], true);
    assert_eq!(run.exchange.trace(), None);
}

#[test]
fn each_refusal_of_the_approver_is_said() {
    for (status, told) in
        [(404, (404, "hold_not_found")), (409, (409, "wrong_state")), (500, (503, "approver_unavailable"))]
    {
        let mut run = Run::new(policy());
        run.head("DELETE", HOLD, &[AGENT], true);
        run.step(Event::Dispatched(Some(5)));
        let step = run.ended(5, status, b"{}");
        let (http, code, _) = reply(&step);
        assert_eq!((http, code), told);
    }
    let mut run = Run::new(policy());
    run.head("DELETE", HOLD, &[AGENT], true);
    assert_eq!(reply(&run.step(Event::Dispatched(None))).1, "approver_unavailable");
    for (method, path) in
        [("PUT", HOLD.to_owned()), ("GET", format!("{HOLD}/answer")), ("DELETE", format!("{HOLD}/answer"))]
    {
        assert_eq!(reply(&Run::new(policy()).head(method, &path, &[AGENT], true)).1, "method_not_allowed");
    }
}
