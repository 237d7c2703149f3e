//! Create, join, near miss, budget.

use privyseal_engine::control::principal_name;
use privyseal_engine::hold::{Detach, Intake, Kill, NearMiss, Release, ReleaseVerdict, State};

use super::{Bench, MINUTE, intake, nonce, release};
use crate::audit::Actor;
use crate::auth::Directory;
use crate::hold::transition::Cause;
use crate::store::Error;
use crate::store::control::MAX_KILLS;
use crate::store::intake::Asked;
use crate::workflow;

on_both_databases! {
    the_identical_request_of_the_same_agent_joins,
    any_difference_is_another_hold,
    the_same_nonce_gets_the_same_answer_and_no_second_request,
    without_a_verified_principal_nothing_joins_and_the_hold_ends_with_its_connection,
    other_terms_cancel_the_old_hold_even_if_it_is_approved,
    what_is_decided_against_or_over_is_not_joined,
    a_near_miss_names_the_one_part_that_differs,
    one_principal_has_a_budget_that_time_frees,
    the_kill_switch_cancels_what_lives_and_refuses_what_comes,
    the_kill_switch_of_one_principal_is_that_of_no_other,
    a_bounded_number_of_principals_has_a_switch,
    a_hold_keeps_the_trace_of_the_call_that_made_it,
}

async fn the_identical_request_of_the_same_agent_joins() {
    let bench = Bench::new().await;
    let first = bench.store.intake(intake(1)).await.unwrap();
    let second = bench.store.intake(intake(2)).await.unwrap();
    assert!(!first.joined);
    assert!(second.joined);
    assert_eq!(first.id, second.id);
    assert_eq!(bench.records(&first.id).await, ["created", "joined"]);
}

async fn any_difference_is_another_hold() {
    let different: [fn(&mut Intake); 5] = [
        |i| i.digest = "1".repeat(64),
        |i| i.principal = Some("agent-8".into()),
        |i| i.principal = None,
        |i| i.tenant = "other".into(),
        |i| i.environment = "production".into(),
    ];
    let bench = Bench::new().await;
    let other = bench.store.of(&"other".parse().unwrap());
    other.set_workflows(&workflow::resolve(&[], &Directory::default()).unwrap()).await.unwrap();
    let first = bench.create(intake(1)).await;
    for (change, n) in different.iter().zip(2..) {
        let mut other = intake(n);
        change(&mut other);
        let store = bench.store.of(&other.tenant.parse().unwrap());
        let view = store.intake(other).await.unwrap();
        assert!(!view.joined && view.id != first.id, "difference {n}");
    }
}

async fn the_same_nonce_gets_the_same_answer_and_no_second_request() {
    let bench = Bench::new().await;
    let first = bench.store.intake(intake(1)).await.unwrap();
    assert_eq!(bench.store.intake(intake(1)).await.unwrap(), first);
    let joined = bench.store.intake(intake(2)).await.unwrap();
    assert_eq!(bench.store.intake(intake(2)).await.unwrap(), joined);
    assert_eq!(bench.records(&first.id).await, ["created", "joined"]);
    let other = Intake { digest: "1".repeat(64), ..intake(1) };
    assert!(matches!(bench.store.intake(other).await, Err(Error::WrongNonce)));
}

async fn without_a_verified_principal_nothing_joins_and_the_hold_ends_with_its_connection() {
    let bench = Bench::new().await;
    let anonymous = |n| Intake { principal: None, ..intake(n) };
    let first = bench.create(anonymous(1)).await;
    let second = bench.create(anonymous(2)).await;
    assert_ne!(first.id, second.id);
    bench.store.detach(&first.id, &Detach { v: 1, nonce: nonce(1) }).await.unwrap();
    let first = bench.store.hold(&first.id).await.unwrap();
    assert_eq!((first.state, first.cause), (State::Cancelled, Some(Cause::ClientGone)));
    assert_eq!(bench.state(&second.id).await, State::Pending);
}

async fn other_terms_cancel_the_old_hold_even_if_it_is_approved() {
    let bench = Bench::new().await;
    let old = bench.approved(intake(1)).await;
    let view = bench.store.intake(Intake { terms: "2".repeat(64), ..intake(2) }).await.unwrap();
    assert!(!view.joined && view.id != old.id);
    let old = bench.store.hold(&old.id).await.unwrap();
    assert_eq!((old.state, old.cause), (State::Cancelled, Some(Cause::PolicyChanged)));
    assert_eq!(bench.records(&old.id).await, ["created", "approved", "cancelled"]);
}

