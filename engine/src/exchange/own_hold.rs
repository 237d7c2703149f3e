//! An agent about a hold of its own, on the gateway's own address: how does it stand, an answer to what an approver asked,
//! a withdrawal.
//!
//! Must not go here: waiting for a decision (`holding`), what a state means (`decision`).

use super::event::{CallKind, Effect, Event, Step};
use super::holding::{json, post};
use super::inbound::BODY_PATIENCE_MS;
use super::{Caller, Exchange, Now, State, preview};
use crate::decision;
use crate::extract::json::{Kind, Limits, Scanner};
use crate::hold::{Information, StatusQuery, VERSION};
use crate::reply::{Next, Notice, Status};
use crate::request::Head;

/// The longest body of an answer: every byte of the text may be escaped.
const MAX_BODY: usize = Information::MAX_ANSWER * 6 + 64;

/// What an agent does about its hold, until the approver has said what came of it.
#[derive(Debug)]
pub(super) struct OwnHold {
    hold: String,
    principal: String,
    pub(super) trace: Option<String>,
    verb: Verb,
    /// Has a body callback come yet?
    body_seen: bool,
    call: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Answer,
    Status,
    Withdraw,
}

impl Exchange {
    /// `rest` stands behind the address of all holds.
    pub(super) fn own_hold(&self, now: Now<'_>, head: &Head, rest: &str, end: bool) -> (State, Step) {
        let refuse = |notice: &Notice| self.answer(notice, Caller::plain());
        let (hold, is_answer) = rest.strip_suffix("/answer").map_or((rest, false), |hold| (hold, true));
        let verb = match (head.method.as_slice(), is_answer) {
            (b"GET" | b"HEAD", false) => Verb::Status,
            (b"DELETE", false) => Verb::Withdraw,
            (b"POST", true) => Verb::Answer,
            _ => {
                let detail = "a hold is read with GET, withdrawn with DELETE; POST to its `/answer` answers a question";
                return refuse(&Notice::refused(405, "method_not_allowed", detail));
            }
        };
        let is_plain =
            !hold.is_empty() && hold.len() <= 64 && hold.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let Some(principal) = head.principal.as_ref().filter(|_| is_plain) else { return refuse(&not_found()) };
        let errand = OwnHold {
            hold: hold.to_owned(),
            principal: principal.clone(),
            trace: head.traceparent(),
            verb,
            body_seen: false,
            call: None,
        };
        match verb {
            Verb::Answer if end => refuse(&no_answer()),
            Verb::Answer => (State::OwnHold(errand), Step::pause_with(Effect::WakeAt(now.ms + BODY_PATIENCE_MS))),
            Verb::Status => self.tell(errand, "status", None),
            Verb::Withdraw => self.tell(errand, "withdraw", None),
        }
    }

    pub(super) fn errand(&self, mut errand: OwnHold, event: Event<'_>) -> (State, Step) {
        let reads_body = errand.verb == Verb::Answer && errand.call.is_none();
        match event {
            Event::RequestBody { buffered, .. } if reads_body && buffered > MAX_BODY => {
                self.answer(&too_long(), Caller::plain())
            }
            Event::RequestBody { end, .. } if reads_body => {
                errand.body_seen = true;
                let step = if end { Step::pause_with(Effect::ReadRequestBody) } else { Step::pause() };
                (State::OwnHold(errand), step)
            }
            Event::RequestTrailers(_) if reads_body => {
                (State::OwnHold(errand), Step::pause_with(Effect::ReadRequestBody))
            }
            Event::RequestBytes(body) if reads_body => self.answered_question(errand, body),
            Event::Timer if reads_body && !errand.body_seen => self.answer(&no_answer(), Caller::plain()),
            Event::Dispatched(Some(token)) => {
                errand.call = Some(token);
                (State::OwnHold(errand), Step::pause())
            }
            Event::Dispatched(None) => self.answer(&unavailable(), Caller::plain()),
            Event::CallEnded { token, status, body } if errand.call == Some(token) => {
                let notice = match (status, decision::view(status, body)) {
                    (_, Ok(view)) if view.id == errand.hold => decision::status_notice(view),
                    (Some(404), _) => not_found(),
                    (Some(429), _) => Notice {
                        // For clients that retry: as after any answer that people are awaited.
                        status: Status::Pending,
                        next: Next::Wait,
                        ..Notice::refused(429, "asked_too_often", "this principal asks about its holds too often")
                    },
                    (Some(409), _) => Notice {
                        hold: Some(errand.hold),
                        ..Notice::refused(
                            409,
                            "wrong_state",
                            "the hold takes no answer or withdrawal now; read its status",
                        )
                    },
                    _ => unavailable(),
                };
                self.answer(&notice, Caller::plain())
            }
            event if event.is_of_request() => (State::OwnHold(errand), Step::pause()),
            Event::ResponseHead { .. } | Event::ResponseBody { .. } | Event::ResponseTrailers => {
                (State::OwnHold(errand), Step::proceed())
            }
            _ => (State::OwnHold(errand), Step::pause()),
        }
    }

