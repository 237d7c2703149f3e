//! What an upstream learns of an approval, and proves with a standard JWT library.

use std::net::SocketAddr;

use e2e::agents::Server;
use e2e::approver::{Approver, Person};
use e2e::client::{Request, Response};
use e2e::envoy::Envoy;
use e2e::scene::{PEOPLE, export, gateway};
use e2e::{artefacts, policy};
use serde_json::{Value, json};

const AUTHORITY: &str = "crm.example";

/// A gateway before an upstream in Python that runs only what comes with a receipt.
struct Scene {
    approver: Approver,
    upstream: Server,
    envoy: Envoy,
    alice: Person,
}

impl Scene {
    async fn new(policy: &Value) -> Scene {
        let approver = Approver::start(PEOPLE).await.unwrap();
        let issuer = format!("http://{}", approver.addr());
        let upstream = Server::start("receipt_upstream", &[&issuer, AUTHORITY]).await.unwrap();
        let config = gateway(upstream.addr, approver.addr(), approver.gateway_token(), approver.key(), policy);
        let envoy = Envoy::start(&config).await.unwrap();
        let alice = approver.login("alice").await.unwrap();
        Scene { approver, upstream, envoy, alice }
    }

    async fn approved(&self, request: &Request) -> Response {
        let (request, addr) = (request.clone(), self.envoy.addr());
        let answer = tokio::spawn(async move { request.send(addr).await.unwrap() });
        let id = self.alice.await_pending().await;
        assert_eq!(self.alice.approve(&id).await.unwrap().status, 200);
        answer.await.unwrap()
    }
}

async fn refusal(addr: SocketAddr, request: Request) -> String {
    let refused = request.send(addr).await.unwrap();
    assert_eq!(refused.status, 403, "{refused:?}");
    refused.json()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_upstream_runs_what_was_approved_and_nothing_else() {
    let scene = Scene::new(&policy::crm()).await;
    let done = scene.approved(&export()).await;
    assert_eq!(done.status, 200, "{done:?}");
    let claims = done.json();
    assert_eq!((&claims["aud"], &claims["path"]), (&json!(AUTHORITY), &json!("/v1/accounts/7/export")));
    assert_eq!((&claims["approvers"], &claims["rules"]), (&json!(["alice"]), &json!(["export"])));
    let receipt = claims["receipt"].as_str().unwrap();

    let direct = |request: Request| refusal(scene.upstream.addr, request.header("x-privyseal-receipt", receipt));
    assert_eq!(direct(export()).await, "the receipt was used before");
    assert_eq!(direct(export().body("application/json", "{}")).await, "the receipt is for another body_sha256");
    assert_eq!(direct(export().with_target("/v1/accounts/8/export")).await, "the receipt is for another path");

    // A client's own receipt reaches nobody, not even on a route that no rule selects.
    let through =
        |request: Request| request.header("x-privyseal-receipt", receipt).header("x_privyseal_receipt", receipt);
    let read = through(Request::get("/v1/accounts")).send(scene.envoy.addr()).await.unwrap();
    assert_eq!(read.json()["receipt"], Value::Null);
    assert_eq!(
        refusal(scene.envoy.addr(), through(Request::post("/v1/notes", &json!({})))).await,
        "Not enough segments"
    );
}

#[tokio::test]
async fn the_receipt_is_of_the_body_as_it_was_forwarded() {
    let policy = policy::redacting(policy::crm(), "/v1/accounts/*/export");
    let scene = Scene::new(&policy).await;
    let request = Request::post("/v1/accounts/7/export", &json!({ "send_to": "carol@customer.example" }));
    let done = scene.approved(&request.header(policy::AGENT, "agent-1")).await;
    assert_eq!(done.status, 200, "{done:?}");
}

#[tokio::test]
async fn a_new_key_signs_without_a_restart() {
    let scene = Scene::new(&policy::crm()).await;
    let published = async || -> Option<Vec<String>> {
        let keys = Request::get("/.well-known/jwks.json").send(scene.approver.addr()).await.ok()?.json();
        keys["keys"].as_array()?.iter().map(|key| Some(key["kid"].as_str()?.to_owned())).collect()
    };
    let before = published().await.unwrap();
    let said = scene.approver.rotate_receipts_now().unwrap();
    let kid = e2e::eventually("the new key is published and the old one withdrawn", async || {
        published().await?.into_iter().find(|kid| !before.contains(kid))
    })
    .await;
    assert!(said.starts_with(&format!("{kid} signs from ")), "{said}");
    assert_eq!(published().await.unwrap(), [kid]);
    let done = scene.approved(&export()).await;
    assert_eq!(done.status, 200, "{done:?}");
}

#[test]
fn the_recipe_in_the_docs_is_the_one_that_is_tested() {
    let recipe = std::fs::read_to_string(artefacts::root().join("tests/clients/receipts.py")).unwrap();
    let docs = std::fs::read_to_string(artefacts::root().join("docs/receipts.md")).unwrap();
    assert!(docs.contains(&format!("```python\n{recipe}```")), "docs/receipts.md quotes tests/clients/receipts.py");
}
