//! Approvals that are also for the same again.

use privyseal_engine::hold::{Intake, Kill, Release, ReleaseVerdict, State};
use tokio::task::JoinSet;

use super::{Bench, MINUTE, intake, nonce, release};
use crate::audit::Actor;
use crate::auth::{Person, Session};
use crate::grant::Terms;
use crate::hold::Hold;
use crate::hold::transition::Event;
use crate::store::decide::{Decider, Verdict};
use crate::store::intake::Asked;
use crate::store::{Error, Result, row};
use crate::workflow::Workflow;

on_both_databases! {
    the_same_again_is_approved_as_often_as_granted,
    of_parallel_requests_at_two_replicas_as_many_as_granted,
    what_ends_a_grant,
    another_target_is_not_granted,
    nobody_is_granted_their_own_request,
    all_who_approve_must_grant_and_the_narrower_counts,
    the_update_asks_for_the_use_of_a_grant,
    more_than_the_workflow_allows_is_refused,
    a_grant_is_taken_back_by_people_who_are_logged_in,
    grants_are_listed_page_by_page,
}

fn workflow(quorum: u32) -> Workflow {
    Workflow {
        name: "pay".into(),
        quorum,
        seats: vec![],
        require_reason: false,
        check_ticket: false,
        deadline_ms: None,
        grants: Some(Terms { duration_ms: 60 * MINUTE, uses: 10 }),
        reviewers: ["bob", "dan"].map(str::to_owned).into(),
        groups: Default::default(),
    }
}

async fn bench(quorum: u32) -> Bench {
    let bench = Bench::new().await;
    let person = |name: &str| Person { name: name.into(), identities: vec![format!("{name}@example.com")] };
    bench.store.set_people(&["bob", "dan"].map(person)).await.unwrap();
    bench.store.set_workflows(&[workflow(quorum)]).await.unwrap();
    bench
}

/// Each its own request, for the same target.
fn pay(n: u32) -> Intake {
    let grant_target = Some("a".repeat(64));
    Intake { workflow: "pay".into(), digest: format!("{n:064x}"), grant_target, max_live: 1000, ..intake(n) }
}

const HOUR_FIVE: Terms = Terms { duration_ms: 60 * MINUTE, uses: 5 };

async fn grant(bench: &Bench, id: &str, session: &Session, terms: Terms) -> Result<Hold> {
    let by = Decider { person: &session.person, session: &session.hash, ticket: None, grant: Some(terms) };
    bench.store.decide(id, Verdict::Approve, None, by).await
}

/// A hold that bob has approved with a grant.
async fn granted(bench: &Bench, n: u32, terms: Terms) -> Hold {
    let hold = bench.create(pay(n)).await;
    let bob = bench.session("bob").await;
    grant(bench, &hold.id, &bob, terms).await.unwrap()
}

async fn the_same_again_is_approved_as_often_as_granted() {
    let bench = bench(1).await;
    let first = granted(&bench, 1, Terms { uses: 2, ..HOUR_FIVE }).await;
    for n in [2, 3] {
        let again = bench.create(pay(n)).await;
        assert_eq!((again.state, again.votes.len()), (State::Approved, 0));
        assert_eq!((again.approvers(), again.decision.as_ref().unwrap().by.as_str()), (vec!["bob"], "bob"));
        assert_eq!(again.granted.unwrap().grant, first.id);
        assert_eq!(bench.records(&again.id).await, ["created", "approved"]);
        let release = Release { digest: format!("{n:064x}"), ..release(n) };
        assert_eq!(bench.release(&again.id, &release).await.0, ReleaseVerdict::Released);
        let other = Release { nonce: nonce(90 + n), ..release };
        assert_eq!(bench.release(&again.id, &other).await.0, ReleaseVerdict::AlreadyReleased, "each runs once");
    }
    assert_eq!(bench.create(pay(4)).await.state, State::Pending, "used up");
    let listed = bench.store.grants(None, 10).await.unwrap().remove(0);
    assert_eq!((listed.id, listed.used, listed.max_uses, listed.by), (first.id.clone(), 2, 2, vec!["bob".to_owned()]));
    assert_eq!(bench.records(&first.id).await, ["created", "approved", "grant_made"]);
}

