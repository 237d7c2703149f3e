//! New holds asked for at once: written together, each as if it had come in turn.

use std::time::Duration;

use futures_util::future::join_all;
use privyseal_engine::hold::{Intake, NearMiss, View};

use super::{Bench, intake, nonce};
use crate::auth::Directory;
use crate::store::{Error, Result, Scope};
use crate::workflow;

on_both_databases! {
    what_comes_at_once_is_made_as_if_in_turn,
    near_misses_and_budgets_count_what_came_at_once,
    what_the_database_refuses_fails_alone,
    what_nobody_waits_for_is_not_made,
    tenants_and_environments_at_once_count_for_themselves,
}

/// `n` names the stream and the request.
fn other(n: u32) -> Intake {
    Intake { digest: format!("{n:064x}"), principal: Some(format!("agent-{n}")), ..intake(n) }
}

/// What each of `intakes` hears, all of them asked for in this order while somebody else writes.
async fn at_once(bench: &Bench, intakes: Vec<Intake>) -> Vec<Result<View>> {
    let writing = bench.store.begin().await.unwrap();
    let asked = join_all(intakes.into_iter().map(|intake| bench.store.intake(intake)));
    let (said, written) = tokio::join!(asked, writing.commit());
    written.unwrap();
    said
}

async fn what_comes_at_once_is_made_as_if_in_turn() {
    let bench = Bench::new().await;
    let mut intakes: Vec<Intake> = (0..100).map(other).collect();
    intakes.push(other(7));
    intakes.push(Intake { nonce: nonce(200), ..other(8) });
    intakes.push(Intake { workflow: "none".into(), ..other(201) });
    intakes.push(Intake { nonce: nonce(9), digest: "f".repeat(64), ..other(9) });
    let said = at_once(&bench, intakes).await;
    let view = |n: usize| said[n].as_ref().unwrap();
    for n in 0..100 {
        assert!(!view(n).joined);
        let hold = bench.store.hold(&view(n).id).await.unwrap();
        assert_eq!(hold.request.principal, Some(format!("agent-{n}")));
        assert_eq!(bench.store.hold_of_stream(&nonce(n as u32)).await.unwrap().as_ref(), Some(&hold.id));
    }
    assert_eq!(view(100), view(7), "the same stream asks again");
    assert_eq!((&view(101).id, view(101).joined), (&view(8).id, true));
    assert!(matches!(said[102], Err(Error::UnknownWorkflow(_))));
    assert!(matches!(said[103], Err(Error::WrongNonce)));
    assert_eq!(bench.records(&view(8).id).await, ["created", "joined"]);
    assert_eq!(bench.store.open_holds(500).await.unwrap().len(), 100);
}

async fn near_misses_and_budgets_count_what_came_at_once() {
    let bench = Bench::new().await;
    let of_one = |n: u32, body: u32| Intake {
        max_live: 3,
        principal: Some("agent-7".into()),
        fields: [("method".to_owned(), "0".repeat(16)), ("body".to_owned(), format!("{body:016x}"))].into(),
        ..other(n)
    };
    let said = at_once(&bench, (1..=5).map(|n| of_one(n, n)).collect()).await;
    let made: Vec<&View> = said.iter().flatten().collect();
    assert_eq!(made.len(), 3);
    assert!(said.iter().filter_map(|said| said.as_ref().err()).all(|e| matches!(e, Error::TooManyHolds(3))));
    let near = |n: usize| Some(NearMiss { hold: made[n].id.clone(), differs: "body".into() });
    let found: Vec<_> = made.iter().map(|view| view.near_miss.clone()).collect();
    assert_eq!(found, [None, near(0), near(1)], "the newest comes first");
    let nobody = |n| Intake { principal: None, max_live: 2, ..of_one(n, n) };
    let said = at_once(&bench, (11..=13).map(nobody).collect()).await;
    let made: Vec<&View> = said.iter().flatten().collect();
    assert_eq!((made.len(), made.iter().filter(|view| view.near_miss.is_some()).count()), (2, 0));
}

async fn what_the_database_refuses_fails_alone() {
    let bench = Bench::new().await;
    bench.store.run_for_tests("CREATE UNIQUE INDEX one_why ON holds (why)").await;
    let because = |n: u32, why: u32| Intake { why: format!("{why}"), ..other(n) };
    let said = at_once(&bench, (0..20).map(|n| because(n, n % 19)).collect()).await;
    assert_eq!(said.iter().filter(|said| said.is_ok()).count(), 19);
    assert_eq!(said.iter().filter(|said| matches!(said, Err(Error::Database(_)))).count(), 1);
    assert_eq!(bench.store.open_holds(100).await.unwrap().len(), 19);
    bench.store.verify_audit().await.unwrap().unwrap();
}

async fn what_nobody_waits_for_is_not_made() {
    let bench = Bench::new().await;
    let writing = bench.store.begin().await.unwrap();
    let goes = async {
        let gone = tokio::time::timeout(Duration::ZERO, bench.store.intake(other(2))).await;
        assert!(gone.is_err());
        writing.commit().await.unwrap();
    };
    let (kept, ()) = tokio::join!(bench.store.intake(other(1)), goes);
    let open = bench.store.open_holds(10).await.unwrap();
    assert_eq!(open.iter().map(|hold| &hold.id).collect::<Vec<_>>(), [&kept.unwrap().id]);
}

async fn tenants_and_environments_at_once_count_for_themselves() {
    let bench = Bench::new().await;
    let others = bench.store.of(&"other".parse().unwrap());
    others.set_workflows(&workflow::resolve(&[], &Directory::default()).unwrap()).await.unwrap();
    bench.store.run_for_tests("UPDATE workflows SET quorum = 2 WHERE tenant = 'acme'").await;
    let of = |n: u32, tenant: &str, environment: &str| Intake {
        tenant: tenant.into(),
        environment: environment.into(),
        principal: Some("agent-7".into()),
        fields: [("body".to_owned(), format!("{n:016x}"))].into(),
        max_live: 1,
        ..other(n)
    };
    let writing = bench.store.begin().await.unwrap();
    let asked = [of(1, "acme", "test"), of(2, "other", "test"), of(3, "acme", "production"), of(4, "acme", "test")];
    let asked = join_all(asked.into_iter().map(async |intake| {
        let store = if intake.tenant == "other" { &others } else { &bench.store };
        store.intake(intake).await
    }));
    let (said, written) = tokio::join!(asked, writing.commit());
    written.unwrap();
    for view in said[..3].iter().map(|said| said.as_ref().unwrap()) {
        assert_eq!((view.joined, &view.near_miss), (false, &None));
    }
    assert!(matches!(said[3], Err(Error::TooManyHolds(1))));
    let quorum = async |store: &Scope, n: usize| store.hold(&said[n].as_ref().unwrap().id).await.unwrap().quorum;
    assert_eq!((quorum(&bench.store, 0).await, quorum(&others, 1).await), (2, 1));
}
