//! Table tests of a policy: a request goes in; verdict, rules and what is masked come out, and are compared.
//!
//! Must not go here: finding and printing (`cli::policy::test`).

use std::collections::{BTreeMap, BTreeSet};

use privyseal_engine::classify::{DEFAULT_RULE, Verdict};
use privyseal_engine::exchange::Forwarded;
use privyseal_engine::extract::coding;
use privyseal_engine::policy::Policy;
use privyseal_engine::redact::{Labels, Masked};
use privyseal_engine::request::{Head, Headers, canonical_target};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::packs;

/// A file of tests as written by users.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    pub tests: Vec<Case>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub request: Request,
    pub expect: Expected,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    #[serde(default = "get")]
    pub method: String,
    #[serde(default = "localhost")]
    pub host: String,
    /// With its query, as a client sends it.
    pub path: String,
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub principal: Option<String>,
    #[serde(default)]
    pub on_behalf_of: Option<String>,
    #[serde(default)]
    pub source: Option<String>,
    /// Text as it is, anything else as JSON.
    #[serde(default)]
    pub body: Option<Value>,
}

/// The values of a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn values(&self) -> &[String] {
        match self {
            OneOrMany::One(value) => std::slice::from_ref(value),
            OneOrMany::Many(values) => values,
        }
    }
}

/// What must come out; what is left out is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub verdict: Option<Word>,
    /// The rule that decides, or one of them.
    #[serde(default)]
    pub rule: Option<String>,
    /// A rule that must not match.
    #[serde(default)]
    pub not_rule: Option<String>,
    /// The reason code of a refusal.
    #[serde(default)]
    pub code: Option<String>,
    /// The body that goes on, masked.
    #[serde(default)]
    pub body: Option<Value>,
    /// Headers that go on, masked; a list without values where the header is taken away.
    #[serde(default)]
    pub headers: BTreeMap<String, OneOrMany>,
    /// The query that goes on, masked, without `?`.
    #[serde(default)]
    pub query: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Allow,
    Deny,
    Hold,
    /// The request cannot be judged.
    Refuse,
}

fn get() -> String {
    "GET".into()
}

fn localhost() -> String {
    "localhost".into()
}

/// What a policy makes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub verdict: Word,
    pub rules: Vec<String>,
    pub code: Option<&'static str>,
    pub detail: String,
    /// As it goes on: masked where the policy says so.
    pub body: Vec<u8>,
    /// What of its head is masked.
    pub masked: Masked,
}

impl Request {
    pub fn head(&self) -> Head {
        let fields = self
            .headers
            .iter()
            .flat_map(|(name, values)| values.values().iter().map(|value| (name.to_ascii_lowercase(), value)));
        let mut head = Head {
            method: self.method.clone().into_bytes(),
            scheme: b"https".to_vec(),
            authority: self.host.clone().into_bytes(),
            target: self.path.clone().into_bytes(),
            headers: Headers::new(fields),
            peer: self.source.clone(),
            principal: self.principal.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            bodyless: self.body.is_none(),
            ..Head::default()
        };
        if let Ok(canonical) = canonical_target(&head.target) {
            head.path = canonical.path;
            head.query = canonical.query;
        }
        head
    }

    pub fn body(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        }
    }
}

/// What `policy` makes of `request`, as the filter would.
pub fn run(policy: &Policy, request: &Request) -> Outcome {
    let (head, body) = (request.head(), request.body());
    let refused = |code, detail: String| Outcome {
        verdict: Word::Refuse,
        rules: Vec::new(),
        code: Some(code),
        detail,
        body: Vec::new(),
        masked: Masked::default(),
    };
    let selection = policy.select(&head);
    if let Some(doubt) = &selection.refusal {
        return refused(doubt.code, doubt.detail.clone());
    }
    let body = match coding::decoded(&head.headers, &body, selection.body_limit) {
        Ok(decoded) => decoded.into_owned(),
        Err(fault) => return refused(fault.code(), fault.to_string()),
    };
    let decision = match policy.decide(&head, &selection, Some(&body)) {
        Ok(decision) => decision,
        Err(doubt) => return refused(doubt.code, doubt.detail),
    };
    let profile = selection.redact_request.filter(|_| decision.verdict != Verdict::Deny);
    let forwarded = match profile.and_then(|id| policy.profile(id)) {
        Some(profile) => Forwarded::masked(&head, &body, &selection.request_head, profile, &mut Labels::default()),
        None => Ok(Forwarded::default()),
    };
    let forwarded = match forwarded {
        Ok(forwarded) => forwarded,
        Err(doubt) => return refused(doubt.code, doubt.detail),
    };
    let verdict = match decision.verdict {
        Verdict::Allow => Word::Allow,
        Verdict::Deny => Word::Deny,
        Verdict::Hold => Word::Hold,
    };
    let observed = decision.observed.iter().map(|observed| observed.rule.clone());
    let rules = decision.rules.iter().cloned().chain(observed).collect();
    Outcome {
        verdict,
        rules,
        code: None,
        detail: decision.why,
        body: forwarded.body.unwrap_or(body),
        masked: forwarded.head,
    }
}

