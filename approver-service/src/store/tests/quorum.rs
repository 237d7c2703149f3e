//! Workflows: who may decide, how many must, what else they ask for.

use std::collections::BTreeSet;

use privyseal_engine::hold::{Intake, State};
use tokio::task::JoinSet;

use super::{Bench, MINUTE, intake, release};
use crate::audit::Actor;
use crate::auth::Person;
use crate::hold::Hold;
use crate::hold::transition::{Event, Facts, transition};
use crate::store::decide::{Decider, Verdict};
use crate::store::{Error, row};
use crate::workflow::Workflow;

on_both_databases! {
    two_distinct_people_approve_and_one_does_not,
    one_denial_ends_it_even_of_who_has_approved,
    only_reviewers_decide_and_only_while_they_are,
    of_the_quorum_asked_for_and_that_of_today_the_stricter_counts,
    the_update_counts_the_votes,
    of_parallel_votes_of_one_human_one_counts,
    votes_survive_a_crash_and_are_final,
    a_workflow_may_ask_for_a_reason_and_set_the_deadline,
    a_workflow_that_is_not_known_makes_no_hold,
}

fn workflow(quorum: u32, reviewers: &[&str]) -> Workflow {
    let reviewers: BTreeSet<_> = reviewers.iter().map(|name| (*name).to_owned()).collect();
    Workflow {
        name: "pay".into(),
        quorum,
        require_reason: false,
        deadline_ms: None,
        reviewers,
        groups: BTreeSet::new(),
    }
}

/// Four people, of whom `bob` and `bobby` are one human.
async fn bench(workflow: Workflow) -> Bench {
    let bench = Bench::new().await;
    let person = |name: &str, identity: &str| Person { name: name.into(), identities: vec![identity.into()] };
    let people =
        [person("bob", "bob@example.com"), person("bobby", "bob@example.com"), person("dan", "d"), person("eve", "e")];
    bench.store.set_people(&people).await.unwrap();
    bench.store.set_workflows(&[workflow]).await.unwrap();
    bench
}

fn pay(n: u32) -> Intake {
    Intake { workflow: "pay".into(), digest: format!("{n:064x}"), ..intake(n) }
}

async fn two_distinct_people_approve_and_one_does_not() {
    let bench = bench(workflow(2, &["bob", "bobby", "dan"])).await;
    let hold = bench.create(pay(1)).await;
    let (bob, bobby, dan) = (bench.session("bob").await, bench.session("bobby").await, bench.session("dan").await);
    let first = bench.approve(&hold.id, &bob).await.unwrap();
    assert_eq!((first.state, first.votes.len(), first.quorum), (State::Pending, 1, 2));
    assert!(first.decision.is_none() && first.approved_until_ms.is_none());
    for again in [&bob, &bobby] {
        assert!(matches!(bench.approve(&hold.id, again).await, Err(Error::AlreadyVoted)), "the same human");
    }
    assert_eq!(bench.store.hold(&hold.id).await.unwrap(), first);
    let second = bench.approve(&hold.id, &dan).await.unwrap();
    assert_eq!(second.state, State::Approved);
    let voters: Vec<_> = second.votes.iter().map(|vote| vote.by.as_str()).collect();
    assert_eq!(voters, ["bob", "dan"]);
    assert_eq!(bench.store.hold(&hold.id).await.unwrap(), second);
    assert_eq!(bench.records(&hold.id).await, ["created", "vote", "approved"]);
}

async fn one_denial_ends_it_even_of_who_has_approved() {
    let bench = bench(workflow(2, &["bob", "dan"])).await;
    let (bob, dan) = (bench.session("bob").await, bench.session("dan").await);
    for (n, denier) in [(1, &bob), (2, &dan)] {
        let hold = bench.create(pay(n)).await;
        bench.approve(&hold.id, &bob).await.unwrap();
        assert_eq!(bench.deny(&hold.id, denier).await.unwrap().state, State::Denied);
        assert!(matches!(bench.approve(&hold.id, &dan).await, Err(Error::Refused(_))));
    }
}

async fn only_reviewers_decide_and_only_while_they_are() {
    let bench = bench(workflow(1, &["dan"])).await;
    let hold = bench.create(pay(1)).await;
    let (dan, eve) = (bench.session("dan").await, bench.session("eve").await);
    assert!(matches!(bench.approve(&hold.id, &eve).await, Err(Error::NotReviewer)));
    assert!(matches!(bench.deny(&hold.id, &eve).await, Err(Error::NotReviewer)));
    bench.store.set_workflows(&[workflow(1, &["eve"])]).await.unwrap();
    assert!(matches!(bench.approve(&hold.id, &dan).await, Err(Error::NotReviewer)));
    bench.store.set_workflows(&[]).await.unwrap();
    assert!(
        matches!(bench.approve(&hold.id, &eve).await, Err(Error::NotReviewer)),
        "nobody decides without a workflow"
    );
    assert_eq!(bench.state(&hold.id).await, State::Pending);
    bench.store.set_workflows(&[workflow(1, &["eve"])]).await.unwrap();
    assert_eq!(bench.approve(&hold.id, &eve).await.unwrap().state, State::Approved);
}