async fn of_parallel_requests_at_two_replicas_as_many_as_granted() {
    let bench = bench(1).await;
    let other = bench.reopened().await;
    granted(&bench, 1, HOUR_FIVE).await;
    let mut asked = JoinSet::new();
    for n in 2..42 {
        let store = if n % 2 == 0 { bench.store.clone() } else { other.clone() };
        asked.spawn(async move { store.intake(pay(n)).await.unwrap().state });
    }
    let states = asked.join_all().await;
    assert_eq!(states.iter().filter(|state| **state == State::Approved).count(), 5, "{states:?}");
    assert_eq!(states.iter().filter(|state| **state == State::Pending).count(), 35);
    assert_eq!(bench.store.grants(None, 10).await.unwrap()[0].used, 5);
}

async fn what_ends_a_grant() {
    let bench = bench(1).await;
    let state_of = async |n| bench.create(pay(n)).await.state;
    granted(&bench, 1, HOUR_FIVE).await;
    assert_eq!(state_of(2).await, State::Approved);
    bench.store.set_kill(Kill::Hold, None, Actor::operator()).await.unwrap();
    assert_eq!(state_of(3).await, State::Pending, "every request is held");
    bench.store.set_kill(Kill::Off, None, Actor::operator()).await.unwrap();
    assert_eq!(state_of(4).await, State::Approved);
    for (n, changed) in [
        (5, Workflow { grants: None, ..workflow(1) }),
        (6, Workflow { grants: Some(Terms { duration_ms: 60 * MINUTE, uses: 2 }), ..workflow(1) }),
    ] {
        bench.store.set_workflows(&[changed]).await.unwrap();
        assert_eq!(state_of(n).await, State::Pending, "the workflow allows less now");
    }
    bench.store.set_workflows(&[workflow(1)]).await.unwrap();
    bench.pass(60 * MINUTE);
    assert_eq!(state_of(7).await, State::Pending, "its time is over");

    let killed = granted(&bench, 8, HOUR_FIVE).await;
    bench.store.set_kill(Kill::Deny, None, Actor::operator()).await.unwrap();
    bench.store.set_kill(Kill::Off, None, Actor::operator()).await.unwrap();
    assert_eq!(state_of(9).await, State::Pending, "the kill switch ended it");
    assert_eq!(bench.records(&killed.id).await, ["created", "approved", "grant_made", "grant_revoked", "cancelled"]);

    let taken_back = granted(&bench, 10, HOUR_FIVE).await;
    let bob = bench.session("bob").await;
    let by = Decider { person: "bob", session: &bob.hash, ticket: None, grant: None };
    bench.store.decide(&taken_back.id, Verdict::Revoke, Some("wrong one".into()), by).await.unwrap();
    assert_eq!(state_of(11).await, State::Pending, "with the approval it was taken back");

    granted(&bench, 12, HOUR_FIVE).await;
    let dan = Person { name: "dan".into(), identities: vec![] };
    bench.store.set_people(&[dan]).await.unwrap();
    assert_eq!(state_of(13).await, State::Pending, "who granted is nobody here any more");
}

async fn another_target_is_not_granted() {
    let bench = bench(1).await;
    granted(&bench, 1, HOUR_FIVE).await;
    for (n, target) in [(2, Some("b".repeat(64))), (3, None)] {
        let hold = bench.create(Intake { grant_target: target, ..pay(n) }).await;
        assert_eq!(hold.state, State::Pending);
    }
    bench.store.set_workflows(&[workflow(1), Workflow { name: "other".into(), ..workflow(1) }]).await.unwrap();
    let hold = bench.create(Intake { workflow: "other".into(), ..pay(4) }).await;
    assert_eq!(hold.state, State::Pending, "another workflow decides");
}

async fn nobody_is_granted_their_own_request() {
    let bench = bench(1).await;
    granted(&bench, 1, HOUR_FIVE).await;
    let own = Intake { on_behalf_of: Some("Bob+x@example.com".into()), ..pay(2) };
    assert_eq!(bench.create(own).await.state, State::Pending);
    let asked = Asked { owner: Some("bob@example.com".into()), ..Asked::from(pay(3)) };
    assert_eq!(bench.store.intake(asked).await.unwrap().state, State::Pending, "the owner of the token");
    assert_eq!(bench.create(pay(4)).await.state, State::Approved);
}

