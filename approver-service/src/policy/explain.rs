//! What a policy makes of one request, and why: every rule's condition as a tree, with what the request had to say.
//!
//! Must not go here: the trees themselves (the engine's `classify::explain`), how they are shown (`cli::policy::explain`).

use std::collections::BTreeMap;

use privyseal_engine::classify::Truth;
use privyseal_engine::classify::explain::Part;
use privyseal_engine::policy::Policy;
use privyseal_engine::request::Head;
use serde::Serialize;
use serde_json::Value;

use super::trial::{Request, Word, run};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub method: String,
    pub host: String,
    /// In its normal form; empty if servers do not read it alike.
    pub path: String,
    pub verdict: Word,
    /// The rules that decide, `default` if none does.
    pub rules: Vec<String>,
    pub code: Option<&'static str>,
    pub detail: String,
    /// False: no rule can select it, and it passes byte for byte.
    pub touched: bool,
    /// Every rule, whether it matches or not.
    pub tree: Vec<Judged>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judged {
    pub rule: String,
    pub verdict: &'static str,
    pub observe: bool,
    pub condition: Branch,
}

/// One part of a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Branch {
    pub part: String,
    /// `yes`, `no`, `either`: servers read the request in two ways; `doubt`: it cannot be read.
    pub holds: &'static str,
    pub reason: Option<String>,
    /// What the request has there.
    pub found: Option<String>,
    /// What each `{name}` of a path stands for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub captures: BTreeMap<String, String>,
    pub parts: Vec<Branch>,
}

/// Longer values are cut where they are shown.
const MAX_FOUND: usize = 80;

pub fn explain(policy: &Policy, request: &Request) -> Explanation {
    let (head, body) = (request.head(), request.body());
    let outcome = run(policy, request);
    let json: Option<Value> = serde_json::from_slice(&body).ok();
    let judged = |(rule, part): (&privyseal_engine::classify::Rule, Part)| Judged {
        rule: rule.id.clone(),
        verdict: rule.verdict.as_str(),
        observe: rule.observe,
        condition: branch(&part, &head, &body, json.as_ref()),
    };
    Explanation {
        method: request.method.clone(),
        host: request.host.clone(),
        path: head.path.clone(),
        verdict: outcome.verdict,
        rules: outcome.rules,
        code: outcome.code,
        detail: outcome.detail,
        touched: policy.select(&head).touched,
        tree: policy.explain(&head, &body).into_iter().map(judged).collect(),
    }
}

fn branch(part: &Part, head: &Head, body: &[u8], json: Option<&Value>) -> Branch {
    let (holds, reason) = match part.truth {
        Truth::True => ("yes", None),
        Truth::False => ("no", None),
        Truth::Either => ("either", None),
        Truth::Doubt(reason) => ("doubt", part.parts.is_empty().then(|| reason.to_string())),
        Truth::Later => ("doubt", None),
    };
    Branch {
        part: part.name.clone(),
        holds,
        reason,
        found: found(&part.name, head, body, json).filter(|_| part.parts.is_empty()).map(|text| shortened(&text)),
        captures: part.captures.iter().cloned().collect(),
        parts: part.parts.iter().map(|part| branch(part, head, body, json)).collect(),
    }
}

/// What the request has where a part of a condition looks, for those parts that look at one place.
fn found(part: &str, head: &Head, body: &[u8], json: Option<&Value>) -> Option<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, name) = part.split_once(' ').unwrap_or((part, ""));
    match kind {
        "body" => Some(json?.pointer(name).map_or_else(|| "nothing".to_owned(), Value::to_string))
            .filter(|_| !name.contains('*')),
        "body_size" => Some(body.len().to_string()),
        "content_type" => Some(head.headers.only("content-type").map_or_else(|| "nothing".to_owned(), text)),
        "header" => {
            let values: Vec<String> = head.headers.all(name).map(text).collect();
            Some(if values.is_empty() { "nothing".to_owned() } else { values.join(", ") })
        }
        "host" => Some(text(&head.authority)),
        "method" => Some(text(&head.method)),
        "on_behalf_of" => Some(head.on_behalf_of.clone().unwrap_or_else(|| "nobody".to_owned())),
        "path" => Some(head.path.clone()).filter(|path| !path.is_empty()),
        "principal" => Some(head.principal.clone().unwrap_or_else(|| "nobody".to_owned())),
        "query" => Some(head.query.clone().unwrap_or_default()),
        "source" => Some(head.peer.clone().unwrap_or_else(|| "nowhere".to_owned())),
        _ => None,
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_FOUND) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"version": 1, "default": "allow", "rules": [
        {"id": "big", "match": {"method": "POST", "path": "/pay/{id}", "body": {"/amount": {"gte": 10}}}, "except": {"principal": "billing"}, "verdict": "deny"},
        {"id": "admin", "match": {"path": "/admin"}, "verdict": "deny"}]}"#;

    fn explained(request: &str) -> Explanation {
        let policy = Policy::parse(POLICY.as_bytes(), &[]).unwrap();
        explain(&policy, &serde_saphyr::from_str(request).unwrap())
    }

    /// The leaves as `part=found holds`.
    fn leaves(branch: &Branch) -> Vec<String> {
        if branch.parts.is_empty() {
            let found = branch.found.as_deref().unwrap_or_default();
            return vec![format!("{}={found} {}", branch.part, branch.holds)];
        }
        branch.parts.iter().flat_map(leaves).collect()
    }

    #[test]
    fn every_part_says_what_it_found() {
        let big = explained("{method: POST, path: /pay/7, body: {amount: 12}, principal: agent-7}");
        assert_eq!((big.verdict, big.rules.as_slice(), big.touched), (Word::Deny, &["big".to_owned()][..], true));
        let mut found = leaves(&big.tree[0].condition);
        found.sort();
        assert_eq!(found, ["body /amount=12 yes", "method=POST yes", "path=/pay/7 yes", "principal=agent-7 no"]);
        assert_eq!(leaves(&big.tree[1].condition), ["path=/pay/7 no"]);
        let policy = POLICY.replace(r#""path": "/pay/{id}""#, r#""path": "/pay/{id}", "captures": {"id": 8}"#);
        let policy = Policy::parse(policy.as_bytes(), &[]).unwrap();
        let other = serde_saphyr::from_str("{method: POST, path: /pay/7, body: {amount: 12}}").unwrap();
        let other = explain(&policy, &other);
        assert!(leaves(&other.tree[0].condition).contains(&"path=/pay/7 yes".to_owned()), "{other:?}");
        assert!(leaves(&other.tree[0].condition).contains(&"captures id= no".to_owned()), "{other:?}");
        let captured = serde_json::to_string(&big.tree[0]).unwrap();
        assert!(captured.contains(r#""captures":{"id":"7"}"#), "{captured}");
    }

    #[test]
    fn doubts_say_why() {
        let doubt = explained("{method: POST, path: /pay/7, body: '{\"amount\": 1, \"amount\": 12}'}");
        assert_eq!((doubt.verdict, doubt.code), (Word::Refuse, Some("duplicate_key")));
        let json = serde_json::to_string(&doubt).unwrap();
        assert!(json.contains(r#""holds":"doubt","reason":""#), "{json}");
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(shortened(&"é".repeat(100)).chars().count(), MAX_FOUND + 1);
    }
}
