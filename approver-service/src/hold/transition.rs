//! The life of a hold: the one function that says what may happen to it, and what follows.
//!
//! ```text
//! pending ⇄ info_requested                  asked, answered; decided as if it were pending
//! pending ─► approved ─► released (outcome: none ─► succeeded | failed | unknown)     by people, or by what they granted before
//!    │          ├─► lapsed      not collected in time
//!    │          ├─► revoked     a person took it back
//!    │          └─► cancelled   policy changed, kill switch, anonymous client gone
//!    ├─► denied
//!    ├─► expired                deadline, or nobody rejoined in time
//!    ├─► withdrawn              by the agent, also when approved
//!    └─► cancelled
//! ```
//! Time never approves, a quorum of people does, or has by a grant, and one denial is final. Final states are frozen. Must not go here: SQL, the identity of people (a predicate of the
//! database's own update), wire types.

use privyseal_engine::hold::{Outcome, State};

use crate::grant::Terms;

/// How long a release waits for the report of its outcome before that counts as unknown.
pub const OUTCOME_WAIT_MS: i64 = 15 * 60 * 1000;

/// Questions about one hold.
pub const MAX_QUESTIONS: u32 = 20;

/// Something happens to a hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The agent answers what was asked.
    Answer { text: String },
    /// A person approves. With the last whom the workflow wants, who is enough, the hold is approved.
    Approve { by: String, reason: Option<String>, is_enough: bool, grant: Option<Terms> },
    /// A person asks the agent something before deciding.
    Ask { by: String, question: String },
    /// The hold no longer stands for what would be decided now.
    Cancel(Cause),
    /// The stream `nonce` asks to run the approved request.
    Collect { nonce: String },
    /// A person denies.
    Deny { by: String, reason: Option<String> },
    /// People have approved the same before, and granted this too.
    Grant { by: String },
    /// An identical request waits too.
    Join,
    /// A client stream ended: the last one that waited, the one that collected.
    Leave { last: bool, collector: bool },
    /// The filter tells what the upstream answered.
    Report { outcome: Outcome, status: Option<u16> },
    /// A person takes an approval back that nobody has collected.
    Revoke { by: String, reason: String },
    /// Time passed.
    Tick,
    /// The agent takes its request back.
    Withdraw,
}

/// What the rules look at, beside the state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    pub deadline_ms: i64,
    pub approval_ttl_ms: i64,
    pub rejoin_ms: i64,
    /// Has a verified principal, so that an identical request can be recognised as the same agent's.
    pub joinable: bool,
    pub detached_ms: Option<i64>,
    /// How many questions were asked.
    pub questions: u32,
    pub approved_until_ms: Option<i64>,
    pub released_ms: Option<i64>,
    pub outcome: Option<Outcome>,
}

/// The new state, and what is to be written with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub state: State,
    pub effects: Vec<Effect>,
}

/// What follows from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Answer(String),
    Ask { by: String, question: String },
    ClientWaits,
    Close(Cause),
    Conclude { outcome: Outcome, status: Option<u16> },
    Consume { nonce: String },
    Decide { by: String, reason: Option<String> },
    NobodyWaits,
    Revoke { by: String, reason: String },
    UsableUntil(i64),
    Vote { by: String, reason: Option<String>, grant: Option<Terms> },
}

/// Why a hold ended without being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    ClientGone,
    Deadline,
    KillSwitch,
    NobodyRejoined,
    NotCollected,
    PolicyChanged,
    Withdrawn,
}

impl Cause {
    pub const ALL: [Cause; 7] = [
        Cause::ClientGone,
        Cause::Deadline,
        Cause::KillSwitch,
        Cause::NobodyRejoined,
        Cause::NotCollected,
        Cause::PolicyChanged,
        Cause::Withdrawn,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Cause::ClientGone => "client_gone",
            Cause::Deadline => "deadline",
            Cause::KillSwitch => "kill_switch",
            Cause::NobodyRejoined => "nobody_rejoined",
            Cause::NotCollected => "not_collected",
            Cause::PolicyChanged => "policy_changed",
            Cause::Withdrawn => "withdrawn",
        }
    }
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the hold is already {}", .0.as_str())]
    Already(State),
    #[error("nothing was asked")]
    NotAsked,
    #[error("the hold belongs to its connection and cannot be joined")]
    NotJoinable,
    #[error("the hold was not released")]
    NotReleased,
    #[error("the outcome was reported already")]
    Reported,
    #[error("its time is over")]
    TooLate,
    #[error("{MAX_QUESTIONS} questions were asked already: decide")]
    TooManyQuestions,
    #[error("nobody has decided yet")]
    Undecided,
}

