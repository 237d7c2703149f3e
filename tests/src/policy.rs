//! Policies of the tests, as the JSON that the filter reads.

use serde_json::{Value, json};

/// The header that names the agent, where no token does.
pub const AGENT: &str = "x-agent";

/// The policy that most tests start from: reads pass, exports and deletions are held, purges are denied.
pub fn crm() -> Value {
    json!({
        "version": 1,
        "environment": "test",
        "approver": { "cluster": "approver", "authority": "approver" },
        "identity": {
            "principal": [{ "jwt": "sub" }, { "trusted_header": AGENT }],
            "on_behalf_of": [{ "jwt": "act.sub" }, { "trusted_header": "x-on-behalf-of" }],
        },
        "default": "allow",
        "rules": [
            {
                "id": "export",
                "match": { "method": "POST", "path": "/v1/accounts/{account}/export" },
                "verdict": "hold", "category": "bulk_export", "risk": "high", "why": "exports leave the company",
            },
            { "id": "delete", "match": { "method": "DELETE" }, "verdict": "hold", "why": "deletions are final" },
            {
                "id": "refund",
                "match": { "method": "POST", "path": "/v1/refunds", "body": { "/amount": { "gte": "10000" } } },
                "verdict": "hold", "why": "large refunds",
            },
            { "id": "purge", "match": { "path": "/admin/purge" }, "verdict": "deny", "why": "purging is never allowed" },
        ],
    })
}

/// The same with a wait of `wait` (such as `1s`), so that a test sees pending soon.
pub fn crm_waiting(wait: &str) -> Value {
    with(crm(), "/hold", json!({ "wait": wait }))
}

/// For measurements: `idle` rules that look at GETs without matching, one that reads the body of notes, redaction of
/// notes and of streams of events.
pub fn bench(idle: usize) -> Value {
    let mut policy = crm();
    let idle = (0..idle).map(|i| {
        json!({ "id": format!("idle-{i}"), "match": { "method": "GET", "path": format!("/v1/contacts/*/part-{i}") }, "verdict": "hold" })
    });
    let rules = policy["rules"].as_array_mut().expect("rules");
    rules.extend(idle);
    rules.push(json!({
        "id": "note", "match": { "method": "POST", "path": "/v1/notes", "body": { "/secret": { "exists": true } } }, "verdict": "hold",
    }));
    policy["redact"] = json!([
        { "match": { "path": "/v1/notes" }, "direction": "request", "profile": { "entities": ["pii"] } },
        { "match": { "path": "/v1/events" }, "direction": "response", "profile": { "entities": ["pii"] } },
    ]);
    policy
}

/// `policy` with all that is sensitive masked in both directions on `path`.
pub fn redacting(policy: Value, path: &str) -> Value {
    with(
        policy,
        "/redact",
        json!([{ "match": { "path": path }, "direction": "both", "profile": { "entities": ["pii"] } }]),
    )
}

/// `policy` with the rules of packs, written out as `privyseal policy render` does.
pub fn with_packs(policy: Value, packs: &[&str]) -> Value {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), with(policy, "/packs", json!(packs)).to_string()).expect("written");
    let mut render = std::process::Command::new(crate::artefacts::privyseal());
    let output = render.args(["policy", "render", "--policy-only", "--upstream", "9"]).arg(file.path()).output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// `policy` with the value at a JSON pointer's parent set.
pub fn with(mut policy: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    policy.pointer_mut(parent).expect("the parent is there")[name] = value;
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_understands_them() {
        for policy in [crm(), crm_waiting("1s"), bench(100), redacting(crm(), "/v1/**")] {
            let parsed = privyseal_engine::policy::Policy::parse(policy.to_string().as_bytes(), b"");
            assert!(parsed.is_ok(), "{:#?}", parsed.err());
        }
    }
}
