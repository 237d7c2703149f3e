//! Bodies in both directions: judged whole, masked whole, or refused.

use super::*;
use crate::testing::test;

#[test]
fn bodies_are_judged_whole() {
    let mut run = Run::new(policy());
    assert_eq!(run.head("POST", "/pay", &[], false).flow, Flow::Pause);
    let asked = run.now.asked.get();
    assert_eq!(run.step(Event::RequestBody { buffered: 5, end: false }), Step::pause());
    assert_eq!(run.now.asked.get(), asked, "a piece of a body is no reason to ask the host");
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

/// AWS would refuse what was masked, with words that say nothing of the reason.
#[test]
fn what_a_signature_covers_is_not_masked_but_refused() {
    let signed = ("authorization", "AWS4-HMAC-SHA256 Credential=A/20261122/eu/lambda/aws4_request, Signature=0");
    let unsigned = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let json = ("content-type", "application/json");
    for (fields, body, expected) in [
        (vec![json, signed], r#"{"text":"ann@example.com"}"#, Some("signed_request")),
        (vec![json, signed, unsigned], r#"{"text":"ann@example.com"}"#, None),
        (vec![json, signed], r#"{"text":"nobody"}"#, None),
        (vec![json], r#"{"text":"ann@example.com"}"#, None),
    ] {
        let mut run = Run::new(policy());
        run.head("POST", "/chat", &fields, false);
        let step = run.body(body);
        let code = (step.flow != Flow::Continue).then(|| reply(&step)).map(|reply| (reply.0, reply.1));
        assert_eq!(code, expected.map(|code| (400, code)), "{fields:?} {body}");
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
    let fields = Headers::new([
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-length", "27"),
        ("etag", "x"),
    ]);
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
    let fields = Headers::new([(":status", "200"), ("content-encoding", "br")]);
    let step = run.step(Event::ResponseHead { fields, end: false });
    assert_eq!((reply(&step).0, reply(&step).1), (502, "response_encoding_unsupported"));
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    run.step(Event::ResponseHead { fields: Headers::new(vec![(b":status".to_vec(), b"200".to_vec())]), end: false });
    let step = run.step(Event::ResponseBody { buffered: 1025, end: false });
    assert_eq!((reply(&step).0, reply(&step).1), (502, "response_too_large"));
}

#[test]
fn a_response_without_findings_keeps_its_head() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &[], false);
    run.body("{}");
    let fields = [(":status", "200"), ("content-length", "2"), ("etag", "x")];
    let fields = Headers::new(fields);
    run.step(Event::ResponseHead { fields, end: false });
    run.step(Event::ResponseBody { buffered: 2, end: true });
    assert_eq!(run.step(Event::ResponseBytes(b"{}")), Step::proceed());
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
    let fields = Headers::new([(":status", "204")]);
    run.step(Event::ResponseHead { fields, end: false });
    assert_eq!(run.step(Event::ResponseBody { buffered: 17, end: true }), Step::pause_with(Effect::ReadResponseBody));
}

#[test]
fn a_response_that_is_refused_is_still_reported() {
    let mut masked = policy();
    masked["redact"][0]["match"] = json!({"path": "/things/**"});
    let mut run = Run::new(masked);
    let (intake, _) = run.approved();
    run.step(Event::Dispatched(Some(3)));
    assert!(resumes(&run.ended(3, 200, &answer(&intake, |_| {}))));
    let fields = Headers::new([(":status", "200"), ("content-encoding", "br")]);
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
