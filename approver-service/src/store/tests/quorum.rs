//! Workflows: who may decide, how many must, what else they ask for.

use std::collections::BTreeSet;

use privyseal_engine::hold::{Intake, Risk, State};
use tokio::task::JoinSet;

use super::{Bench, MINUTE, intake, no_receipt, release};
use crate::audit::Actor;
use crate::auth::Person;
use crate::hold::transition::Event;
use crate::store::decide::{Decider, Verdict};
use crate::store::login::{Proof, READ_MS};
use crate::store::{Error, row};
use crate::workflow::{Seat, Workflow};

on_both_databases! {
    two_distinct_people_approve_and_one_does_not,
    one_denial_ends_it_even_of_who_has_approved,
    only_reviewers_decide_and_only_while_they_are,
    of_the_quorum_asked_for_and_that_of_today_the_stricter_counts,
    the_update_counts_the_votes,
    of_each_group_somebody_who_counts_for_no_other,
    the_update_counts_the_groups,
    a_risk_may_have_a_workflow_of_its_own,
    of_parallel_votes_of_one_human_one_counts,
    votes_survive_a_crash_and_are_final,
    a_workflow_may_ask_for_a_reason_and_set_the_deadline,
    a_workflow_that_is_not_known_makes_no_hold,
    the_kill_switch_is_for_who_may_decide_and_logged_in_just_now,
}

