//! What one caller may ask of the service, and what another site's page may.

use std::num::NonZeroU32;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::api::limits::Limits;
use crate::auth::Role;
use crate::testing::Service;

#[tokio::test]
async fn who_asks_too_often_waits_and_nobody_else_does() {
    // So slow that nothing comes back while the test runs.
    let service = Service::start_with(|mut app| {
        let one = NonZeroU32::MIN;
        app.limits = Limits::new(one, one.saturating_add(2));
        app
    })
    .await;
    let (wild, other) = (service.token(Role::Auditor).await, service.token(Role::Auditor).await);
    let mut refused = None;
    for _ in 0..200 {
        let answer = service.get("/v1/holds", &wild).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("two hundred at once are too many");
    assert_eq!((refused.code(), refused.headers["retry-after"].to_str().unwrap()), ("too_many_requests", "1"));
    assert_eq!(service.get("/v1/holds", &other).await.status, StatusCode::OK);
    let gateway = service.token(Role::Filter).await;
    for _ in 0..10 {
        assert_eq!(service.get("/v1/control", &gateway).await.status, StatusCode::OK, "gateways are not counted");
    }
}

#[tokio::test]
async fn an_agent_that_polls_hard_waits_and_no_other_does() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let id = service.hold(1).await;
    let ask = async |principal: &str| {
        let query = json!({ "v": 2, "tenant": "acme", "environment": "test", "principal": principal });
        service.post(&format!("/v1/holds/{id}/status"), &gateway, query).await
    };
    let mut refused = None;
    for _ in 0..2_000 {
        let answer = ask("agent-7").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("two thousand are too many");
    assert_eq!((refused.code(), refused.headers["retry-after"].to_str().unwrap()), ("too_many_requests", "1"));
    assert_eq!(ask("agent-8").await.code(), "not_found", "another agent is another budget");
}

#[tokio::test]
async fn pages_of_other_sites_may_read_nothing() {
    let service = Service::start().await;
    let token = service.token(Role::Auditor).await;
    for method in [Method::GET, Method::OPTIONS] {
        let request = service.http.request(method, format!("{}/v1/holds", service.base)).bearer_auth(&token);
        let request = request.header("origin", "https://evil.example").header("access-control-request-method", "GET");
        let answer = request.send().await.unwrap();
        let allowed = answer.headers().keys().filter(|name| name.as_str().starts_with("access-control-"));
        assert_eq!(allowed.count(), 0, "{answer:?}");
    }
}
