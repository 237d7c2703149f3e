//! `privyseal policy …` as people type it: what a newcomer does, and what they hear when it goes wrong.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn run(folder: &Path, args: &[&str]) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_privyseal")).arg("policy").args(args).current_dir(folder).output();
    command.unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_newcomer_gets_from_nothing_to_a_gateway() {
    let folder = TempDir::new().unwrap();
    for traffic in ["api", "mcp", "llm"] {
        let file = format!("{traffic}.yaml");
        let init = ["init", "--traffic", traffic, "--principal", "header:x-agent", "--approver", "people", &file];
        assert_eq!(code(&run(folder.path(), &init)), 0, "{traffic}");
        let again = run(folder.path(), &init);
        assert_eq!(code(&again), 1, "an existing file is kept");

        let checked = run(folder.path(), &["check", &file]);
        assert_eq!(code(&checked), 0, "{}", text(&checked.stdout));
        assert!(text(&checked.stdout).contains("observes only"));
        let tested = run(folder.path(), &["test", &file, "--coverage"]);
        assert_eq!(code(&tested), 0, "{traffic}: {}", text(&tested.stdout));

        let rendered = run(folder.path(), &["render", &file, "--upstream", "https://api.example.com"]);
        assert_eq!(code(&rendered), 0, "{}", text(&rendered.stderr));
        let envoy: Value = serde_saphyr::from_slice(&rendered.stdout).unwrap();
        assert_eq!(envoy["static_resources"]["clusters"][1]["name"], "people");
    }
    std::fs::write(
        folder.path().join("api.test.yaml"),
        "tests:\n  - name: deletions are held\n    request: {method: DELETE, path: /x}\n    expect: {verdict: hold, rule: deletions}\n",
    )
    .unwrap();
    let tested = run(folder.path(), &["test", "api.yaml", "--junit", "report.xml"]);
    assert_eq!(code(&tested), 0, "{}", text(&tested.stdout));
    assert!(text(&tested.stdout).contains("1 passed, 0 failed; 1 of 2 rules have a test"));
    assert!(std::fs::read_to_string(folder.path().join("report.xml")).unwrap().contains("tests=\"1\" failures=\"0\""));
    assert_eq!(code(&run(folder.path(), &["test", "api.yaml", "--coverage"])), 1);
}

#[test]
fn mistakes_are_named_with_file_line_and_column() {
    let folder = TempDir::new().unwrap();
    let policy = "version: 1\ndefault: allow\nrules:\n  - id: a\n    match: {pth: /x}\n    verdict: deny\n";
    std::fs::write(folder.path().join("p.yaml"), policy).unwrap();
    let checked = run(folder.path(), &["check", "p.yaml"]);
    assert_eq!(code(&checked), 1);
    let said = text(&checked.stdout);
    assert!(said.contains("p.yaml:5:13: error: rules[0].match.pth: unknown field `pth`"), "{said}");
    assert!(said.contains("did you mean `path`?"), "{said}");
    assert!(text(&checked.stderr).contains("1 error, 0 warnings in `p.yaml`"));

    let json = run(folder.path(), &["check", "p.yaml", "--json"]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&report["errors"], &report["findings"][0]["line"]), (&1.into(), &5.into()));

    for args in [&["render", "p.yaml", "--upstream", "80"][..], &["test", "p.yaml"], &["explain", "p.yaml", "h/x"]] {
        let failed = run(folder.path(), args);
        assert_eq!(code(&failed), 1, "{args:?}");
        assert!(text(&failed.stderr).contains("privyseal policy check p.yaml"), "{args:?}");
    }
    assert_eq!(code(&run(folder.path(), &["check", "none.yaml"])), 1);
    assert_eq!(code(&run(folder.path(), &["render", "p.yaml"])), 2);
    assert_eq!(code(&run(folder.path(), &["render", "p.yaml", "--upstream", "nonsense"])), 2);
}

#[test]
fn a_failing_test_says_what_differs() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("p.yaml"), "{version: 1, default: deny}").unwrap();
    let tests = "tests:\n  - name: passes\n    request: {path: /x}\n    expect: {verdict: allow}\n";
    std::fs::write(folder.path().join("p.test.yaml"), tests).unwrap();
    let failed = run(folder.path(), &["test", "p.yaml"]);
    assert_eq!(code(&failed), 1);
    assert!(text(&failed.stdout).contains("expected allow, got deny"), "{}", text(&failed.stdout));
    std::fs::write(folder.path().join("p.test.yaml"), tests.replace("expect", "expects")).unwrap();
    let refused = run(folder.path(), &["test", "p.yaml"]);
    assert_eq!(code(&refused), 1);
    assert!(text(&refused.stderr).contains("expects"), "{}", text(&refused.stderr));
}

#[test]
fn a_request_is_explained_part_by_part() {
    let folder = TempDir::new().unwrap();
    let policy = "version: 1\ndefault: allow\nrules:\n  - id: big\n    match: {path: /pay, body: {/amount: {gte: 10}}}\n    verdict: deny\n";
    std::fs::write(folder.path().join("p.yaml"), policy).unwrap();
    const JSON: &str = "content-type: application/json";
    let explain = |args: &[&str]| text(&run(folder.path(), &[&["explain", "p.yaml"], args].concat()).stdout);
    let denied = explain(&["https://h/pay", "-H", JSON, "-d", "{\"amount\": \"10.0\"}"]);
    assert!(denied.starts_with("deny  big") && denied.contains("yes    body /amount"), "{denied}");
    let passed = explain(&["https://h/pay", "-H", JSON, "-d", "{\"amount\": 9}", "--all"]);
    assert!(passed.starts_with("allow  default") && passed.contains("no     body /amount"), "{passed}");
    assert!(denied.contains("body /amount  ← \"10.0\""), "{denied}");
    assert_eq!(explain(&["--curl", "curl https://h/pay --json '{\"amount\": \"10.0\"}'"]), denied);
    assert!(explain(&["https://h/other"]).contains("passes byte for byte"));
    let har = r#"{"log": {"entries": [{"request": {"method": "POST", "url": "https://h/pay", "postData": {"text": "{\"amount\": 11}"}}},
        {"request": {"method": "GET", "url": "https://h/other"}}]}}"#;
    std::fs::write(folder.path().join("r.har"), har).unwrap();
    let listed: Value = serde_json::from_str(&explain(&["--har", "r.har", "--json"])).unwrap();
    assert_eq!((&listed[0]["verdict"], &listed[1]["verdict"]), (&"deny".into(), &"allow".into()));
    assert_eq!(code(&run(folder.path(), &["explain", "p.yaml"])), 2);
    assert!(explain(&["https://h/pay#x"]).starts_with("refuse  ambiguous_path"));
}

#[test]
fn the_schema_is_json() {
    let folder = TempDir::new().unwrap();
    let schema: Value = serde_json::from_slice(&run(folder.path(), &["schema"]).stdout).unwrap();
    assert_eq!(schema["title"], "Privyseal policy");
}