async fn of_the_quorum_asked_for_and_that_of_today_the_stricter_counts() {
    let bench = bench(workflow(1, &["bob", "dan"])).await;
    let (asked_for_one, bob, dan) =
        (bench.create(pay(1)).await, bench.session("bob").await, bench.session("dan").await);
    bench.store.set_workflows(&[workflow(2, &["bob", "dan"])]).await.unwrap();
    let asked_for_two = bench.create(pay(2)).await;
    assert_eq!(bench.approve(&asked_for_one.id, &bob).await.unwrap().state, State::Pending, "made stricter since");
    bench.store.set_workflows(&[workflow(1, &["bob", "dan"])]).await.unwrap();
    assert_eq!(bench.approve(&asked_for_two.id, &bob).await.unwrap().state, State::Pending, "made milder since");
    for id in [asked_for_one.id, asked_for_two.id] {
        assert_eq!(bench.approve(&id, &dan).await.unwrap().state, State::Approved);
    }
}

/// Even code that miscounts cannot approve: the update counts by itself.
async fn the_update_counts_the_votes() {
    let bench = bench(workflow(2, &["bob", "dan"])).await;
    let hold = bench.create(pay(1)).await;
    let bob = bench.session("bob").await;
    let misjudged = Hold { quorum: 1, ..hold.clone() };
    let event = Event::Approve { by: "bob".into(), reason: None };
    let facts = Facts { quorum: 1, ..hold.facts() };
    assert_eq!(transition(hold.state, event.clone(), bench.store.now(), &facts).unwrap().state, State::Approved);
    let mut tx = bench.store.begin().await.unwrap();
    let refused = row::apply(&mut tx, &misjudged, event, Actor::person("bob"), Some(&bob.hash)).await;
    assert!(refused.is_err(), "{refused:?}");
    drop(tx);
    assert_eq!(bench.store.hold(&hold.id).await.unwrap(), hold);
}

async fn of_parallel_votes_of_one_human_one_counts() {
    let bench = bench(workflow(2, &["bob", "bobby", "dan"])).await;
    let hold = bench.create(pay(1)).await;
    let sessions = [bench.session("bob").await, bench.session("bobby").await];
    let mut votes = JoinSet::new();
    for n in 0..50 {
        let (store, id, session) = (bench.store.clone(), hold.id.clone(), sessions[n % 2].clone());
        votes.spawn(async move {
            let by = Decider { person: &session.person, session: &session.hash };
            store.decide(&id, Verdict::Approve, None, by).await
        });
    }
    let counted = votes.join_all().await.into_iter().filter(Result::is_ok).count();
    assert_eq!((counted, bench.state(&hold.id).await), (1, State::Pending));
}

async fn votes_survive_a_crash_and_are_final() {
    let bench = bench(workflow(2, &["bob", "dan"])).await;
    let hold = bench.create(pay(1)).await;
    let bob = bench.session("bob").await;
    let voted = bench.approve(&hold.id, &bob).await.unwrap();
    assert_eq!(bench.reopened().await.hold(&hold.id).await.unwrap(), voted);
    for forgery in ["UPDATE votes SET person = 'dan'", "DELETE FROM votes"] {
        assert!(sqlx::query(forgery).execute(&bench.store.0.writer).await.is_err(), "{forgery}");
    }
    bench.store.release(&hold.id, &release(1)).await.unwrap();
    assert_eq!(bench.state(&hold.id).await, State::Pending);
}

async fn a_workflow_may_ask_for_a_reason_and_set_the_deadline() {
    let strict = Workflow { require_reason: true, deadline_ms: Some(5 * MINUTE), ..workflow(1, &["dan"]) };
    let bench = bench(strict).await;
    let hold = bench.create(pay(1)).await;
    assert_eq!(hold.deadline_ms, hold.created_ms + 5 * MINUTE);
    let dan = bench.session("dan").await;
    assert!(matches!(bench.approve(&hold.id, &dan).await, Err(Error::ReasonRequired)));
    let by = Decider { person: &dan.person, session: &dan.hash };
    let approved = bench.store.decide(&hold.id, Verdict::Approve, Some("agreed".into()), by).await.unwrap();
    assert_eq!((approved.state, approved.votes[0].reason.as_deref()), (State::Approved, Some("agreed")));
}

async fn a_workflow_that_is_not_known_makes_no_hold() {
    let bench = bench(workflow(1, &["dan"])).await;
    let asked = bench.store.intake(Intake { workflow: "night".into(), ..intake(1) }).await;
    assert!(matches!(asked, Err(Error::UnknownWorkflow(name)) if name == "night"));
    assert!(bench.store.open_holds(10).await.unwrap().is_empty());
}