/// What differs from what was expected; empty if the test passed.
pub fn differences(policy: &Policy, expected: &Expected, outcome: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    // Of a rule that is not there nothing is tested, and it would never be noticed.
    let is_there = |name: &str| name == DEFAULT_RULE || policy.rules().iter().any(|rule| rule.id == name);
    if let Some(rule) = expected.not_rule.as_deref().filter(|rule| !is_there(rule)) {
        differences.push(format!("no rule of this policy is called `{rule}`"));
    }
    if let Some(verdict) = expected.verdict.filter(|verdict| *verdict != outcome.verdict) {
        let code = outcome.code.map_or_else(String::new, |code| format!(" ({code})"));
        let got = format!("expected {verdict:?}, got {:?}{code}: {}", outcome.verdict, outcome.detail);
        differences.push(got.to_lowercase());
    }
    if let Some(rule) = expected.rule.as_ref().filter(|rule| !outcome.rules.contains(rule)) {
        differences.push(format!("expected rule `{rule}`, got `{}`", outcome.rules.join("`, `")));
    }
    if let Some(rule) = expected.not_rule.as_ref().filter(|rule| outcome.rules.contains(rule)) {
        differences.push(format!("expected rule `{rule}` not to match, got `{}`", outcome.rules.join("`, `")));
    }
    if let Some(code) = expected.code.as_deref().filter(|code| Some(*code) != outcome.code) {
        differences.push(format!("expected code `{code}`, got `{}`", outcome.code.unwrap_or("none")));
    }
    if let Some(body) = &expected.body {
        let got = String::from_utf8_lossy(&outcome.body);
        let same = match body {
            Value::String(text) => *text == got,
            json => serde_json::from_str::<Value>(&got).is_ok_and(|got| got == *json),
        };
        if !same {
            let wanted = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
            differences.push(format!("expected body `{wanted}`, got `{got}`"));
        }
    }
    for (name, wanted) in &expected.headers {
        let got = outcome.masked.headers.iter().find(|(masked, _)| *masked == name.to_ascii_lowercase());
        let got = got.map(|(_, values)| values.iter().map(|value| String::from_utf8_lossy(value)).collect::<Vec<_>>());
        if got.as_deref().is_none_or(|got| got != wanted.values()) {
            let got = got.map_or_else(|| "nothing masked".to_owned(), |got| format!("`{}`", got.join("`, `")));
            differences.push(format!("expected header `{name}: {}`, got {got}", wanted.values().join("`, `")));
        }
    }
    if let Some(query) = expected.query.as_ref().filter(|query| outcome.masked.query.as_ref() != Some(query)) {
        let got = outcome.masked.query.as_ref().map_or_else(|| "nothing masked".to_owned(), |got| format!("`{got}`"));
        differences.push(format!("expected query `{query}`, got {got}"));
    }
    differences
}

