//! Two stores on one database, as two replicas of the service have them.

use std::time::Duration;

use privyseal_engine::hold::{Intake, Kill, ReleaseVerdict, State};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bench, intake, no_receipt, release};
use crate::audit::Actor;
use crate::secret::Key;
use crate::store::database::Backend;
use crate::store::follow::EVERY;
use crate::store::{Error, Scope, Store};

on_both_databases! {
    a_decision_at_one_replica_is_heard_at_the_other_without_notifications,
    with_notifications_it_is_heard_at_once,
    what_another_replica_wrote_is_heard_behind_own_writes,
    the_kill_switch_is_heard_at_the_other_replica,
    the_newest_record_is_known_at_both_replicas,
    what_is_polled_at_one_replica_is_not_deserted_for_the_other,
    what_a_dead_replica_heard_counts_no_more,
    the_same_request_at_two_replicas_is_one_hold,
    of_parallel_releases_at_two_replicas_exactly_one_releases,
    another_storage_key_is_refused,
    keys_that_are_others_than_at_the_last_start_are_noticed,
}

/// Longer than anything here may take.
const LONG: Duration = Duration::from_secs(60);

/// How long the other replica takes to hear of a decision, while it follows.
async fn heard_after(bench: &Bench, other: &Scope, follow: impl Future<Output = ()>) -> Duration {
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    let stop = CancellationToken::new();
    let waits = other.wait(&hold.id, 1, Instant::now() + LONG, &stop);
    let decides = async {
        super::eventually(|| other.listeners() == 1).await;
        bench.approve(&hold.id, &bob).await.unwrap();
        Instant::now()
    };
    let (waited, decided) = tokio::select! {
        () = follow => panic!("following never ends"),
        both = async { tokio::join!(waits, decides) } => both,
    };
    assert_eq!(waited.unwrap().state, State::Approved);
    decided.elapsed()
}

async fn a_decision_at_one_replica_is_heard_at_the_other_without_notifications() {
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    let untold = Notify::new();
    let took = heard_after(&bench, &other, other.look(EVERY, &untold)).await;
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(EVERY <= Duration::from_secs(1));
}

async fn with_notifications_it_is_heard_at_once() {
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    if bench.address.backend == Backend::Sqlite {
        // A file tells nobody: there is only looking.
        assert!(tokio::time::timeout(Duration::ZERO, other.listen(&Notify::new())).await.is_err());
        return;
    }
    let told = Notify::new();
    // Nobody looks by itself as long as this test runs.
    let follow = async {
        tokio::join!(other.look(LONG * 60, &told), other.listen(&told));
    };
    let took = heard_after(&bench, &other, follow).await;
    assert!(took < LONG / 2, "{took:?}");
}

async fn what_another_replica_wrote_is_heard_behind_own_writes() {
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    let untold = Notify::new();
    let follow = async {
        super::eventually(|| other.listeners() == 1).await;
        bench.approve(&hold.id, &bob).await.unwrap();
        other.intake(Intake { digest: "2".repeat(64), ..intake(2) }).await.unwrap();
        other.look(EVERY, &untold).await;
    };
    let (begun, stop) = (Instant::now(), CancellationToken::new());
    let waited = tokio::select! {
        waited = other.wait(&hold.id, 1, begun + LONG, &stop) => waited.unwrap(),
        () = follow => panic!("following never ends"),
    };
    assert_eq!(waited.state, State::Approved);
    assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
}

async fn the_kill_switch_is_heard_at_the_other_replica() {
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    let (stop, untold) = (CancellationToken::new(), Notify::new());
    let waits = other.wait_control(1, Instant::now() + LONG, &stop);
    let sets = bench.store.set_kill(Kill::Hold, None, Actor::person("bob"));
    let (heard, set) = tokio::select! {
        () = other.look(EVERY, &untold) => panic!("following never ends"),
        both = async { tokio::join!(waits, sets) } => both,
    };
    assert_eq!(heard, set.unwrap());
}

async fn the_newest_record_is_known_at_both_replicas() {
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    let (mut here, mut there) = (bench.store.newest_record(), other.newest_record());
    bench.create(intake(1)).await;
    let last = bench.store.last_record().await.unwrap();
    // Whoever wrote it need not be told.
    here.wait_for(|seq| *seq == last).await.unwrap();
    assert!(*there.borrow() < last);
    let untold = Notify::new();
    tokio::select! {
        () = other.look(EVERY, &untold) => panic!("following never ends"),
        known = there.wait_for(|seq| *seq == last) => drop(known.unwrap()),
    }
}

