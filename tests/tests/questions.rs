//! Ask and answer, withdraw, revoke: each from the person or the agent to the other, through the gateway.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::{Scene, export};
use serde_json::json;

fn about(method: &str, id: &str, agent: &str) -> Request {
    Request::new(method, &format!("/.well-known/privyseal/holds/{id}")).header(policy::AGENT, agent)
}

fn answer(id: &str, agent: &str, text: &str) -> Request {
    Request::post(&format!("/.well-known/privyseal/holds/{id}/answer"), &json!({ "answer": text }))
        .header(policy::AGENT, agent)
}

#[tokio::test]
async fn a_question_reaches_the_agent_and_its_answer_the_person_masked() {
    let scene = Scene::new(&policy::crm()).await;
    let waiting = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.alice.say(&id, "ask", json!({ "question": "for whom?" })).await.unwrap().status, 200);
    let told = waiting.await.unwrap();
    assert_eq!((told.status, told.header("x-privyseal-code").as_deref()), (429, Some("information_requested")));
    let body = told.json();
    assert_eq!(body["next"], json!("answer_question"));
    assert!(body["detail"].as_str().unwrap().contains("for whom?"), "{body}");

    let foreign = scene.send(&answer(&id, "agent-2", "for me")).await;
    assert_eq!(foreign.status, 404, "{foreign:?}");
    assert_eq!(scene.send(&answer(&id, "agent-1", "")).await.status, 400);
    let answered = scene.send(&answer(&id, "agent-1", "for alice.canary@example.com")).await;
    assert_eq!((answered.status, &answered.json()["code"]), (200, &json!("approval_pending")), "{answered:?}");
    let shown = scene.alice.show(&id).await.unwrap();
    let text = shown["questions"][0]["answer"].as_str().unwrap();
    assert!(text.starts_with("for <EMAIL_ADDRESS") && !text.contains("canary"), "{shown}");
    assert_eq!(scene.send(&answer(&id, "agent-1", "again")).await.status, 409);

    let again = scene.send_later(&export());
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(again.await.unwrap().status, 200, "the same hold, joined and released");
    scene.upstream.only();
    scene.assert_serving().await;
}

#[tokio::test]
async fn an_agent_withdraws_and_nothing_runs() {
    let scene = Scene::new(&policy::crm()).await;
    let waiting = scene.send_later(&export());
    let id = scene.alice.await_pending().await;
    assert_eq!(scene.send(&about("DELETE", &id, "agent-2")).await.status, 404);
    let withdrawn = scene.send(&about("DELETE", &id, "agent-1")).await;
    assert_eq!((withdrawn.status, &withdrawn.json()["code"]), (200, &json!("approval_withdrawn")), "{withdrawn:?}");
    let told = waiting.await.unwrap();
    assert_eq!((told.status, &told.json()["code"]), (403, &json!("approval_withdrawn")), "{told:?}");
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 409);
    assert_eq!(scene.send(&about("DELETE", &id, "agent-1")).await.status, 409);
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn a_revoked_approval_runs_nothing() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let id = scene.send(&export()).await.json()["hold"].as_str().unwrap().to_owned();
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(scene.alice.say(&id, "revoke", json!({ "reason": "the wrong one" })).await.unwrap().status, 200);
    let status = scene.send(&about("GET", &id, "agent-1")).await.json();
    assert_eq!((&status["code"], &status["next"]), (&json!("approval_revoked"), &json!("stop")));
    assert!(status["detail"].as_str().unwrap().contains("the wrong one"), "{status}");
    let anew = scene.send(&export()).await;
    assert_eq!(anew.status, 429);
    assert_ne!(anew.json()["hold"], json!(id), "a new hold, for a new decision");
    scene.upstream.assert_untouched();
}
