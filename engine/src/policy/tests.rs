//! Whole policies against whole requests.

use serde_json::{Value, json};

use super::*;
use crate::classify::Verdict::{self, Allow, Deny, Hold};
use crate::protocol::Protocol;
use crate::redact::Parameters;
use crate::request::{Headers, canonical_target};
use crate::testing::test;

mod bodies;
mod conditions;
mod mistakes;
mod parts;
#[cfg(not(target_family = "wasm"))]
mod properties;
mod protocols;
mod readings;
mod workflows;

fn policy(rules: Value) -> Policy {
    compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "approver"}, "rules": rules}))
}

fn compile(source: Value) -> Policy {
    Policy::parse(source.to_string().as_bytes(), b"").unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn errors(source: Value) -> Vec<String> {
    let errors = Policy::parse(source.to_string().as_bytes(), b"").unwrap_err();
    errors.iter().map(Error::to_string).collect()
}

fn head(method: &str, url: &str, headers: &[(&str, &str)]) -> Head {
    let (host, target) = url.split_at(url.find('/').unwrap());
    let mut head = Head {
        method: method.into(),
        authority: host.into(),
        target: target.into(),
        headers: Headers::new(headers.iter().copied()),
        ..Head::default()
    };
    if let Ok(canonical) = canonical_target(target.as_bytes()) {
        head.path = canonical.path;
        head.query = canonical.query;
    }
    head
}

/// The verdict, or the code of the refusal.
fn judge(policy: &Policy, head: &Head, body: &[u8]) -> Result<Verdict, &'static str> {
    let selection = policy.select(head);
    if let Some(doubt) = selection.refusal {
        return Err(doubt.code);
    }
    if !selection.touched {
        return Ok(Allow);
    }
    let body = selection.needs_body.then_some(body);
    policy.decide(head, &selection, body).map(|d| d.verdict).map_err(|d| d.code)
}

fn get(url: &str) -> Head {
    head("GET", url, &[])
}

/// A rule that holds what `condition` matches.
fn held(condition: Value) -> Policy {
    policy(json!([{"id": "r", "match": condition, "verdict": "hold"}]))
}

#[test]
fn severity_wins_whatever_the_order() {
    let rules = [
        json!({"id": "a", "match": {"path": "/**"}, "verdict": "allow"}),
        json!({"id": "h", "match": {"path": "/**"}, "verdict": "hold", "risk": "high", "why": "w1", "category": "c"}),
        json!({"id": "h2", "match": {"path": "/x"}, "verdict": "hold", "risk": "low", "workflow": "w", "why": "w2"}),
        json!({"id": "d", "match": {"path": "/x/y"}, "verdict": "deny", "reason": "no"}),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let policy = policy(Value::Array(order.iter().map(|i| rules[*i].clone()).collect()));
        let decide = |url| {
            let head = get(url);
            policy.decide(&head, &policy.select(&head), None).unwrap()
        };
        let both = decide("h/x");
        assert_eq!((both.verdict, both.risk, both.workflow.as_str()), (Hold, crate::hold::Risk::High, "default"));
        assert_eq!(both.category.as_deref(), Some("c"));
        let mut rules = both.rules.clone();
        rules.sort();
        assert_eq!(rules, ["h", "h2"]);
        assert!(both.why == "w1; w2" || both.why == "w2; w1");
        let denied = decide("h/x/y");
        assert_eq!((denied.verdict, denied.agent_reason.as_deref()), (Deny, Some("no")));
        assert_eq!(denied.rules, ["d"]);
    }
}

#[test]
fn explanations_say_which_part_failed() {
    let policy = policy(json!([{"id": "r", "match": {"method": "POST", "path": "/a", "body": {"/x": 1}},
        "except": {"header": {"x-ok": "1"}}, "verdict": "hold"}]));
    let explained = policy.explain(&head("POST", "h/a", &[("x-ok", "1")]), br#"{"x":1}"#);
    let [(rule, whole)] = explained.as_slice() else { panic!("{explained:?}") };
    assert_eq!((rule.id.as_str(), whole.truth), ("r", Truth::False));
    let [condition, exception] = whole.parts.as_slice() else { panic!("{whole:?}") };
    let parts: Vec<_> = condition.parts.iter().map(|part| (part.name.as_str(), part.truth)).collect();
    assert_eq!(parts, [("method", Truth::True), ("path", Truth::True), ("body /x", Truth::True)]);
    assert_eq!((exception.name.as_str(), exception.truth), ("not", Truth::False));
}

#[test]
fn exceptions_narrow_a_rule() {
    let rule = json!([{"id": "r", "match": {"path": "/a/**"}, "except": [{"path": "/a/ok"}, {"method": "HEAD"}],
        "verdict": "deny"}]);
    let policy = policy(rule);
    assert_eq!(judge(&policy, &get("h/a/x"), b""), Ok(Deny));
    assert_eq!(judge(&policy, &get("h/a/ok"), b""), Ok(Allow));
    assert_eq!(judge(&policy, &head("HEAD", "h/a/x", &[]), b""), Ok(Allow));
    // What may be an exception in one reading only is none.
    assert_eq!(judge(&policy, &get("h/a/ok;x"), b""), Ok(Deny));
}

#[test]
fn the_default_applies_where_no_rule_matches() {
    let policy = compile(json!({
        "version": 1, "default": {"reads": "allow", "writes": "hold"}, "approver": {"cluster": "a"},
        "rules": [
            {"id": "open", "match": {"path": "/open/**"}, "verdict": "allow"},
            {"id": "read-only", "match": {"path": "/q", "body": {"/op": "read"}}, "verdict": "allow"},
        ],
    }));
    assert_eq!(judge(&policy, &get("h/x"), b""), Ok(Allow));
    assert!(!policy.select(&get("h/x")).touched);
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("FOO", "h/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("GET", "h/x", &[("x-http-method-override", "PUT")]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/open/x", &[]), b""), Ok(Allow));
    // Allow needs every reading and every member of a batch.
    assert_eq!(judge(&policy, &head("POST", "h/open/..;/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"[{"op":"read"}]"#), Ok(Allow));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"[{"op":"read"},{"op":"write"}]"#), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"{"op":"write","Op":"read"}"#), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/x#y", &[]), b""), Err("ambiguous_path"));
}

