//! The packs in the real Envoy: each table request by request, and the clients that agents use.

mod clients;

use std::collections::BTreeMap;

use e2e::client::Request;
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::scene::Faked;
use e2e::{artefacts, policy};
use privyseal_engine::hold::State;
use serde::Deserialize;
use serde_json::{Value, json};

const AGENT: &str = "agent-1";

#[derive(Deserialize)]
struct Suite {
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    request: Written,
    expect: Expected,
}

#[derive(Deserialize)]
struct Written {
    method: Option<String>,
    host: String,
    path: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
}

#[derive(Deserialize)]
struct Expected {
    rule: Option<String>,
}

impl Written {
    fn request(&self) -> Request {
        let mut body = match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        };
        let length = self.headers.get("content-length");
        if let Some(length) = length.and_then(|length| length.parse().ok()) {
            body.resize(length, b'x');
        }
        let mut request = Request::new(self.method.as_deref().unwrap_or("GET"), &self.path);
        if !body.is_empty() {
            request = request.body("text/plain", body).set("content-type", None);
        }
        request = request.set("host", Some(&self.host)).header(policy::AGENT, AGENT);
        self.headers.iter().fold(request, |request, (name, value)| request.set(name, Some(value)))
    }
}

/// A policy of nothing but packs, whose holds are pending at once.
fn of_packs(packs: &[&str]) -> Value {
    let base = policy::with(policy::crm_waiting("20ms"), "/rules", json!([]));
    policy::with_packs(base, packs)
}

fn undecided() -> FakeApprover {
    FakeApprover::start(Twist { state: State::Pending, ..Twist::default() })
}

/// The rules of the hold that was made since `before`, if one was.
fn held_since(approver: &FakeApprover, before: usize) -> Option<Vec<String>> {
    let calls = approver.calls(Call::Create);
    let intake = calls.get(before)?;
    Some(serde_json::from_value(intake["rules"].clone()).unwrap())
}

async fn table(pack: &str) {
    let text = std::fs::read_to_string(artefacts::root().join(format!("packs/{pack}.test.yaml"))).unwrap();
    let suite: Suite = serde_saphyr::from_str(&text).unwrap();
    let scene = Faked::new(undecided(), &of_packs(&[pack])).await;
    let mut wrong = Vec::new();
    for case in &suite.tests {
        let (holds, seen) = (scene.approver.calls(Call::Create).len(), scene.upstream.seen().len());
        let answer = scene.send(&case.request.request()).await;
        let (held, passed) = (held_since(&scene.approver, holds), scene.upstream.seen().len() > seen);
        let right = match &case.expect.rule {
            Some(rule) => {
                let pending = answer.header("x-privyseal-status").as_deref() == Some("pending");
                // Envoy itself refuses escaped slashes, as its users should have it.
                let by_envoy = answer.status == 400 && case.request.path.to_ascii_lowercase().contains("%2f");
                let by_rule = pending && held.as_ref().is_some_and(|rules| rules.contains(rule));
                !passed && (by_rule || by_envoy)
            }
            None => passed && held.is_none(),
        };
        if !right {
            wrong.push(format!("{}: held by {held:?}, passed: {passed}, {answer:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn the_table_of_aws() {
    table("aws").await;
}

#[tokio::test]
async fn the_table_of_export() {
    table("export").await;
}

#[tokio::test]
async fn the_table_of_github() {
    table("github").await;
}

#[tokio::test]
async fn the_table_of_kubernetes() {
    table("kubernetes").await;
}

#[tokio::test]
async fn the_table_of_llm() {
    table("llm").await;
}

#[tokio::test]
async fn the_table_of_mcp() {
    table("mcp").await;
}

#[tokio::test]
async fn agents_say_what_for_and_approvers_read_it() {
    let rule = json!({ "id": "r", "match": { "path": "/x" }, "verdict": "hold", "why": "w", "require": ["purpose", "ticket"] });
    let scene =
        Faked::new(FakeApprover::start(Twist::default()), &policy::with(policy::crm(), "/rules", json!([rule]))).await;
    let silent = Request::post("/x", &json!({})).header(policy::AGENT, AGENT);
    let refused = scene.send(&silent).await;
    assert_eq!((refused.status, refused.header("x-privyseal-code").as_deref()), (400, Some("purpose_required")));
    assert!(refused.text().contains("`x-privyseal-purpose`"), "{refused:?}");
    scene.upstream.assert_untouched();
    let said =
        silent.header("x-privyseal-purpose", "write to alice@example.com").header("x-privyseal-ticket", "OPS-42");
    assert_eq!(scene.send(&said).await.status, 200);
    let stated = &scene.approver.calls(Call::Create)[0]["preview"]["stated"];
    assert_eq!(stated["ticket"], json!("OPS-42"));
    let purpose = stated["purpose"].as_str().unwrap();
    assert!(purpose.starts_with("write to <EMAIL_ADDRESS") && !purpose.contains("alice"), "{purpose}");
    let passed = scene.upstream.only();
    assert!(
        passed
            .headers()
            .iter()
            .all(|(name, _)| !name.starts_with("x-privyseal-p") && !name.starts_with("x-privyseal-t"))
    );
}