fn workflow(quorum: u32, reviewers: &[&str]) -> Workflow {
    let reviewers: BTreeSet<_> = reviewers.iter().map(|name| (*name).to_owned()).collect();
    Workflow {
        name: "pay".into(),
        quorum,
        seats: vec![],
        require_reason: false,
        check_ticket: false,
        deadline_ms: None,
        grants: None,
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
    let event = Event::Approve { by: "bob".into(), reason: None, is_enough: true, grant: None };
    let mut tx = bench.store.begin().await.unwrap();
    let refused = row::apply(&mut tx, &hold, event, Actor::person("bob"), Some(&bob.hash)).await;
    assert!(refused.is_err(), "{refused:?}");
    drop(tx);
    assert_eq!(bench.store.hold(&hold.id).await.unwrap(), hold);
}

/// A workflow that wants so many of groups of these people.
fn of_groups(seats: &[(&str, u32, &[&str])]) -> Workflow {
    let seat = |(group, needed, members): &(&str, u32, &[&str])| Seat {
        group: (*group).to_owned(),
        needed: *needed,
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    };
    let seats: Vec<_> = seats.iter().map(seat).collect();
    let quorum = seats.iter().map(|seat| seat.needed).sum();
    Workflow { seats, ..workflow(quorum, &["bob", "bobby", "dan", "eve"]) }
}

/// In whatever order they vote: whoever is in two groups counts where the others leave a place.
async fn of_each_group_somebody_who_counts_for_no_other() {
    let bench = bench(of_groups(&[("security", 1, &["dan", "eve"]), ("on-call", 1, &["dan", "bob"])])).await;
    for (n, (votes, enough)) in
        (1..).zip([(["dan", "eve"], true), (["dan", "bob"], true), (["eve", "dan"], true), (["bob", "eve"], true)])
    {
        let hold = bench.create(pay(n)).await;
        let first = bench.approve(&hold.id, &bench.session(votes[0]).await).await.unwrap();
        assert_eq!(first.state, State::Pending, "{votes:?}");
        let last = bench.approve(&hold.id, &bench.session(votes[1]).await).await.unwrap();
        assert_eq!(last.state == State::Approved, enough, "{votes:?}");
    }
    // Two who are in the same group alone leave the other place empty.
    bench
        .store
        .set_workflows(&[of_groups(&[("security", 1, &["dan", "eve"]), ("on-call", 1, &["bob"])])])
        .await
        .unwrap();
    let hold = bench.create(pay(9)).await;
    for (who, groups, state) in [
        ("dan", ["security"], State::Pending),
        ("eve", ["security"], State::Pending),
        ("bob", ["on-call"], State::Approved),
    ] {
        let voted = bench.approve(&hold.id, &bench.session(who).await).await.unwrap();
        assert_eq!(voted.state, state, "{who}");
        let stored = bench.store.hold(&hold.id).await.unwrap();
        assert_eq!(stored, voted);
        assert_eq!(stored.votes.iter().find(|vote| vote.by == who).unwrap().groups, groups);
        assert_eq!(stored.seats, [("security".to_owned(), 1), ("on-call".to_owned(), 1)].into());
    }
}

async fn the_update_counts_the_groups() {
    let bench = bench(of_groups(&[("security", 1, &["dan", "eve"]), ("on-call", 1, &["bob"])])).await;
    let hold = bench.create(pay(1)).await;
    let (dan, eve) = (bench.session("dan").await, bench.session("eve").await);
    let voted = bench.approve(&hold.id, &dan).await.unwrap();
    let event = Event::Approve { by: "eve".into(), reason: None, is_enough: true, grant: None };
    let mut tx = bench.store.begin().await.unwrap();
    let refused = row::apply(&mut tx, &voted, event, Actor::person("eve"), Some(&eve.hash)).await;
    assert!(refused.is_err(), "{refused:?}");
    drop(tx);
    assert_eq!(bench.state(&hold.id).await, State::Pending);
    for forgery in ["UPDATE vote_groups SET name = 'on-call'", "DELETE FROM vote_groups"] {
        assert!(sqlx::query(forgery).execute(&bench.store.0.writer).await.is_err(), "{forgery}");
    }
}

async fn a_risk_may_have_a_workflow_of_its_own() {
    let bench = bench(workflow(1, &["dan"])).await;
    let critical = Workflow { name: "pay@critical".into(), ..workflow(2, &["dan", "eve"]) };
    bench.store.set_workflows(&[workflow(1, &["dan"]), critical]).await.unwrap();
    for (n, risk, name, quorum) in [(1, Risk::High, "pay", 1), (2, Risk::Critical, "pay@critical", 2)] {
        let hold = bench.create(Intake { risk, ..pay(n) }).await;
        assert_eq!((hold.request.workflow.as_str(), hold.quorum), (name, quorum));
    }
}

async fn of_parallel_votes_of_one_human_one_counts() {
    let bench = bench(workflow(2, &["bob", "bobby", "dan"])).await;
    let hold = bench.create(pay(1)).await;
    let sessions = [bench.session("bob").await, bench.session("bobby").await];
    let mut votes = JoinSet::new();
    for n in 0..50 {
        let (store, id, session) = (bench.store.clone(), hold.id.clone(), sessions[n % 2].clone());
        votes.spawn(async move {
            let by = Decider { person: &session.person, session: &session.hash, ticket: None, grant: None };
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
    bench.store.release(&hold.id, &release(1), no_receipt).await.unwrap();
    assert_eq!(bench.state(&hold.id).await, State::Pending);
}

async fn a_workflow_may_ask_for_a_reason_and_set_the_deadline() {
    let strict = Workflow { require_reason: true, deadline_ms: Some(5 * MINUTE), ..workflow(1, &["dan"]) };
    let bench = bench(strict).await;
    let hold = bench.create(pay(1)).await;
    assert_eq!(hold.deadline_ms, hold.created_ms + 5 * MINUTE);
    let dan = bench.session("dan").await;
    assert!(matches!(bench.approve(&hold.id, &dan).await, Err(Error::ReasonRequired)));
    let by = Decider { person: &dan.person, session: &dan.hash, ticket: None, grant: None };
    let approved = bench.store.decide(&hold.id, Verdict::Approve, Some("agreed".into()), by).await.unwrap();
    assert_eq!((approved.state, approved.votes[0].reason.as_deref()), (State::Approved, Some("agreed")));
}

async fn a_workflow_that_is_not_known_makes_no_hold() {
    let bench = bench(workflow(1, &["dan"])).await;
    let asked = bench.store.intake(Intake { workflow: "night".into(), ..intake(1) }).await;
    assert!(matches!(asked, Err(Error::UnknownWorkflow(name)) if name == "night"));
    assert!(bench.store.open_holds(10).await.unwrap().is_empty());
}

async fn the_kill_switch_is_for_who_may_decide_and_logged_in_just_now() {
    let bench = bench(workflow(1, &["bob"])).await;
    let challenge = bench.store.challenge("bob").await.unwrap().unwrap();
    let (session, _) = bench.store.log_in(Proof::Link(&challenge.link), READ_MS).await.unwrap();
    bench.store.may_kill(&session).await.unwrap();
    bench.pass(15 * MINUTE);
    assert!(matches!(bench.store.may_kill(&session).await, Err(Error::LoginRequired)));
    let fresh = bench.session("bob").await;
    bench.store.may_kill(&fresh).await.unwrap();
    bench.store.set_workflows(&[workflow(1, &["dan"])]).await.unwrap();
    assert!(matches!(bench.store.may_kill(&fresh).await, Err(Error::KillNotAllowed)));
    bench.store.log_out(&fresh).await.unwrap();
    assert!(matches!(bench.store.may_kill(&fresh).await, Err(Error::LoginRequired)));
}
