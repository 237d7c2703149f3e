//! What holds for all policies and requests.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn condition() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"method": "POST"})),
        Just(json!({"method": ["GET", "DELETE"]})),
        Just(json!({"host": "h"})),
        Just(json!({"host": "*.x"})),
        Just(json!({"path": "/a/**"})),
        Just(json!({"path": "/a/b"})),
        Just(json!({"path": "/**/b"})),
        Just(json!({"path": ["/a/{x}", "/b/c/d/e"]})),
        Just(json!({"query": {"q": "1"}})),
        Just(json!({"header": {"x": {"exists": true}}})),
        Just(json!({"body": {"/k": "v"}})),
        Just(json!({"body": {"/n": {"gte": 5}}})),
        Just(json!({"body": {"/k": {"exists": false}}})),
        Just(json!({"body_size": {"lt": "10B"}})),
        Just(json!({"body_size": {"gt": "10B"}})),
        Just(json!({"mcp": {"method": "tools/*"}})),
        Just(json!({"findings": {"entity": "EMAIL_ADDRESS"}})),
        Just(json!({"method": "POST", "path": "/a/**", "host": "h"})),
        Just(json!({"aws": {"action": "iam:Create*"}})),
        Just(json!({"aws": {"service": "iam"}, "method": "POST"})),
        Just(json!({"kubernetes": {"resource": "secrets"}})),
        Just(json!({"github": {"resource": "/hooks/**"}})),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|c| json!({ "not": c })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|c| json!({ "any": c })),
            prop::collection::vec(inner, 1..3).prop_map(|c| json!({ "all": c })),
        ]
    })
}

fn rule(verdicts: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let exception = prop::option::weighted(0.3, condition());
    (condition(), exception, prop::sample::select(verdicts)).prop_map(|(matched, except, verdict)| {
        let mut rule = json!({"match": matched, "verdict": verdict});
        if let Some(except) = except {
            rule["except"] = except;
        }
        rule
    })
}

fn request() -> impl Strategy<Value = (Head, Vec<u8>)> {
    let method = prop::sample::select(&["GET", "POST", "DELETE", "post", "ODD"][..]);
    let host = prop::sample::select(&["h", "H:80", "y.x", "a@h", "iam.amazonaws.com"][..]);
    let path = prop::sample::select(
        &[
            "/a/b",
            "/a/b/",
            "/a/../b",
            "/c/%2e%2e/a/b",
            "/a;x/b",
            "/b/c/d/e",
            "/",
            "/z/y/b",
            "/a%2fb",
            "/a#b",
            "/q",
            "/api/v1/secrets",
            "/repos/a/b/hooks",
            "/a/..;/api/v1/secrets",
        ][..],
    );
    let query = prop::sample::select(&["", "?q=1", "?q=2&q=1", "?q=%31", "?Action=CreateUser"][..]);
    let header = prop::sample::select(vec![vec![], vec![("x", "1")], vec![("x-http-method-override", "DELETE")]]);
    let body = prop::sample::select(
        &[
            "",
            r#"{"k":"v"}"#,
            r#"{"k":"w","n":7}"#,
            r#"{"n":"5"}"#,
            r#"[{"n":1},{"n":9}]"#,
            r#"{"K":"v"}"#,
            "{",
            "plain",
            "Action=CreateUser",
        ][..],
    );
    (method, host, path, query, header, body).prop_map(|(method, host, path, query, headers, body)| {
        (head(method, &format!("{host}{path}{query}"), &headers), body.as_bytes().to_vec())
    })
}

fn named(rules: &[Value], default: &str) -> Policy {
    let rules = rules.iter().enumerate().map(|(i, rule)| {
        let mut rule = rule.clone();
        rule["id"] = json!(format!("r{i}"));
        rule
    });
    let rules: Vec<Value> = rules.collect();
    compile(json!({"version": 1, "default": default, "approver": {"cluster": "a"}, "rules": rules}))
}

/// How strict an outcome is; a refusal lets nothing through.
fn strictness(outcome: Result<Verdict, &'static str>) -> u8 {
    match outcome {
        Ok(Allow) => 0,
        Ok(Hold) => 1,
        Ok(Deny) | Err(_) => 2,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Whatever a policy holds or denies by a rule stays so when rules that allow are added.
    #[test]
    fn an_allow_rule_never_loosens_a_rule(
        rules in prop::collection::vec(rule(&["allow", "hold", "deny"]), 0..4),
        added in rule(&["allow"]),
        (head, body) in request(),
    ) {
        let before = judge(&named(&rules, "allow"), &head, &body);
        let with: Vec<Value> = rules.iter().cloned().chain([added]).collect();
        let after = judge(&named(&with, "allow"), &head, &body);
        prop_assert!(strictness(after) >= strictness(before), "{:?} became {:?}", before, after);
    }

    /// A rule that holds or denies never makes a policy milder.
    #[test]
    fn a_severe_rule_never_loosens_a_policy(
        rules in prop::collection::vec(rule(&["allow", "hold", "deny"]), 0..4),
        added in rule(&["hold", "deny"]),
        (head, body) in request(),
    ) {
        for default in ["allow", "hold"] {
            let before = judge(&named(&rules, default), &head, &body);
            let with: Vec<Value> = rules.iter().cloned().chain([added.clone()]).collect();
            let after = judge(&named(&with, default), &head, &body);
            prop_assert!(strictness(after) >= strictness(before), "{:?} became {:?}", before, after);
        }
    }

    #[test]
    fn order_does_not_matter(
        rules in prop::collection::vec(rule(&["allow", "hold", "deny"]), 0..5),
        (head, body) in request(),
    ) {
        let reversed: Vec<Value> = rules.iter().rev().cloned().collect();
        let (one, other) = (judge(&named(&rules, "hold"), &head, &body), judge(&named(&reversed, "hold"), &head, &body));
        prop_assert_eq!(strictness(one), strictness(other));
    }

    /// The index only saves time: a rule that is wrapped so that it cannot be indexed says the same.
    #[test]
    fn the_index_loses_no_rule(rule in rule(&["hold", "deny"]), (mut head, body) in request()) {
        head.bodyless = body.is_empty();
        let mut wrapped = rule.clone();
        wrapped["match"] = json!({"not": {"not": rule["match"]}});
        prop_assert_eq!(
            judge(&named(&[rule], "allow"), &head, &body),
            judge(&named(&[wrapped], "allow"), &head, &body)
        );
    }

    #[test]
    fn no_policy_text_is_too_odd(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Policy::parse(&bytes, b"");
    }
}