    /// The body of an answer is complete.
    fn answered_question(&self, errand: OwnHold, body: &[u8]) -> (State, Step) {
        let Some(text) = text_of(body) else { return self.answer(&no_answer(), Caller::plain()) };
        // Masked like a preview: an approver reads it, and nothing of it is verified.
        match preview::text(&self.gateway, &text) {
            Some(masked) if text.len().max(masked.len()) <= Information::MAX_ANSWER => {
                self.tell(errand, "answer", Some(masked))
            }
            Some(_) => self.answer(&too_long(), Caller::plain()),
            None => self.answer(&unavailable(), Caller::plain()),
        }
    }

    /// Tells the approver who asks what.
    fn tell(&self, errand: OwnHold, verb: &str, answer: Option<String>) -> (State, Step) {
        let settings = self.gateway.policy.settings();
        let query = StatusQuery {
            v: VERSION,
            tenant: settings.tenant.clone(),
            environment: settings.environment.clone(),
            principal: errand.principal.clone(),
        };
        let body = match answer {
            None => json(&query),
            Some(answer) => {
                let StatusQuery { v, tenant, environment, principal } = query;
                json(&Information { v, tenant, environment, principal, answer })
            }
        };
        let call = post(CallKind::OwnHold, format!("/v1/holds/{}/{verb}", errand.hold), body);
        (State::OwnHold(errand), Step::pause_with(Effect::Call(call)))
    }
}

/// The text of `{"answer": "…"}`, read as strictly as every other body.
fn text_of(body: &[u8]) -> Option<String> {
    let mut scanner = Scanner::new(body, Limits::default());
    let mut next = || scanner.next().ok().flatten();
    next().filter(|token| token.kind == Kind::ObjectStart)?;
    next().filter(|token| token.kind == Kind::Key && token.text() == "answer")?;
    let answer = next().filter(|token| token.kind == Kind::String)?.text().trim().to_owned();
    next().filter(|token| token.kind == Kind::ObjectEnd)?;
    let is_whole = scanner.next().ok()?.is_none();
    (is_whole && !answer.is_empty()).then_some(answer)
}

fn no_answer() -> Notice {
    Notice {
        next: Next::AnswerQuestion,
        ..Notice::refused(400, "invalid_answer", "expected a body of JSON: `{\"answer\": \"…\"}`")
    }
}

fn too_long() -> Notice {
    Notice::refused(413, "answer_too_long", format!("an answer has at most {} bytes", Information::MAX_ANSWER))
}

/// The same for a hold that does not exist and for one of somebody else.
fn not_found() -> Notice {
    Notice::refused(404, "hold_not_found", "there is no such hold of this principal")
}

fn unavailable() -> Notice {
    Notice::refused(503, "approver_unavailable", "the approver cannot be reached")
}
