//! The hold as the filter lives it: create or join, wait in long polls, release, or give an answer.
//!
//! Only one thing lets a request go: an answer to a release that is authentic, fresh and about this very hold, stream and
//! request. A silent or wrong approver is asked again for a while and then refused with 503.
//!
//! Must not go here: the wire types (`hold`), what leads to a hold (`inbound`).

use std::rc::Rc;

use super::event::{Call, CallKind, Effect, Event, Step};
use super::forwarded::Forwarded;
use super::inbound::{Inbound, kill_switch};
use super::outbound::Outbound;
use super::{Caller, Exchange, Gateway, Now, State};
use crate::control::Posture;
use crate::decision::{self, Refusal};
use crate::hold;
use crate::reply::{Executed, Next, Notice, Status};

/// One long poll, at most.
const POLL_MS: u64 = 20_000;
/// What a call may take beyond the time it waits on purpose.
pub(super) const CALL_MS: u64 = 8_000;

/// A complete request that waits for people.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) inbound: Box<Inbound>,
    pub(super) caller: Caller,
    pub(super) digest: String,
    pub(super) terms: String,
    pub(super) forwarded: Forwarded,
    /// SHA-256 of the body that will go on, as hex.
    pub(super) body_sha256: String,
    pub(super) outbound: Box<Outbound>,
    /// What the rules tell the agent.
    pub(super) agent_reason: Option<String>,
    /// The serialised intake, until the hold is made.
    pub(super) intake: Vec<u8>,
    pub(super) give_up_ms: u64,
    pub(super) progress: Progress,
}

/// How far the talk with the approver is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    phase: Phase,
    /// The call whose answer is awaited; any other answer is not ours.
    call: Option<u32>,
    failing_since_ms: Option<u64>,
    /// A call got no answer: if it was a create, it may have been carried out.
    unheard: bool,
    hold: Option<Known>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Create,
    Wait,
    Release,
}

impl Phase {
    /// Pause between attempts, and for how long attempts may fail in a row, in ms. Creating is impatient: no person has
    /// seen the request yet, and the caller waits.
    const fn patience(self) -> (u64, u64) {
        match self {
            Phase::Create => (200, 400),
            Phase::Wait => (500, 10_000),
            Phase::Release => (500, 5_000),
        }
    }
}

#[derive(Debug)]
struct Known {
    id: String,
    revision: u64,
    near_miss: Option<String>,
}

impl Held {
    fn call(&self, nonce: &str, gateway: &Gateway, now: Now<'_>) -> Call {
        let id = self.progress.hold.as_ref().map_or("", |hold| hold.id.as_str());
        match self.progress.phase {
            Phase::Create => post(CallKind::Create, "/v1/holds".to_owned(), self.intake.clone()),
            Phase::Wait => {
                let wait = self.give_up_ms.saturating_sub(now.ms).min(POLL_MS);
                let revision = self.progress.hold.as_ref().map_or(0, |hold| hold.revision);
                Call {
                    kind: CallKind::Wait,
                    method: "GET",
                    path: format!(
                        "/v1/holds/{id}/wait?v={}&revision={revision}&wait_ms={wait}&nonce={nonce}",
                        hold::VERSION
                    ),
                    body: Vec::new(),
                    timeout_ms: wait + CALL_MS,
                }
            }
            Phase::Release => {
                let settings = gateway.policy.settings();
                let release = hold::Release {
                    v: hold::VERSION,
                    nonce: nonce.to_owned(),
                    digest: self.digest.clone(),
                    terms: self.terms.clone(),
                    tenant: settings.tenant.clone(),
                    environment: settings.environment.clone(),
                    principal: self.inbound.head.principal.clone(),
                    forwarded: Some(self.as_forwarded()),
                };
                post(CallKind::Release, format!("/v1/holds/{id}/release"), json(&release))
            }
        }
    }

    /// What the upstream will see, for the receipt.
    fn as_forwarded(&self) -> hold::Forwarded {
        let head = &self.inbound.head;
        hold::Forwarded {
            method: String::from_utf8_lossy(&head.method).into_owned(),
            authority: String::from_utf8_lossy(&head.authority).into_owned(),
            path: self.forwarded.target(head),
            body_sha256: self.body_sha256.clone(),
        }
    }

    fn notice(&self, http: u16, status: Status, code: &'static str, detail: String, next: Next) -> Notice {
        Notice {
            http,
            status,
            code,
            detail,
            hold: self.progress.hold.as_ref().map(|hold| hold.id.clone()),
            near_miss: self.progress.hold.as_ref().and_then(|hold| hold.near_miss.clone()),
            next,
            executed: Executed::No,
        }
    }
}

