//! Approvals that are also for the same again: what the gateway says is the same, the approver counts.

use e2e::approver::Approver;
use e2e::client::Request;
use e2e::envoy::Envoy;
use e2e::scene::{PEOPLE, gateway};
use e2e::upstream::Upstream;
use e2e::{policy, ports};
use serde_json::{Value, json};

fn export(agent: &str, format: &str, fields: &[&str]) -> Request {
    let body = json!({ "format": format, "fields": fields });
    Request::post("/v1/accounts/7/export", &body).header(policy::AGENT, agent)
}

#[tokio::test]
async fn what_was_granted_runs_without_asking_as_often_as_said() {
    let grants = json!({ "max_duration": "1h", "max_uses": 3, "pointers": ["/format"] });
    let policy = policy::with(policy::crm_waiting("1s"), "/workflows", json!({ "default": { "grants": grants } }));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, policy.to_string()).unwrap();
    let arguments = ["--workflows", file.to_str().unwrap()];
    let approver = Approver::start_with(ports::free(), None, PEOPLE, &arguments).await.unwrap();
    let upstream = Upstream::ok().await;
    let config = gateway(upstream.addr(), approver.addr(), approver.gateway_token(), approver.key(), &policy);
    let envoy = Envoy::start(&config).await.unwrap();
    let alice = approver.login("alice").await.unwrap();
    let status = async |request: Request| request.send(envoy.addr()).await.unwrap().status;

    assert_eq!(status(export("agent-1", "csv", &["name"])).await, 429);
    let id = alice.await_pending().await;
    let ask = |uses: u32| json!({ "reason": "same", "grant": { "duration_ms": 3_600_000, "uses": uses } });
    assert_eq!(alice.say(&id, "approve", ask(4)).await.unwrap().json()["code"], "grant_not_allowed");
    assert_eq!(alice.say(&id, "approve", ask(2)).await.unwrap().status, 200);
    assert_eq!(status(export("agent-1", "csv", &["name"])).await, 200, "collected");

    assert_eq!(status(export("agent-1", "csv", &["name", "email"])).await, 200, "the rest of the body may differ");
    for other in [
        export("agent-1", "xlsx", &["name"]),
        export("agent-2", "csv", &["name"]),
        export("agent-1", "csv", &["phone"]).header("x-api-key", "another-key"),
        Request::new("DELETE", "/v1/accounts/7").header(policy::AGENT, "agent-1"),
    ] {
        assert_eq!(status(other.clone()).await, 429, "{other:?}");
    }
    assert_eq!(status(export("agent-1", "csv", &["phone"])).await, 200);
    assert_eq!(status(export("agent-1", "csv", &["street"])).await, 429, "used up");

    let seen = upstream.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|request| request.headers().iter().any(|(name, _)| name == "x-privyseal-receipt")));
    let audit = alice.audit().await.unwrap();
    let granted = |entry: &&Value| entry["kind"] == "approved" && entry["details"]["grant"] == json!(id);
    assert_eq!(audit.iter().filter(granted).count(), 2);
}
