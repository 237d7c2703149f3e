//! Allow, deny, and what no rule selects.

use e2e::client::{Connection, Request};
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::policy;
use e2e::scene::{Faked, assert_serving};
use serde_json::json;

async fn gateway() -> Faked {
    Faked::new(FakeApprover::start(Twist::default()), &policy::crm()).await
}

#[tokio::test]
async fn what_no_rule_selects_passes_byte_for_byte() {
    let gateway = gateway().await;
    let body = b"{\"a\" : 1,\r\n\t\"a\":2} \xff\x00 alice.canary@example.com";
    let mut bytes = Request::new("POST", "/v1/notes?q=%C3%A9&&x")
        .header("X-Any", b"\xa1\xb1")
        .header("x-any", b"")
        .header("content-length", body.len().to_string())
        .head();
    bytes.extend_from_slice(body);
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    connection.write(&bytes).await.unwrap();
    assert_eq!(connection.response().await.unwrap().status, 200);
    let seen = gateway.upstream.only();
    assert_eq!(seen.target(), "/v1/notes?q=%C3%A9&&x");
    assert_eq!(seen.body, body);
    assert!(seen.headers().contains(&("x-any".into(), b"\xa1\xb1".to_vec())), "{seen:?}");
    assert!(gateway.approver.calls(Call::Create).is_empty());
}

#[tokio::test]
async fn a_denial_is_final_and_says_so() {
    let gateway = gateway().await;
    let answer = gateway.send(&Request::get("/admin/purge").header(policy::AGENT, "agent-1")).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("x-should-retry").as_deref(), Some("false"));
    assert_eq!(answer.header("x-privyseal-status").as_deref(), Some("denied"));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/problem+json"));
    let body = answer.json();
    assert_eq!((&body["executed"], &body["next"]), (&json!(false), &json!("stop")), "{body}");
    assert!(body["code"].is_string());
    gateway.upstream.assert_untouched();
    assert_serving(&gateway.envoy).await;
}

#[tokio::test]
async fn a_part_of_the_path_decides_however_it_is_written() {
    let mut captured = policy::crm();
    captured["rules"] = json!([{
        "id": "members", "match": { "path": "/v1/projects/{project}/**", "captures": { "project": { "glob": "prod-*" } } },
        "verdict": "deny",
    }]);
    let gateway = Faked::new(FakeApprover::start(Twist::default()), &captured).await;
    for (path, status) in [
        ("/v1/projects/prod-eu/members/7", 403),
        ("/v1/projects/%70rod-eu/members/7", 403),
        ("/v1/projects/test/../prod-eu/members", 403),
        ("/v1/projects/%2570rod-eu/members", 403),
        ("/v1/projects/test/members/prod-eu", 200),
        ("/v1/projects/Prod-eu/members", 200),
    ] {
        let answer = gateway.send(&Request::new("DELETE", path).header(policy::AGENT, "agent-1")).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_body_value_decides() {
    let gateway = gateway().await;
    let refund = |amount: serde_json::Value| {
        Request::post("/v1/refunds", &json!({ "amount": amount })).header(policy::AGENT, "agent-1")
    };
    assert_eq!(gateway.send(&refund(json!(9999))).await.status, 200);
    assert!(gateway.approver.calls(Call::Create).is_empty());
    assert_eq!(gateway.send(&refund(json!(10000))).await.status, 200);
    assert_eq!(gateway.approver.calls(Call::Create).len(), 1);
}
