//! Traffic on which nothing is enforced: it flows by, is read along, and what it would have met is counted.
//!
//! Nothing here pauses, changes or answers anything: the bytes are copied as they pass, up to the limit that stands where
//! rules are enforced. Must not go here: anything that a rule enforces (`inbound`, `outbound`).

use std::collections::BTreeMap;

use super::event::{Effect, Event, Step};
use super::received::Received;
use super::{Exchange, State, forwarded, inbound, outbound};
use crate::classify::facts::readable;
use crate::classify::{Doubt, Observed};
use crate::extract::coding;
use crate::observation::Seen;
use crate::policy::{ProfileId, Selection};
use crate::protocol::aws;
use crate::redact::{self, Chosen, Finding, Labels, Refusal};
use crate::request::{Head, Headers};

/// See the module.
#[derive(Debug)]
pub(super) struct Observer {
    head: Head,
    selection: Selection,
    labels: Labels,
    request: Option<Copied>,
    response_head: Headers,
    response: Option<Copied>,
    /// Entity type → values that would have been masked, in both directions.
    entities: BTreeMap<String, u64>,
}

/// A body as far as it went by.
#[derive(Debug, Default)]
struct Copied {
    bytes: Vec<u8>,
    /// The chunk that is being read is the last one.
    last: bool,
}

impl Exchange {
    /// Observes a request of which the head is known.
    pub(super) fn observe(&self, head: Head, selection: Selection, doubt: Option<Doubt>, end: bool) -> (State, Step) {
        let mut step = self.pass(&head);
        let reads_request = selection.needs_body || selection.redact_request.is_some();
        let reads = reads_request || selection.redact_response.is_some();
        let doubt = doubt.or_else(|| (reads && head.is_upgrade()).then(inbound::not_inspectable));
        if let Some(doubt) = doubt {
            uninspected(&mut step, &doubt);
            return (State::Untouched, step);
        }
        let mut observer = Box::new(Observer {
            head,
            selection,
            labels: Labels::default(),
            request: None,
            response_head: Headers::default(),
            response: None,
            entities: BTreeMap::new(),
        });
        if reads_request && !end {
            observer.request = Some(Copied::default());
        } else {
            self.observe_request(&mut observer, b"", &mut step);
        }
        (observer.next(), step)
    }

    pub(super) fn observed(&self, mut observer: Box<Observer>, event: Event<'_>) -> (State, Step) {
        let mut step = Step::proceed();
        match event {
            Event::RequestBody { buffered, end } => {
                self.request_piece(&mut observer, Piece::Chunk { size: buffered, end }, &mut step);
            }
            Event::RequestBytes(bytes) => self.request_piece(&mut observer, Piece::Bytes(bytes), &mut step),
            Event::RequestTrailers(_) => self.request_piece(&mut observer, Piece::End, &mut step),
            Event::ResponseHead { fields, end } if observer.selection.redact_response.is_some() => {
                observer.response_head = fields;
                match outbound::coding(&observer.response_head) {
                    Err(doubt) => uninspected(&mut step, &doubt),
                    Ok(_) if end || observer.head.method == b"HEAD" => {}
                    Ok(_) => observer.response = Some(Copied::default()),
                }
            }
            Event::ResponseBody { buffered, end } => {
                self.response_piece(&mut observer, Piece::Chunk { size: buffered, end }, &mut step);
            }
            Event::ResponseBytes(bytes) => self.response_piece(&mut observer, Piece::Bytes(bytes), &mut step),
            Event::ResponseTrailers => self.response_piece(&mut observer, Piece::End, &mut step),
            Event::Gone if observer.request.is_some() || observer.response.is_some() => {
                uninspected(&mut step, &Doubt::new(0, "body_incomplete", "the stream ended before its body"));
            }
            _ => {}
        }
        (State::Observed(observer), step)
    }

    fn request_piece(&self, observer: &mut Observer, piece: Piece<'_>, step: &mut Step) {
        let limit = observer.selection.body_limit;
        match Copied::take(&mut observer.request, piece, limit) {
            Progress::More => {}
            Progress::Read => step.effects.push(Effect::ReadRequestBody),
            Progress::Whole(body) => self.observe_request(observer, &body, step),
            Progress::TooLarge => uninspected(step, &inbound::body_too_large(limit)),
        }
    }

    fn response_piece(&self, observer: &mut Observer, piece: Piece<'_>, step: &mut Step) {
        match Copied::take(&mut observer.response, piece, observer.selection.body_limit) {
            Progress::More => {}
            Progress::Read => step.effects.push(Effect::ReadResponseBody),
            Progress::Whole(body) => self.observe_response(observer, &body, step),
            Progress::TooLarge => uninspected(step, &outbound::response_too_large()),
        }
    }

    fn observe_request(&self, observer: &mut Observer, body: &[u8], step: &mut Step) {
        let received = Received::of(&observer.head.headers, body, observer.selection.body_limit);
        match inbound::decide(&self.gateway, &observer.head, &observer.selection, &received) {
            Ok(decision) => note(step, &decision.observed),
            Err(doubt) => uninspected(step, &doubt),
        }
        if let Some(profile) = observer.selection.redact_request {
            let headers = std::mem::take(&mut observer.head.headers);
            let (chosen, query) = (observer.selection.request_head.clone(), observer.head.query.take());
            self.count_in_head(observer, profile, &chosen, query.as_deref(), &headers, step);
            let content_type = headers.only("content-type");
            match received.read().and_then(|body| readable(&headers, body).map(|()| body).map_err(Doubt::from)) {
                Ok(body) => self.count_entities(observer, profile, content_type, body, step),
                Err(doubt) => uninspected(step, &doubt),
            }
            if !observer.entities.is_empty() && aws::signs_body(&headers) {
                uninspected(step, &forwarded::signed());
            }
        }
    }

