//! Exchanges on which nothing is enforced.

use super::*;
use crate::testing::test;

fn observing() -> Value {
    let mut observing = policy();
    observing["mode"] = json!("observe");
    observing
}

/// The counts of a step, by counter.
fn seen(step: &Step) -> Vec<(String, u64)> {
    let count = |effect: &Effect| match effect {
        Effect::Observed(seen, count) => Some((seen.counter(), *count)),
        _ => None,
    };
    step.effects.iter().filter_map(count).collect()
}

fn said<'a>(step: &'a Step, name: &str) -> Option<&'a str> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::Annotate(field, value) if *field == name => Some(value.as_str()),
        _ => None,
    })
}

/// A body in chunks, none of which is held back; the counts of the last step.
fn flow(
    run: &mut Run,
    chunks: &[&str],
    event: fn(usize, bool) -> Event<'static>,
    bytes: fn(&[u8]) -> Event<'_>,
) -> Step {
    let mut last = Step::proceed();
    for (i, chunk) in chunks.iter().enumerate() {
        let asked = run.step(event(chunk.len(), i + 1 == chunks.len()));
        assert_eq!(asked.flow, Flow::Continue);
        last = if asked.effects.iter().any(|e| matches!(e, Effect::ReadRequestBody | Effect::ReadResponseBody)) {
            run.step(bytes(chunk.as_bytes()))
        } else {
            asked
        };
        assert_eq!(last.flow, Flow::Continue);
    }
    last
}

fn request(run: &mut Run, chunks: &[&str]) -> Step {
    flow(run, chunks, |buffered, end| Event::RequestBody { buffered, end }, |bytes| Event::RequestBytes(bytes))
}

fn response(run: &mut Run, chunks: &[&str]) -> Step {
    flow(run, chunks, |buffered, end| Event::ResponseBody { buffered, end }, |bytes| Event::ResponseBytes(bytes))
}

#[test]
fn a_body_flows_by_and_is_judged_at_its_end() {
    let mut run = Run::new(observing());
    assert_eq!(run.head("POST", "/pay", &[], false), Step::proceed());
    let step = request(&mut run, &["{\"amount\":", "20000}", ""]);
    assert_eq!(seen(&step), [("observed.rule.pay.hold".to_owned(), 1)]);
    assert_eq!(said(&step, "privyseal_observed"), Some("pay=hold"));
}

