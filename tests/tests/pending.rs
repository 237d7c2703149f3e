//! `hold.wait` is over before anybody decided: the answer, the status address, the resend.

use e2e::client::Request;
use e2e::policy;
use e2e::scene::{Scene, export};
use serde_json::json;

#[tokio::test]
async fn pending_says_what_to_do_and_the_resend_completes() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let pending = scene.send(&export()).await;
    assert_eq!(pending.status, 429, "{pending:?}");
    assert_eq!(pending.header("x-should-retry").as_deref(), Some("true"));
    assert_eq!(pending.header("x-privyseal-status").as_deref(), Some("pending"));
    let retry_after: u64 = pending.header("retry-after").expect("retry-after").parse().expect("whole seconds");
    assert!((1..=60).contains(&retry_after));
    let body = pending.json();
    let id = body["hold"].as_str().expect("a hold").to_owned();
    assert_eq!(body["executed"], json!(false));
    assert_eq!(body["next"], json!("resend_identical_request"));
    assert_eq!(body["status_url"], json!(format!("/.well-known/privyseal/holds/{id}")));
    assert!(body["code"].is_string());

    let again = scene.send(&export()).await;
    assert_eq!(again.json()["hold"], json!(id), "the identical request joins");
    scene.upstream.assert_untouched();

    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    scene.upstream.assert_untouched();
    assert_eq!(scene.send(&export()).await.status, 200);
    assert_eq!(scene.upstream.seen().len(), 1);

    // Spent: the next one is a new act.
    let fresh = scene.send(&export()).await;
    assert_eq!(fresh.status, 429);
    assert_ne!(fresh.json()["hold"], json!(id));
    assert_eq!(scene.upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_status_address_answers_the_owner_only() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let url = scene.send(&export()).await.json()["status_url"].as_str().unwrap().to_owned();
    let ask = |agent: &str| Request::get(&url).header(policy::AGENT, agent);

    let own = scene.send(&ask("agent-1")).await;
    assert_eq!(own.status, 200, "{own:?}");
    assert_eq!(own.json()["executed"], json!(false));
    let other = scene.send(&ask("agent-2")).await;
    let unknown = scene.send(&Request::get(&format!("{url}x")).header(policy::AGENT, "agent-1")).await;
    assert_eq!((other.status, unknown.status), (404, 404));
    let anonymous = scene.send(&Request::get(&url)).await;
    assert!(anonymous.status == 404 || anonymous.status == 401, "{anonymous:?}");
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn denied_in_between_the_resend_hears_it() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let id = scene.send(&export()).await.json()["hold"].as_str().unwrap().to_owned();
    scene.alice.deny(&id, "no exports today").await.unwrap();
    let status =
        scene.send(&Request::get(&format!("/.well-known/privyseal/holds/{id}")).header(policy::AGENT, "agent-1")).await;
    assert_eq!(status.json()["next"], json!("stop"), "{status:?}");
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn another_byte_is_another_hold_and_the_near_miss_is_named() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let first = scene.send(&export()).await.json()["hold"].clone();
    let other = scene.send(&export().header("x-batch", "2")).await.json();
    assert_ne!(other["hold"], first);
    let near = other["near_miss"].as_str().unwrap_or_default().to_owned();
    assert!(near.contains("x-batch") && near.contains(first.as_str().unwrap()), "{other}");
}

#[tokio::test]
async fn who_polls_hard_is_told_to_wait_and_nobody_else_is() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let url = scene.send(&export()).await.json()["status_url"].as_str().unwrap().to_owned();
    let ask = |agent: &str| Request::get(&url).header(policy::AGENT, agent);
    let mut refused = None;
    for _ in 0..2_000 {
        let answer = scene.send(&ask("agent-1")).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("two thousand are too many");
    assert_eq!(refused.header("x-privyseal-code").as_deref(), Some("asked_too_often"), "{refused:?}");
    assert_eq!(refused.header("retry-after").as_deref(), Some("2"));
    assert_eq!(scene.send(&ask("agent-2")).await.status, 404, "another agent is not counted with it");
    scene.upstream.assert_untouched();
}
