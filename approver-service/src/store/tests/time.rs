//! Waiting, and what time does.

use std::time::Duration;

use privyseal_engine::hold::{Intake, Kill, State, StatusQuery};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bench, MINUTE, intake};
use crate::audit::Actor;
use crate::store::decide::{Decider, Verdict};

on_both_databases! {
    a_waiter_hears_of_a_decision_at_once,
    a_waiter_is_told_what_the_hold_says,
    a_waiter_is_answered_at_its_own_time_and_when_the_service_stops,
    a_waiter_hears_that_the_deadline_has_passed,
    the_kill_switch_is_heard_at_once,
    the_sweep_ends_what_nobody_looks_at_and_lists_show_it,
    lists_go_page_by_page_newest_first,
}

/// Later than anything that wakes a waiter.
fn long() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Fails if it takes as long as a poll that nobody woke.
async fn soon<T>(wakes: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), wakes).await.unwrap()
}

async fn a_waiter_hears_of_a_decision_at_once() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    let stop = CancellationToken::new();
    let waits = bench.store.wait(&hold.id, 1, long(), &stop);
    let (waited, decided) = soon(async { tokio::join!(waits, bench.approve(&hold.id, &bob)) }).await;
    assert_eq!(waited.unwrap(), decided.unwrap().view(false));
    let known = bench.store.wait(&hold.id, 1, long(), &stop).await.unwrap();
    assert_eq!((known.state, known.revision), (State::Approved, 2), "who comes late is told at once");
}

async fn a_waiter_is_told_what_the_hold_says() {
    let bench = Bench::new().await;
    let bob = bench.session("bob").await;
    let by = Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None };
    let same = async |id: &str| {
        let told = bench.store.wait(id, 0, Instant::now(), &CancellationToken::new()).await.unwrap();
        assert_eq!(told, bench.store.hold(id).await.unwrap().view(false));
        told
    };
    let asked = bench.create(intake(1)).await.id;
    assert_eq!(same(&asked).await.reason, None);
    let say = async |id: &str, verdict, why: &str| bench.store.decide(id, verdict, Some(why.into()), by).await.unwrap();
    say(&asked, Verdict::Ask, "why now?").await;
    assert_eq!(same(&asked).await.reason.as_deref(), Some("why now?"));
    let Intake { v, tenant, environment, principal, .. } = intake(1);
    let asker = StatusQuery { v, tenant, environment, principal: principal.unwrap() };
    bench.store.answer(&asked, &asker, "because".into()).await.unwrap();
    assert_eq!(same(&asked).await.reason, None);
    say(&asked, Verdict::Approve, "fine").await;
    assert_eq!(same(&asked).await.reason.as_deref(), Some("fine"));
    let near = Intake {
        digest: "2".repeat(64),
        fields: [("body".to_owned(), "1".repeat(16)), ("method".to_owned(), "0".repeat(16))].into(),
        ..intake(2)
    };
    let near = bench.create(near).await.id;
    assert!(same(&near).await.near_miss.is_some());
    say(&near, Verdict::Deny, "no").await;
    assert_eq!(same(&near).await.reason.as_deref(), Some("no"));
    say(&asked, Verdict::Revoke, "a mistake").await;
    assert_eq!(same(&asked).await.reason.as_deref(), Some("a mistake"));
}

async fn a_waiter_is_answered_at_its_own_time_and_when_the_service_stops() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let stop = CancellationToken::new();
    let waited = bench.store.wait(&hold.id, 1, Instant::now(), &stop).await.unwrap();
    assert_eq!((waited.state, waited.revision), (State::Pending, 1));
    stop.cancel();
    soon(bench.store.wait(&hold.id, 1, long(), &stop)).await.unwrap();
    soon(bench.store.wait_control(1, long(), &stop)).await;
}

async fn a_waiter_hears_that_the_deadline_has_passed() {
    let bench = Bench::new().await;
    let hold = bench.create(Intake { deadline_ms: 20, ..intake(1) }).await;
    let stop = CancellationToken::new();
    let waits = bench.store.wait(&hold.id, 1, long(), &stop);
    let passes = async {
        tokio::task::yield_now().await;
        bench.pass(20);
    };
    let (waited, ()) = soon(async { tokio::join!(waits, passes) }).await;
    assert_eq!(waited.unwrap().state, State::Expired);
}

async fn the_kill_switch_is_heard_at_once() {
    let bench = Bench::new().await;
    let stop = CancellationToken::new();
    let waits = bench.store.wait_control(1, long(), &stop);
    let sets = bench.store.set_kill(Kill::Hold, None, Actor::person("bob"));
    let (control, set) = soon(async { tokio::join!(waits, sets) }).await;
    assert_eq!(control, set.unwrap());
    assert_eq!(bench.store.wait_control(1, long(), &stop).await.kill, Kill::Hold, "who comes late is told at once");
}

async fn the_sweep_ends_what_nobody_looks_at_and_lists_show_it() {
    let bench = Bench::new().await;
    for n in 0..250 {
        bench.create(Intake { digest: format!("{n:064x}"), max_live: 1000, ..intake(n) }).await;
    }
    assert_eq!(bench.store.open_holds(500).await.unwrap().len(), 250);
    bench.pass(60 * MINUTE);
    assert_eq!(bench.store.sweep().await.unwrap(), 250);
    assert_eq!(bench.store.open_holds(500).await.unwrap().len(), 0);
    assert_eq!(bench.store.holds(Some(State::Expired), None, 500).await.unwrap().len(), 250);
}

async fn lists_go_page_by_page_newest_first() {
    let bench = Bench::new().await;
    let mut ids = vec![];
    for n in 0..5 {
        ids.push(bench.create(Intake { digest: format!("{n:064x}"), ..intake(n) }).await.id);
    }
    ids.reverse();
    let page = async |before: Option<&str>| -> Vec<String> {
        bench.store.holds(None, before, 2).await.unwrap().into_iter().map(|hold| hold.id).collect()
    };
    assert_eq!(page(None).await, ids[..2]);
    assert_eq!(page(Some(&ids[1])).await, ids[2..4]);
    assert_eq!(page(Some(&ids[3])).await, ids[4..]);
}
