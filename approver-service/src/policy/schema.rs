//! The JSON Schema of policy files, for editors; the engine is what decides.

/// As published in the documentation.
pub const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use privyseal_engine::policy::Policy;
    use serde_json::{Value, json};

    /// A name that no field is near to: the engine answers with all that it knows.
    const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";

    /// The fields that the engine knows of the object at `pointer`.
    fn known_to_engine(mut policy: Value, pointer: &str) -> BTreeSet<String> {
        policy.pointer_mut(pointer).unwrap()[UNKNOWN] = Value::Null;
        let errors = Policy::parse(policy.to_string().as_bytes(), &[]).unwrap_err();
        let error =
            errors.iter().find(|e| e.message.contains(UNKNOWN)).unwrap_or_else(|| panic!("{pointer}: {errors:?}"));
        let known = error.hint.as_deref().unwrap_or_default();
        known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_schema_knows_what_the_engine_knows() {
        let schema: Value = serde_json::from_str(super::SCHEMA).unwrap();
        let policy = json!({
            "version": 1, "default": {"reads": "allow", "writes": "hold"}, "approver": {"cluster": "a"},
            "identity": {"principal": {"jwt": {"claim": "sub"}}}, "hold": {"wait": {}},
            "preview": {"allowlist": []},
            "rules": [{"id": "r", "verdict": "deny", "match": {"mcp": {"tool": "t"}, "llm": {"model": "m"}, "aws": {"service": "s"}, "kubernetes": {"verb": "get"}, "github": {"owner": "o"}, "findings": {"entity": "pii"}, "body_size": {"gt": "1B"}, "header": {"x": {"eq": 1}}}}],
            "redact": [{"match": {"path": "/**"}, "direction": "both", "profile": {"entities": ["pii"]}}],
            "exceptions": [{"rule": "r", "match": {"path": "/"}}],
            "overlays": [{"id": "o", "scope": {"host": "h"}}],
            "workflows": {"w": {
                "reviewers": {"people": ["alice"]}, "risk": {"low": {}},
                "grants": {"max_duration": "1h", "max_uses": 1, "pointers": []},
            }},
        });
        assert!(Policy::parse(policy.to_string().as_bytes(), &[]).is_ok());
        for (in_policy, in_schema) in [
            ("", ""),
            ("/default", "/properties/default/oneOf/1"),
            ("/approver", "/properties/approver"),
            ("/identity", "/properties/identity"),
            ("/identity/principal/jwt", "/$defs/source/oneOf/0/properties/jwt/oneOf/2"),
            ("/hold", "/properties/hold"),
            ("/hold/wait", "/properties/hold/properties/wait/oneOf/1"),
            ("/preview", "/properties/preview/oneOf/1"),
            ("/rules/0", "/$defs/rule"),
            ("/rules/0/match", "/$defs/condition"),
            ("/rules/0/match/mcp", "/$defs/condition/properties/mcp"),
            ("/rules/0/match/llm", "/$defs/condition/properties/llm"),
            ("/rules/0/match/aws", "/$defs/condition/properties/aws"),
            ("/rules/0/match/kubernetes", "/$defs/condition/properties/kubernetes"),
            ("/rules/0/match/github", "/$defs/condition/properties/github"),
            ("/rules/0/match/findings", "/$defs/condition/properties/findings"),
            ("/exceptions/0", "/properties/exceptions/items"),
            ("/overlays/0", "/properties/overlays/items"),
            ("/rules/0/match/body_size", "/$defs/condition/properties/body_size"),
            ("/rules/0/match/header/x", "/$defs/comparison"),
            ("/redact/0", "/properties/redact/items"),
            ("/workflows/w", "/properties/workflows/additionalProperties"),
            ("/workflows/w/risk/low", "/$defs/workflow"),
            ("/workflows/w/reviewers", "/$defs/workflow/properties/reviewers"),
            ("/workflows/w/grants", "/$defs/workflow/properties/grants"),
        ] {
            let described = schema.pointer(in_schema).and_then(|o| o["properties"].as_object());
            let described: BTreeSet<String> = described.unwrap().keys().cloned().collect();
            assert_eq!(known_to_engine(policy.clone(), in_policy), described, "{in_policy}");
        }
    }
}
