//! Keys under which something is done once.

use super::{Bench, MINUTE};
use crate::store::idempotency::{Answer, Begun, Key};

on_both_databases! {
    a_key_stands_for_one_request_of_one_caller_for_a_day,
    what_was_never_answered_can_be_asked_again,
}

fn key(caller: &str, request: &str) -> Key {
    Key { caller: caller.into(), key: "k".into(), request: request.into() }
}

async fn a_key_stands_for_one_request_of_one_caller_for_a_day() {
    let bench = Bench::new().await;
    let (own, other) = (key("person bob", "a"), bench.store.of(&"globex".parse().unwrap()));
    let answer = Answer { status: 201, body: "{}".into() };
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::First);
    assert_eq!(bench.reopened().await.begin_once(&own).await.unwrap(), Begun::Running, "at another replica too");
    bench.store.end_once(&own, Some(answer.clone())).await.unwrap();
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::Before(answer.clone()));
    assert_eq!(bench.store.begin_once(&key("person bob", "b")).await.unwrap(), Begun::OtherRequest);
    assert_eq!(bench.store.begin_once(&key("person alice", "b")).await.unwrap(), Begun::First);
    assert_eq!(other.begin_once(&own).await.unwrap(), Begun::First);
    bench.pass(24 * 60 * MINUTE);
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::Before(answer));
    bench.pass(1);
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::First);
}

async fn what_was_never_answered_can_be_asked_again() {
    let bench = Bench::new().await;
    let own = key("token t", "a");
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::First);
    bench.store.end_once(&own, None).await.unwrap();
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::First, "it was refused");
    bench.pass(MINUTE + 1);
    assert_eq!(bench.store.begin_once(&own).await.unwrap(), Begun::First, "whoever answered has died");
}
