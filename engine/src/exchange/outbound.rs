//! The response: report what became of a released request, and mask what a policy says.
//!
//! A response that is masked whole waits paused in Envoy's buffer, where even trailers cannot strand a part of it. What
//! comes event by event or line by line is masked as it comes (`streaming`). A compressed response is decoded, and goes on
//! as it reads; only one that is masked whole, and in which nothing was found, goes on as it came.
//!
//! Must not go here: what is masked (`redact`).

use super::event::{Effect, Event, Step};
use super::holding::json;
use super::inbound::Inbound;
use super::streaming::{Streaming, Unmaskable};
use super::{Call, CallKind, Caller, Exchange, State, Surroundings};
use crate::classify::Doubt;
use crate::extract::coding::{self, Coding, Fault};
use crate::hold::{Outcome, Report, VERSION};
use crate::policy::ProfileId;
use crate::redact::{self, Chosen, Labels};
use crate::reply::Notice;
use crate::request::Headers;

/// Headers that describe the bytes of a body as it was before masking.
const STALE: [&str; 8] = [
    "accept-ranges",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "digest",
    "etag",
    "repr-digest",
];

/// A request on its way to the upstream, and its response.
#[derive(Debug)]
pub(super) struct Outbound {
    /// The hold that released it, until its outcome is reported.
    pub(super) hold: Option<String>,
    profile: Option<ProfileId>,
    chosen: Chosen,
    limit: usize,
    head_request: bool,
    labels: Labels,
    masking: Masking,
}

#[derive(Debug, Default)]
enum Masking {
    #[default]
    Off,
    /// The whole body waits in Envoy's buffer, and with it the head, of which `stale` would no longer be true.
    Whole {
        headers: Headers,
        stale: Vec<&'static str>,
    },
    Stream(Box<Streaming>),
}

impl Outbound {
    pub(super) fn new(inbound: &Inbound, labels: Labels) -> Outbound {
        Outbound {
            hold: None,
            profile: inbound.selection.redact_response,
            chosen: inbound.selection.response_head.clone(),
            limit: inbound.selection.body_limit,
            head_request: inbound.head.method == b"HEAD",
            labels,
            masking: Masking::Off,
        }
    }

    pub(super) fn wants_response(&self) -> bool {
        self.hold.is_some() || self.profile.is_some()
    }
}

impl Exchange {
    pub(super) fn forward(
        &self,
        around: &dyn Surroundings,
        mut outbound: Box<Outbound>,
        event: Event<'_>,
    ) -> (State, Step) {
        let mut report = None;
        let step = match event {
            Event::ResponseHead { fields: headers, end } => {
                let status = headers.only(":status").and_then(|s| std::str::from_utf8(s).ok()?.parse::<u16>().ok());
                let outcome = match status {
                    Some(..400) => Outcome::Succeeded,
                    Some(_) => Outcome::Failed,
                    None => Outcome::Unknown,
                };
                report = self.report(&mut outbound, outcome, status);
                self.response_head(&mut outbound, headers, end)
            }
            Event::ResponseBody { buffered, end } => match &mut outbound.masking {
                Masking::Off => Ok(Step::proceed()),
                Masking::Whole { .. } if buffered > outbound.limit => Err(response_too_large()),
                Masking::Whole { .. } if !end => Ok(Step::pause()),
                Masking::Whole { .. } => Ok(Step::pause_with(Effect::ReadResponseBody)),
                Masking::Stream(streaming) => Ok(streaming.chunk(end)),
            },
            Event::ResponseTrailers => Ok(match &mut outbound.masking {
                Masking::Off => Step::proceed(),
                Masking::Whole { .. } => Step::pause_with(Effect::ReadResponseBody),
                Masking::Stream(streaming) => streaming.trailers(),
            }),
            Event::ResponseBytes(body) => self.response_bytes(around, &mut outbound, body),
            Event::Timer => Ok(match &mut outbound.masking {
                Masking::Stream(streaming) => streaming.timer(),
                Masking::Off | Masking::Whole { .. } => Step::proceed(),
            }),
            Event::Gone => {
                let mut step = Step::proceed();
                // No response was seen: the upstream may or may not have acted.
                step.effects.extend(self.report(&mut outbound, Outcome::Unknown, None));
                Ok(step)
            }
            _ => Ok(Step::proceed()),
        };
        let (state, mut step) = match step {
            Ok(step) => (State::Forward(outbound), step),
            Err(doubt) => {
                let mut notice = Notice::refused(doubt.status, doubt.code, doubt.detail);
                notice.executed = crate::reply::Executed::Yes;
                self.answer(&notice, Caller::plain())
            }
        };
        step.effects.splice(0..0, report);
        (state, step)
    }