#[test]
fn observed_rules_change_nothing_and_tell() {
    let rules = json!([
        {"id": "o", "match": {"path": "/x", "body": {"/a": 1}}, "verdict": "deny", "mode": "observe", "category": "c"},
        {"id": "e", "match": {"path": "/x/**"}, "verdict": "hold"},
    ]);
    let policy = policy(rules.clone());
    let post = head("POST", "h/x", &[]);
    let selection = policy.select(&post);
    assert!(selection.enforced);
    let decision = policy.decide(&post, &selection, Some(br#"{"a":1}"#)).unwrap();
    assert_eq!(decision.verdict, Hold);
    assert_eq!(decision.observed.len(), 1);
    assert_eq!((decision.observed[0].rule.as_str(), &decision.observed[0].outcome), ("o", &Ok(Deny)));
    let decision = policy.decide(&post, &selection, Some(b"{")).unwrap();
    assert_eq!(decision.observed[0].outcome.as_ref().unwrap_err().code, "truncated_json");

    let observing = compile(json!({"version": 1, "default": "deny", "mode": "observe", "rules": rules,
        "approver": {"cluster": "a"}}));
    for url in ["h/x", "h/y", "h/x#broken"] {
        let post = head("POST", url, &[]);
        let selection = observing.select(&post);
        assert!(selection.touched && !selection.enforced && selection.refusal.is_none(), "{url}");
        let decision = observing.decide(&post, &selection, Some(b"{")).unwrap();
        assert_eq!(decision.verdict, Allow);
        assert!(!decision.observed.is_empty(), "{url}");
    }
}

#[test]
fn redaction_selects_by_head() {
    let policy = compile(json!({"version": 1, "default": "allow",
    "profiles": {"llm": {"entities": ["pii"]}},
    "redact": [
        {"match": {"path": "/v1/chat/**"}, "direction": "request", "profile": "llm"},
        {"match": {"path": "/v1/**"}, "direction": "both", "profile": {"entities": ["credentials"]}},
    ]}));
    let chat = policy.select(&get("h/v1/chat/completions"));
    assert!(chat.touched && chat.enforced && !chat.needs_body);
    assert_eq!((chat.redact_request, chat.redact_response), (Some(ProfileId(0)), Some(ProfileId(1))));
    assert!(policy.profile(ProfileId(1)).is_some());
    assert_eq!(policy.select(&get("h/v1/x")).redact_request, Some(ProfileId(1)));
    let default = json!([{"match": {"path": "/a"}, "direction": "both", "profile": "default"},
        {"match": {"path": "/b"}, "direction": "both", "profile": "default"}]);
    let (head, query) = (json!(["X-User", "referer", "x-user"]), json!("q"));
    let chosen = compile(json!({"version": 1, "default": "allow", "redact": [
        {"match": {"path": "/**"}, "direction": "both", "profile": "default", "headers": head, "query": query},
    ]}));
    let selected = chosen.select(&get("h/b"));
    let headers = vec!["x-user".to_owned(), "referer".to_owned()];
    assert_eq!(selected.response_head, Chosen { headers: headers.clone(), query: Parameters::None });
    assert_eq!(selected.request_head, Chosen { headers, query: Parameters::Named(vec!["q".into()]) });
    let built_in = compile(json!({"version": 1, "default": "allow", "redact": default}));
    assert_eq!(built_in.select(&get("h/b")).redact_response, Some(ProfileId(0)));
    assert!(!policy.select(&get("h/x")).touched);
    assert_eq!(policy.select(&get("h/v1/x#y")).refusal.unwrap().code, "ambiguous_path");
}