async fn all_who_approve_must_grant_and_the_narrower_counts() {
    let bench = bench(2).await;
    let (bob, dan) = (bench.session("bob").await, bench.session("dan").await);
    let hold = bench.create(pay(1)).await;
    grant(&bench, &hold.id, &bob, HOUR_FIVE).await.unwrap();
    bench.approve(&hold.id, &dan).await.unwrap();
    assert!(bench.store.grants(None, 10).await.unwrap().is_empty(), "one approved this request alone");

    let hold = bench.create(pay(2)).await;
    grant(&bench, &hold.id, &bob, HOUR_FIVE).await.unwrap();
    grant(&bench, &hold.id, &dan, Terms { duration_ms: 10 * MINUTE, uses: 7 }).await.unwrap();
    let made = bench.store.grants(None, 10).await.unwrap().remove(0);
    assert_eq!((made.max_uses, made.expires_ms - made.created_ms), (5, 10 * MINUTE));
    assert_eq!(bench.create(pay(3)).await.approvers(), ["bob", "dan"]);
}

/// Even code that takes any hold for granted cannot approve it.
async fn the_update_asks_for_the_use_of_a_grant() {
    let bench = bench(1).await;
    let hold = bench.create(pay(1)).await;
    let mut tx = bench.store.begin().await.unwrap();
    let refused = row::apply(&mut tx, &hold, Event::Grant { by: "bob".into() }, Actor::system(), None).await;
    assert!(refused.is_err(), "{refused:?}");
    drop(tx);
    assert_eq!(bench.state(&hold.id).await, State::Pending);
}

async fn more_than_the_workflow_allows_is_refused() {
    let bench = bench(1).await;
    let hold = bench.create(pay(1)).await;
    let bob = bench.session("bob").await;
    for terms in [
        Terms { uses: 11, ..HOUR_FIVE },
        Terms { uses: 0, ..HOUR_FIVE },
        Terms { duration_ms: 60 * MINUTE + 1, ..HOUR_FIVE },
        Terms { duration_ms: 0, ..HOUR_FIVE },
    ] {
        assert!(matches!(grant(&bench, &hold.id, &bob, terms).await, Err(Error::Grant(_))), "{terms:?}");
    }
    let untold = bench.create(Intake { grant_target: None, ..pay(2) }).await;
    assert!(matches!(grant(&bench, &untold.id, &bob, HOUR_FIVE).await, Err(Error::Grant(_))), "no target");
    assert_eq!(bench.state(&hold.id).await, State::Pending, "nothing was decided");
}

async fn a_grant_is_taken_back_by_people_who_are_logged_in() {
    let bench = bench(1).await;
    let first = granted(&bench, 1, HOUR_FIVE).await;
    let dan = bench.session("dan").await;
    let revoke = async |id: &str, session: &str| {
        let by = Decider { person: "dan", session, ticket: None, grant: None };
        bench.store.revoke_grant(id, "over".into(), by).await
    };
    assert!(matches!(revoke(&first.id, "nobody").await, Err(Error::LoginRequired)));
    assert!(matches!(revoke("0", &dan.hash).await, Err(Error::Unknown)));
    assert_eq!(bench.create(pay(2)).await.state, State::Approved);
    revoke(&first.id, &dan.hash).await.unwrap();
    revoke(&first.id, &dan.hash).await.unwrap();
    assert_eq!(bench.create(pay(3)).await.state, State::Pending);
    let listed = bench.store.grants(None, 10).await.unwrap().remove(0);
    assert_eq!((listed.revoked_by.as_deref(), listed.revoke_reason.as_deref()), (Some("dan"), Some("over")));
    assert_eq!(bench.records(&first.id).await.last().map(String::as_str), Some("grant_revoked"));
}

async fn grants_are_listed_page_by_page() {
    let bench = bench(1).await;
    let bob = bench.session("bob").await;
    let mut made = vec![];
    for n in 1..=5 {
        let hold = bench.create(Intake { grant_target: Some(format!("{n:064x}")), ..pay(n) }).await;
        made.insert(0, grant(&bench, &hold.id, &bob, HOUR_FIVE).await.unwrap().id);
    }
    for together in [false, true] {
        if together {
            bench.store.run_for_tests("UPDATE grants SET created_ms = 7").await;
        }
        let mut listed: Vec<String> = vec![];
        for full in [2, 2, 1, 0] {
            let page = bench.store.grants(listed.last().map(String::as_str), 2).await.unwrap();
            assert_eq!(page.len(), full);
            listed.extend(page.into_iter().map(|grant| grant.id));
        }
        assert_eq!(listed, made, "together: {together}");
    }
}
