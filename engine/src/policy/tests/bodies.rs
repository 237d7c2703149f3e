//! What conditions find in bodies, and which bodies they refuse.

use serde_json::json;

use super::*;
use crate::testing::test;

#[test]
fn bodies_match_by_pointer() {
    for (condition, yes, no) in [
        (json!({"/tool": "delete_repo"}), r#"{"tool":"delete_repo"}"#, r#"{"tool":"read"}"#),
        (json!({"/tool": "delete_repo"}), r#"{"tool":"\u0064elete_repo"}"#, r#"{"x":{"tool":"delete_repo"}}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":1e4}"#, r#"{"amount":9999.99}"#),
        (json!({"/amount": {"gte": "10000"}}), r#"{"amount":"10000"}"#, r#"{"amount":"9999"}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":" 10000"}"#, r#"{}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":"10_000"}"#, r#"{"amount":null}"#),
        (json!({"/amount": {"gt": 1, "lt": 5}}), r#"{"amount":3}"#, r#"{"amount":5}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"Amount":10000}"#, r#"{"Amount":1}"#),
        (json!({"/a/b": true}), r#"{"a":{"b":true}}"#, r#"{"a":{"b":false}}"#),
        (json!({"/a/0": 1}), r#"{"a":[1]}"#, r#"{"a":[2,1]}"#),
        (json!({"/a/*/b": 1}), r#"{"a":[{"b":2},{"b":1}]}"#, r#"{"a":[{"b":2}]}"#),
        (json!({"/a~1b": 1}), r#"{"a/b":1}"#, r#"{"a":{"b":1}}"#),
        (json!({"/x": {"exists": false}}), r#"{}"#, r#"{"x":null}"#),
        (json!({"/q": {"regex": "(?i)drop\\s+table"}}), r#"{"q":"DROP  TABLE x"}"#, r#"{"q":"select"}"#),
        (json!({"/q": {"glob": "*.csv"}}), r#"{"q":"a.csv"}"#, r#"{"q":"a.csv.gz"}"#),
        (json!({"/q": ["a", "b"]}), r#"{"q":"b"}"#, r#"{"q":"c"}"#),
        (json!({"/tool": "x"}), r#"[{"tool":"a"},{"tool":"x"}]"#, r#"[{"tool":"a"}]"#),
    ] {
        let policy = held(json!({ "body": condition }));
        for content_type in ["application/json", "text/plain", "application/vnd.api+json"] {
            let head = head("POST", "h/x", &[("content-type", content_type)]);
            assert!(policy.select(&head).needs_body);
            assert_eq!(judge(&policy, &head, yes.as_bytes()), Ok(Hold), "{condition} on {yes}");
            assert_eq!(judge(&policy, &head, no.as_bytes()), Ok(Allow), "{condition} on {no}");
        }
    }
}

#[test]
fn forms_are_read_as_flat_objects() {
    let policy = held(json!({"body": {"/action": "delete"}}));
    let head = head("POST", "h/x", &[("content-type", "application/x-www-form-urlencoded")]);
    assert_eq!(judge(&policy, &head, b"x=1&action=%64elete"), Ok(Hold));
    assert_eq!(judge(&policy, &head, b"action=read&action=delete"), Ok(Hold));
    assert_eq!(judge(&policy, &head, b"action=read"), Ok(Allow));
    assert_eq!(judge(&policy, &head, b""), Ok(Allow));
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let policy = held(json!({"path": "/x", "body": {"/a": 1}}));
    let deep = "[".repeat(100_000);
    for (headers, body, code) in [
        (&[][..], &br#"{"a":1"#[..], "truncated_json"),
        (&[], br#"{"a":1,}"#, "invalid_json"),
        (&[], br#"{"a":2,"a":1}"#, "duplicate_key"),
        (&[], br#"{"a":2}{"a":1}"#, "trailing_data"),
        (&[], b"{\"a\":\"\xff\"}", "invalid_utf8"),
        (&[], br#"{"b":"\ud800"}"#, "lone_surrogate"),
        (&[], b"\xef\xbb\xbf{\"a\":1}", "byte_order_mark"),
        (&[], b"{\0\"\0a\0\"\0", "unsupported_charset"),
        (&[], deep.as_bytes(), "too_deep"),
        (&[("content-type", "application/json")], b"// {}", "invalid_json"),
        (&[("content-type", "application/json")], b")]}'\n{\"a\":1}", "invalid_json"),
        (&[("content-type", "application/json; charset=utf-16")], b"{}", "unsupported_charset"),
        (&[("content-type", "application/json;charset=utf-8;charset=utf-7")], b"{}", "unsupported_charset"),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], b"{}", "duplicate_header"),
        (&[("content-type", "multipart/form-data; boundary=x")], b"--x", "unsupported_body"),
        (&[("content-encoding", "br")], b"\x1f\x8b", "unsupported_encoding"),
        (&[("content-encoding", "identity, gzip")], b"{}", "unsupported_encoding"),
    ] {
        let (selected, other) = (head("POST", "h/x", headers), head("POST", "h/y", headers));
        assert_eq!(judge(&policy, &selected, body), Err(code));
        assert_eq!(judge(&policy, &other, body), Ok(Allow), "{code}");
    }
    let selected = head("POST", "h/x", &[]);
    assert_eq!(policy.decide(&selected, &policy.select(&selected), None).unwrap_err().code, "body_not_read");
}

#[test]
fn large_batches_cost_little() {
    let policy = held(json!({"mcp": {"tool": "x"}, "body": {"/a/*": {"gt": 5}}}));
    let post = head("POST", "h/x", &[]);
    let batch = |member: &str, count: usize| format!("[{}]", vec![member; count].join(","));
    assert_eq!(judge(&policy, &post, batch(r#"{"method":"a"}"#, 9_000).as_bytes()), Ok(Allow));
    assert_eq!(judge(&policy, &post, batch("{}", 20_000).as_bytes()), Ok(Allow));
    let values = format!(r#"{{"a":{}}}"#, batch("1", 20_000));
    assert_eq!(judge(&policy, &post, values.as_bytes()), Err("too_many_values"));
}

#[test]
fn harmless_bodies_are_not_refused() {
    let policy = held(json!({"body": {"/a": 1}}));
    for (content_type, body) in [
        ("text/plain", &b"hello"[..]),
        ("application/octet-stream", b"\x01\x02\x03\x04\xff"),
        ("application/json; charset=\"UTF-8\"", b"{\"a\":2}"),
        ("application/json", b"\"text\""),
        ("", b""),
    ] {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, body), Ok(Allow), "{content_type}");
    }
}

#[test]
fn a_body_that_is_json_and_a_form_counts_as_both() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    let form = head("POST", "h/x", &[("content-type", "application/x-www-form-urlencoded")]);
    assert_eq!(judge(&policy, &form, br#"{"x":"&amount=99999&"}"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"["&amount=99999&"]"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"{"amount":99999}"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"{"x":"&amount=1&"}"#), Ok(Allow));
}

#[test]
fn a_form_that_is_not_called_one_is_read_as_one() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    // Rack reads a body without a content type as a form; PHP ends the media type at a comma or a space.
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), b"amount=99999"), Ok(Hold));
    for content_type in ["application/x-www-form-urlencoded, text/plain", "application/x-www-form-urlencoded x"] {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, b"amount=99999"), Err("unsupported_body"), "{content_type}");
    }
}

#[test]
fn formats_with_fields_that_cannot_be_read_are_refused() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    for content_type in
        ["application/xml", "text/xml", "application/soap+xml", "application/yaml", "application/msgpack"]
    {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, b"<amount>99999</amount>"), Err("unsupported_body"), "{content_type}");
        // Of YAML this is `{amount: 99999}`.
        assert_eq!(judge(&policy, &head, br#"{"<<":{"amount":99999}}"#), Err("unsupported_body"), "{content_type}");
    }
}

#[test]
fn keys_fold_as_parsers_that_ignore_case_fold_them() {
    let policy = held(json!({"body": {"/task": "delete"}}));
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), "{\"ta\u{17f}k\":\"delete\"}".as_bytes()), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), "{\"tas\u{212a}\":\"delete\"}".as_bytes()), Ok(Hold));
}

// There is no clock under wasm32-unknown-unknown.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_batch_of_many_messages_is_judged_in_linear_time() {
    let policy = held(json!({"mcp": {"tool": "delete_*"}}));
    let calls = vec![r#"{"method":"x"}"#; 5_000].join(",");
    let body = format!("[{calls}{}]", ",0".repeat(200_000));
    let start = std::time::Instant::now();
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), body.as_bytes()), Ok(Allow));
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}