    fn observe_response(&self, observer: &mut Observer, body: &[u8], step: &mut Step) {
        if let Some(profile) = observer.selection.redact_response {
            let headers = std::mem::take(&mut observer.response_head);
            let chosen = observer.selection.response_head.clone();
            self.count_in_head(observer, profile, &chosen, None, &headers, step);
            match coding::decoded(&headers, body, observer.selection.body_limit) {
                Ok(body) => self.count_entities(observer, profile, headers.only("content-type"), &body, step),
                Err(fault) => uninspected(step, &outbound::unmaskable(fault.into())),
            }
        }
    }

    /// Masks for nobody, to count what is found.
    fn count_entities(
        &self,
        observer: &mut Observer,
        profile: ProfileId,
        content_type: Option<&[u8]>,
        body: &[u8],
        step: &mut Step,
    ) {
        let Some(profile) = self.gateway.policy.profile(profile) else { return };
        let masked = redact::body(content_type, body, profile, &mut observer.labels);
        observer.count(masked.map(|masked| masked.findings), step);
    }

    /// The same for what is chosen of a head.
    fn count_in_head(
        &self,
        observer: &mut Observer,
        profile: ProfileId,
        chosen: &Chosen,
        query: Option<&str>,
        headers: &Headers,
        step: &mut Step,
    ) {
        let Some(profile) = self.gateway.policy.profile(profile) else { return };
        let masked = redact::head(chosen, query, headers, profile, &mut observer.labels);
        observer.count(masked.map(|masked| masked.findings), step);
    }
}

impl Observer {
    fn count(&mut self, findings: Result<Vec<Finding>, Refusal>, step: &mut Step) {
        let findings = match findings {
            Ok(findings) => findings,
            Err(refusal) => return uninspected(step, &Doubt::new(0, refusal.code(), refusal.to_string())),
        };
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        for finding in &findings {
            *found.entry(&finding.entity).or_default() += 1;
        }
        for (entity, count) in found {
            step.effects.push(Effect::Observed(Seen::Entity { entity: entity.to_owned() }, count));
            *self.entities.entry(entity.to_owned()).or_default() += count;
        }
        if !findings.is_empty() {
            let all: Vec<String> = self.entities.iter().map(|(name, n)| format!("{name}={n}")).collect();
            step.annotate("privyseal_observed_entities", all.join(","));
        }
    }

    /// What is left to see.
    fn next(self: Box<Self>) -> State {
        let done = self.request.is_none() && self.selection.redact_response.is_none();
        if done { State::Untouched } else { State::Observed(self) }
    }

    pub(super) const fn wants_response(&self) -> bool {
        self.selection.redact_response.is_some()
    }
}

/// What a callback brings of a body.
enum Piece<'a> {
    Chunk { size: usize, end: bool },
    Bytes(&'a [u8]),
    End,
}

enum Progress {
    More,
    /// The chunk must be read.
    Read,
    Whole(Vec<u8>),
    TooLarge,
}

impl Copied {
    /// Takes in a piece of the body in `slot`, which is empty once the body is whole or too large.
    fn take(slot: &mut Option<Copied>, piece: Piece<'_>, limit: usize) -> Progress {
        let Some(mut copied) = slot.take() else { return Progress::More };
        let progress = match piece {
            Piece::End | Piece::Chunk { size: 0, end: true } => return Progress::Whole(copied.bytes),
            Piece::Chunk { size: 0, .. } => Progress::More,
            Piece::Chunk { size, .. } if copied.bytes.len().saturating_add(size) > limit => return Progress::TooLarge,
            Piece::Chunk { end, .. } => {
                copied.last = end;
                Progress::Read
            }
            Piece::Bytes(bytes) => {
                copied.bytes.extend_from_slice(bytes);
                if copied.last {
                    return Progress::Whole(copied.bytes);
                }
                Progress::More
            }
        };
        *slot = Some(copied);
        progress
    }
}

/// Counts what rules in observe mode would have said, and says it in the access log.
pub(super) fn note(step: &mut Step, observed: &[Observed]) {
    let mut said = Vec::with_capacity(observed.len());
    for Observed { rule, category, outcome } in observed {
        let outcome = match outcome {
            Ok(verdict) => verdict.as_str(),
            Err(doubt) => {
                step.effects.push(Effect::Observed(Seen::Uninspected { code: doubt.code.to_owned() }, 1));
                doubt.code
            }
        };
        said.push(format!("{rule}={outcome}"));
        let seen = Seen::Rule { rule: rule.clone(), category: category.clone(), outcome: outcome.to_owned() };
        step.effects.push(Effect::Observed(seen, 1));
    }
    if !said.is_empty() {
        step.annotate("privyseal_observed", said.join(","));
        step.count("observed");
    }
}

/// Counts what could not be inspected, by reason.
fn uninspected(step: &mut Step, doubt: &Doubt) {
    step.annotate("privyseal_observed", doubt.code);
    step.effects.push(Effect::Observed(Seen::Uninspected { code: doubt.code.to_owned() }, 1));
}
