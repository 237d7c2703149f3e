//! What gateways tell of themselves, and who reads it.

use reqwest::StatusCode;
use serde_json::json;

use crate::auth::Role;
use crate::testing::Service;

fn poll(gateway: &str, policy: &str) -> String {
    format!("/v1/control?v=2&gateway={gateway}&environment=test&filter=0.1.0&policy={policy}&mode=enforce")
}

#[tokio::test]
async fn gateways_that_differ_are_told_of() {
    let service = Service::start().await;
    let (filter, reader) = (service.token(Role::Filter).await, service.token(Role::Approver).await);
    // Older filters say nothing, and odd ones are refused.
    assert_eq!(service.get("/v1/control?v=2", &filter).await.status, StatusCode::OK);
    assert_eq!(service.get("/v1/fleet", &reader).await.json["gateways"], json!([]));
    assert_eq!(service.get(&poll(&"x".repeat(600), "p"), &filter).await.code(), "invalid_request");

    for gateway in ["edge-1", "edge-2", ""] {
        assert_eq!(service.get(&poll(gateway, "aaa"), &filter).await.status, StatusCode::OK);
    }
    let fleet = service.get("/v1/fleet", &reader).await.json;
    let names: Vec<_> = fleet["gateways"].as_array().unwrap().iter().map(|gateway| &gateway["gateway"]).collect();
    assert_eq!(names, ["edge-1", "edge-2", "test"], "without a name, that of its token");
    assert_eq!(fleet["alarms"], json!([]));

    service.get(&poll("edge-2", "bbb"), &filter).await;
    let fleet = service.get("/v1/fleet", &reader).await.json;
    assert_eq!(fleet["alarms"], json!([{ "environment": "test", "kind": "policy", "what": ["aaa", "bbb"] }]));
    // Page by page, each with what is wrong anywhere.
    let (mut paged, mut path) = (vec![], "/v1/fleet?limit=1".to_owned());
    loop {
        let page = service.get(&path, &reader).await.json;
        assert_eq!(page["alarms"], fleet["alarms"]);
        paged.extend(page["gateways"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/fleet?limit=1&cursor={next}");
    }
    assert_eq!(json!(paged), fleet["gateways"]);
    assert_eq!(service.get("/v1/fleet?cursor=x", &reader).await.code(), "invalid_request");
    let metrics = service.get("/metrics", &reader).await.text;
    for line in ["privyseal_gateways{state=\"asking\"} 3", "privyseal_gateway_alarms{kind=\"policy\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let page = service.page("/gateways", &service.cookie("bob").await).await.text;
    assert!(page.contains("<strong>test: policy</strong> aaa, bbb") && page.contains("<code>edge-1</code>"), "{page}");
    assert_eq!(service.get("/v1/fleet", &filter).await.code(), "insufficient_scope");
}
