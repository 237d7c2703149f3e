//! From the create call to the release, and every way in which none comes.

use super::super::holding::CALL_MS;
use super::*;
use crate::testing::test;

#[test]
fn a_held_request_answers_pause_to_every_request_callback() {
    let mut run = Run::new(policy());
    run.held();
    for event in [
        Event::RequestBody { buffered: 0, end: false },
        Event::RequestBody { buffered: 3, end: true },
        Event::RequestTrailers(Headers::default()),
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
    assert_eq!(run.step(Event::RequestTrailers(Headers::new(trailers))), Step::pause_with(Effect::ReadRequestBody));
    let step = run.step(Event::RequestBytes(b"abc"));
    assert_eq!(step.flow, Flow::Pause);
    assert_eq!(call(&step).kind, CallKind::Create);
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
    let fields = Headers::new([(":status", "503")]);
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
        let (status, _, body) = reply(&step);
        assert_eq!((status, &body["next"]), (503, &json!("stop")), "the approval may be spent");
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
    assert_eq!((&body["executed"], &body["next"]), (&json!(false), &json!("resend_identical_request")));
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
fn who_waits_hears_the_reason_of_the_rule() {
    let mut told = policy();
    told["rules"].as_array_mut().unwrap().iter_mut().for_each(|rule| rule["reason"] = json!("deletions are final"));
    let mut run = Run::new(told);
    run.held();
    run.now.ms += 50_000;
    let step = run.ended(1, 201, &view("pending", 1));
    let (_, code, body) = reply(&step);
    assert_eq!(code, "approval_pending");
    assert!(body["detail"].as_str().unwrap().ends_with("to keep waiting (deletions are final)"), "{body}");
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
fn a_held_requests_trace_goes_on_to_the_approver() {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let held = |fields: &[(&str, &str)]| {
        let mut run = Run::new(policy());
        run.head("DELETE", "/things/1", fields, true);
        run.exchange.trace().map(str::to_owned)
    };
    assert_eq!(held(&[("traceparent", traceparent)]).as_deref(), Some(traceparent));
    for other in ["", "00-1-2-01", &traceparent.replace('-', " "), &format!("{traceparent}-x")] {
        assert_eq!(held(&[("traceparent", other)]), None, "{other}");
    }
    assert_eq!(held(&[("traceparent", traceparent), ("traceparent", traceparent)]), None, "it says two");
    let mut run = Run::new(policy());
    run.head("GET", "/x", &[("traceparent", traceparent)], true);
    assert_eq!(run.exchange.trace(), None, "nobody is called");
}

/// The paths of the detach calls in a step.
fn detaches(step: &Step) -> Vec<&str> {
    let calls = step.effects.iter().filter_map(|effect| match effect {
        Effect::Call(call) if call.kind == CallKind::Detach => Some(call.path.as_str()),
        _ => None,
    });
    calls.collect()
}

#[test]
fn a_client_that_leaves_before_its_hold_is_known_is_reported_by_its_stream() {
    let mut run = Run::new(policy());
    let intake = run.held();
    let step = run.step(Event::Gone);
    assert_eq!(detaches(&step), ["/v1/detach"]);
    let detach: Value = serde_json::from_slice(&call(&step).body).unwrap();
    assert_eq!(detach["nonce"], json!(intake.nonce));

    // After one that nobody answered, while the next waits for its turn.
    let mut run = Run::new(policy());
    run.held();
    run.ended(1, 504, b"");
    assert_eq!(detaches(&run.step(Event::Gone)), ["/v1/detach"]);

    let mut run = Run::new(policy());
    run.held();
    run.ended(1, 201, &view("pending", 1));
    assert_eq!(detaches(&run.step(Event::Gone)), ["/v1/holds/h-1/detach"]);

    // Nobody was reached: nothing was made.
    let mut run = Run::new(policy());
    run.held();
    run.ended(1, 503, b"");
    assert!(detaches(&run.step(Event::Gone)).is_empty());
}

#[test]
fn a_silent_approver_costs_one_create_and_what_it_may_have_made_is_left() {
    let mut run = Run::new(policy());
    run.held();
    // Envoy's timer and its clock may differ by a millisecond.
    run.now.ms += CALL_MS - 1;
    let step = run.ended(1, 504, b"");
    let (_, code, body) = reply(&step);
    assert_eq!((code, &body["next"]), ("approver_unavailable", &json!("resend_identical_request")));
    assert_eq!(detaches(&step), ["/v1/detach"]);
}
