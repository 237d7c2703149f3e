//! However a request ends, nothing of a held one reaches the upstream before the decision.

use e2e::client::{Connection, Request};
use e2e::envoy::Listener;
use e2e::h2_client::H2;
use e2e::policy;
use e2e::scene::{Scene, export};
use e2e::upstream::Upstream;
use http::HeaderMap;
use serde_json::json;

async fn scene_with_trailers() -> Scene {
    Scene::configured(Upstream::ok().await, &policy::crm(), |config| {
        config.listener = Listener { enable_trailers: true, ..Listener::default() };
    })
    .await
}

const CHUNKED: &[u8] = b"POST /v1/accounts/7/export HTTP/1.1\r\nhost: crm.example\r\nx-agent: agent-1\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn trailers_do_not_end_the_hold() {
    let scene = scene_with_trailers().await;
    let mut connection = Connection::open(scene.addr()).await.unwrap();
    connection.write(CHUNKED).await.unwrap();
    connection.write(b"2\r\n{}\r\n0\r\nx-t: 1\r\n\r\n").await.unwrap();
    let id = scene.alice.await_pending().await;
    scene.assert_serving().await;
    assert_eq!(scene.upstream.seen().len(), 1);
    scene.alice.approve(&id).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 200);
    let seen = scene.upstream.seen();
    assert_eq!((seen[1].text().as_str(), seen[1].trailers.as_slice()), ("{}", &b"x-t: 1\r\n"[..]));
}

#[tokio::test]
async fn http2_with_and_without_trailers() {
    let scene = scene_with_trailers().await;
    let client = H2::open(scene.addr()).await.unwrap();
    for (i, trailers) in
        [None, Some(HeaderMap::from_iter([("x-t".parse().unwrap(), "1".parse().unwrap())]))].into_iter().enumerate()
    {
        let request = http::Request::post(format!("http://crm.example/v1/accounts/{i}/export"))
            .header(policy::AGENT, "agent-1")
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let decide = async {
            let id = scene.alice.await_pending().await;
            assert_eq!(scene.upstream.seen().len(), i);
            scene.alice.approve(&id).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.send(request, &[b"{\"a\"", b":1}"], trailers), decide);
        assert_eq!(answer.unwrap().status, 200);
        assert_eq!(scene.upstream.seen()[i].text(), r#"{"a":1}"#);
    }
}

#[tokio::test]
async fn what_the_headers_decide_waits_for_the_body() {
    let scene = Scene::new(&policy::crm()).await;
    let request = export();
    let bytes = request.to_bytes();
    let (head, body) = bytes.split_at(request.head().len());
    let mut connection = Connection::open(scene.addr()).await.unwrap();
    connection.write(head).await.unwrap();
    connection.write(&body[..5]).await.unwrap();
    scene.assert_serving().await;
    assert!(scene.alice.holds().await.unwrap().is_empty(), "no hold before the body is complete");
    connection.write(&body[5..]).await.unwrap();
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.upstream.seen().len(), 1);
    scene.alice.approve(&id).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_that_never_ends_makes_no_hold() {
    let scene = Scene::new(&policy::crm()).await;
    let mut connection = Connection::open(scene.addr()).await.unwrap();
    connection.write(CHUNKED).await.unwrap();
    connection.write(b"2\r\n{}\r\n").await.unwrap();
    connection.reset();
    scene.assert_serving().await;
    assert!(scene.alice.holds().await.unwrap().is_empty());
    assert_eq!(scene.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_large_body_arrives_whole_after_its_approval() {
    let scene = Scene::new(&policy::crm()).await;
    let rows: Vec<_> = (0..20_000).map(|i| json!({ "row": i, "text": "abc" })).collect();
    let request = Request::post("/v1/accounts/7/export", &json!({ "rows": rows })).header(policy::AGENT, "agent-1");
    assert_eq!(scene.send_approved(&request).await.status, 200);
    assert!(scene.upstream.only().body == serde_json::to_vec(&json!({ "rows": rows })).unwrap());
}

#[tokio::test]
async fn without_the_flag_nothing_passes_that_a_rule_selects() {
    let scene = Scene::configured(Upstream::ok().await, &policy::crm(), |config| {
        config.plugin.as_mut().unwrap().stop_iteration = false;
    })
    .await;
    let answer = scene.send(&export()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("body_not_delivered")), "{answer:?}");
    scene.upstream.assert_untouched();
    scene.assert_serving().await;
}

/// A `stream_idle_timeout` shorter than `hold.wait` is a mistake of the configuration; it costs the wait, not the guard.
#[tokio::test]
async fn envoys_own_timeout_ends_the_wait_and_releases_nothing() {
    let scene =
        Scene::configured(Upstream::ok().await, &policy::crm(), |config| config.listener.idle_seconds = Some(1)).await;
    assert_eq!(scene.send(&export()).await.status, 504);
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    scene.upstream.assert_untouched();
    assert_eq!(scene.send(&export()).await.status, 200, "sent again, it collects its approval");
    assert_eq!(scene.upstream.seen().len(), 1);
}
