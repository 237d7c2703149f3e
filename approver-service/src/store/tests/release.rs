//! Collecting, detaching, outcomes.

use privyseal_engine::hold::{Detach, Intake, Outcome, Release, ReleaseVerdict, Report, State};

use super::{Bench, MINUTE, intake, no_receipt, nonce, release};
use crate::hold::Hold;
use crate::hold::transition::{Cause, Refusal};
use crate::store::Error;
use crate::store::release::ANSWER_MS;

on_both_databases! {
    an_approved_request_runs_once,
    only_the_request_that_was_approved_runs,
    other_terms_at_release_end_the_approval,
    what_is_not_approved_does_not_run,
    nothing_runs_for_a_client_that_is_gone,
    a_hold_waits_for_its_client_to_come_back,
    the_outcome_is_told_by_the_stream_that_ran_it,
    an_outcome_that_nobody_tells_is_unknown,
    an_approval_is_not_spent_without_its_receipt,
}

fn detach(n: u32) -> Detach {
    Detach { v: 1, nonce: nonce(n) }
}

fn report(n: u32, outcome: Outcome) -> Report {
    Report { v: 1, nonce: nonce(n), outcome, status: Some(200) }
}

async fn an_approved_request_runs_once() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    bench.create(intake(2)).await;
    let first = bench.store.release(&hold.id, &release(1), no_receipt).await.unwrap();
    assert_eq!((first.verdict, first.state), (ReleaseVerdict::Released, State::Released));

    bench.pass(ANSWER_MS - 1);
    assert_eq!(
        bench.store.release(&hold.id, &release(1), no_receipt).await.unwrap(),
        first,
        "the same stream, the same answer"
    );
    assert_eq!(bench.release(&hold.id, &release(2)).await.0, ReleaseVerdict::AlreadyReleased);
    bench.pass(1);
    assert_eq!(bench.release(&hold.id, &release(1)).await.0, ReleaseVerdict::AlreadyReleased, "the answer is over");
    assert_eq!(bench.records(&hold.id).await, ["created", "approved", "joined", "released"]);
}

async fn only_the_request_that_was_approved_runs() {
    let different: [fn(&mut Release); 6] = [
        |r| r.digest = "1".repeat(64),
        |r| r.tenant = "other".into(),
        |r| r.environment = "production".into(),
        |r| r.principal = Some("agent-8".into()),
        |r| r.principal = None,
        |r| r.nonce = nonce(99),
    ];
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    for (i, change) in different.iter().enumerate() {
        let mut other = release(1);
        change(&mut other);
        let said = bench.release(&hold.id, &other).await;
        assert_eq!(said, (ReleaseVerdict::Mismatch, State::Approved), "difference {i}");
    }
    assert_eq!(bench.release(&hold.id, &release(1)).await.0, ReleaseVerdict::Released);
}

async fn other_terms_at_release_end_the_approval() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    let other = Release { terms: "2".repeat(64), ..release(1) };
    assert_eq!(bench.release(&hold.id, &other).await, (ReleaseVerdict::Mismatch, State::Cancelled));
    assert_eq!(bench.release(&hold.id, &release(1)).await, (ReleaseVerdict::NotApproved, State::Cancelled));
    assert_eq!(bench.store.hold(&hold.id).await.unwrap().cause, Some(Cause::PolicyChanged));
}

async fn what_is_not_approved_does_not_run() {
    let bench = Bench::new().await;
    let pending = bench.create(intake(1)).await;
    assert_eq!(bench.release(&pending.id, &release(1)).await, (ReleaseVerdict::NotApproved, State::Pending));
    let bob = bench.session("bob").await;
    bench.approve(&pending.id, &bob).await.unwrap();
    bench.pass(10 * MINUTE);
    assert_eq!(bench.release(&pending.id, &release(1)).await, (ReleaseVerdict::NotApproved, State::Lapsed));
    assert!(matches!(bench.store.release("unknown", &release(1), no_receipt).await, Err(Error::Unknown)));
}

async fn nothing_runs_for_a_client_that_is_gone() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    bench.store.detach(&hold.id, &detach(1)).await.unwrap();
    assert_eq!(bench.release(&hold.id, &release(1)).await, (ReleaseVerdict::Mismatch, State::Approved));
    bench.create(Intake { digest: "9".repeat(64), ..intake(9) }).await;
    assert_eq!(bench.release(&hold.id, &release(9)).await.0, ReleaseVerdict::Mismatch, "it waits for another hold");
    bench.create(intake(2)).await;
    assert_eq!(bench.release(&hold.id, &release(2)).await.0, ReleaseVerdict::Released);
}