/// What `event` does to a hold in `state` at `now`.
pub fn transition(state: State, event: Event, now: i64, facts: &Facts) -> Result<Step, Refusal> {
    let by_time = tick(state, now, facts);
    let event = match (event, by_time) {
        (Event::Tick, by_time) => return Ok(by_time.unwrap_or(Step { state, effects: vec![] })),
        // What time has ended takes no other event.
        (_, Some(ended)) if ended.state != state => return Err(Refusal::TooLate),
        (event, _) => event,
    };
    let to = |state, effects| Ok(Step { state, effects });
    match (state, event) {
        (open @ (State::Pending | State::InfoRequested), Event::Approve { by, reason, is_enough, grant }) => {
            let vote = Effect::Vote { by: by.clone(), reason: reason.clone(), grant };
            if !is_enough {
                return to(open, vec![vote]);
            }
            let until = now.saturating_add(facts.approval_ttl_ms);
            to(State::Approved, vec![vote, Effect::Decide { by, reason }, Effect::UsableUntil(until)])
        }
        (State::Pending | State::InfoRequested, Event::Grant { by }) => {
            let until = now.saturating_add(facts.approval_ttl_ms);
            to(State::Approved, vec![Effect::Decide { by, reason: None }, Effect::UsableUntil(until)])
        }
        (State::Pending | State::InfoRequested, Event::Deny { by, reason }) => {
            to(State::Denied, vec![Effect::Decide { by, reason }])
        }
        (State::Pending, Event::Ask { .. }) if facts.questions >= MAX_QUESTIONS => Err(Refusal::TooManyQuestions),
        (State::Pending, Event::Ask { by, question }) => to(State::InfoRequested, vec![Effect::Ask { by, question }]),
        (State::InfoRequested, Event::Answer { text }) => to(State::Pending, vec![Effect::Answer(text)]),
        (State::Pending | State::Approved, Event::Answer { .. }) => Err(Refusal::NotAsked),
        (State::Pending | State::InfoRequested, Event::Collect { .. } | Event::Revoke { .. }) => {
            Err(Refusal::Undecided)
        }
        (State::Approved, Event::Revoke { by, reason }) => to(State::Revoked, vec![Effect::Revoke { by, reason }]),
        (live, Event::Withdraw) if live.is_live() => to(State::Withdrawn, vec![Effect::Close(Cause::Withdrawn)]),
        (State::Approved, Event::Collect { nonce }) => to(State::Released, vec![Effect::Consume { nonce }]),
        (live, Event::Cancel(cause)) if live.is_live() => to(State::Cancelled, vec![Effect::Close(cause)]),
        (live, Event::Join) if live.is_live() && facts.joinable => to(live, vec![Effect::ClientWaits]),
        (live, Event::Join) if live.is_live() => Err(Refusal::NotJoinable),
        (live, Event::Leave { last: true, .. }) if live.is_live() && !facts.joinable => {
            to(State::Cancelled, vec![Effect::Close(Cause::ClientGone)])
        }
        (live, Event::Leave { last: true, .. }) if live.is_live() => to(live, vec![Effect::NobodyWaits]),
        (State::Released, Event::Leave { collector: true, .. }) if facts.outcome.is_none() => {
            to(State::Released, vec![Effect::Conclude { outcome: Outcome::Unknown, status: None }])
        }
        (any, Event::Leave { .. }) => to(any, vec![]),
        (State::Released, Event::Report { outcome, status }) => match facts.outcome {
            None | Some(Outcome::Unknown) => to(State::Released, vec![Effect::Conclude { outcome, status }]),
            Some(told) if told == outcome => to(State::Released, vec![]),
            Some(_) => Err(Refusal::Reported),
        },
        (_, Event::Report { .. }) => Err(Refusal::NotReleased),
        (other, _) => Err(Refusal::Already(other)),
    }
}

/// When time alone will change the hold next.
pub fn due(state: State, facts: &Facts) -> Option<i64> {
    match state {
        State::Pending | State::InfoRequested => {
            let abandoned = facts.detached_ms.map(|at| at.saturating_add(facts.rejoin_ms));
            Some(abandoned.map_or(facts.deadline_ms, |at| at.min(facts.deadline_ms)))
        }
        State::Approved => facts.approved_until_ms,
        State::Released if facts.outcome.is_none() => facts.released_ms.map(|at| at.saturating_add(OUTCOME_WAIT_MS)),
        _ => None,
    }
}

fn tick(state: State, now: i64, facts: &Facts) -> Option<Step> {
    if due(state, facts)? > now {
        return None;
    }
    Some(match state {
        State::Approved => Step { state: State::Lapsed, effects: vec![Effect::Close(Cause::NotCollected)] },
        State::Released => Step { state, effects: vec![Effect::Conclude { outcome: Outcome::Unknown, status: None }] },
        _ if facts.deadline_ms <= now => Step { state: State::Expired, effects: vec![Effect::Close(Cause::Deadline)] },
        _ => Step { state: State::Expired, effects: vec![Effect::Close(Cause::NobodyRejoined)] },
    })
}

#[cfg(test)]
mod tests;
