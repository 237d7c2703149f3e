//! Any body before a rule on MCP tools: no panic, and what serde_json reads as a call of the tool is never let through.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use privyseal_engine::classify::Verdict;
use privyseal_engine::policy::Policy;
use privyseal_engine::request::{Head, Headers};
use serde_json::Value;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let policy = br#"{"version": 1, "default": "allow", "rules": [
        {"id": "t", "match": {"mcp": {"tool": "drop", "arguments": {"/n": {"gte": 10}}}}, "verdict": "deny"},
        {"id": "m", "match": {"mcp": {"method": "evil/*"}}, "verdict": "deny"}]}"#;
    Policy::parse(policy, &[]).unwrap()
});

fn is_bad(call: &Value) -> bool {
    let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let large = call.pointer("/params/arguments/n").and_then(Value::as_f64).is_some_and(|n| n >= 10.0);
    (text("/method") == "tools/call" && text("/params/name") == "drop" && large) || text("/method").starts_with("evil/")
}

fuzz_target!(|data: &[u8]| {
    let field = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let fields = vec![
        field(":method", "POST"),
        field(":authority", "a.example"),
        field(":path", "/mcp"),
        field("content-type", "application/json"),
    ];
    let (head, _) = Head::from_fields(Headers::new(fields));
    let selection = POLICY.select(&head);
    let passes = POLICY.decide(&head, &selection, Some(data)).is_ok_and(|d| d.verdict == Verdict::Allow);
    let bad = serde_json::from_slice::<Value>(data).is_ok_and(|value| match &value {
        Value::Array(calls) => calls.iter().any(is_bad),
        call => is_bad(call),
    });
    assert!(!(passes && bad), "{}", data.escape_ascii());
});
