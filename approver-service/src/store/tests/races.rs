//! What must hold when many ask at once, or judge by what is no longer true.

use privyseal_engine::hold::{Intake, ReleaseVerdict, State};

use tokio::task::JoinSet;

use super::{Bench, intake, no_receipt, nonce, release};
use crate::audit::Actor;
use crate::hold::transition::Event;
use crate::store::database::Backend;
use crate::store::decide::{Decider, Verdict};
use crate::store::{Error, row};

on_both_databases! {
    of_200_parallel_releases_exactly_one_releases,
    of_parallel_decisions_exactly_one_counts,
    the_update_names_the_state_it_was_judged_by,
    without_a_record_nothing_is_decided_or_released,
    records_are_neither_changed_nor_cut,
    a_crash_loses_nothing_that_was_answered,
    what_is_confirmed_is_on_disk_or_nothing_is_served,
    the_log_verifies_and_forgeries_are_named,
}

async fn of_200_parallel_releases_exactly_one_releases() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(0)).await;
    for n in 1..200 {
        assert!(bench.store.intake(intake(n)).await.unwrap().joined);
    }
    let mut releases = JoinSet::new();
    for n in 0..200 {
        let (store, id) = (bench.store.clone(), hold.id.clone());
        releases.spawn(async move { store.release(&id, &release(n), no_receipt).await.unwrap().verdict });
    }
    let mut released = 0;
    for verdict in releases.join_all().await {
        match verdict {
            ReleaseVerdict::Released => released += 1,
            other => assert_eq!(other, ReleaseVerdict::AlreadyReleased),
        }
    }
    assert_eq!(released, 1);
    assert_eq!(bench.records(&hold.id).await.iter().filter(|kind| *kind == "released").count(), 1);
}

async fn of_parallel_decisions_exactly_one_counts() {
    let bench = Bench::new().await;
    let bob = bench.session("bob").await;
    for round in 0..20 {
        let parallel = if round == 0 { 1_000 } else { 10 };
        let intake = Intake { digest: format!("{round:064x}"), nonce: nonce(round), ..intake(0) };
        let hold = bench.create(intake).await;
        let mut decisions = JoinSet::new();
        for n in 0..parallel {
            let (store, id, bob) = (bench.store.clone(), hold.id.clone(), bob.clone());
            let verdict = if n % 2 == 0 { Verdict::Approve } else { Verdict::Deny };
            decisions.spawn(async move {
                store
                    .decide(
                        &id,
                        verdict,
                        None,
                        Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None },
                    )
                    .await
            });
        }
        let mut states = vec![];
        for decision in decisions.join_all().await {
            match decision {
                Ok(decided) => states.push(decided.state),
                Err(refused) => assert!(matches!(refused, Error::Refused(_)), "{refused:?}"),
            }
        }
        assert_eq!(states, [bench.state(&hold.id).await]);
        assert_eq!(bench.records(&hold.id).await.len(), 2);
    }
}

/// A change judged by a state that is no longer true is refused by the update itself.
async fn the_update_names_the_state_it_was_judged_by() {
    let bench = Bench::new().await;
    let stale = bench.approved(intake(1)).await;
    bench.release(&stale.id, &release(1)).await;
    let mut tx = bench.store.begin().await.unwrap();
    let again = Event::Collect { nonce: nonce(2) };
    let refused = row::apply(&mut tx, &stale, again, Actor::gateway("edge-1"), None).await;
    assert!(matches!(refused, Err(Error::Stale)), "{refused:?}");
    drop(tx);
    assert_eq!(bench.store.hold(&stale.id).await.unwrap().collected.unwrap().nonce, nonce(1));
}

