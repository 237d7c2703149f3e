//! Every state × every event × before and after the hold's time.

use std::collections::BTreeSet;

use super::*;

const NOW: i64 = 1_000_000;

const STATES: [State; 10] = [
    State::Pending,
    State::InfoRequested,
    State::Approved,
    State::Denied,
    State::Expired,
    State::Withdrawn,
    State::Cancelled,
    State::Lapsed,
    State::Revoked,
    State::Released,
];

/// The published table: what must follow, in time, for a hold that can be joined.
const PUBLISHED: &str = include_str!("../../../../docs/holds.md");

fn table() -> &'static str {
    PUBLISHED.split_once("## What may happen to a hold").unwrap().1.split("```").nth(1).unwrap().trim()
}

fn event(name: &str) -> Event {
    let (by, reason, nonce) = ("bob".to_owned(), None, "n".to_owned());
    match name {
        "approve" => Event::Approve { by, reason, is_enough: true, grant: None },
        "deny" => Event::Deny { by, reason },
        "cancel" => Event::Cancel(Cause::PolicyChanged),
        "collect" => Event::Collect { nonce },
        "join" => Event::Join,
        "leave" => Event::Leave { last: false, collector: false },
        "leave_last" => Event::Leave { last: true, collector: false },
        "leave_collector" => Event::Leave { last: true, collector: true },
        "report" => Event::Report { outcome: Outcome::Succeeded, status: Some(200) },
        "tick" => Event::Tick,
        "ask" => Event::Ask { by, question: "why?".into() },
        "answer" => Event::Answer { text: "so".into() },
        "withdraw" => Event::Withdraw,
        "grant" => Event::Grant { by },
        "revoke" => Event::Revoke { by, reason: "no".into() },
        other => panic!("{other}"),
    }
}

const EVENTS: [&str; 15] = [
    "approve",
    "deny",
    "cancel",
    "collect",
    "join",
    "leave",
    "leave_last",
    "leave_collector",
    "report",
    "tick",
    "ask",
    "answer",
    "withdraw",
    "revoke",
    "grant",
];

/// A hold in the middle of its life.
fn facts(state: State) -> Facts {
    Facts {
        deadline_ms: NOW + 1_000,
        approval_ttl_ms: 600,
        rejoin_ms: 500,
        joinable: true,
        detached_ms: None,
        questions: 0,
        approved_until_ms: (state == State::Approved).then_some(NOW + 600),
        released_ms: (state == State::Released).then_some(NOW - 10),
        outcome: None,
    }
}

#[test]
fn every_event_in_every_state() {
    let mut rows = table().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let states = rows.next().unwrap();
    assert_eq!(states, STATES.map(State::as_str));
    let mut checked = BTreeSet::new();
    for row in rows {
        let name = row[0];
        for (state, expected) in STATES.into_iter().zip(&row[1..]) {
            let got = transition(state, event(name), NOW, &facts(state));
            let shown = match &got {
                Err(_) => "!",
                Ok(step) if step.state != state => step.state.as_str(),
                Ok(step) if step.effects.is_empty() => ".",
                Ok(_) => "=",
            };
            assert_eq!(shown, *expected, "{} × {name}: {got:?}", state.as_str());
            checked.insert((name, state.as_str()));
        }
    }
    assert_eq!(checked.len(), STATES.len() * EVENTS.len());
}

#[test]
fn what_follows_in_full() {
    let step = |state, name| transition(state, event(name), NOW, &facts(state)).unwrap().effects;
    let decided = Effect::Decide { by: "bob".into(), reason: None };
    let voted = Effect::Vote { by: "bob".into(), reason: None, grant: None };
    let concluded = |outcome, status| vec![Effect::Conclude { outcome, status }];
    assert_eq!(step(State::Pending, "approve"), [voted, decided.clone(), Effect::UsableUntil(NOW + 600)]);
    assert_eq!(step(State::Pending, "grant"), [decided.clone(), Effect::UsableUntil(NOW + 600)]);
    assert_eq!(step(State::Pending, "deny"), [decided]);
    assert_eq!(step(State::Pending, "ask"), [Effect::Ask { by: "bob".into(), question: "why?".into() }]);
    assert_eq!(step(State::InfoRequested, "answer"), [Effect::Answer("so".into())]);
    assert_eq!(step(State::Approved, "withdraw"), [Effect::Close(Cause::Withdrawn)]);
    assert_eq!(step(State::Approved, "revoke"), [Effect::Revoke { by: "bob".into(), reason: "no".into() }]);
    assert_eq!(step(State::Approved, "collect"), [Effect::Consume { nonce: "n".into() }]);
    assert_eq!(step(State::Approved, "cancel"), [Effect::Close(Cause::PolicyChanged)]);
    assert_eq!(step(State::Pending, "join"), [Effect::ClientWaits]);
    assert_eq!(step(State::Pending, "leave_last"), [Effect::NobodyWaits]);
    assert_eq!(step(State::Released, "report"), concluded(Outcome::Succeeded, Some(200)));
    assert_eq!(step(State::Released, "leave_collector"), concluded(Outcome::Unknown, None));
}