/// The rules that no outcome names: nothing shows that they work. Those of packs have tests of their own.
pub fn untested<'p>(policy: &'p Policy, outcomes: &[Outcome]) -> Vec<&'p str> {
    let tested: BTreeSet<&str> = outcomes.iter().flat_map(|o| o.rules.iter().map(String::as_str)).collect();
    let ids = policy.rules().iter().map(|rule| rule.id.as_str());
    ids.filter(|id| !tested.contains(id) && !packs::is_of_pack(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"version": 1, "default": "allow", "approver": {"cluster": "a"},
        "rules": [
            {"id": "export", "match": {"path": "/**/export", "body": {"/n": {"gt": 5}}}, "verdict": "hold"},
            {"id": "never", "match": {"path": "/never"}, "verdict": "deny"}],
        "redact": [{"match": {"path": "/chat"}, "direction": "request", "profile": {"entities": ["pii"]},
            "headers": ["x-user"], "query": true}]}"#;

    fn outcome(request: &str) -> Outcome {
        let policy = Policy::parse(POLICY.as_bytes(), &[]).unwrap();
        run(&policy, &serde_saphyr::from_str(request).unwrap())
    }

    fn differ(expected: &str, request: &str) -> Vec<String> {
        let policy = Policy::parse(POLICY.as_bytes(), &[]).unwrap();
        differences(&policy, &serde_saphyr::from_str(expected).unwrap(), &outcome(request))
    }

    #[test]
    fn outcomes_are_those_of_the_filter() {
        let held = "{path: /v1/export, method: POST, body: {n: 6}}";
        assert!(differ("{verdict: hold, rule: export}", held).is_empty());
        assert_eq!(differ("{verdict: allow, rule: never}", held).len(), 2);
        assert!(differ("{verdict: allow, rule: default}", "{path: /v1/export, body: {n: 5}}").is_empty());
        let broken = "{path: /v1/export, body: '{\"n\": 6, \"n\": 5}'}";
        assert!(differ("{verdict: refuse, code: duplicate_key}", broken).is_empty());
        assert_eq!(differ("{not_rule: exprot}", held), ["no rule of this policy is called `exprot`"]);
        assert!(differ("{not_rule: never}", held).is_empty());
        assert!(differ("{verdict: allow}", broken)[0].starts_with("expected allow, got refuse (duplicate_key): "));
        assert_eq!(differ("{code: invalid_json}", broken), ["expected code `invalid_json`, got `duplicate_key`"]);
    }

    #[test]
    fn masked_bodies_are_compared() {
        let chat = "{path: /chat, method: POST, body: {text: write to alice@example.com}}";
        assert!(differ("{verdict: allow, body: {text: write to <EMAIL_ADDRESS>}}", chat).is_empty());
        assert_eq!(differ("{body: {text: write to alice@example.com}}", chat).len(), 1);
    }

    #[test]
    fn masked_headers_and_queries_are_compared() {
        let chat = "{path: '/chat?q=alice@example.com', headers: {x-user: bob@example.com}}";
        let masked = "{headers: {X-User: <EMAIL_ADDRESS>}, query: q=%3CEMAIL_ADDRESS%3E}";
        assert_eq!(differ(masked, chat), Vec::<String>::new());
        assert_eq!(
            differ("{headers: {x-user: bob@example.com, x-other: a}, query: q=alice@example.com}", chat).len(),
            3
        );
    }

    #[test]
    fn rules_without_a_test_are_named() {
        let policy = Policy::parse(POLICY.as_bytes(), &[]).unwrap();
        let outcomes = [outcome("{path: /v1/export, body: {n: 6}}")];
        assert_eq!(untested(&policy, &outcomes), ["never"]);
    }

    #[test]
    fn the_policies_that_users_copy_pass_their_own_tests() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy/policies");
        let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        let mut policies = 0;
        for path in std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.ends_with(".yaml") || name.ends_with(".test.yaml") {
                continue;
            }
            policies += 1;
            let report = crate::policy::check::Report::of(&read(&path));
            assert!(report.findings.is_empty(), "{name}: {:?}", report.findings);
            let policy = report.policy.unwrap();
            let suite: Suite = serde_saphyr::from_str(&read(&path.with_extension("test.yaml"))).unwrap();
            let mut outcomes = Vec::new();
            for case in &suite.tests {
                let outcome = run(&policy, &case.request);
                assert_eq!(differences(&policy, &case.expect, &outcome), Vec::<String>::new(), "{name}: {}", case.name);
                outcomes.push(outcome);
            }
            assert_eq!(untested(&policy, &outcomes), Vec::<&str>::new(), "{name}");
        }
        assert!(policies >= 3, "{policies} policies in {directory:?}");
    }
}
