//! What a policy says beside its rules' own conditions: findings, exceptions, overlays, what agents must state.

use serde_json::{Value, json};

use super::*;
use crate::classify::stated::Stated;
use crate::testing::test;

const JSON: (&str, &str) = ("content-type", "application/json");

fn post(url: &str) -> Head {
    head("POST", url, &[JSON])
}

#[test]
fn findings_are_counted_by_entity_and_group() {
    let two = r#"{"a":"alice@example.com","b":["bob@example.com"]}"#;
    let card = r#"{"a":"4111 1111 1111 1111"}"#;
    for (condition, body, expected) in [
        (json!({"entity": "EMAIL_ADDRESS"}), two, Hold),
        (json!({"entity": "EMAIL_ADDRESS", "count": {"gte": 2}}), two, Hold),
        (json!({"entity": "EMAIL_ADDRESS", "count": {"gt": 2}}), two, Allow),
        (json!({"entity": "EMAIL_ADDRESS", "count": 2}), two, Hold),
        (json!({"entity": "EMAIL_ADDRESS", "count": 0}), "{}", Hold),
        (json!({"entity": ["financial", "credentials"]}), two, Allow),
        (json!({"entity": ["financial", "credentials"]}), card, Hold),
        (json!({"entity": "CREDIT_CARD"}), r#"{"a":"4111 1111 1111 1112"}"#, Allow),
        (json!({"entity": "EMAIL_ADDRESS"}), r#"{"a":"alice\u0040example.com"}"#, Hold),
    ] {
        let policy = held(json!({"path": "/x", "findings": condition}));
        assert_eq!(judge(&policy, &post("h/x"), body.as_bytes()), Ok(expected), "{condition} {body}");
        assert!(!policy.select(&post("h/y")).touched);
    }
}

#[test]
fn what_cannot_be_searched_is_refused_and_other_rules_cost_nothing() {
    let policy = held(json!({"findings": {"entity": "pii"}}));
    let typed = |content_type| head("POST", "h/x", &[("content-type", content_type)]);
    assert_eq!(judge(&policy, &typed("image/png"), b"\x89PNG"), Err("unsupported_body"));
    assert_eq!(judge(&policy, &typed("application/json"), b"{"), Err("truncated_json"));
    assert_eq!(judge(&policy, &typed("text/plain"), b"\xff\xfe a@example.com"), Err("unsupported_charset"));
    assert!(policy.needs.detector.is_some());
    assert!(held(json!({"body": {"/a": 1}})).needs.detector.is_none());
}

fn overlaid(overlay: Value) -> Value {
    json!({"version": 1, "default": {"reads": "allow", "writes": "hold"}, "approver": {"cluster": "a"},
        "rules": [{"id": "small", "match": {"path": "/small/**"}, "verdict": "allow"}], "overlays": [overlay]})
}

#[test]
fn an_overlay_tightens_its_part_of_the_traffic() {
    let policy = compile(overlaid(
        json!({"id": "pay", "scope": {"host": "pay"}, "default": {"reads": "hold", "writes": "deny"},
        "rules": [{"id": "refunds", "match": {"path": "/small/refund"}, "verdict": "deny"}]}),
    ));
    for (head, expected) in [
        (get("pay/x"), Hold),
        (post("pay/x"), Deny),
        (get("other/x"), Allow),
        (post("other/x"), Hold),
        (post("pay/small/a"), Allow),
        (post("pay/small/refund"), Deny),
        (post("other/small/refund"), Allow),
    ] {
        assert_eq!(judge(&policy, &head, b"{}"), Ok(expected), "{head:?}");
    }
    assert!(policy.rules().iter().any(|rule| rule.id == "pay/refunds"));
    let namespace =
        compile(overlaid(json!({"id": "prod", "scope": {"kubernetes": {"namespace": "prod"}}, "default": "hold"})));
    assert_eq!(judge(&namespace, &get("k/api/v1/namespaces/prod/pods"), b""), Ok(Hold));
    assert_eq!(judge(&namespace, &get("k/api/v1/namespaces/test/pods"), b""), Ok(Allow));
}

#[test]
fn an_overlay_cannot_loosen() {
    for (overlay, expected) in [
        (
            json!({"id": "o", "scope": {"host": "h"}, "default": "allow"}),
            &[
                "overlays[0].default: the overlay's default for writes is `allow`, milder than `hold` (an overlay only tightens the baseline: hold or deny here, or change the baseline)",
            ][..],
        ),
        (
            json!({"id": "o", "scope": {"host": "h"}, "rules": [{"id": "r", "match": {"path": "/"}, "verdict": "allow"}]}),
            &[
                "overlays[0].rules[0]: rule `o/r` of an overlay allows (an overlay only tightens the baseline: hold or deny here, or change the baseline)",
            ],
        ),
        (
            json!({"id": "o", "scope": {"body": {"/a": 1}}}),
            &[
                "overlays[0].scope: the scope of an overlay cannot depend on the body (name a host, path, namespace or anything else of the head)",
            ],
        ),
        (
            json!({"id": "o"}),
            &["overlays[0]: `scope` is missing (say which traffic it is for, such as `scope: {host: pay.internal}`)"],
        ),
        (
            json!({"id": "o", "scope": {"host": "h"}, "exceptions": []}),
            &["overlays[0].exceptions: unknown field `exceptions` (expected `id`, `scope`, `default` or `rules`)"],
        ),
    ] {
        assert_eq!(errors(overlaid(overlay)), expected);
    }
}

#[test]
fn exceptions_name_rules_that_stand_elsewhere() {
    let mut source = overlaid(json!({"id": "pay", "scope": {"host": "pay"},
        "rules": [{"id": "all", "match": {"path": "/**"}, "verdict": "deny"}]}));
    source["exceptions"] = json!([{"rule": "pay/all", "match": {"principal": "cfo"}, "why": "signs everything"}]);
    let policy = compile(source.clone());
    let mut who = get("pay/x");
    assert_eq!(judge(&policy, &who, b""), Ok(Deny));
    who.principal = Some("cfo".into());
    assert_eq!(judge(&policy, &who, b""), Ok(Allow));
    source["exceptions"] = json!([{"rule": ["pay/al"], "match": {"path": "/"}}]);
    assert_eq!(
        errors(source),
        [
            "exceptions[0].rule[0]: no rule is named `pay/al` (write a rule's id; a rule of a pack is `PACK/ID`, one of an overlay `OVERLAY/ID`)"
        ]
    );
}

#[test]
fn packs_must_be_written_out() {
    let told = errors(json!({"version": 1, "default": "allow", "packs": ["aws"]}));
    assert!(told.iter().any(|error| error.contains("`privyseal policy render` writes out")), "{told:?}");
}

/// What is said of a request that a rule holds which requires both.
fn stated(head: &Head, body: &[u8]) -> Result<Vec<(Stated, String)>, &'static str> {
    let rule = json!({"id": "r", "match": {"path": "/x"}, "verdict": "hold", "require": ["ticket", "purpose"]});
    let policy = policy(json!([rule]));
    let selection = policy.select(head);
    policy.decide(head, &selection, Some(body)).map(|decision| decision.stated).map_err(|doubt| doubt.code)
}

#[test]
fn agents_must_say_what_a_rule_requires() {
    let with = |headers: &[(&str, &str)]| stated(&head("POST", "h/x", headers), b"{}");
    let (purpose, ticket) = (("x-privyseal-purpose", " monthly report "), ("x-privyseal-ticket", "OPS-42"));
    let both = vec![(Stated::Purpose, "monthly report".to_owned()), (Stated::Ticket, "OPS-42".to_owned())];
    assert_eq!(with(&[purpose, ticket]), Ok(both.clone()));
    assert_eq!(with(&[purpose]), Err("ticket_required"));
    assert_eq!(with(&[ticket]), Err("purpose_required"));
    assert_eq!(with(&[ticket, ("x-privyseal-purpose", " ")]), Err("purpose_required"));
    assert_eq!(with(&[ticket, purpose, purpose]), Err("duplicate_header"));
    let long = "x".repeat(501);
    assert_eq!(with(&[ticket, ("x-privyseal-purpose", &long)]), Err("purpose_required"));

    let call = |meta: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"t","_meta":{meta}}}}}"#)
    };
    let meta = r#"{"privyseal/purpose":"monthly report","privyseal/ticket":"OPS-42"}"#;
    assert_eq!(stated(&post("h/x"), call(meta).as_bytes()), Ok(both));
    assert_eq!(stated(&post("h/x"), call(r#"{"privyseal/ticket":7}"#).as_bytes()), Err("ticket_required"));
    // One call of a batch does not speak for the others.
    let batch = format!("[{},{}]", call(meta), call("{}"));
    assert_eq!(stated(&post("h/x"), batch.as_bytes()), Err("ticket_required"));
}

#[test]
fn nothing_stated_opens_a_denial() {
    let told = errors(json!({"version": 1, "default": "allow",
        "rules": [{"id": "r", "match": {"path": "/"}, "verdict": "deny", "require": "purpose"}]}));
    assert_eq!(
        told,
        [
            "rules[0].require: a rule that denies requires nothing (nothing that the agent says lets a denied request pass; leave `require` out)"
        ]
    );
}
