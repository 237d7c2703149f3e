//! What the approver is told of a request.

use super::*;
use crate::testing::test;

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
fn an_approver_sees_what_the_path_captures_masked() {
    let mut captured = policy();
    captured["rules"][0]["match"] = json!({"path": "/{project}/members/{member}", "captures": {"project": "prod"}});
    let mut run = Run::new(captured.clone());
    let step = run.head("DELETE", "/prod/members/ann@example.com", &[], true);
    let intake: Intake = serde_json::from_slice(&call(&step).body).unwrap();
    let seen: Vec<_> = intake.preview.captures.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert_eq!(seen, ["member=<EMAIL_ADDRESS_1 external>", "project=prod"]);
}

#[test]
fn an_approver_sees_trailers() {
    let mut run = Run::new(policy());
    run.head("DELETE", "/things/1", &[], false);
    run.step(Event::RequestTrailers(Headers::new(vec![(b"x-t".to_vec(), b"payload".to_vec())])));
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
