//! `workflows:` as written.

use std::time::Duration;

use serde_json::{Value, json};

use super::{compile, errors};
use crate::policy::{Reviewers, Workflow};
use crate::testing::test;

fn with(workflows: Value, rule: Value) -> Value {
    let mut rules = json!([{"id": "r", "match": {"path": "/x"}, "verdict": "hold"}]);
    if rule.is_string() {
        rules[0]["workflow"] = rule;
    }
    json!({"version": 1, "default": "allow", "approver": {"cluster": "a"}, "rules": rules, "workflows": workflows})
}

#[test]
fn workflows_are_read_with_their_defaults() {
    let policy = compile(with(
        json!({
            "finance": {"reviewers": {"people": "alice", "groups": ["finance"]}, "quorum": 2, "require_reason": true, "deadline": "30m"},
            "any": {},
        }),
        json!("finance"),
    ));
    let finance = Workflow {
        name: "finance".into(),
        reviewers: Reviewers::Named { people: vec!["alice".into()], groups: vec!["finance".into()] },
        quorum: 2,
        require_reason: true,
        deadline: Some(Duration::from_secs(1800)),
    };
    let mut found = policy.workflows().to_vec();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found, [Workflow::new("any"), finance]);
}

#[test]
fn mistakes_in_workflows_are_named() {
    for (workflows, rule, expected) in [
        (json!({"w": {"quorum": 0}}), json!(null), "workflows.w.quorum: a quorum is between 1 and 20 people"),
        (json!({"w": {"quorum": 21}}), json!(null), "between 1 and 20"),
        (json!({"w": {"quorom": 2}}), json!(null), "did you mean `quorum`?"),
        (json!({"w": {"reviewers": {}}}), json!(null), "workflows.w.reviewers: nobody may decide"),
        (json!({"w": {"reviewers": {"people": []}}}), json!(null), "the list is empty"),
        (json!({"w": {"deadline": "soon"}}), json!(null), "workflows.w.deadline"),
        (json!({"w": {}}), json!("v"), "workflows: rule `r` names `v`, which is not here"),
        (json!([]), json!(null), "workflows: expected fields"),
    ] {
        let found = errors(with(workflows.clone(), rule));
        assert!(found.iter().any(|error| error.contains(expected)), "{workflows}: {found:?}");
    }
    compile(with(json!({"w": {}}), json!("default")));
}

#[test]
fn without_a_list_names_belong_to_the_approver() {
    let mut policy = with(json!({}), json!("night-shift"));
    policy.as_object_mut().unwrap().remove("workflows");
    assert!(compile(policy).workflows().is_empty());
}
