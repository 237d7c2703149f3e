//! What the upstream does to a released request never makes Envoy run it again.

use e2e::client::Request;
use e2e::scene::{Scene, export};
use e2e::upstream::{Reply, Upstream};
use e2e::{eventually, policy};
use serde_json::json;

/// Before an upstream that answers so, in an Envoy that would obey the client's `x-envoy-*` headers.
async fn obedient(reply: Reply) -> Scene {
    let upstream = Upstream::start(move |_| reply.clone()).await;
    Scene::configured(upstream, &policy::crm(), |config| config.listener.trusts_clients = true).await
}

fn asking_for_retries() -> Request {
    export()
        .header("x-envoy-retry-on", "5xx,reset")
        .header("x-envoy-max-retries", "3")
        .header("x-envoy-hedge-on-per-try-timeout", "true")
}

#[tokio::test]
async fn a_503_is_handed_on_and_seen_once() {
    let scene = obedient(Reply::json(503, "{}")).await;
    assert_eq!(scene.send_approved(&asking_for_retries()).await.status, 503);
    let seen = scene.upstream.only();
    assert!(!String::from_utf8_lossy(&seen.head).contains("x-envoy-retry"), "{seen:?}");
    let hold = scene.alice.await_holds(1, "released").await.remove(0);
    let id = hold["id"].as_str().unwrap().to_owned();
    eventually("the outcome is recorded", async || {
        (scene.alice.show(&id).await.ok()?["outcome"] == json!("failed")).then_some(())
    })
    .await;
}

/// What the guard is for: a request that no rule selects is repeated, as its client asks.
#[tokio::test]
async fn without_a_rule_envoy_obeys_its_client() {
    let scene = obedient(Reply::json(503, "{}")).await;
    let request = Request::get("/v1/contacts").header("x-envoy-retry-on", "5xx").header("x-envoy-max-retries", "1");
    assert_eq!(scene.send(&request).await.status, 503);
    assert_eq!(scene.upstream.seen().len(), 2);
}

#[tokio::test]
async fn a_reset_is_not_repeated() {
    let scene = obedient(Reply::reset()).await;
    let answer = scene.send_approved(&asking_for_retries()).await;
    assert_eq!(answer.status, 503);
    assert_eq!(scene.upstream.seen().len(), 1);
}

#[tokio::test]
async fn forged_control_headers_do_not_arrive() {
    let scene = Scene::new(&policy::crm()).await;
    let request = Request::new("DELETE", "/v1/accounts/7")
        .header(policy::AGENT, "agent-1")
        .header("x-privyseal-receipt", "forged")
        .header("x-privyseal-status", "released")
        .header("x-envoy-upstream-rq-timeout-ms", "1");
    assert_eq!(scene.send_approved(&request).await.status, 200);
    let seen = scene.upstream.only();
    assert!(!String::from_utf8_lossy(&seen.head).contains("forged"), "{seen:?}");
    assert_eq!(seen.header("x-privyseal-status"), None);
    assert_eq!(seen.header("x-envoy-upstream-rq-timeout-ms"), None);
}
