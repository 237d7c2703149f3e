//! Clients that go away, come back, come twice, or have no name.

use std::time::Duration;

use e2e::client::{Connection, Request};
use e2e::fake_approver::{Call, FakeApprover, Twist};
use e2e::scene::{Faked, Scene, export};
use e2e::{eventually, policy};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test]
async fn gone_and_back_it_joins_the_same_hold() {
    let scene = Scene::new(&policy::crm()).await;
    let mut connection = Connection::open(scene.addr()).await.unwrap();
    connection.write(&export().to_bytes()).await.unwrap();
    let id = scene.alice.await_pending().await;
    connection.reset();
    eventually("the approver knows that nobody waits", async || {
        (scene.alice.show(&id).await.ok()?["attached"] == json!(false)).then_some(())
    })
    .await;

    // Approved while nobody waits, nothing runs.
    scene.alice.approve(&id).await.unwrap();
    scene.assert_serving().await;
    assert_eq!(scene.upstream.seen().len(), 1, "only the read that shows that the gateway serves");

    assert_eq!(scene.send(&export()).await.status, 200);
    assert_eq!(scene.upstream.seen().len(), 2);
    assert_eq!(scene.alice.await_holds(1, "released").await[0]["id"], json!(id));
}

#[tokio::test]
async fn gone_before_the_approver_has_answered_is_reported_at_once() {
    let slow = Twist::outgoing(|call, out| {
        if call == Call::Create {
            out.delay = Duration::from_secs(60);
        }
    });
    let gateway = Faked::new(FakeApprover::start(slow), &policy::crm()).await;
    let mut connection = Connection::open(gateway.envoy.addr()).await.unwrap();
    connection.write(&export().to_bytes()).await.unwrap();
    let create = eventually("the approver is asked", async || gateway.approver.calls(Call::Create).pop()).await;
    connection.reset();
    let detach = eventually("it is told", async || gateway.approver.calls(Call::Detach).pop()).await;
    assert_eq!(detach["nonce"], create["nonce"]);
    gateway.upstream.assert_untouched();
}

#[tokio::test]
async fn of_two_live_copies_one_runs_and_the_other_is_told() {
    let scene = Scene::new(&policy::crm()).await;
    let copies = [scene.send_later(&export()), scene.send_later(&export())];
    let id = scene.alice.await_pending().await;
    eventually("both copies wait", async || {
        (scene.envoy.stat("http.gateway.downstream_rq_active").await == 2).then_some(())
    })
    .await;
    scene.alice.approve(&id).await.unwrap();
    let mut answers = Vec::new();
    for copy in copies {
        answers.push(copy.await.unwrap());
    }
    answers.sort_by_key(|a| a.status);
    assert_eq!(answers[0].status, 200);
    assert_eq!(answers[1].status, 409, "{:?}", answers[1]);
    assert_eq!(answers[1].header("x-should-retry").as_deref(), Some("false"));
    assert_eq!(answers[1].json()["executed"], json!(true));
    assert_eq!(scene.upstream.seen().len(), 1);
    assert_eq!(scene.alice.holds().await.unwrap().len(), 1);
}

#[tokio::test]
async fn without_a_principal_nobody_joins_and_the_hold_ends_with_its_connection() {
    let scene = Scene::new(&policy::crm()).await;
    let nameless = export().set(policy::AGENT, None);
    let mut first = Connection::open(scene.addr()).await.unwrap();
    first.write(&nameless.to_bytes()).await.unwrap();
    let mut second = Connection::open(scene.addr()).await.unwrap();
    second.write(&nameless.to_bytes()).await.unwrap();
    scene.alice.await_holds(2, "pending").await;
    first.reset();
    second.reset();
    scene.alice.await_holds(2, "cancelled").await;
    scene.upstream.assert_untouched();
}

#[tokio::test]
async fn another_credential_is_another_act() {
    let scene = Scene::new(&policy::crm_waiting("1s")).await;
    let with = |key: &str| export().header("x-api-key", key).header("authorization", format!("Basic {key}"));
    let id = scene.send(&with("dGVzdDp0ZXN0")).await.json()["hold"].as_str().unwrap().to_owned();
    scene.alice.approve(&id).await.unwrap();
    let swapped = scene.send(&with("bGl2ZTpsaXZl")).await;
    assert_eq!(swapped.status, 429, "{swapped:?}");
    assert_ne!(swapped.json()["hold"], json!(id));
    scene.upstream.assert_untouched();
    assert_eq!(scene.send(&with("dGVzdDp0ZXN0")).await.status, 200);
}

#[tokio::test]
async fn two_hundred_holds_at_once() {
    let policy = policy::with(policy::crm(), "/hold", json!({ "max_live": 500 }));
    let scene = Scene::new(&policy).await;
    let addr = scene.addr();
    let mut answers: JoinSet<_> = (0..200)
        .map(|i| Request::new("DELETE", &format!("/v1/accounts/{i}")).header(policy::AGENT, "agent-1"))
        .map(|request| async move {
            // As agents' SDKs do: a busy machine may not make 200 holds within the time that a create has.
            let mut answer = request.send(addr).await.unwrap();
            while answer.status == 503 && answer.json()["code"] == "approver_unavailable" {
                answer = request.send(addr).await.unwrap();
            }
            answer
        })
        .collect();
    let holds = tokio::select! {
        holds = scene.alice.await_holds(200, "pending") => holds,
        early = answers.join_next() => panic!("answered before anybody decided: {early:?}"),
    };
    scene.upstream.assert_untouched();
    for hold in holds {
        let decided = scene.alice.approve(hold["id"].as_str().unwrap()).await.unwrap();
        assert_eq!(decided.status, 200, "{decided:?}");
    }
    for answer in answers.join_all().await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut targets: Vec<_> = scene.upstream.seen().iter().map(|r| r.target()).collect();
    targets.sort();
    targets.dedup();
    assert_eq!((targets.len(), scene.upstream.seen().len()), (200, 200));
}
