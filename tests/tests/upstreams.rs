//! What the upstream does to a released request never makes Envoy run it again.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::{Scene, export};
use e2e::upstream::{Reply, Upstream};
use serde_json::json;

#[tokio::test]
async fn a_503_is_handed_on_and_seen_once() {
    let upstream = Upstream::start(|_| Reply::json(503, "{}")).await;
    let scene = Scene::before(upstream, &policy::crm()).await;
    let request = export()
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-max-retries", "3")
        .header("x-envoy-hedge-on-per-try-timeout", "true");
    assert_eq!(scene.send_approved(&request).await.status, 503);
    let seen = scene.upstream.only();
    assert!(
        seen.headers().iter().all(|(n, _)| !n.starts_with("x-envoy-retry")
            && !n.starts_with("x-envoy-max")
            && !n.starts_with("x-envoy-hedge")),
        "{seen:?}"
    );
    let hold = scene.alice.await_holds(1, "released").await.remove(0);
    let id = hold["id"].as_str().unwrap().to_owned();
    e2e::eventually("the outcome is recorded", async || {
        (scene.alice.show(&id).await.ok()?["outcome"] == json!("failed")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reset_is_not_repeated() {
    let upstream = Upstream::start(|_| Reply::reset()).await;
    let scene = Scene::before(upstream, &policy::crm()).await;
    let answer = scene.send_approved(&export().header("x-envoy-retry-on", "reset")).await;
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
