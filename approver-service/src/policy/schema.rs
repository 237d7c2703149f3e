//! The JSON Schema of policy files, for editors; the engine is what decides.

/// As published in the documentation.
pub const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jsonschema::Validator;
    use privyseal_engine::detect::{Entity, Group};
    use privyseal_engine::policy::Policy;
    use serde_json::{Value, json};

    use crate::policy::packs::{self, PACKS};
    use crate::policy::source::Source;

    /// A name that no field is near to: the engine answers with all that it knows.
    const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqq";

    /// The fields that the engine knows of the object at `pointer`.
    fn known_to_engine(mut policy: Value, pointer: &str) -> BTreeSet<String> {
        policy.pointer_mut(pointer).unwrap()[UNKNOWN] = Value::Null;
        let errors = Policy::parse(policy.to_string().as_bytes(), &[]).unwrap_err();
        let error =
            errors.iter().find(|e| e.message.contains(UNKNOWN)).unwrap_or_else(|| panic!("{pointer}: {errors:?}"));
        // Of profiles the message itself says what is known, behind what is not.
        let known = error.hint.as_deref().unwrap_or(&error.message);
        known.split('`').skip(1).step_by(2).filter(|name| *name != UNKNOWN).map(str::to_owned).collect()
    }

    #[test]
    fn the_schema_knows_what_the_engine_knows() {
        let schema: Value = serde_json::from_str(super::SCHEMA).unwrap();
        let policy = json!({
            "version": 1, "default": {"reads": "allow", "writes": "hold"}, "approver": {"cluster": "a"},
            "identity": {"principal": {"jwt": {"claim": "sub"}}}, "hold": {"wait": {}},
            "preview": {"allowlist": []},
            "rules": [{"id": "r", "verdict": "deny", "match": {"mcp": {"tool": "t"}, "llm": {"model": "m"}, "aws": {"service": "s"}, "kubernetes": {"verb": "get"}, "github": {"owner": "o"}, "findings": {"entity": "pii"}, "body_size": {"gt": "1B"}, "header": {"x": {"eq": 1}}}}],
            "redact": [{"match": {"path": "/**"}, "direction": "both", "profile": {
                "entities": ["pii"], "custom": [{"name": "N", "pattern": "x"}],
            }}],
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
            ("/redact/0/profile", "/$defs/profile"),
            ("/redact/0/profile/custom/0", "/$defs/profile/properties/custom/items"),
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
    #[test]
    fn the_schema_names_every_entity() {
        let schema: Value = serde_json::from_str(super::SCHEMA).unwrap();
        let named = schema["$defs"]["entity"]["enum"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
        let known = Entity::ALL.iter().map(|(_, name, _)| *name).chain(Group::ALL.iter().map(|(_, name)| *name));
        let known: BTreeSet<&str> = known.collect();
        assert_eq!(named.collect::<BTreeSet<_>>(), known);
    }

    fn validator() -> Validator {
        jsonschema::validator_for(&serde_json::from_str(super::SCHEMA).unwrap()).unwrap()
    }

    fn mistakes(validator: &Validator, policy: &Value) -> Vec<String> {
        validator.iter_errors(policy).map(|e| format!("{}: {e}", e.instance_path())).collect()
    }

    #[test]
    fn what_ships_fits() {
        let validator = validator();
        for (name, _) in PACKS {
            let mut written = Source::parse(&format!("{{version: 1, default: hold, packs: [{name}]}}")).unwrap();
            assert_eq!(mistakes(&validator, &written.value), [""; 0], "{name}");
            assert!(packs::write_out(&mut written).is_empty());
            assert_eq!(mistakes(&validator, &written.value), [""; 0], "{name}");
        }
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../envoy/policies");
        let mut seen = 0;
        for file in std::fs::read_dir(examples).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|e| e == "yaml") && !path.to_string_lossy().ends_with(".test.yaml") {
                let policy = Source::parse(&std::fs::read_to_string(&path).unwrap()).unwrap().value;
                assert_eq!(mistakes(&validator, &policy), [""; 0], "{path:?}");
                seen += 1;
            }
        }
        assert!(seen > 3, "{seen} examples");
    }

    /// An editor underlines what the engine would refuse for its form.
    #[test]
    fn mistakes_of_form_are_mistakes_to_both() {
        let validator = validator();
        let policy = json!({
            "version": 1, "default": "hold", "approver": {"cluster": "a"}, "hold": {"deadline": "10m", "max_live": 20},
            "rules": [{"id": "r", "verdict": "deny", "match": {
                "path": "/x", "body_size": {"gt": "1KiB"}, "header": {"x": {"gt": 1}}, "mcp": {"tool": "t"},
            }}],
            "redact": [{"match": {"path": "/**"}, "direction": "both", "profile": {
                "entities": ["pii", "-IP_ADDRESS"], "style": {"mask": {"keep_last": 4}}, "min_score": {"default": 0.4},
                "custom": [{"name": "N", "pattern": "[0-9]+", "checksum": "luhn"}], "exclude": ["/a/**"], "binary": "pass",
            }}],
            "workflows": {"w": {"quorum": 2, "deadline": "1h"}},
        });
        Policy::parse(policy.to_string().as_bytes(), &[]).map(drop).unwrap();
        assert_eq!(mistakes(&validator, &policy), [""; 0]);
        for (pointer, wrong) in [
            ("/version", json!(2)),
            ("/default", json!("maybe")),
            ("/default", json!({"reads": "allow"})),
            ("/approver", json!({})),
            ("/hold/deadline", json!("soon")),
            ("/hold/deadline", json!(10)),
            ("/hold/max_live", json!("20")),
            ("/hold/max_live", json!(-1)),
            ("/rules/0/id", json!("with spaces")),
            ("/rules/0/id", json!("")),
            ("/rules/0/verdict", json!("block")),
            ("/rules/0/match", json!({})),
            ("/rules/0/match/path", json!("relative")),
            ("/rules/0/match/path", json!([])),
            ("/rules/0/match/body_size/gt", json!(1024)),
            ("/rules/0/match/header/x", json!({"over": 1})),
            ("/rules/0/match/header/x/gt", json!("many")),
            ("/rules/0/match/mcp/tool", json!(7)),
            ("/redact/0/direction", json!("sideways")),
            ("/redact/0/profile/entities", json!([])),
            ("/redact/0/profile/entities/0", json!("EMAIL")),
            ("/redact/0/profile/style", json!("hide")),
            ("/redact/0/profile/style/mask/keep_last", json!(-4)),
            ("/redact/0/profile/min_score/default", json!(40)),
            ("/redact/0/profile/custom/0", json!({"name": "N"})),
            ("/redact/0/profile/custom/0/checksum", json!("crc")),
            ("/redact/0/profile/exclude/0", json!("a")),
            ("/redact/0/profile/binary", json!("maybe")),
            ("/workflows/w/quorum", json!(0)),
            ("/workflows/w/deadline", json!("never")),
        ] {
            let mut broken = policy.clone();
            *broken.pointer_mut(pointer).unwrap() = wrong.clone();
            assert!(
                Policy::parse(broken.to_string().as_bytes(), &[]).is_err(),
                "the engine takes {wrong} at {pointer}"
            );
            assert_ne!(mistakes(&validator, &broken), [""; 0], "the schema takes {wrong} at {pointer}");
        }
    }
}