#[test]
fn a_body_that_ends_with_trailers_is_judged_too() {
    let mut run = Run::new(observing());
    run.head("POST", "/pay", &[], false);
    run.step(Event::RequestBody { buffered: 16, end: false });
    run.step(Event::RequestBytes(br#"{"amount":20000}"#));
    let step = run.step(Event::RequestTrailers(Headers::default()));
    assert_eq!((step.flow, seen(&step).len()), (Flow::Continue, 1));
}

#[test]
fn what_would_be_masked_is_counted_in_both_directions() {
    let mut run = Run::new(observing());
    assert_eq!(run.head("POST", "/chat", &[("content-type", "application/json")], false), Step::proceed());
    let step = request(&mut run, &[r#"{"to":"ann@exam"#, r#"ple.com","cc":"bob@example.com"}"#]);
    assert_eq!(seen(&step), [("observed.entity.EMAIL_ADDRESS".to_owned(), 2)]);
    assert!(run.exchange.wants_response());
    let fields = Headers::new([(":status", "200"), ("content-type", "text/event-stream")]);
    assert_eq!(run.step(Event::ResponseHead { fields, end: false }), Step::proceed());
    let step = response(&mut run, &["data: ann@exam", "ple.com\n\n"]);
    assert_eq!(seen(&step), [("observed.entity.EMAIL_ADDRESS".to_owned(), 1)]);
    assert_eq!(said(&step, "privyseal_observed_entities"), Some("EMAIL_ADDRESS=3"));
}

#[test]
fn what_would_be_masked_of_heads_is_counted_too() {
    let mut observing = observing();
    for entry in observing["redact"].as_array_mut().unwrap() {
        entry["headers"] = json!(["x-user"]);
        entry["query"] = json!(true);
    }
    let mut run = Run::new(observing);
    let step = run.head("GET", "/chat?q=ann@example.com", &[("x-user", "bob@example.com")], true);
    assert_eq!((step.flow, seen(&step)), (Flow::Continue, vec![("observed.entity.EMAIL_ADDRESS".to_owned(), 2)]));
    let fields = Headers::new([(":status", "200"), ("x-user", "eve@example.com")]);
    run.step(Event::ResponseHead { fields, end: false });
    let step = response(&mut run, &["{}"]);
    assert_eq!(said(&step, "privyseal_observed_entities"), Some("EMAIL_ADDRESS=3"));
}

#[test]
fn what_cannot_be_inspected_is_counted_by_reason() {
    let code = |step: &Step| seen(step).first().map(|(name, _)| name.clone()).unwrap_or_default();
    let mut run = Run::new(observing());
    run.head("POST", "/pay", &[], false);
    assert_eq!(
        code(&run.step(Event::RequestBody { buffered: 5_000, end: false })),
        "observed.uninspected.body_too_large"
    );
    assert_eq!(run.step(Event::RequestBody { buffered: 9_000, end: true }), Step::proceed());

    let mut run = Run::new(observing());
    let step = run.head("GET", "/chat", &[("upgrade", "websocket"), ("connection", "upgrade")], false);
    assert_eq!((step.flow, code(&step).as_str()), (Flow::Continue, "observed.uninspected.upgrade_not_inspectable"));

    let mut run = Run::new(observing());
    let signed = "AWS4-HMAC-SHA256 Credential=A/20261122/eu/lambda/aws4_request, Signature=0";
    run.head("POST", "/chat", &[("content-type", "application/json"), ("authorization", signed)], false);
    let step = request(&mut run, &[r#"{"text":"ann@example.com"}"#]);
    assert_eq!(seen(&step).last().map(|(name, _)| name.as_str()), Some("observed.uninspected.signed_request"));

    let mut run = Run::new(observing());
    run.head("POST", "/chat", &[("content-type", "application/pdf")], false);
    assert_eq!(code(&request(&mut run, &["%PDF-1.7"])), "observed.uninspected.binary_body");

    let mut run = Run::new(observing());
    run.head("POST", "/pay", &[], false);
    run.step(Event::RequestBody { buffered: 3, end: false });
    assert_eq!(code(&run.step(Event::Gone)), "observed.uninspected.body_incomplete");
}

#[test]
fn an_upstream_may_answer_before_the_request_is_over() {
    let mut run = Run::new(observing());
    run.head("POST", "/chat", &[], false);
    let fields = Headers::new([(":status", "200")]);
    assert_eq!(run.step(Event::ResponseHead { fields, end: false }), Step::proceed());
    assert_eq!(seen(&response(&mut run, &["ann@example.com"])).len(), 1);
    assert_eq!(seen(&request(&mut run, &["bob@example.com"])).len(), 1);
}

#[test]
fn the_address_of_holds_is_the_upstreams_own() {
    let path = "/.well-known/privyseal/holds/h-1";
    let step = Run::new(observing()).head("GET", path, &[("x-agent-id", "agent:7")], true);
    assert_eq!(step, Step::proceed());
}

#[test]
fn observe_changes_nothing() {
    for (method, path) in [("DELETE", "/things/1"), ("GET", "/admin/x"), ("POST", "/pay")] {
        for posture in [Posture::Normal, Posture::Stale, Posture::Hold, Posture::Deny] {
            let mut run = Run::new(observing());
            run.now.posture = posture;
            let step = run.head(method, path, &[("x-envoy-retry-on", "5xx")], true);
            assert_eq!(step.flow, Flow::Continue, "{method} {path}");
            let only_told = |e: &Effect| matches!(e, Effect::Annotate(..) | Effect::Count(_) | Effect::Observed(..));
            assert!(step.effects.iter().all(only_told), "{step:?}");
        }
    }
}

#[test]
fn a_stale_switch_holds_nothing_that_is_only_observed() {
    let mut observed = policy();
    for rule in observed["rules"].as_array_mut().unwrap() {
        rule["mode"] = json!("observe");
    }
    for (method, path) in [("DELETE", "/things/1"), ("GET", "/admin/x")] {
        let mut run = Run::new(observed.clone());
        run.now.posture = Posture::Stale;
        assert_eq!(run.head(method, path, &[], true).flow, Flow::Continue, "{method} {path}");
    }
}

#[test]
fn forged_receipts_are_stripped_where_rules_only_observe_and_nothing_is_in_observe_mode() {
    let forged = [("x-privyseal-hold", "h-1"), ("x-envoy-retry-on", "5xx")];
    let remove = Effect::RemoveRequestHeader("x-privyseal-hold".into());
    let mut observed = policy();
    observed["rules"][0]["mode"] = json!("observe");
    let step = Run::new(observed).head("DELETE", "/things/1", &forged, true);
    assert_eq!(step.flow, Flow::Continue);
    assert!(step.effects.contains(&remove), "{step:?}");
    assert!(!step.effects.contains(&Effect::RemoveRequestHeader("x-envoy-retry-on".into())));
    assert_eq!(Run::new(observing()).head("GET", "/x", &forged, true), Step::proceed());
}

#[test]
fn a_rule_that_only_observes_refuses_no_body() {
    let mut observed = policy();
    observed["rules"] = json!([
        {"id": "all", "match": {"path": "/**"}, "verdict": "allow"},
        {"id": "pay", "match": {"body": {"/amount": {"gte": 10000}}}, "verdict": "hold", "mode": "observe"},
    ]);
    let mut run = Run::new(observed.clone());
    assert_eq!(run.head("POST", "/pay", &[], false).flow, Flow::Pause);
    assert_eq!(run.step(Event::RequestBody { buffered: 5_000, end: false }).flow, Flow::Continue);
    let mut run = Run::new(observed.clone());
    assert_eq!(run.head("GET", "/pay", &[("upgrade", "websocket")], false).flow, Flow::Continue);
    // Where the rule beside it holds, the body is bound and the limit stands.
    observed["rules"][0]["verdict"] = json!("hold");
    let mut run = Run::new(observed);
    run.head("POST", "/pay", &[], false);
    assert_eq!(reply(&run.step(Event::RequestBody { buffered: 5_000, end: false })).0, 413);
}