impl Exchange {
    /// Starts the talk: the request is complete and must be held.
    pub(super) fn hold(&self, now: Now<'_>, mut held: Held) -> (State, Step) {
        // From the first create on, not from its failure: a busy approver has had long enough, and the caller waits.
        held.progress.failing_since_ms = Some(now.ms);
        let mut step = Step::pause();
        step.annotate("privyseal_decision", "hold");
        step.count("held");
        self.ask(now, Box::new(held), step)
    }

    pub(super) fn held(
        &self,
        now: Now<'_>,
        current: &Rc<Gateway>,
        mut held: Box<Held>,
        event: Event<'_>,
    ) -> (State, Step) {
        match event {
            Event::Dispatched(Some(token)) => {
                held.progress.call = Some(token);
                (State::Held(held), Step::pause())
            }
            Event::Dispatched(None) => self.failed(now, held, "approver_unavailable"),
            Event::CallEnded { token, status, body } if held.progress.call == Some(token) => {
                held.progress.call = None;
                // Envoy's own words for a call that took too long; a reset has none.
                held.progress.unheard |= matches!(status, None | Some(504));
                match held.progress.phase {
                    Phase::Create | Phase::Wait => match decision::view(status, body) {
                        Ok(view) => self.heard(now, current, held, view),
                        Err(refusal) => self.refused(now, held, refusal),
                    },
                    Phase::Release => self.answered(now, held, status, body),
                }
            }
            Event::Timer if held.progress.call.is_none() => self.ask(now, held, Step::pause()),
            Event::RequestBytes(body) => self.recheck(now, current, held, body),
            Event::Gone => {
                let mut step = Step::pause();
                step.effects.extend(self.detach(&held));
                (State::Answered, step)
            }
            // Envoy's own answer to a stream that took too long.
            Event::ResponseHead { .. } | Event::ResponseBody { .. } | Event::ResponseTrailers => {
                (State::Held(held), Step::proceed())
            }
            _ => (State::Held(held), Step::pause()),
        }
    }

    fn ask(&self, now: Now<'_>, held: Box<Held>, mut step: Step) -> (State, Step) {
        step.effects.push(Effect::Call(held.call(&self.nonce(), &self.gateway, now)));
        (State::Held(held), step)
    }

    /// The approver said how the hold stands.
    fn heard(&self, now: Now<'_>, current: &Rc<Gateway>, mut held: Box<Held>, view: hold::View) -> (State, Step) {
        if held.progress.hold.as_ref().is_some_and(|known| known.id != view.id) {
            return self.failed(now, held, "approver_answer_invalid");
        }
        let near_miss = view
            .near_miss
            .map(|near| format!("differs from hold {} only in {}", near.hold, near.differs))
            .or_else(|| held.progress.hold.as_mut().and_then(|known| known.near_miss.take()));
        held.progress.hold = Some(Known { id: view.id, revision: view.revision, near_miss });
        held.progress.failing_since_ms = None;
        held.intake = Vec::new();
        match view.state {
            hold::State::Pending if now.ms < held.give_up_ms => {
                held.progress.phase = Phase::Wait;
                self.ask(now, held, Step::pause())
            }
            hold::State::Approved if now.to(&held.inbound.head).posture == Posture::Deny => {
                let notice = Notice { hold: held.progress.hold.as_ref().map(|hold| hold.id.clone()), ..kill_switch() };
                self.end(held, &notice)
            }
            hold::State::Approved => {
                held.progress.phase = Phase::Release;
                if Rc::ptr_eq(&self.gateway, current) {
                    self.ask(now, held, Step::pause())
                } else {
                    (State::Held(held), Step::pause_with(Effect::ReadRequestBody))
                }
            }
            state => {
                let (status, code, next, mut detail) = decision::answer_to_agent(state, view.reason.as_deref());
                if let (hold::State::Pending, Some(reason)) = (state, &held.agent_reason) {
                    detail = format!("{detail} ({reason})");
                }
                let http = match status {
                    Status::Pending => 429,
                    Status::Released => 409,
                    Status::Denied | Status::Refused => 403,
                };
                let mut notice = held.notice(http, status, code, detail, next);
                if state == hold::State::Released {
                    notice.executed = Executed::Yes;
                }
                self.end(held, &notice)
            }
        }
    }

    /// The policy was replaced while people decided: would it still say the same?
    fn recheck(&self, now: Now<'_>, current: &Rc<Gateway>, held: Box<Held>, body: &[u8]) -> (State, Step) {
        let terms = held.inbound.terms(current, body);
        if terms.as_deref() == Some(held.terms.as_str()) {
            return self.ask(now, held, Step::pause());
        }
        let notice = held.notice(
            403,
            Status::Refused,
            "policy_changed",
            "the policy changed while this request waited; the approval no longer counts".to_owned(),
            Next::ResendIdenticalRequest,
        );
        self.end(held, &notice)
    }

