//! Many operations in one transaction: each by itself all the same.

use futures_util::FutureExt;
use privyseal_engine::hold::{Intake, State};
use tokio::task::JoinSet;

use super::{Bench, intake};
use crate::store::Error;
use crate::store::database::Backend;
use crate::store::decide::{Decider, Verdict};

on_both_databases! {
    a_bad_operation_fails_alone,
    what_is_given_up_leaves_no_trace,
    what_is_given_up_in_a_statement_fails_alone,
    what_commits_after_all_is_told_what_was_kept,
    of_1000_parallel_approvals_one_counts,
    approve_and_deny_at_once_end_in_one_state,
    when_the_writer_is_gone_nothing_is_promised,
}

const KILL: &str = "INSERT INTO control (tenant, epoch, kill) VALUES ('acme', 2, 'deny')";
const NO_SUCH_HOLD: &str = "INSERT INTO streams (nonce, hold, joined) VALUES ('n', 'no such hold', 0)";

fn other(n: u32) -> Intake {
    Intake { digest: format!("{n:064x}"), max_live: 1000, ..intake(n) }
}

async fn a_bad_operation_fails_alone() {
    let bench = Bench::new().await;
    // While this operation lasts the others queue, and then share a transaction.
    let first = bench.store.begin().await.unwrap();
    let mut asked = JoinSet::new();
    for n in 0..30 {
        let store = bench.store.clone();
        asked.spawn(async move {
            match n % 3 {
                0 => store.intake(other(n)).await.map(Some),
                1 => store.intake(Intake { workflow: "none".into(), ..other(n) }).await.map(Some),
                _ => {
                    let mut tx = store.begin().await?;
                    sqlx::raw_sql(NO_SUCH_HOLD).execute(tx.conn()).await?;
                    tx.commit().await.map(|()| None)
                }
            }
        });
    }
    tokio::task::yield_now().await;
    first.commit().await.unwrap();
    let (mut made, mut unknown, mut failed) = (0, 0, 0);
    for said in asked.join_all().await {
        match said {
            Ok(Some(view)) => {
                assert_eq!(bench.state(&view.id).await, State::Pending);
                made += 1;
            }
            Err(Error::UnknownWorkflow(_)) => unknown += 1,
            Err(Error::Database(_)) => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((made, unknown, failed), (10, 10, 10));
    assert_eq!(bench.store.open_holds(100).await.unwrap().len(), 10);
    bench.store.verify_audit().await.unwrap().unwrap();
}

async fn what_is_given_up_leaves_no_trace() {
    let bench = Bench::new().await;
    let records = bench.store.verify_audit().await.unwrap().unwrap();
    let mut tx = bench.store.begin().await.unwrap();
    sqlx::raw_sql(KILL).execute(tx.conn()).await.unwrap();
    drop(tx);
    let hold = bench.create(intake(1)).await;
    assert_eq!(hold.state, State::Pending, "the switch was not turned");
    assert_eq!(bench.store.verify_audit().await.unwrap(), Ok(records + 1));

    // The same among others.
    let first = bench.store.begin().await.unwrap();
    let gives_up = async {
        let mut tx = bench.store.begin().await.unwrap();
        sqlx::raw_sql(KILL).execute(tx.conn()).await.unwrap();
    };
    let (made, (), written) = tokio::join!(bench.store.intake(other(2)), gives_up, first.commit());
    written.unwrap();
    assert_eq!(bench.state(&made.unwrap().id).await, State::Pending);
    assert_eq!(bench.store.verify_audit().await.unwrap(), Ok(records + 2));
}

/// A caller that goes away in the middle of a statement, which then fails.
async fn what_is_given_up_in_a_statement_fails_alone() {
    let bench = Bench::new().await;
    let first = bench.store.begin().await.unwrap();
    let gives_up = async {
        let mut tx = bench.store.begin().await.unwrap();
        let fails = sqlx::raw_sql(NO_SUCH_HOLD).execute(tx.conn());
        // Sent, but not waited for.
        drop(fails.now_or_never());
    };
    let (made, (), written) = tokio::join!(bench.store.intake(other(2)), gives_up, first.commit());
    written.unwrap();
    assert_eq!(bench.state(&made.unwrap().id).await, State::Pending);
    bench.store.verify_audit().await.unwrap().unwrap();
}

/// PostgreSQL keeps nothing of a transaction behind a statement that failed, and answers to its commit without an error.
async fn what_commits_after_all_is_told_what_was_kept() {
    let bench = Bench::new().await;
    let mut tx = bench.store.begin().await.unwrap();
    sqlx::raw_sql(KILL).execute(tx.conn()).await.unwrap();
    sqlx::raw_sql(NO_SUCH_HOLD).execute(tx.conn()).await.unwrap_err();
    let (told, asked) = (tx.commit().await, bench.store.intake(intake(1)).await);
    match bench.address.backend {
        Backend::Postgres => assert!(told.is_err() && asked.is_ok(), "{told:?} {asked:?}"),
        Backend::Sqlite => assert!(told.is_ok() && matches!(asked, Err(Error::KillSwitch)), "{told:?} {asked:?}"),
    }
}

async fn of_1000_parallel_approvals_one_counts() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    let mut approvals = JoinSet::new();
    for _ in 0..1000 {
        let (store, id, bob) = (bench.store.clone(), hold.id.clone(), bob.clone());
        approvals.spawn(async move {
            store
                .decide(
                    &id,
                    Verdict::Approve,
                    None,
                    Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None },
                )
                .await
        });
    }
    let said = approvals.join_all().await;
    assert_eq!(said.iter().filter(|said| said.is_ok()).count(), 1);
    assert!(said.iter().all(|said| matches!(said, Ok(_) | Err(Error::Refused(_)))), "the others hear why");
    assert_eq!(bench.records(&hold.id).await, ["created", "approved"]);
}

async fn approve_and_deny_at_once_end_in_one_state() {
    let bench = Bench::new().await;
    let bob = bench.session("bob").await;
    let by = Decider { person: &bob.person, session: &bob.hash, ticket: None, grant: None };
    for n in 0..10 {
        let hold = bench.create(other(n)).await;
        let approves = bench.store.decide(&hold.id, Verdict::Approve, None, by);
        let denies = bench.store.decide(&hold.id, Verdict::Deny, None, by);
        let (approved, denied) = tokio::join!(approves, denies);
        assert!(approved.is_ok() != denied.is_ok(), "{approved:?} {denied:?}");
        let state = approved.or(denied).unwrap().state;
        assert_eq!(bench.state(&hold.id).await, state);
        assert_eq!(bench.records(&hold.id).await.len(), 2);
    }
}

async fn when_the_writer_is_gone_nothing_is_promised() {
    let bench = Bench::new().await;
    bench.store.close().await;
    assert!(matches!(bench.store.intake(intake(1)).await, Err(Error::Database(_))));
    assert_eq!(bench.reopened().await.open_holds(10).await.unwrap().len(), 0);
}