async fn a_hold_waits_for_its_client_to_come_back() {
    let bench = Bench::new().await;
    let hold = bench.create(intake(1)).await;
    bench.create(intake(2)).await;
    bench.store.detach(&hold.id, &detach(1)).await.unwrap();
    assert_eq!(bench.store.hold(&hold.id).await.unwrap().detached_ms, None, "one still waits");
    bench.store.detach(&hold.id, &detach(2)).await.unwrap();
    bench.store.detach(&hold.id, &detach(2)).await.unwrap();
    assert!(bench.store.hold(&hold.id).await.unwrap().detached_ms.is_some());

    bench.pass(15 * MINUTE - 1);
    assert!(bench.store.intake(intake(3)).await.unwrap().joined);
    bench.pass(MINUTE);
    assert_eq!(bench.state(&hold.id).await, State::Pending, "somebody waits again");

    bench.store.detach(&hold.id, &detach(3)).await.unwrap();
    bench.pass(15 * MINUTE);
    let hold = bench.store.hold(&hold.id).await.unwrap();
    assert_eq!((hold.state, hold.cause), (State::Expired, Some(Cause::NobodyRejoined)));
}

async fn the_outcome_is_told_by_the_stream_that_ran_it() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    let early = bench.store.report(&hold.id, &report(1, Outcome::Succeeded)).await;
    assert!(matches!(early, Err(Error::Refused(Refusal::NotReleased))));
    bench.release(&hold.id, &release(1)).await;
    assert!(matches!(bench.store.report(&hold.id, &report(2, Outcome::Failed)).await, Err(Error::WrongNonce)));
    bench.store.report(&hold.id, &report(1, Outcome::Succeeded)).await.unwrap();
    bench.store.report(&hold.id, &report(1, Outcome::Succeeded)).await.unwrap();
    let other = bench.store.report(&hold.id, &report(1, Outcome::Failed)).await;
    assert!(matches!(other, Err(Error::Refused(Refusal::Reported))));
    bench.store.detach(&hold.id, &detach(1)).await.unwrap();
    let collected = bench.store.hold(&hold.id).await.unwrap().collected.unwrap();
    assert_eq!((collected.outcome, collected.status), (Some(Outcome::Succeeded), Some(200)));
    assert_eq!(bench.records(&hold.id).await, ["created", "approved", "released", "outcome"]);
}

async fn an_outcome_that_nobody_tells_is_unknown() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    bench.release(&hold.id, &release(1)).await;
    bench.store.detach(&hold.id, &detach(1)).await.unwrap();
    let outcome = |hold: crate::hold::Hold| hold.collected.and_then(|c| c.outcome);
    assert_eq!(outcome(bench.store.hold(&hold.id).await.unwrap()), Some(Outcome::Unknown));

    let other = bench.approved(intake(2)).await;
    bench.release(&other.id, &release(2)).await;
    bench.pass(15 * MINUTE);
    assert_eq!(bench.store.sweep().await.unwrap(), 1);
    assert_eq!(outcome(bench.store.hold(&other.id).await.unwrap()), Some(Outcome::Unknown));
    assert_eq!(bench.release(&other.id, &release(2)).await.0, ReleaseVerdict::AlreadyReleased, "never released again");
}

async fn an_approval_is_not_spent_without_its_receipt() {
    let bench = Bench::new().await;
    let hold = bench.approved(intake(1)).await;
    let refused = bench.store.release(&hold.id, &release(1), |_, _| Err(Error::NoReceipt)).await;
    assert!(matches!(refused, Err(Error::NoReceipt)), "{refused:?}");
    assert_eq!(bench.state(&hold.id).await, State::Approved);

    let receipt = |hold: &Hold, at_ms| Ok(Some(format!("{} at {at_ms}", hold.approvers().join(" "))));
    let released = bench.store.release(&hold.id, &release(1), receipt).await.unwrap();
    assert_eq!(released.receipt, Some(format!("bob at {}", released.issued_ms)));
    assert_eq!(bench.records(&hold.id).await, ["created", "approved", "released"]);
}
