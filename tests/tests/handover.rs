//! A replica that is told to stop hands over those who wait, loses no decision, and is missed by nobody.

use e2e::approver::Approver;
use e2e::client::{self, Request};
use e2e::envoy::Envoy;
use e2e::postgres::Postgres;
use e2e::process::Signal;
use e2e::scene::{PEOPLE, gateway};
use e2e::upstream::Upstream;
use e2e::{eventually, policy};
use serde_json::json;

const WAITING: usize = 20;

fn delete(account: usize) -> Request {
    Request::new("DELETE", &format!("/v1/accounts/{account}")).header(policy::AGENT, "agent-1")
}

#[tokio::test]
async fn a_replica_that_stops_hands_over_whoever_waits() {
    let database = Postgres::shared().database();
    let stays = Approver::start_replica(&database, PEOPLE).await.unwrap();
    let mut goes = Approver::start_replica(&database, PEOPLE).await.unwrap();
    let upstream = Upstream::ok().await;
    let policy = policy::with(policy::crm(), "/hold", json!({ "max_live": 100 }));
    let mut config = gateway(upstream.addr(), goes.addr(), goes.gateway_token(), goes.key(), &policy);
    config.replicas = vec![stays.addr()];
    let envoy = Envoy::start(&config).await.unwrap();
    let (here, there) = (goes.login("alice").await.unwrap(), stays.login("bob").await.unwrap());

    let addr = envoy.addr();
    let send = |account: usize| tokio::spawn(async move { delete(account).send(addr).await.unwrap() });
    let mut answers: Vec<_> = (0..WAITING).map(send).collect();
    let mut holds = here.await_holds(WAITING, "pending").await;

    goes.signal(Signal::Terminate);
    eventually("it says that it is about to stop", async || {
        let answer = client::get(goes.addr(), "/readyz").await.ok()?;
        (answer.status == 503 && answer.json()["code"] == "stopping").then_some(())
    })
    .await;
    // It serves on meanwhile, people and gateways.
    let first = holds.pop().unwrap();
    assert_eq!(here.approve(first["id"].as_str().unwrap()).await.unwrap().status, 200);
    answers.extend((WAITING..WAITING + 5).map(send));
    let ended = goes.ended().await;
    assert!(ended.success(), "{ended}");

    // Asked for while one of two is gone.
    answers.extend((WAITING + 5..WAITING + 10).map(send));
    let holds = there.await_holds(WAITING + 9, "pending").await;
    assert_eq!(upstream.seen().len(), 1, "only what was approved");
    for hold in holds {
        assert_eq!(there.approve(hold["id"].as_str().unwrap()).await.unwrap().status, 200);
    }
    for answer in answers {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let mut targets: Vec<_> = upstream.seen().iter().map(|request| request.target()).collect();
    targets.sort();
    targets.dedup();
    assert_eq!((targets.len(), upstream.seen().len()), (WAITING + 10, WAITING + 10));
}
