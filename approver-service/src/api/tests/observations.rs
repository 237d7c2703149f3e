//! Counts of gateways in observe mode: who may send them, who reads them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::auth::Role;
use crate::testing::Service;

fn batch(counts: Value) -> Value {
    json!({ "v": 1, "tenant": "acme", "environment": "test", "gateway": "gateway-1", "counts": counts })
}

#[tokio::test]
async fn batches_add_up_and_people_read_them() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let counts = json!([
        { "kind": "rule", "rule": "export", "category": "bulk", "outcome": "hold", "count": 2 },
        { "kind": "entity", "entity": "EMAIL_ADDRESS", "count": 7 },
        { "kind": "uninspected", "code": "body_too_large", "count": 1 },
        { "kind": "dropped", "count": 1 },
    ]);
    for _ in 0..2 {
        let told = service.post("/v1/observations", &gateway, batch(counts.clone())).await;
        assert_eq!((told.status, told.text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    let bob = service.login("bob").await;
    let seen = service.get("/v1/observations?since_ms=0", &bob).await;
    let line = |kind: &str, name: &str, category: &str, outcome: &str, count: u32| {
        json!({
            "tenant": "acme", "environment": "test", "kind": kind, "name": name, "category": category,
            "outcome": outcome, "count": count,
        })
    };
    let expected = json!([
        line("uninspected", "body_too_large", "", "", 2),
        line("rule", "export", "bulk", "hold", 4),
        line("entity", "EMAIL_ADDRESS", "", "", 14),
        line("dropped", "", "", "", 2),
    ]);
    let mut lines = seen.json["observations"].as_array().unwrap().clone();
    assert_eq!(seen.json["next"], json!(null));
    assert!(lines.is_sorted_by_key(|line| line["kind"].as_str().unwrap().to_owned()));
    lines.reverse();
    assert_eq!(json!(lines), expected);
    // The same page by page.
    let (mut paged, mut path) = (vec![], "/v1/observations?limit=1".to_owned());
    loop {
        let page = service.get(&path, &bob).await.json;
        paged.extend(page["observations"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/observations?limit=1&cursor={next}");
    }
    paged.reverse();
    assert_eq!(paged, lines);
    assert_eq!(service.get("/v1/observations", &gateway).await.status, StatusCode::FORBIDDEN);
    let page = service.page("/observed", &service.cookie("bob").await).await;
    assert!(page.text.contains("<code>export</code> <small>bulk</small>"), "{}", page.text);
    assert!(page.text.contains("Would be redacted") && page.text.contains("EMAIL_ADDRESS"));
}

#[tokio::test]
async fn what_no_gateway_sends_is_refused() {
    let service = Service::start().await;
    let gateway = service.token(Role::Filter).await;
    let one = |count: Value| batch(json!([count]));
    for (sent, code) in [
        (one(json!({ "kind": "entity", "entity": "E".repeat(1000), "count": 1 })), "invalid_request"),
        (one(json!({ "kind": "entity", "entity": "A", "count": -1 })), "invalid_request"),
        (batch(vec![json!({ "kind": "dropped", "count": 1 }); 600].into()), "invalid_request"),
    ] {
        let refused = service.post("/v1/observations", &gateway, sent).await;
        assert_eq!((refused.status.is_client_error(), refused.code()), (true, code), "{}", refused.text);
    }
    let reader = service.token(Role::Auditor).await;
    assert_eq!(service.post("/v1/observations", &reader, batch(json!([]))).await.status, StatusCode::FORBIDDEN);
}