async fn what_is_polled_at_one_replica_is_not_deserted_for_the_other() {
    let none = Duration::ZERO;
    let bench = Bench::new().await;
    let other = bench.reopened().await;
    let hold = bench.create(intake(1)).await;
    let poll = other.0.wake.listen(&hold.id);
    other.note_silence(none).await.unwrap();
    assert_eq!(bench.store.note_silence(none).await.unwrap(), 0, "it is polled there");
    drop(poll);
    other.note_silence(none).await.unwrap();
    assert!(bench.store.hold(&hold.id).await.unwrap().detached_ms.is_some());
    let _poll = bench.store.0.wake.listen(&hold.id);
    bench.store.note_silence(none).await.unwrap();
    assert_eq!(other.hold(&hold.id).await.unwrap().detached_ms, None, "it is polled here");
}

async fn what_a_dead_replica_heard_counts_no_more() {
    let none = Duration::ZERO;
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let dead = bench.reopened().await;
    let _poll = dead.0.wake.listen(&hold.id);
    dead.note_silence(none).await.unwrap();
    assert_eq!(bench.store.note_silence(none).await.unwrap(), 0);
    bench.pass(1);
    assert_eq!(bench.store.note_silence(none).await.unwrap(), 1, "it has not been seen since");
    dead.0.wake.listen("no-such-hold");
    dead.note_silence(none).await.unwrap();
}

async fn the_same_request_at_two_replicas_is_one_hold() {
    let bench = Bench::new().await;
    let stores = [bench.store.clone(), bench.reopened().await];
    let mut asked = JoinSet::new();
    for n in 0..40 {
        let store = stores[n as usize % 2].clone();
        asked.spawn(async move { store.intake(intake(n)).await.unwrap() });
    }
    let views = asked.join_all().await;
    assert_eq!(views.iter().filter(|view| !view.joined).count(), 1);
    assert!(views.iter().all(|view| view.id == views[0].id));
    assert_eq!(bench.records(&views[0].id).await.len(), 40);
}

async fn of_parallel_releases_at_two_replicas_exactly_one_releases() {
    let bench = Bench::new().await;
    let stores = [bench.store.clone(), bench.reopened().await];
    let hold = bench.approved(intake(0)).await;
    for n in 1..40 {
        assert!(bench.store.intake(intake(n)).await.unwrap().joined);
    }
    let mut releases = JoinSet::new();
    for n in 0..40 {
        let (store, id) = (stores[n as usize % 2].clone(), hold.id.clone());
        releases.spawn(async move { store.release(&id, &release(n), no_receipt).await.unwrap().verdict });
    }
    let verdicts = releases.join_all().await;
    assert_eq!(verdicts.iter().filter(|verdict| **verdict == ReleaseVerdict::Released).count(), 1);
    assert_eq!(bench.records(&hold.id).await.iter().filter(|kind| *kind == "released").count(), 1);
}

async fn another_storage_key_is_refused() {
    let bench = Bench::new().await;
    bench.create(Intake { ..intake(1) }).await;
    let refused = Store::open(&bench.address, Key::new(vec![8; 32])).await;
    assert!(matches!(refused, Err(Error::WrongKey)));
}

async fn keys_that_are_others_than_at_the_last_start_are_noticed() {
    let bench = Bench::new().await;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(bench.store.note_keys("gateway", &words("a")).await.unwrap(), None);
    let since = bench.store.now();
    bench.pass(5_000);
    let other = bench.reopened().await;
    // Rotated: the old one is still among them.
    assert_eq!(other.note_keys("receipts", &words("k1")).await.unwrap(), None);
    assert_eq!(other.note_keys("receipts", &words("k1 k2")).await.unwrap(), None);
    assert_eq!(other.note_keys("receipts", &words("k2 k3")).await.unwrap(), None);
    assert_eq!(other.note_keys("gateway", &words("b")).await.unwrap(), Some(since));
    assert_eq!(other.note_keys("gateway", &words("b")).await.unwrap(), None);
}
