//! The response: report what became of a released request, and mask what a policy says.
//!
//! A response that is masked whole waits paused in Envoy's buffer, where even trailers cannot strand a part of it. An event
//! stream is masked chunk by chunk.
//!
//! Must not go here: what is masked (`redact`).

use super::event::{Effect, Event, Step};
use super::holding::json;
use super::inbound::Inbound;
use super::{Call, CallKind, Caller, Exchange, State};
use crate::classify::Doubt;
use crate::hold::{Outcome, Report, VERSION};
use crate::policy::ProfileId;
use crate::redact::{self, Labels};
use crate::reply::Notice;
use crate::request::Headers;

/// Headers that describe the bytes of a body as it was before masking.
const STALE: [&str; 7] =
    ["accept-ranges", "content-digest", "content-length", "content-md5", "digest", "etag", "repr-digest"];

/// A request on its way to the upstream, and its response.
#[derive(Debug)]
pub(super) struct Outbound {
    /// The hold that released it, until its outcome is reported.
    pub(super) hold: Option<String>,
    profile: Option<ProfileId>,
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
    Whole { content_type: Option<Vec<u8>>, stale: Vec<&'static str> },
    /// `end`: the chunk that is being read is the last one.
    Stream { stream: Box<redact::Stream>, end: bool },
}

impl Outbound {
    pub(super) fn new(inbound: &Inbound, labels: Labels) -> Outbound {
        Outbound {
            hold: None,
            profile: inbound.selection.redact_response,
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
    pub(super) fn forward(&self, mut outbound: Box<Outbound>, event: Event<'_>) -> (State, Step) {
        let mut report = None;
        let step = match event {
            Event::ResponseHead { fields, end } => {
                let headers = Headers::new(fields);
                let status = headers.only(":status").and_then(|s| std::str::from_utf8(s).ok()?.parse::<u16>().ok());
                let outcome = match status {
                    Some(..400) => Outcome::Succeeded,
                    Some(_) => Outcome::Failed,
                    None => Outcome::Unknown,
                };
                report = self.report(&mut outbound, outcome, status);
                self.response_head(&mut outbound, &headers, end)
            }
            Event::ResponseBody { buffered, end } => match &mut outbound.masking {
                Masking::Off => Ok(Step::proceed()),
                Masking::Whole { .. } if buffered > outbound.limit => Err(response_too_large()),
                Masking::Whole { .. } if !end => Ok(Step::pause()),
                Masking::Whole { .. } => Ok(Step::pause_with(Effect::ReadResponseBody)),
                Masking::Stream { end: last, .. } => {
                    *last = end;
                    Ok(Step::pause_with(Effect::ReadResponseBody))
                }
            },
            Event::ResponseTrailers => match outbound.masking {
                Masking::Whole { .. } => Ok(Step::pause_with(Effect::ReadResponseBody)),
                _ => Ok(Step::proceed()),
            },
            Event::ResponseBytes(body) => self.response_bytes(&mut outbound, body),
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

    fn response_head(&self, outbound: &mut Outbound, headers: &Headers, end: bool) -> Result<Step, Doubt> {
        let mut step = Step::proceed();
        if outbound.profile.is_none() || end || outbound.head_request {
            return Ok(step);
        }
        if let Some(doubt) = unreadable(headers) {
            return Err(doubt);
        }
        let content_type = headers.only("content-type");
        outbound.masking = self.masking(outbound, content_type);
        let stale = STALE.into_iter().filter(|name| headers.all(name).next().is_some()).collect();
        match &mut outbound.masking {
            Masking::Off => {}
            // Until it is known whether anything changes, the head waits too.
            Masking::Whole { stale: later, .. } => {
                *later = stale;
                step.flow = super::Flow::Pause;
            }
            Masking::Stream { .. } => step.effects.extend(stale.into_iter().map(Effect::RemoveResponseHeader)),
        }
        Ok(step)
    }

    fn masking(&self, outbound: &Outbound, content_type: Option<&[u8]>) -> Masking {
        let streams = content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with(b"text/event-stream"));
        match outbound.profile {
            Some(_) if streams => Masking::Stream { stream: Box::new(redact::Stream::new(content_type)), end: false },
            Some(_) => Masking::Whole { content_type: content_type.map(<[u8]>::to_vec), stale: Vec::new() },
            None => Masking::Off,
        }
    }

    fn response_bytes(&self, outbound: &mut Outbound, body: &[u8]) -> Result<Step, Doubt> {
        let refuse = |refusal: redact::Refusal| Doubt::new(502, refusal.code(), refusal.to_string());
        let profile = outbound.profile.and_then(|id| self.gateway.policy.profile(id));
        let Some(profile) = profile else { return Ok(Step::proceed()) };
        let mut step = Step::proceed();
        match std::mem::take(&mut outbound.masking) {
            Masking::Off => {}
            Masking::Whole { content_type, stale } => {
                let masked =
                    redact::body(content_type.as_deref(), body, profile, &mut outbound.labels).map_err(refuse)?;
                if let Some(body) = masked.body {
                    step.count("response_redacted");
                    let sized = stale.contains(&"content-length");
                    step.effects.extend(stale.into_iter().map(Effect::RemoveResponseHeader));
                    if sized {
                        let length = body.len().to_string().into_bytes();
                        step.effects.push(Effect::SetResponseHeader("content-length", length));
                    }
                    step.effects.push(Effect::ReplaceResponseBody(body));
                }
            }
            Masking::Stream { mut stream, end } => {
                let mut masked = Vec::with_capacity(body.len());
                stream.push(body, profile, &mut outbound.labels, &mut masked).map_err(refuse)?;
                if end {
                    stream.finish(profile, &mut outbound.labels, &mut masked).map_err(refuse)?;
                } else {
                    outbound.masking = Masking::Stream { stream, end };
                }
                if masked != body {
                    step.effects.push(Effect::ReplaceResponseBody(masked));
                }
            }
        }
        Ok(step)
    }

    fn report(&self, outbound: &mut Outbound, outcome: Outcome, status: Option<u16>) -> Option<Effect> {
        let hold = outbound.hold.take()?;
        let report = Report { v: VERSION, nonce: self.nonce.clone(), outcome, status };
        Some(Effect::Call(Call {
            kind: CallKind::Outcome,
            method: "POST",
            path: format!("/v1/holds/{hold}/outcome"),
            body: json(&report),
            timeout_ms: 5_000,
        }))
    }
}

/// Why a response with this head cannot be read.
pub(super) fn unreadable(headers: &Headers) -> Option<Doubt> {
    if headers.only(":status") == Some(b"101") {
        return Some(Doubt::new(502, "upgrade_not_inspectable", "an upgraded stream cannot be masked"));
    }
    if headers.all("content-encoding").any(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        return Some(Doubt::new(
            502,
            "response_encoding_unsupported",
            "the upstream compressed a response that must be masked, although it was asked not to",
        ));
    }
    let twice = headers.all("content-type").nth(1).is_some();
    twice.then(|| Doubt::new(502, "duplicate_header", "the response names more than one content type"))
}

pub(super) fn response_too_large() -> Doubt {
    Doubt::new(502, "response_too_large", "the response is larger than what can be masked on this route")
}
