//! What a policy chooses of heads is masked on the way up and down.

use super::*;
use crate::testing::test;

fn choosing() -> Value {
    let mut policy = policy();
    policy["redact"][0]["headers"] = json!(["x-user", "location"]);
    policy["redact"][0]["query"] = json!(["to"]);
    policy["redact"].as_array_mut().unwrap().push(json!({
        "match": {"path": "/things/**"}, "direction": "request", "profile": "mail", "query": true,
    }));
    policy
}

const USER: [(&str, &str); 2] = [("x-user", "ann@example.com"), ("x-other", "ann@example.com")];

#[test]
fn a_request() {
    let mut run = Run::new(choosing());
    run.head("POST", "/chat?to=ann%40example.com&cc=ann%40example.com", &USER, false);
    let step = run.body("{}");
    let path = b"/chat?to=%3CEMAIL_ADDRESS%3E&cc=ann%40example.com".to_vec();
    assert!(step.effects.contains(&Effect::SetRequestHeader(":path", path)), "{step:?}");
    let rewritten = step.effects.iter().filter(|effect| matches!(effect, Effect::RewriteRequestHeader(..)));
    let expected = Effect::RewriteRequestHeader("x-user".into(), vec![b"<EMAIL_ADDRESS>".to_vec()]);
    assert_eq!(rewritten.collect::<Vec<_>>(), [&expected]);
    assert!(step.effects.contains(&Effect::Annotate("privyseal_decision", "redact".into())));
    // A head without a body, too.
    let mut run = Run::new(choosing());
    let step = run.head("GET", "/chat", &USER, true);
    assert!(step.effects.contains(&expected), "{step:?}");
}

#[test]
fn a_signed_query_is_refused() {
    let signature = "X-Amz-Signature=0";
    for (query, expected) in [
        (format!("to=ann%40example.com&{signature}"), Some("signed_request")),
        (format!("to=nobody&{signature}"), None),
        ("to=ann%40example.com".to_owned(), None),
    ] {
        let mut run = Run::new(choosing());
        let step = run.head("GET", &format!("/chat?{query}"), &[], true);
        let code = (step.flow != Flow::Continue).then(|| reply(&step).1);
        assert_eq!(code, expected, "{query}");
    }
}

#[test]
fn a_response() {
    for end in [false, true] {
        let mut run = Run::new(choosing());
        run.head("POST", "/chat", &[], false);
        run.body("{}");
        let fields = [(":status", "302"), ("location", "/?to=ann@example.com"), ("x-other", "ann@example.com")];
        let fields = Headers::new(fields);
        let step = run.step(Event::ResponseHead { fields, end });
        let expected = Effect::RewriteResponseHeader("location".into(), vec![b"/?to=<EMAIL_ADDRESS>".to_vec()]);
        assert_eq!(step.effects, [expected]);
    }
}

#[test]
fn a_held_request_is_bound_to_it() {
    let mut run = Run::new(choosing());
    let step = run.head("DELETE", "/things/1?to=ann%40example.com", &[("x-agent-id", "agent:7")], true);
    let intake: Intake = serde_json::from_slice(&call(&step).body).unwrap();
    assert!(intake.fields.contains_key("query as forwarded"), "{:?}", intake.fields);
    run.step(Event::Dispatched(Some(1)));
    run.ended(1, 201, &view("approved", 2));
    run.step(Event::Dispatched(Some(3)));
    let step = run.ended(3, 200, &answer(&intake, |_| {}));
    let path = b"/things/1?to=%3CEMAIL_ADDRESS%3E".to_vec();
    assert!(step.effects.contains(&Effect::SetRequestHeader(":path", path)), "{step:?}");
}
