//! One HTTP exchange, from the request's head to the response's end: the only per-request state.
//!
//! ```text
//! Start ─► Untouched                                     no rule selects it
//!   │  ├─► Observed ─► Untouched                        nothing is enforced: read along and counted
//!   │  └─► OwnHold ─► Answered                           an agent asks for its hold, answers or withdraws
//!   └─► ReadBody ─► Held(create ─► wait ─► release) ─► Forward ─► response
//!            │        └──────────────┐
//!            └───────────────────────┴─► Answered        refused, denied, pending
//! ```
//! The host turns its callbacks into [`Event`]s and carries out the [`Effect`]s; what else there is to know, such as the
//! time, is asked of the [`Surroundings`] where it makes a difference. While a request is not decided every step says
//! [`Flow::Pause`]: with `allow_on_headers_stop_iteration`, one Continue from a body callback would release the headers too.
//!
//! Must not go here: what a policy says (`policy`), the approver's side of a hold.

pub mod event;
mod forwarded;
mod holding;
mod inbound;
mod observing;
mod outbound;
mod own_hold;
mod preview;
mod received;
mod streaming;
mod terms;

use std::rc::Rc;

pub use event::{Call, CallKind, Claims, Effect, Event, Flow, Step, Surroundings};
pub use forwarded::Forwarded;

use crate::control::Posture;
use crate::digest::hex;
use crate::keys::Keys;
use crate::policy::Policy;
use crate::protocol::{self, Protocol};
use crate::redact::Profile;
use crate::reply::{self, Notice};
use crate::request::Head;

/// What all exchanges of one gateway configuration share.
#[derive(Debug)]
pub struct Gateway {
    pub policy: Policy,
    pub keys: Keys,
    /// Envoy's node id, for the approver to tell gateways apart.
    pub id: String,
    /// Masks what the approver sees.
    preview: Option<Profile>,
}

impl Gateway {
    pub fn new(policy: Policy, keys: Keys, id: String) -> Gateway {
        let preview = preview::profile(&keys);
        Gateway { policy, keys, id, preview }
    }
}

/// The moment of a step.
#[derive(Clone, Copy)]
struct Now<'a> {
    /// Unix time.
    ms: u64,
    /// What the kill switch says.
    posture: Posture,
    around: &'a dyn Surroundings,
}

impl<'a> Now<'a> {
    /// The moment for everybody.
    fn of(around: &'a dyn Surroundings) -> Self {
        let ms = around.now_ms();
        Now { ms, posture: around.posture(ms), around }
    }

    /// The moment for whoever sends `head`.
    fn to(mut self, head: &Head) -> Self {
        if let Some(principal) = &head.principal {
            self.posture = self.posture.max(self.around.posture_to(principal));
        }
        self
    }
}

/// See the module.
#[derive(Debug)]
pub struct Exchange {
    gateway: Rc<Gateway>,
    /// This stream's own name.
    nonce: [u8; 16],
    /// Where the request stands in a trace that the approver is called in, as its sender, or a filter before ours, says it.
    trace: Option<String>,
    state: State,
}

/// How the caller wants to be answered.
#[derive(Clone, Debug)]
struct Caller {
    protocol: Protocol,
    /// The raw JSON id of a JSON-RPC request.
    rpc_id: Option<String>,
}

impl Caller {
    fn plain() -> Caller {
        Caller { protocol: Protocol::Http, rpc_id: None }
    }
}

#[derive(Debug)]
enum State {
    Start,
    Untouched,
    Observed(Box<observing::Observer>),
    ReadBody(Box<inbound::Inbound>),
    Held(Box<holding::Held>),
    OwnHold(own_hold::OwnHold),
    Forward(Box<outbound::Outbound>),
    /// A local reply is on its way; what still arrives of the request stays where it is.
    Answered,
}

impl Exchange {
    pub fn new(gateway: Rc<Gateway>, nonce: [u8; 16]) -> Exchange {
        Exchange { gateway, nonce, trace: None, state: State::Start }
    }

    /// Takes in one event. `current` is the gateway's configuration as it is now, which may be newer than this exchange's.
    pub fn step(&mut self, around: &dyn Surroundings, current: &Rc<Gateway>, event: Event<'_>) -> Step {
        let state = std::mem::replace(&mut self.state, State::Answered);
        let (state, step) = match (state, event) {
            (State::Start, Event::RequestHead { fields, end }) => self.request_head(around, fields, end),
            (State::ReadBody(inbound), event) => self.read_body(around, inbound, event),
            (State::Held(held), event) => self.held(Now::of(around), current, held, event),
            (State::OwnHold(errand), event) => self.errand(errand, event),
            (State::Forward(outbound), event) => self.forward(around, outbound, event),
            (State::Observed(observer), event) => self.observed(observer, event),
            (State::Untouched, _) => (State::Untouched, Step::proceed()),
            (State::Answered, event) => {
                // The reply itself passes the response callbacks; the rest of the request must not move.
                let step = if event.is_of_request() { Step::pause() } else { Step::proceed() };
                (State::Answered, step)
            }
            // The host sends no body before a head. If it does, nothing was judged: nothing may pass.
            (State::Start, Event::Gone) => (State::Start, Step::proceed()),
            (State::Start, event) if event.is_of_request() => (State::Start, Step::pause()),
            // Another filter, or Envoy itself, answers in our place.
            (State::Start, _) => (State::Start, Step::proceed()),
        };
        match (&state, &self.trace) {
            (State::Held(held), None) => self.trace = held.inbound.head.traceparent(),
            (State::OwnHold(errand), None) => self.trace.clone_from(&errand.trace),
            _ => {}
        }
        self.state = state;
        step
    }

    /// The `traceparent` that calls of this exchange carry on, for the approver's spans to be in the caller's trace.
    pub fn trace(&self) -> Option<&str> {
        self.trace.as_deref()
    }

    /// The host could not do what was asked: whatever comes of the request stays where it is.
    pub fn abandon(&mut self) {
        self.state = State::Answered;
    }

    /// No rule selects it: whatever comes may pass.
    pub const fn is_untouched(&self) -> bool {
        matches!(self.state, State::Untouched)
    }

    /// Does the response concern this exchange at all?
    pub fn wants_response(&self) -> bool {
        match &self.state {
            State::Forward(outbound) => outbound.wants_response(),
            State::Observed(observer) => observer.wants_response(),
            State::Start | State::Untouched | State::Answered => false,
            State::ReadBody(_) | State::Held(_) | State::OwnHold(_) => true,
        }
    }

    /// As the approver knows it; most streams never need it.
    fn nonce(&self) -> String {
        hex(&self.nonce)
    }

    fn caller(&self, head: &Head, body: &[u8]) -> Caller {
        let protocol = self.gateway.policy.protocol(head, body);
        Caller { protocol, rpc_id: protocol::rpc_id(body).map(str::to_owned) }
    }

    /// Ends the exchange with an answer of the gateway's own.
    fn answer(&self, notice: &Notice, caller: Caller) -> (State, Step) {
        let mut step = Step::pause();
        step.annotate("privyseal_decision", notice.status.as_str());
        step.annotate("privyseal_code", notice.code);
        if let Some(hold) = &notice.hold {
            step.annotate("privyseal_hold", hold);
        }
        step.count(format!("answered.{}", notice.code));
        step.effects.push(Effect::Reply(reply::render(notice, caller.protocol, caller.rpc_id.as_deref())));
        (State::Answered, step)
    }
}

#[cfg(test)]
mod tests;
