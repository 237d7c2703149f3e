//! Spans as a collector sees them, and what they cost without one.

use axum::http::HeaderValue;
use e2e::collector::Collector;
use reqwest::Method;
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::app::Shared;
use crate::auth::Role;
use crate::testing::{Answer, Service, intake_json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

fn exporting(endpoint: String) -> Traces {
    Traces::start(&Settings { endpoint, service_name: "approver".into(), ratio: None }).unwrap()
}

fn of(traceparent: &str) -> Context {
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", HeaderValue::from_str(traceparent).unwrap());
    parent(&headers)
}

#[test]
fn a_trace_is_taken_from_what_is_one() {
    assert_eq!(trace_id(&of(&format!("00-{TRACE}-{SPAN}-01"))).as_deref(), Some(TRACE));
    for bad in [
        "",
        "00",
        "00-4bf9-00f0-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-0-0",
        &format!("00-{}-{SPAN}-01", "0".repeat(32)),
        &format!("00-{TRACE}-{}-01", "0".repeat(16)),
    ] {
        assert_eq!(trace_id(&of(bad)), None, "{bad}");
    }
}

#[tokio::test]
async fn calls_and_decisions_are_told_and_nobody_is_named() {
    let collector = Collector::default();
    let traces = exporting(format!("{}/v1/traces", collector.endpoint()));
    let service = Service::start_with(|app| Shared { traces: traces.clone(), ..app }).await;
    let gateway = service.token(Role::Filter).await;
    let create = |n: u32, flags: &str| {
        let request = service.http.request(Method::POST, format!("{}/v1/holds", service.base)).bearer_auth(&gateway);
        Answer::of(request.header("traceparent", format!("00-{TRACE}-{SPAN}-{flags}")).json(&intake_json(n)))
    };
    let id = create(1, "01").await.json["id"].as_str().unwrap().to_owned();
    create(2, "00").await;
    let alice = service.login("alice").await;
    service.post(&format!("/v1/holds/{id}/deny"), &alice, json!({ "reason": "the secret reason" })).await;
    service.post(&format!("/v1/holds/{id}/deny"), &alice, json!({ "reason": "the secret reason" })).await;
    service.get("/v1/holds/carol@example.com", &alice).await;
    service.get("/healthz", "").await;
    traces.stop().await;

    let spans = collector.spans();
    let named = |name: &str| spans.iter().filter(|span| span.name == name).collect::<Vec<_>>();
    let [created] = named("POST /v1/holds")[..] else { panic!("what is not sampled is not sent: {spans:?}") };
    assert_eq!((created.trace.as_str(), created.parent.as_str()), (TRACE, SPAN));
    assert_eq!(created.attribute("privyseal.hold"), Some(id.as_str()));
    assert_eq!(created.attribute("http.response.status_code"), Some("201"));
    let [denied, again] = named("decide deny")[..] else { panic!("{spans:?}") };
    for decide in [denied, again] {
        assert_eq!((decide.trace.as_str(), decide.parent.as_str()), (TRACE, created.id.as_str()));
        assert_eq!(decide.links.len(), 1, "{decide:?}");
    }
    assert_eq!((denied.attribute("error.type"), again.attribute("error.type")), (None, Some("already_decided")));
    let [shown] = named("GET /v1/holds/{id}")[..] else { panic!("{spans:?}") };
    assert_eq!((shown.attribute("error.type"), shown.attribute("privyseal.hold")), (Some("not_found"), None));
    assert!(named("GET /healthz").is_empty());
    let told = format!("{spans:?}");
    for secret in ["carol", "alice", "agent-7", "secret reason", "contacts", &gateway, &alice] {
        assert!(!told.contains(secret), "`{secret}` in {told}");
    }
}

/// It takes the connection and never answers, while far more comes than there is room for.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_collector_keeps_nobody_waiting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let traces = exporting(format!("http://{}/v1/traces", listener.local_addr().unwrap()));
    for _ in 0..20_000 {
        traces.call("GET", "/v1/holds", &Context::new()).unwrap().end(200, None);
    }
    traces.stop().await;
}

#[test]
fn without_a_collector_there_are_no_spans() {
    let traces = Traces::default();
    assert!(traces.call("GET", "/v1/holds", &Context::new()).is_none());
    assert!(traces.decision("h", Verdict::Deny, Some(&format!("00-{TRACE}-{SPAN}-01"))).is_none());
}
