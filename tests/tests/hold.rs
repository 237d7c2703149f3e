//! A hold that is approved, denied or expires while its client waits.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::{Scene, export};
use serde_json::json;

#[tokio::test]
async fn approved_it_runs_once_and_unchanged() {
    let scene = Scene::new(&policy::crm()).await;
    let answer = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    scene.upstream.assert_untouched();
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);

    let answer = answer.await.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"ok":true}"#));
    let seen = scene.upstream.only();
    assert_eq!((seen.method().as_str(), seen.target().as_str()), ("POST", "/v1/accounts/7/export"));
    assert_eq!(seen.json(), json!({ "format": "csv", "fields": ["name", "email"] }));
    let hold = scene.alice.await_holds(1, "released").await.remove(0);
    assert_eq!(hold["id"], json!(id));
    let shown = scene.alice.show(&id).await.unwrap();
    assert_eq!((&shown["gateway"], &shown["preview"]["captures"]), (&json!("gateway-1"), &json!({ "account": "7" })));
    scene.assert_serving().await;
}

#[tokio::test]
async fn denied_it_never_runs_and_the_agent_hears_why() {
    let scene = Scene::new(&policy::crm()).await;
    let answer = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.alice.deny(&id, "not at night").await.unwrap().status, 200);
    let answer = answer.await.unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("x-should-retry").as_deref(), Some("false"));
    let body = answer.json();
    assert_eq!((&body["hold"], &body["next"], &body["executed"]), (&json!(id), &json!("stop"), &json!(false)));
    assert!(body["detail"].as_str().unwrap().contains("not at night"), "{body}");
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn time_never_approves() {
    let policy = policy::with(policy::crm(), "/hold", json!({ "deadline": "1s" }));
    let scene = Scene::new(&policy).await;
    let answer = scene.send(&export()).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.json()["executed"], json!(false));
    scene.upstream.assert_untouched();
    let hold = scene.alice.await_holds(1, "expired").await.remove(0);
    let late = scene.alice.approve(hold["id"].as_str().unwrap()).await.unwrap();
    assert_eq!(late.status, 409, "{late:?}");
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn a_request_without_a_body_is_held_too() {
    let scene = Scene::new(&policy::crm()).await;
    let answer = scene.send_later(&Request::new("DELETE", "/v1/accounts/7").header(policy::AGENT, "agent-1"));
    let id = scene.alice.await_pending().await;
    scene.upstream.assert_untouched();
    scene.alice.approve(&id).await.unwrap();
    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(scene.upstream.only().method(), "DELETE");
}

#[tokio::test]
async fn the_human_behind_the_agent_cannot_approve() {
    let scene = Scene::new(&policy::crm()).await;
    let answer = scene.send_later(&export().header("x-on-behalf-of", "Alice+agents@example.com"));
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 403);
    scene.upstream.assert_untouched();
    let bob = scene.approver.login("bob").await.unwrap();
    assert_eq!(bob.approve(&id).await.unwrap().status, 200);
    assert_eq!(answer.await.unwrap().status, 200);
}

#[tokio::test]
async fn what_lies_on_a_disk_cannot_decide() {
    let scene = Scene::new(&policy::crm()).await;
    let answer = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    for role in ["approver", "operator", "auditor", "admin", "filter"] {
        let token = scene.approver.token(role).unwrap();
        let decided = Request::post(&format!("/v1/holds/{id}/approve"), &json!({ "reason": "me" }))
            .header("authorization", format!("Bearer {token}"))
            .send(scene.approver.addr())
            .await
            .unwrap();
        assert_eq!(decided.status, 403, "{role}: {decided:?}");
    }
    scene.upstream.assert_untouched();
    scene.alice.deny(&id, "no").await.unwrap();
    answer.await.unwrap();
}