async fn without_a_record_nothing_is_decided_or_released() {
    let bench = Bench::new().await;
    let pending = bench.create(Intake { principal: Some("agent-8".into()), ..intake(1) }).await;
    let approved = bench.approved(intake(2)).await;
    let bob = bench.session("bob").await;
    bench.store.run_for_tests("ALTER TABLE audit RENAME TO away").await;

    assert!(matches!(bench.approve(&pending.id, &bob).await, Err(Error::Database(_))));
    assert!(matches!(bench.store.release(&approved.id, &release(2), no_receipt).await, Err(Error::Database(_))));
    assert!(matches!(bench.store.intake(intake(3)).await, Err(Error::Database(_))));

    bench.store.run_for_tests("ALTER TABLE away RENAME TO audit").await;
    assert_eq!(bench.state(&pending.id).await, State::Pending);
    assert_eq!(bench.state(&approved.id).await, State::Approved);
    assert_eq!(bench.release(&approved.id, &release(2)).await.0, ReleaseVerdict::Released, "recovers");
}

async fn records_are_neither_changed_nor_cut() {
    let bench = Bench::new().await;
    bench.create(intake(1)).await;
    for forgery in ["UPDATE audit SET body = '{}'", "DELETE FROM audit"] {
        assert!(sqlx::query(forgery).execute(&bench.store.0.writer).await.is_err(), "{forgery}");
    }
}

async fn a_crash_loses_nothing_that_was_answered() {
    let bench = Bench::new().await;
    let pending = bench.create(Intake { principal: Some("agent-8".into()), ..intake(1) }).await;
    let approved = bench.approved(intake(2)).await;
    let released = bench.approved(Intake { digest: "2".repeat(64), ..intake(3) }).await;
    let collect = privyseal_engine::hold::Release { digest: "2".repeat(64), ..release(3) };
    bench.store.release(&released.id, &collect, no_receipt).await.unwrap();

    let after = bench.reopened().await;
    assert_eq!(after.hold(&pending.id).await.unwrap(), pending);
    assert_eq!(after.hold(&approved.id).await.unwrap(), approved);
    assert_eq!(after.release(&approved.id, &release(2), no_receipt).await.unwrap().verdict, ReleaseVerdict::Released);
    assert_eq!(
        after.release(&released.id, &collect, no_receipt).await.unwrap().verdict,
        ReleaseVerdict::Released,
        "the same answer"
    );
    assert!(after.intake(Intake { principal: Some("agent-8".into()), ..intake(4) }).await.unwrap().joined);
}

async fn what_is_confirmed_is_on_disk_or_nothing_is_served() {
    let bench = Bench::new().await;
    bench.store.check_durable().await.unwrap();
    let looser = match bench.store.0.address.backend {
        Backend::Postgres => "SET synchronous_commit = off",
        Backend::Sqlite => "PRAGMA synchronous = NORMAL",
    };
    bench.store.run_for_tests(looser).await;
    let refused = bench.store.check_durable().await.unwrap_err().to_string();
    assert!(refused.starts_with("the database may lose what it has confirmed: `synchronous"), "{refused}");
}

async fn the_log_verifies_and_forgeries_are_named() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    bench.release(&hold.id, &release(1)).await;
    let whole = bench.store.verify_audit().await.unwrap().unwrap();
    assert!(whole >= 4, "{whole}");
    // Whoever owns the database can take its guards away.
    let off = match bench.store.0.address.backend {
        Backend::Postgres => "ALTER TABLE audit DISABLE TRIGGER ALL",
        Backend::Sqlite => "DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_cut",
    };
    bench.store.run_for_tests(off).await;
    for (forge, undo, seq) in [
        ("UPDATE audit SET hold = 'x' WHERE seq = 3", "UPDATE audit SET hold = NULL WHERE seq = 3", 3),
        ("UPDATE audit_head SET seq = seq + 1", "UPDATE audit_head SET seq = seq - 1", whole + 1),
        ("UPDATE audit SET seq = -2 WHERE seq = 2", "UPDATE audit SET seq = 2 WHERE seq = -2", 2),
        ("UPDATE audit SET body = replace(body, 'acme', 'ACME') WHERE hold IS NOT NULL", "SELECT 1", 2),
    ] {
        bench.store.run_for_tests(forge).await;
        assert_eq!(bench.store.verify_audit().await.unwrap().unwrap_err().seq, seq, "{forge}");
        bench.store.run_for_tests(undo).await;
    }
}