#[test]
fn who_is_enough_approves_and_one_denies() {
    for state in [State::Pending, State::InfoRequested] {
        for is_enough in [true, false] {
            let approve = Event::Approve { by: "bob".into(), reason: None, is_enough, grant: None };
            let step = transition(state, approve, NOW, &facts(state)).unwrap();
            assert_eq!(step.state, if is_enough { State::Approved } else { state });
            assert_eq!(step.effects.first(), Some(&Effect::Vote { by: "bob".into(), reason: None, grant: None }));
            assert_eq!(step.effects.len() > 1, is_enough);
        }
        assert_eq!(transition(state, event("deny"), NOW, &facts(state)).unwrap().state, State::Denied);
    }
}

#[test]
fn questions_are_counted() {
    let asked =
        |questions| transition(State::Pending, event("ask"), NOW, &Facts { questions, ..facts(State::Pending) });
    assert!(asked(MAX_QUESTIONS - 1).is_ok());
    assert_eq!(asked(MAX_QUESTIONS), Err(Refusal::TooManyQuestions));
}

#[test]
fn time_ends_what_nobody_ended_and_approves_nothing() {
    let gone = |facts: Facts| Facts { detached_ms: Some(NOW - 500), ..facts };
    let over = |facts: Facts| Facts { deadline_ms: NOW, ..facts };
    let cases = [
        (State::Pending, over(facts(State::Pending)), State::Expired, Some(Cause::Deadline)),
        (State::InfoRequested, over(facts(State::InfoRequested)), State::Expired, Some(Cause::Deadline)),
        (State::Pending, gone(facts(State::Pending)), State::Expired, Some(Cause::NobodyRejoined)),
        (State::Pending, over(gone(facts(State::Pending))), State::Expired, Some(Cause::Deadline)),
        // Once approved, only the approval's own time counts.
        (State::Approved, over(gone(facts(State::Approved))), State::Approved, None),
        (
            State::Approved,
            Facts { approved_until_ms: Some(NOW), ..facts(State::Approved) },
            State::Lapsed,
            Some(Cause::NotCollected),
        ),
    ];
    for (state, facts, expected, cause) in cases {
        let step = transition(state, Event::Tick, NOW, &facts).unwrap();
        assert_eq!(step.state, expected, "{state:?} {facts:?}");
        assert_eq!(step.effects, cause.map(Effect::Close).into_iter().collect::<Vec<_>>(), "{state:?} {facts:?}");
        if step.state == state {
            continue;
        }
        for name in EVENTS.into_iter().filter(|name| *name != "tick") {
            assert_eq!(transition(state, event(name), NOW, &facts), Err(Refusal::TooLate), "{state:?} × {name}");
        }
        let before = transition(state, Event::Tick, NOW - 1, &facts).unwrap();
        assert_eq!((before.state, before.effects.len()), (state, 0), "one millisecond early: {state:?} {facts:?}");
    }
}

#[test]
fn an_outcome_that_nobody_tells_is_unknown_and_may_still_be_told_once() {
    let facts = Facts { released_ms: Some(NOW - OUTCOME_WAIT_MS), ..facts(State::Released) };
    let unknown = Effect::Conclude { outcome: Outcome::Unknown, status: None };
    assert_eq!(transition(State::Released, Event::Tick, NOW, &facts).unwrap().effects, [unknown]);

    let told = |outcome| Facts { outcome: Some(outcome), ..facts };
    let report = |outcome| Event::Report { outcome, status: None };
    let say = |told: Facts, outcome| transition(State::Released, report(outcome), NOW, &told);
    assert_eq!(say(told(Outcome::Unknown), Outcome::Failed).unwrap().effects.len(), 1);
    assert_eq!(say(told(Outcome::Failed), Outcome::Failed).unwrap().effects, []);
    assert_eq!(say(told(Outcome::Failed), Outcome::Succeeded), Err(Refusal::Reported));
    assert_eq!(transition(State::Released, Event::Tick, NOW, &told(Outcome::Failed)).unwrap().effects, []);
}

#[test]
fn an_unverified_hold_ends_with_its_connection_and_is_never_joined() {
    for state in STATES.into_iter().filter(|s| s.is_live()) {
        let facts = Facts { joinable: false, ..facts(state) };
        assert_eq!(transition(state, Event::Join, NOW, &facts), Err(Refusal::NotJoinable));
        let left = transition(state, event("leave_last"), NOW, &facts).unwrap();
        assert_eq!((left.state, left.effects), (State::Cancelled, vec![Effect::Close(Cause::ClientGone)]));
    }
}

#[test]
fn only_people_approve_only_approval_releases_and_what_is_final_stays() {
    for state in STATES {
        for name in EVENTS {
            let Ok(step) = transition(state, event(name), NOW, &facts(state)) else { continue };
            if step.state == state {
                continue;
            }
            assert!(state.is_live(), "{state:?} left by {name}");
            assert!(step.state != State::Pending || name == "answer");
            if step.state == State::Approved {
                assert!(state.is_open() && matches!(name, "approve" | "grant"));
            }
            if step.state == State::Released {
                assert!(state == State::Approved && name == "collect");
            }
        }
    }
}

#[test]
fn times_at_the_end_of_the_range_do_not_overflow() {
    let facts =
        Facts { approval_ttl_ms: i64::MAX, rejoin_ms: i64::MAX, detached_ms: Some(NOW), ..facts(State::Pending) };
    let approved = transition(State::Pending, event("approve"), NOW, &facts).unwrap();
    assert!(approved.effects.contains(&Effect::UsableUntil(i64::MAX)));
    assert_eq!(due(State::Pending, &facts), Some(facts.deadline_ms));
}