    fn response_head(&self, outbound: &mut Outbound, headers: Headers, end: bool) -> Result<Step, Doubt> {
        let mut step = Step::proceed();
        let profile = outbound.profile.and_then(|id| self.gateway.policy.profile(id));
        let Some(profile) = profile else { return Ok(step) };
        let masked = redact::head(&outbound.chosen, None, &headers, profile, &mut outbound.labels)
            .map_err(|refusal| unmaskable(refusal.into()))?;
        let rewritten = masked.headers.into_iter().map(|(name, values)| Effect::RewriteResponseHeader(name, values));
        step.effects.extend(rewritten);
        if end || outbound.head_request {
            return Ok(step);
        }
        let coding = coding(&headers)?;
        let stale: Vec<_> = STALE.into_iter().filter(|name| headers.all(name).next().is_some()).collect();
        let content_type = headers.only("content-type");
        if redact::streams(content_type) {
            outbound.masking = Masking::Stream(Box::new(Streaming::new(content_type, coding)));
            step.effects.extend(stale.into_iter().map(Effect::RemoveResponseHeader));
        } else {
            // Until it is known whether anything changes, the head waits too.
            outbound.masking = Masking::Whole { headers, stale };
            step.flow = super::Flow::Pause;
        }
        Ok(step)
    }

    fn response_bytes(&self, around: &dyn Surroundings, outbound: &mut Outbound, body: &[u8]) -> Result<Step, Doubt> {
        let profile = outbound.profile.and_then(|id| self.gateway.policy.profile(id));
        let Some(profile) = profile else { return Ok(Step::proceed()) };
        let mut step = Step::proceed();
        match &mut outbound.masking {
            Masking::Off => {}
            Masking::Whole { headers, stale } => {
                let body = coding::decoded(headers, body, outbound.limit).map_err(|fault| unmaskable(fault.into()))?;
                let masked = redact::body(headers.only("content-type"), &body, profile, &mut outbound.labels);
                if let Some(body) = masked.map_err(|refusal| unmaskable(refusal.into()))?.body {
                    step.count("response_redacted");
                    let sized = stale.contains(&"content-length");
                    step.effects.extend(stale.iter().copied().map(Effect::RemoveResponseHeader));
                    if sized {
                        let length = body.len().to_string().into_bytes();
                        step.effects.push(Effect::SetResponseHeader("content-length", length));
                    }
                    step.effects.push(Effect::ReplaceResponseBody(body));
                }
                outbound.masking = Masking::Off;
            }
            Masking::Stream(streaming) => {
                step = streaming.read(around, body, profile, &mut outbound.labels).map_err(unmaskable)?;
            }
        }
        Ok(step)
    }

    fn report(&self, outbound: &mut Outbound, outcome: Outcome, status: Option<u16>) -> Option<Effect> {
        let hold = outbound.hold.take()?;
        let report = Report { v: VERSION, nonce: self.nonce(), outcome, status };
        Some(Effect::Call(Call {
            kind: CallKind::Outcome,
            method: "POST",
            path: format!("/v1/holds/{hold}/outcome"),
            body: json(&report),
            timeout_ms: 5_000,
        }))
    }
}

/// How a response with this head is coded, or why it cannot be read.
pub(super) fn coding(headers: &Headers) -> Result<Option<Coding>, Doubt> {
    if headers.only(":status") == Some(b"101") {
        return Err(Doubt::new(502, "upgrade_not_inspectable", "an upgraded stream cannot be masked"));
    }
    if headers.all("content-type").nth(1).is_some() {
        return Err(Doubt::new(502, "duplicate_header", "the response names more than one content type"));
    }
    Coding::of(headers).map_err(|fault| unmaskable(fault.into()))
}

pub(super) fn response_too_large() -> Doubt {
    Doubt::new(502, "response_too_large", "the response is larger than what can be masked on this route")
}

/// The upstream has answered, but its answer must not pass.
pub(super) fn unmaskable(reason: Unmaskable) -> Doubt {
    match reason {
        Unmaskable::Coding(Fault::TooLarge) => response_too_large(),
        Unmaskable::Coding(Fault::Unsupported) => Doubt::new(
            502,
            "response_encoding_unsupported",
            "the upstream compressed a response that must be masked in a way that cannot be read",
        ),
        Unmaskable::Coding(fault) => Doubt::new(502, fault.code(), fault.to_string()),
        Unmaskable::Text(refusal) => Doubt::new(502, refusal.code(), refusal.to_string()),
    }
}
