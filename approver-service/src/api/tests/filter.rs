//! What a gateway sees, to the letter of the contract.

use privyseal_engine::hold::{Answer, ReleaseVerdict, State, View};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::approve;
use crate::auth::Role;
use crate::testing::{GATEWAY_KEY, Service, intake_json};

fn release(n: u32) -> Value {
    let intake = intake_json(n);
    let mut release = json!({});
    for name in ["v", "nonce", "digest", "terms", "tenant", "environment", "principal"] {
        release[name] = intake[name].clone();
    }
    release
}

#[tokio::test]
async fn from_intake_to_outcome() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let created = service.post("/v1/holds", &gateway, intake_json(1)).await;
    assert_eq!(created.status, StatusCode::CREATED);
    let view: View = serde_json::from_str(&created.text).unwrap();
    assert_eq!((view.state, view.revision, view.joined), (State::Pending, 1, false));
    let mut again = intake_json(1);
    again["nonce"] = "f".repeat(32).into();
    let joined = service.post("/v1/holds", &gateway, again).await;
    assert_eq!((joined.status, &joined.json["joined"]), (StatusCode::OK, &json!(true)));

    let hold = format!("/v1/holds/{}", view.id);
    let early = service.post(&format!("{hold}/release"), &gateway, release(1)).await;
    assert_eq!((early.status, &early.json["verdict"]), (StatusCode::OK, &json!("not_approved")));
    approve(&service, &view.id).await;
    let waited = service.get(&format!("{hold}/wait?revision=1&wait_ms=60000"), &gateway).await;
    assert_eq!((&waited.json["state"], &waited.json["revision"]), (&json!("approved"), &json!(2)));

    let released = service.post(&format!("{hold}/release"), &gateway, release(1)).await;
    let answer: Answer = serde_json::from_str(&released.text).unwrap();
    assert_eq!((answer.verdict, answer.state), (ReleaseVerdict::Released, State::Released));
    assert_eq!(answer.expires_ms - answer.issued_ms, 30_000);
    assert!(answer.is_authentic(&GATEWAY_KEY));
    let repeated = service.post(&format!("{hold}/release"), &gateway, release(1)).await;
    assert_eq!(repeated.text, released.text, "idempotent to the byte");
    let mut other = release(1);
    other["nonce"] = "f".repeat(32).into();
    let other = service.post(&format!("{hold}/release"), &gateway, other).await;
    assert_eq!(other.json["verdict"], "already_released");
    assert!(serde_json::from_str::<Answer>(&other.text).unwrap().is_authentic(&GATEWAY_KEY));

    let outcome = json!({ "v": 1, "nonce": intake_json(1)["nonce"], "outcome": "succeeded", "status": 200 });
    let told = service.post(&format!("{hold}/outcome"), &gateway, outcome).await;
    assert_eq!((told.status, told.text.as_str()), (StatusCode::NO_CONTENT, ""));
    let detach = json!({ "v": 1, "nonce": intake_json(1)["nonce"] });
    assert_eq!(service.post(&format!("{hold}/detach"), &gateway, detach).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn an_agent_learns_of_its_own_holds_and_of_no_others() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let id = service.hold(1).await;
    let query = |principal: &str, tenant: &str, environment: &str| json!({ "v": 1, "tenant": tenant, "environment": environment, "principal": principal });
    let path = format!("/v1/holds/{id}/status");
    let own = service.post(&path, &gateway, query("agent-7", "acme", "test")).await;
    assert_eq!((own.status, &own.json["state"]), (StatusCode::OK, &json!("pending")));
    let unknown = service.post("/v1/holds/0/status", &gateway, query("agent-7", "acme", "test")).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    for other in [query("agent-8", "acme", "test"), query("agent-7", "x", "test"), query("agent-7", "acme", "x")] {
        let answer = service.post(&path, &gateway, other).await;
        assert_eq!((answer.status, answer.text), (StatusCode::NOT_FOUND, unknown.text.clone()));
    }
}

