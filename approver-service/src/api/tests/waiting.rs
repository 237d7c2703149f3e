//! Long polls: many at once, over HTTP/2, woken at once, let go when the service stops.

use std::time::Duration;

use privyseal_engine::control::principal_name;
use privyseal_engine::hold::Kill;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::audit::Actor;
use crate::auth::Role;
use crate::testing::{Service, intake_json};

/// More than the 200 streams that HTTP/2 servers allow on a connection unless told otherwise.
const POLLS: usize = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_carries_a_thousand_polls_and_all_are_woken() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let http = Client::builder().http2_prior_knowledge().build().unwrap();
    let id = service.hold(1).await;
    let mut polls = JoinSet::new();
    for _ in 0..POLLS {
        let url = format!("{}/v1/holds/{id}/wait?revision=1&wait_ms=60000", service.base);
        let poll = http.get(url).bearer_auth(&gateway).send();
        polls.spawn(async move { poll.await.unwrap().json::<Value>().await.unwrap()["state"].clone() });
    }
    while service.store.listeners() < POLLS {
        assert!(
            timeout(Duration::from_millis(20), polls.join_next()).await.is_err(),
            "no poll ends before the decision"
        );
    }
    let bob = service.login("bob").await;
    service.post(&format!("/v1/holds/{id}/approve"), &bob, serde_json::json!({})).await;
    let states = timeout(Duration::from_secs(30), polls.join_all()).await.unwrap();
    assert!(states.iter().all(|state| state == "approved"));
    assert_eq!(service.store.listeners(), 0, "nobody is remembered");
}

#[tokio::test]
async fn http1_and_http2_share_the_port() {
    let service = Service::start().await;
    let url = format!("{}/healthz", service.base);
    let http2 = Client::builder().http2_prior_knowledge().build().unwrap();
    assert_eq!(service.http.get(&url).send().await.unwrap().version(), reqwest::Version::HTTP_11);
    assert_eq!(http2.get(&url).send().await.unwrap().version(), reqwest::Version::HTTP_2);
}

#[tokio::test]
async fn gateways_hear_of_the_kill_switch() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let waits = service.get("/v1/control?epoch=1&wait_ms=60000", &gateway);
    let sets = service.store.set_kill(Kill::Hold, None, Actor::person("bob"));
    let (control, _) = timeout(Duration::from_secs(20), async { tokio::join!(waits, sets) }).await.unwrap();
    assert_eq!(control.text, r#"{"v":1,"epoch":2,"kill":"hold"}"#);
}

/// A filter of before switches of single principals cannot tell them apart: it holds everything, and what the denied one
/// then asks is refused here.
#[tokio::test]
async fn an_older_filter_holds_everything_while_one_principal_is_stopped() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let operator = service.token(Role::Operator).await;
    let set = json!({ "kill": "deny", "principal": "agent-7" });
    assert_eq!(service.post("/v1/control", &operator, set).await.json, json!({ "v": 2, "epoch": 2, "kill": "off" }));
    assert_eq!(service.get("/v1/control?v=2", &gateway).await.text, r#"{"v":2,"epoch":2,"kill":"hold"}"#);
    let newer = service.get("/v1/control?v=2&principals=1", &gateway).await;
    assert_eq!(newer.json, json!({ "v": 2, "epoch": 2, "kill": "off", "deny": [principal_name("agent-7")] }));
    let refused = service.post("/v1/holds", &gateway, intake_json(1)).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "kill_switch"));
    let listed = service.get("/v1/kills?limit=1", &operator).await;
    assert_eq!((&listed.json["kill"], &listed.json["next"]), (&json!("off"), &json!("agent-7")));
    assert_eq!(listed.json["principals"][0]["by"], "test");
    assert_eq!(service.get("/v1/kills?cursor=agent-7", &operator).await.json["principals"], json!([]));
    let nobody = json!({ "kill": "deny", "principal": "" });
    assert_eq!(service.post("/v1/control", &operator, nobody).await.code(), "invalid_request");
}

#[tokio::test]
async fn who_waits_is_answered_when_the_service_stops() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let id = service.hold(1).await;
    let path = format!("/v1/holds/{id}/wait?revision=1&wait_ms=60000");
    let stops = async {
        while service.store.listeners() == 0 {
            tokio::task::yield_now().await;
        }
        service.stop.cancel();
    };
    let waits = service.get(&path, &gateway);
    let (waited, ()) = timeout(Duration::from_secs(20), async { tokio::join!(waits, stops) }).await.unwrap();
    assert_eq!((waited.status, waited.json["state"].as_str()), (StatusCode::OK, Some("pending")));
    timeout(Duration::from_secs(20), service.served).await.unwrap().unwrap();
    assert!(service.http.get(format!("{}/healthz", service.base)).send().await.is_err(), "nobody listens");
}
