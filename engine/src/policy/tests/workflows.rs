//! `workflows:` as written.

use std::time::Duration;

use serde_json::{Value, json};

use super::{compile, errors};
use crate::hold::Risk;
use crate::policy::{Grants, Quorum, Reviewers, Workflow};
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
        quorum: Quorum::People(2),
        require_reason: true,
        deadline: Some(Duration::from_secs(1800)),
        ..Workflow::new("")
    };
    let mut found = policy.workflows().to_vec();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(found, [Workflow::new("any"), finance]);
}

#[test]
fn a_workflow_may_want_groups_check_tickets_allow_grants_and_differ_by_risk() {
    let policy = compile(with(
        json!({"pay": {
            "quorum": {"security": 1, "on-call": 2}, "check_ticket": true,
            "grants": {"max_duration": "1h", "max_uses": 5, "pointers": ["/account"]},
            "risk": {"critical": {"quorum": 3, "require_reason": true}},
        }}),
        json!("pay"),
    ));
    let at = |risk| Workflow::at(policy.workflows(), "pay", risk).unwrap();
    let groups = [("on-call", 2), ("security", 1)].map(|(name, needed)| (name.to_owned(), needed));
    let usual = Workflow {
        quorum: Quorum::Groups(groups.into()),
        check_ticket: true,
        grants: Some(Grants {
            max_duration: Duration::from_secs(3600),
            max_uses: 5,
            pointers: vec!["/account".into()],
        }),
        ..Workflow::new("pay")
    };
    assert_eq!((at(Risk::High), usual.quorum.people()), (&usual, 3));
    let name = "pay@critical".to_owned();
    assert_eq!(*at(Risk::Critical), Workflow { name, quorum: Quorum::People(3), require_reason: true, ..usual });
    assert_eq!(Workflow::at(policy.workflows(), "other", Risk::High), None);
}

#[test]
fn mistakes_in_workflows_are_named() {
    for (workflows, rule, expected) in [
        (json!({"w": {"quorum": 0}}), json!(null), "workflows.w.quorum: a quorum is between 1 and 20 people"),
        (json!({"w": {"quorum": 21}}), json!(null), "between 1 and 20"),
        (json!({"w": {"quorum": {}}}), json!(null), "workflows.w.quorum: a quorum is a number, or of 1 to 5 groups"),
        (json!({"w": {"quorum": {"a": 0}}}), json!(null), "workflows.w.quorum.a: a quorum is between 1 and 20 people"),
        (json!({"w": {"risk": {"huge": {}}}}), json!(null), "unknown risk `huge`"),
        (json!({"w": {"risk": {"low": {"risk": {}}}}}), json!(null), "workflows.w.risk.low.risk: unknown field"),
        (json!({"w@low": {}}), json!(null), "no `@` in the name of a workflow"),
        (json!({"w": {"grants": {"max_uses": 1, "pointers": []}}}), json!(null), "`max_duration` is missing"),
        (
            json!({"w": {"grants": {"max_duration": "1h", "max_uses": 0, "pointers": []}}}),
            json!(null),
            "1 to 1000 uses",
        ),
        (
            json!({"w": {"grants": {"max_duration": "1h", "max_uses": 1, "pointers": ["a"]}}}),
            json!(null),
            "expected a JSON pointer",
        ),
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