async fn what_is_decided_against_or_over_is_not_joined() {
    let bench = Bench::new().await;
    let denied = bench.create(intake(1)).await;
    let bob = bench.session("bob").await;
    bench.deny(&denied.id, &bob).await.unwrap();
    let expired = bench.create(intake(2)).await;
    assert_ne!(denied.id, expired.id);
    bench.pass(60 * MINUTE);
    let third = bench.create(intake(3)).await;
    assert_ne!(third.id, expired.id);
    assert_eq!(bench.state(&expired.id).await, State::Expired);
}

async fn a_near_miss_names_the_one_part_that_differs() {
    let bench = Bench::new().await;
    let first = bench.create(intake(1)).await;
    let with = |n: u32, change: fn(&mut Intake)| {
        let mut other = Intake { digest: format!("{n:064x}"), ..intake(n) };
        change(&mut other);
        other
    };
    let changed = |i: &mut Intake| drop(i.fields.insert("body".into(), "1".repeat(16)));
    let added = |i: &mut Intake| drop(i.fields.insert("header x-a".into(), "1".repeat(16)));
    let near = |differs: &str| Some(NearMiss { hold: first.id.clone(), differs: differs.into() });

    assert_eq!(bench.store.intake(with(2, changed)).await.unwrap().near_miss, near("body"));
    let second = bench.store.intake(with(3, added)).await.unwrap();
    assert_eq!(second.near_miss, near("header x-a"));
    assert_eq!(bench.store.intake(with(3, added)).await.unwrap().near_miss, near("header x-a"), "asked again");
    let both = |i: &mut Intake| i.fields = [("path".to_owned(), "9".repeat(16))].into();
    assert_eq!(bench.store.intake(with(4, both)).await.unwrap().near_miss, None);
    let other = |i: &mut Intake| i.principal = Some("agent-8".into());
    assert_eq!(bench.store.intake(with(5, other)).await.unwrap().near_miss, None);
    // The newest comes first, and what is over is near to nothing.
    let newer = |i: &mut Intake| drop(i.fields.insert("body".into(), "2".repeat(16)));
    let third = bench.store.intake(with(6, newer)).await.unwrap();
    let newest = |i: &mut Intake| drop(i.fields.insert("body".into(), "3".repeat(16)));
    let near = bench.store.intake(with(7, newest)).await.unwrap().near_miss;
    assert_eq!(near, Some(NearMiss { hold: third.id, differs: "body".into() }));
    bench.pass(60 * MINUTE);
    assert_eq!(bench.store.intake(with(8, changed)).await.unwrap().near_miss, None);
}

async fn one_principal_has_a_budget_that_time_frees() {
    let bench = Bench::new().await;
    let asks = |n: u32, principal: &str| Intake {
        digest: format!("{n:064x}"),
        principal: Some(principal.into()),
        max_live: 3,
        ..intake(n)
    };
    for n in 1..=3 {
        bench.create(asks(n, "agent-7")).await;
    }
    assert!(matches!(bench.store.intake(asks(4, "agent-7")).await, Err(Error::TooManyHolds(3))));
    bench.create(asks(5, "agent-8")).await;
    bench.pass(60 * MINUTE);
    bench.create(asks(6, "agent-7")).await;
}

async fn the_kill_switch_cancels_what_lives_and_refuses_what_comes() {
    let bench = Bench::new().await;
    let pending = bench.create(Intake { principal: Some("agent-8".into()), ..intake(1) }).await;
    let approved = bench.approved(intake(2)).await;
    let control = bench.store.set_kill(Kill::Deny, None, Actor::person("bob")).await.unwrap();
    assert_eq!((control.epoch, control.kill), (2, Kill::Deny));
    for hold in [pending, approved] {
        let hold = bench.store.hold(&hold.id).await.unwrap();
        assert_eq!((hold.state, hold.cause), (State::Cancelled, Some(Cause::KillSwitch)));
    }
    assert!(matches!(bench.store.intake(intake(3)).await, Err(Error::KillSwitch)));
    assert_eq!(bench.reopened().await.control().kill, Kill::Deny, "survives a restart");
    bench.store.set_kill(Kill::Off, None, Actor::person("bob")).await.unwrap();
    bench.create(intake(3)).await;
}

