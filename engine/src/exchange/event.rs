//! What the host tells an exchange, and what the exchange asks of the host.
//!
//! Must not go here: decisions.

use std::borrow::Cow;

use crate::control::Posture;
use crate::observation::Seen;
use crate::reply::LocalReply;
use crate::request::Headers;

/// What verified sources say of the sender, beside the headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The sender's address without its port, where the policy asks for it.
    pub peer: Option<String>,
    /// The attributes that the policy's rules ask for, in its order.
    pub attributes: Vec<Option<Vec<u8>>>,
    /// One for each identity source of the policy that is a token's claim, in the policy's order; then on behalf of.
    pub principal: Vec<Option<Vec<u8>>>,
    pub on_behalf_of: Vec<Option<Vec<u8>>>,
}

/// What an exchange may ask. An answer costs a call of the host, as much as judging a request: ask where it makes a difference.
pub trait Surroundings {
    /// Unix time.
    fn now_ms(&self) -> u64;
    /// What the kill switch says to everybody at this time.
    fn posture(&self, now_ms: u64) -> Posture;
    /// What it says to one principal.
    fn posture_to(&self, principal: &str) -> Posture;
    /// Is it on, for everybody or for somebody?
    fn is_switched(&self) -> bool;
    /// Who sent the request.
    fn claims(&self) -> Claims;
}

#[derive(Debug)]
pub enum Event<'a> {
    /// Fields as the host hands them over, pseudo-headers included.
    RequestHead {
        fields: Headers,
        end: bool,
    },
    /// `buffered`: bytes of the body that the host holds so far, all of it while paused.
    RequestBody {
        buffered: usize,
        end: bool,
    },
    RequestTrailers(Headers),
    /// The answer to [`Effect::ReadRequestBody`].
    RequestBytes(&'a [u8]),
    ResponseHead {
        fields: Headers,
        end: bool,
    },
    ResponseBody {
        buffered: usize,
        end: bool,
    },
    ResponseTrailers,
    /// The answer to [`Effect::ReadResponseBody`].
    ResponseBytes(&'a [u8]),
    /// A call went out under this token; `None`: it could not.
    Dispatched(Option<u32>),
    /// A call ended; no status: reset.
    CallEnded {
        token: u32,
        status: Option<u16>,
        body: &'a [u8],
    },
    /// The time asked for by [`Effect::WakeAt`] has come.
    Timer,
    /// The stream is over, whoever ended it.
    Gone,
}

impl Event<'_> {
    /// Does its callback ask whether the request may go on?
    pub(super) const fn is_of_request(&self) -> bool {
        matches!(
            self,
            Event::RequestHead { .. } | Event::RequestBody { .. } | Event::RequestTrailers(_) | Event::RequestBytes(_)
        )
    }
}

/// What the callback returns to Envoy. Only callbacks of requests and responses look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Pause,
}

/// The approver's calls (see [`crate::hold`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    Create,
    Wait,
    Release,
    Detach,
    Outcome,
    OwnHold,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub kind: CallKind,
    pub method: &'static str,
    pub path: String,
    pub body: Vec<u8>,
    pub timeout_ms: u64,
}

impl Call {
    /// Does anybody wait for its answer?
    pub const fn is_awaited(&self) -> bool {
        !matches!(self.kind, CallKind::Detach | CallKind::Outcome)
    }
}

/// Carried out in order. [`Effect::Resume`], [`Effect::ResumeResponse`] and [`Effect::Reply`] come last: the host runs them even if the VM traps later
/// in the same callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    SetRequestHeader(&'static str, Vec<u8>),
    RemoveRequestHeader(String),
    /// These values in their order, instead of those that a header has.
    RewriteRequestHeader(String, Vec<Vec<u8>>),
    RewriteResponseHeader(String, Vec<Vec<u8>>),
    SetResponseHeader(&'static str, Vec<u8>),
    RemoveResponseHeader(&'static str),
    /// Read the whole buffered body and step at once with [`Event::RequestBytes`]; that step's flow counts.
    ReadRequestBody,
    ReplaceRequestBody(Vec<u8>),
    ReadResponseBody,
    ReplaceResponseBody(Vec<u8>),
    /// Call the approver and step at once with [`Event::Dispatched`] if the call is awaited.
    Call(Call),
    /// Step with [`Event::Timer`] at this Unix time in ms; a later one replaces an earlier one.
    WakeAt(u64),
    /// Filter state `wasm.NAME`, for access logs.
    Annotate(&'static str, String),
    /// Add one to the counter `privyseal.NAME`; names are from a fixed set.
    Count(Cow<'static, str>),
    /// This often: goes into the statistics, and to the approver with the next batch.
    Observed(Seen, u64),
    Resume,
    /// Let go what the buffer of a stopped response holds. With [`Flow::Pause`] the response stays stopped behind it.
    ResumeResponse,
    Reply(LocalReply),
}

/// What one event led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub flow: Flow,
    pub effects: Vec<Effect>,
}

impl Step {
    pub(super) const fn proceed() -> Step {
        Step { flow: Flow::Continue, effects: Vec::new() }
    }

    pub(super) const fn pause() -> Step {
        Step { flow: Flow::Pause, effects: Vec::new() }
    }

    pub(super) fn pause_with(effect: Effect) -> Step {
        Step { flow: Flow::Pause, effects: vec![effect] }
    }

    pub(super) fn annotate(&mut self, name: &'static str, value: impl Into<String>) {
        self.effects.push(Effect::Annotate(name, value.into()));
    }

    pub(super) fn count(&mut self, name: impl Into<Cow<'static, str>>) {
        self.effects.push(Effect::Count(name.into()));
    }
}