    /// The approver answered the release.
    fn answered(&self, now: Now<'_>, held: Box<Held>, status: Option<u16>, body: &[u8]) -> (State, Step) {
        let settings = self.gateway.policy.settings();
        let nonce = self.nonce();
        let expected = decision::Expected {
            hold: held.progress.hold.as_ref().map_or("", |hold| hold.id.as_str()),
            nonce: &nonce,
            digest: &held.digest,
            tenant: &settings.tenant,
            environment: &settings.environment,
        };
        match decision::release(status, body, &expected, &self.gateway.keys.answer, now.ms) {
            Ok(receipt) => self.release(*held, receipt),
            Err(Refusal::Final { http, code, detail, executed }) => {
                let status = if executed { Status::Released } else { Status::Refused };
                let mut notice = held.notice(http, status, code, detail, Next::Stop);
                if executed {
                    notice.executed = Executed::Yes;
                }
                self.end(held, &notice)
            }
            Err(Refusal::Retry { code }) => self.failed(now, held, code),
        }
    }

    /// The one way out for a held request.
    fn release(&self, mut held: Held, receipt: Option<String>) -> (State, Step) {
        let hold = held.progress.hold.map(|hold| hold.id).unwrap_or_default();
        let mut step = Step::pause();
        held.inbound.rewrite_head(&mut step, &held.forwarded);
        step.effects.push(Effect::SetRequestHeader("x-privyseal-hold", hold.clone().into_bytes()));
        if let Some(receipt) = receipt {
            step.effects.push(Effect::SetRequestHeader("x-privyseal-receipt", receipt.into_bytes()));
        }
        if let Some(body) = held.forwarded.body {
            step.effects.push(Effect::ReplaceRequestBody(body));
        }
        step.annotate("privyseal_decision", "released");
        step.annotate("privyseal_hold", hold.clone());
        step.count("released");
        step.effects.push(Effect::Resume);
        held.outbound.hold = Some(hold);
        (State::Forward(held.outbound), step)
    }

    fn refused(&self, now: Now<'_>, held: Box<Held>, refusal: Refusal) -> (State, Step) {
        match refusal {
            Refusal::Retry { code } => self.failed(now, held, code),
            Refusal::Final { http, code, detail, .. } => {
                let next = if http == 429 { Next::Wait } else { Next::Stop };
                let notice = held.notice(http, Status::Refused, code, detail, next);
                self.end(held, &notice)
            }
        }
    }

    /// The approver is silent or wrong: again in a moment, or not at all.
    fn failed(&self, now: Now<'_>, mut held: Box<Held>, code: &'static str) -> (State, Step) {
        let (again_ms, patience_ms) = held.progress.phase.patience();
        let since = *held.progress.failing_since_ms.get_or_insert(now.ms);
        if now.ms.saturating_sub(since) < patience_ms {
            return (State::Held(held), Step::pause_with(Effect::WakeAt(now.ms + again_ms)));
        }
        let is_silent = code == "approver_unavailable";
        let detail = if is_silent {
            "the approver does not answer; nothing was executed"
        } else {
            "the approver gave an answer that cannot be trusted; nothing was executed"
        };
        // The same request joins its hold, or asks anew. Not where a release was not heard of: the approver may have spent
        // the approval, which a person should know before they are asked again.
        let joins = is_silent && held.progress.phase != Phase::Release;
        let next = if joins { Next::ResendIdenticalRequest } else { Next::Stop };
        let notice = held.notice(503, Status::Refused, code, detail.to_owned(), next);
        self.end(held, &notice)
    }

    /// Answers instead of releasing; nobody waits on this stream any more.
    fn end(&self, held: Box<Held>, notice: &Notice) -> (State, Step) {
        let detach = self.detach(&held);
        let (state, mut step) = self.answer(notice, held.caller);
        if let Some(detach) = detach {
            step.effects.insert(0, detach);
        }
        (state, step)
    }

    /// Nobody waits for the hold on this stream any more, or for the one that the approver may have made of it.
    fn detach(&self, held: &Held) -> Option<Effect> {
        let path = match &held.progress.hold {
            Some(hold) => format!("/v1/holds/{}/detach", hold.id),
            None if held.progress.unheard || held.progress.call.is_some() => "/v1/detach".to_owned(),
            None => return None,
        };
        let detach = hold::Detach { v: hold::VERSION, nonce: self.nonce() };
        Some(Effect::Call(post(CallKind::Detach, path, json(&detach))))
    }
}

pub(super) fn post(kind: CallKind, path: String, body: Vec<u8>) -> Call {
    Call { kind, method: "POST", path, body, timeout_ms: CALL_MS }
}

/// Our own types always serialise; an empty body would be refused by the approver.
pub(super) fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}