async fn the_kill_switch_of_one_principal_is_that_of_no_other() {
    let bench = Bench::new().await;
    let of_eight = |n| Intake { principal: Some("agent-8".into()), ..intake(n) };
    let uncollected = bench.approved(intake(1)).await;
    let others = bench.approved(of_eight(2)).await;
    let kill = async |kill| bench.store.set_kill(kill, Some("agent-7"), Actor::person("bob")).await.unwrap();
    let control = kill(Kill::Deny).await;
    assert_eq!((control.epoch, control.kill), (2, Kill::Off));
    assert_eq!((control.deny, control.hold), (vec![principal_name("agent-7")], vec![]));
    let hold = bench.store.hold(&uncollected.id).await.unwrap();
    assert_eq!((hold.state, hold.cause), (State::Cancelled, Some(Cause::KillSwitch)));
    assert_eq!(bench.release(&uncollected.id, &release(1)).await.0, ReleaseVerdict::NotApproved);
    let theirs = Release { principal: Some("agent-8".into()), ..release(2) };
    assert_eq!(bench.release(&others.id, &theirs).await.0, ReleaseVerdict::Released, "nobody has stopped them");
    assert!(matches!(bench.store.intake(intake(3)).await, Err(Error::KillSwitch)));
    bench.create(of_eight(4)).await;
    let killed = bench.store.kills(None, 9).await.unwrap();
    assert_eq!((killed.len(), killed[0].principal.as_str(), killed[0].by.as_str()), (1, "agent-7", "bob"));
    assert_eq!(bench.reopened().await.control().deny.len(), 1, "survives a restart");
    // To hold is less: what comes waits for people.
    assert_eq!(kill(Kill::Hold).await.hold, [principal_name("agent-7")]);
    bench.create(intake(3)).await;
    let control = kill(Kill::Off).await;
    assert_eq!((control.epoch, control.hold.len() + control.deny.len()), (4, 0));
    let log = bench.store.audit(0, 500).await.unwrap();
    let turned = log.iter().filter(|entry| entry.kind == "kill");
    let told: Vec<_> = turned.map(|entry| (&*entry.details["principal"], &*entry.details["kill"])).collect();
    assert_eq!(told, [("agent-7", "deny"), ("agent-7", "hold"), ("agent-7", "off")]);
}

async fn a_bounded_number_of_principals_has_a_switch() {
    let bench = Bench::new().await;
    let kill = async |n| bench.store.set_kill(Kill::Hold, Some(&format!("agent-{n}")), Actor::operator()).await;
    // Written at once: each call tells all gateways of all switches, and a thousand of them outlast a busy machine's patience.
    let fill = "
        WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < $2)
        INSERT INTO kills (tenant, principal, kill, turned_by, at_ms)
        SELECT $1, 'agent-' || n, 'hold', 'bob', 0 FROM numbers";
    let fill = sqlx::query(fill).bind(bench.store.tenant()).bind(MAX_KILLS as i32);
    assert_eq!(fill.execute(&bench.store.0.writer).await.unwrap().rows_affected(), u64::from(MAX_KILLS) - 1);
    kill(0).await.unwrap();
    assert!(matches!(kill(MAX_KILLS).await, Err(Error::TooManyKills(MAX_KILLS))));
    let control = kill(3).await.unwrap();
    assert_eq!(control.hold.len(), MAX_KILLS as usize, "who has one keeps it");
    let told = serde_json::to_string(&control).unwrap().len();
    assert!(told < 60 * 1024, "{told} bytes: a gateway reads 64 KiB at most");
}

async fn a_hold_keeps_the_trace_of_the_call_that_made_it() {
    let bench = Bench::new().await;
    let asked = |n, trace: &str| Asked { trace: Some(trace.to_owned()), ..Asked::from(intake(n)) };
    let made = bench.store.intake(asked(1, "00-first")).await.unwrap();
    bench.store.intake(asked(1, "00-again")).await.unwrap();
    let joined = bench.store.intake(asked(2, "00-joined")).await.unwrap();
    assert_eq!(joined.id, made.id);
    assert_eq!(bench.store.trace(&made.id).await.unwrap().as_deref(), Some("00-first"));
    let other = bench.store.intake(Intake { digest: "1".repeat(64), ..intake(3) }).await.unwrap();
    assert_eq!(bench.store.trace(&other.id).await.unwrap(), None);
}