#[tokio::test]
async fn malformed_intakes_are_refused_with_the_field_and_what_was_expected() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let long = "x".repeat(20_000);
    let cases = [
        ("/nonce", json!("short"), "`nonce`"),
        ("/nonce", json!("G".repeat(32)), "`nonce`"),
        ("/digest", json!("0"), "`digest`"),
        ("/terms", json!("é".repeat(32)), "`terms`"),
        ("/tenant", json!(""), "`tenant`"),
        ("/principal", json!(""), "`principal`"),
        ("/why", json!(long), "`why`"),
        ("/deadline_ms", json!(0), "`deadline_ms`"),
        ("/approval_ttl_ms", json!(u64::MAX), "`approval_ttl_ms`"),
        ("/fields/method", json!("zz"), "`fields`"),
        ("/preview/body", json!(long), "`preview.body`"),
        ("/preview/path", json!(long), "`preview.path`"),
        ("/preview/headers", json!([["a", long]]), "`preview.headers`"),
        ("/rules", json!(vec!["r"; 100]), "`rules`"),
        ("/risk", json!("cosmic"), "line 1"),
    ];
    for (pointer, value, named) in cases {
        let mut intake = intake_json(1);
        *intake.pointer_mut(pointer).unwrap() = value;
        let answer = service.post("/v1/holds", &gateway, intake).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"), "{pointer}");
        assert!(answer.json["detail"].as_str().unwrap().contains(named), "{pointer}: {}", answer.text);
    }
    let huge = json!({ "x": "x".repeat(300_000) });
    let huge = service.post("/v1/holds", &gateway, huge).await;
    assert_eq!((huge.status, huge.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let mut elsewhere = intake_json(1);
    elsewhere["environment"] = "production".into();
    assert_eq!(service.post("/v1/holds", &gateway, elsewhere).await.code(), "wrong_environment");
    assert!(service.store.open_holds(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn too_many_live_holds_are_refused() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    for n in 1..=3 {
        let mut intake = intake_json(n);
        intake["max_live"] = 2.into();
        let answer = service.post("/v1/holds", &gateway, intake).await;
        if n == 3 {
            assert_eq!((answer.status, answer.code()), (StatusCode::TOO_MANY_REQUESTS, "too_many_holds"));
        } else {
            assert_eq!(answer.status, StatusCode::CREATED);
        }
    }
}

#[tokio::test]
async fn a_broken_database_is_503_and_comes_back() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    service.store.run_for_tests("ALTER TABLE holds RENAME TO away").await;
    let broken = service.post("/v1/holds", &gateway, intake_json(1)).await;
    assert_eq!((broken.status, broken.code()), (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"));
    assert!(!broken.text.contains("away") && !broken.text.contains("SELECT"), "{}", broken.text);
    service.store.run_for_tests("ALTER TABLE away RENAME TO holds").await;
    assert_eq!(service.post("/v1/holds", &gateway, intake_json(1)).await.status, StatusCode::CREATED);
}

/// A gateway whose client left before it heard which hold it was.
#[tokio::test]
async fn who_leaves_during_a_create_is_told_at_once_or_when_the_create_is_done() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let leave = |n: u32| json!({ "v": 2, "nonce": intake_json(n)["nonce"] });
    let is_attached = async |id: &str| service.store.hold(id).await.unwrap().detached_ms.is_none();

    let made = service.hold(1).await;
    assert!(is_attached(&made).await);
    assert_eq!(service.post("/v1/detach", &gateway, leave(1)).await.status, StatusCode::NO_CONTENT);
    assert!(!is_attached(&made).await);

    // The create is overtaken.
    let left = service.post("/v1/detach", &gateway, leave(2));
    let (left, made) = tokio::join!(left, service.hold(2));
    assert_eq!(left.status, StatusCode::NO_CONTENT);
    assert!(!is_attached(&made).await);
}
