//! The kill switch of one principal: its requests stop within a second, and nobody else's.

use std::time::{Duration, Instant};

use e2e::client::Request;
use e2e::scene::{Scene, export};
use e2e::{eventually, policy};

const A_SECOND: Duration = Duration::from_secs(1);

fn read(agent: &str) -> Request {
    Request::get("/v1/accounts").header(policy::AGENT, agent)
}

/// How long it takes until `agent` is answered like this.
async fn until(scene: &Scene, agent: &str, status: u16) -> Duration {
    let begun = Instant::now();
    eventually(&format!("{agent} is answered {status}"), async || {
        (scene.send(&read(agent)).await.status == status).then_some(())
    })
    .await;
    begun.elapsed()
}

#[tokio::test]
async fn one_agent_is_stopped_within_a_second_and_another_goes_on() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    for agent in ["agent-1", "agent-2"] {
        assert_eq!(scene.send(&read(agent)).await.status, 200);
    }
    assert_eq!(scene.alice.kill("agent-1", "deny").await.unwrap().status, 200);
    let took = until(&scene, "agent-1", 403).await;
    assert!(took < A_SECOND, "{took:?}");
    let refused = scene.send(&read("agent-1")).await;
    assert_eq!(refused.header("x-privyseal-code").as_deref(), Some("kill_switch"));
    assert_eq!(scene.send(&read("agent-2")).await.status, 200);

    assert_eq!(scene.alice.kill("agent-1", "hold").await.unwrap().status, 200);
    let took = until(&scene, "agent-1", 429).await;
    assert!(took < A_SECOND + A_SECOND, "{took:?}: the second that it waits for people, and ours");
    assert_eq!(scene.send(&read("agent-2")).await.status, 200);

    assert_eq!(scene.alice.kill("agent-1", "off").await.unwrap().status, 200);
    until(&scene, "agent-1", 200).await;
}

#[tokio::test]
async fn what_was_approved_of_a_stopped_agent_is_not_released() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let pending = scene.send(&export()).await;
    let id = pending.json()["hold"].as_str().unwrap().to_owned();
    assert_eq!(scene.alice.approve(&id).await.unwrap().status, 200);
    assert_eq!(scene.alice.kill("agent-1", "deny").await.unwrap().status, 200);
    let collects = scene.send(&export()).await;
    assert!(matches!(collects.status, 403 | 503), "{collects:?}");
    scene.upstream.assert_untouched();
    let hold = scene.alice.show(&id).await.unwrap();
    assert_eq!((hold["state"].as_str(), hold["cause"].as_str()), (Some("cancelled"), Some("kill_switch")));
}
