//! Any body before rules on what a model is asked: no panic, and what serde_json reads as an offer of the tool, a system prompt,
//! or too many messages is never let through.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privyseal_engine::classify::Verdict;
use privyseal_engine::policy::Policy;
use privyseal_engine::request::{Head, Headers};
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let policy = br#"{"version": 1, "default": "allow", "rules": [
        {"id": "t", "match": {"llm": {"tool": "drop"}}, "verdict": "deny"},
        {"id": "r", "match": {"llm": {"role": "system"}}, "verdict": "deny"},
        {"id": "m", "match": {"llm": {"messages": {"gt": 2}}}, "verdict": "deny"},
        {"id": "n", "match": {"llm": {"max_tokens": {"gte": 10}}}, "verdict": "deny"}]}"#;
    Policy::parse(policy, &[]).unwrap()
});

fn is_bad(body: &Value) -> bool {
    let list = |name: &str| body[name].as_array().map(Vec::as_slice).unwrap_or_default();
    list("tools").iter().any(|tool| tool["name"] == "drop" || tool["function"]["name"] == "drop")
        || list("messages").iter().any(|message| message["role"] == "system")
        || !body["system"].is_null()
        || list("messages").len() > 2
        || body["max_tokens"].as_f64().is_some_and(|most| most >= 10.0)
}

fuzz_target!(|data: &[u8]| {
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        let fields = vec![
            field(":method", "POST"),
            field(":authority", "a.example"),
            field(":path", path),
            field("content-type", "application/json"),
        ];
        let (head, _) = Head::from_fields(Headers::new(fields));
        let selection = POLICY.select(&head);
        let passes = POLICY.decide(&head, &selection, Some(data)).is_ok_and(|d| d.verdict == Verdict::Allow);
        let bad = serde_json::from_slice::<Value>(data).is_ok_and(|body| is_bad(&body));
        assert!(!(passes && bad), "{}", data.escape_ascii());
    }
});
