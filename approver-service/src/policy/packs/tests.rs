//! Each pack against its own table, and how packs get into a policy.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::policy::check::Report;
use crate::policy::trial::{Case, Suite, Word, differences, run};

fn policy(packs: &str) -> Report {
    Report::of(&format!(
        "version: 1\ndefault: allow\napprover: {{cluster: a}}\nidentity: {{principal: {{jwt: sub}}}}\npacks: {packs}\n"
    ))
}

fn suite(pack: &str) -> Suite {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../packs/{pack}.test.yaml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"))
}

#[test]
fn each_pack_holds_what_its_table_says() {
    let mut failed = Vec::new();
    for (name, _) in PACKS {
        let report = policy(&format!("[{name}]"));
        assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
        let policy = report.policy.unwrap();
        for case in suite(name).tests {
            let differences = differences(&policy, &case.expect, &run(&policy, &case.request));
            failed.extend(differences.iter().map(|difference| format!("{name}: {}: {difference}", case.name)));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn each_rule_cites_its_api_and_has_positives_and_near_misses() {
    for (name, text) in PACKS {
        let pack = Source::parse(text).unwrap().value;
        assert_eq!(pack["pack"], name);
        let cases = suite(name).tests;
        for rule in pack["rules"].as_array().unwrap() {
            let id = format!("{name}/{}", rule["id"].as_str().unwrap());
            for text in ["docs", "why", "reason", "category", "risk"] {
                assert!(rule[text].is_string(), "{id} has no `{text}`");
            }
            assert!(rule["docs"].as_str().unwrap().starts_with("https://"), "{id}");
            let requests = |cases: Vec<&Case>| -> usize {
                cases.iter().map(|case| format!("{:?}", case.request)).collect::<BTreeSet<_>>().len()
            };
            let positive = |case: &&Case| {
                case.expect.rule.as_ref() == Some(&id) && matches!(case.expect.verdict, Some(Word::Hold | Word::Deny))
            };
            let near = |case: &&Case| case.expect.not_rule.as_ref() == Some(&id);
            assert!(requests(cases.iter().filter(positive).collect()) >= 3, "{id}");
            assert!(requests(cases.iter().filter(near).collect()) >= 2, "{id}");
        }
    }
}

#[test]
fn a_pack_is_scoped_observed_given_to_a_workflow_and_excepted() {
    let report = policy(
        "[{name: mcp, match: {host: tools.internal}, mode: observe, workflow: tools}, export]\nworkflows: {tools: {}}\n\
         exceptions: [{rule: export/bulk-read, match: {principal: reporter}, why: its job}]",
    );
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    let policy = report.policy.unwrap();
    let outcome = |request: &str| run(&policy, &serde_saphyr::from_str(request).unwrap());
    let call = |host: &str| {
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete_all"}}"#;
        outcome(&format!("{{method: POST, host: {host}, path: /mcp, body: '{body}'}}"))
    };
    assert_eq!(call("tools.internal").rules, ["default", "mcp/destructive"]);
    assert_eq!(call("other.internal").rules, ["default"]);
    let by = |who: &str| outcome(&format!("{{path: '/v1/x?limit=5000', principal: {who}}}"));
    assert_eq!((by("agent").verdict, by("reporter").verdict), (Word::Hold, Word::Allow));
    let rule = policy.rules().iter().find(|rule| rule.id == "mcp/access").unwrap();
    assert_eq!((rule.observe, rule.workflow.as_str()), (true, "tools"));
}

#[test]
fn a_wait_that_outlives_a_signature_is_warned_of() {
    let found = |wait: &str| policy(&format!("[aws]\nhold: {{wait: {wait}}}")).findings.len();
    assert_eq!((found("4m"), found("5m")), (0, 1));
}

#[test]
fn mistakes_stand_at_the_pack() {
    let shown = |packs: &str| -> Vec<String> {
        let show = |f: &crate::policy::check::Finding| format!("{:?} {}", f.line, f.message);
        policy(packs).findings.iter().map(show).collect()
    };
    assert_eq!(shown("[asw]"), ["Some(5) no pack is named `asw`"]);
    assert_eq!(shown("aws"), ["Some(5) expected a list"]);
    assert_eq!(shown("[mcp, mcp]"), ["Some(5) the pack `mcp` stands twice"]);
    assert_eq!(shown("[{name: mcp, verdict: deny}]"), ["Some(5) unknown field `verdict`"]);
    assert_eq!(shown("[{name: mcp, match: {hots: x}}]"), ["Some(5) unknown field `hots`"]);
    let exception = "[mcp]\nexceptions: [{rule: mcp/nothing, match: {path: /**}}]";
    assert_eq!(shown(exception), ["Some(6) no rule is named `mcp/nothing`"]);
}
