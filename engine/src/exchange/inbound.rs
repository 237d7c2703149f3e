//! The request until its verdict: head, body, and one `finish` that headers-only requests, complete bodies and trailers
//! all reach.
//!
//! Must not go here: the talk with the approver (`holding`), responses (`outbound`).

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::event::{Effect, Event, Step, Surroundings};
use super::forwarded::Forwarded;
use super::holding::{Held, Progress, json};
use super::outbound::Outbound;
use super::received::Received;
use super::terms::{self, terms};
use super::{Caller, Exchange, Gateway, Now, State, observing, preview};
use crate::binding::{self, Binding, Subject};
use crate::classify::{Decision, Doubt, Verdict};
use crate::control::Posture;
use crate::digest::hex;
use crate::hold::{Intake, Preview, Risk, VERSION};
use crate::identity;
use crate::keys;
use crate::policy::Selection;
use crate::redact::Labels;
use crate::reply::{Executed, Next, Notice, STATUS_PATH, Status};
use crate::request::{Head, Headers};
use crate::sorting::sort;

/// Without the plugin's `allow_on_headers_stop_iteration` no body callback ever comes: say so instead of hanging.
pub(super) const BODY_PATIENCE_MS: u64 = 15_000;

/// A request that a rule may concern, on its way in.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) head: Head,
    pub(super) selection: Selection,
    pub(super) trailers: Headers,
    /// The header and the claim of the token that named the principal.
    token: Option<(String, Vec<String>)>,
    /// Has a body callback come yet?
    body_seen: bool,
}

/// What was decided, with all that follows from it.
struct Judged {
    decision: Decision,
    forwarded: Forwarded,
    labels: Labels,
}

impl Exchange {
    pub(super) fn request_head(&self, around: &dyn Surroundings, fields: Headers, end: bool) -> (State, Step) {
        let policy = &self.gateway.policy;
        let settings = policy.settings();
        let (mut head, target_error) = Head::from_fields(fields);
        head.bodyless = end && !head.is_upgrade();
        let own_hold = head.path.strip_prefix(STATUS_PATH).filter(|_| !settings.observe).map(str::to_owned);
        // Most requests are let go, whoever sent them and when.
        let anonymous = (own_hold.is_none() && !settings.asks_sender).then(|| policy.select(&head));
        if anonymous.as_ref().is_some_and(|selection| !selection.touched) && (settings.observe || !around.is_switched())
        {
            return (State::Untouched, self.pass(&head));
        }
        let claims = around.claims();
        let identified = identity::identify(&settings.identity, &mut head, &claims);
        if let Some(hold) = own_hold {
            return match identified {
                Ok(()) => self.own_hold(Now::of(around), &head, &hold, end),
                Err(doubt) => self.answer(&Notice::refused(doubt.status, doubt.code, doubt.detail), Caller::plain()),
            };
        }
        let now = Now::of(around).to(&head);
        let doubt =
            target_error.map(|error| Doubt::new(400, error.code(), error.to_string())).or_else(|| identified.err());
        let mut selection = anonymous.unwrap_or_else(|| policy.select(&head));
        if !settings.observe {
            match now.posture {
                Posture::Deny => return self.answer(&kill_switch(), self.caller(&head, b"")),
                Posture::Hold => {
                    selection.touched = true;
                    selection.enforced = true;
                }
                Posture::Normal | Posture::Stale => {}
            }
        }
        if !selection.touched {
            return (State::Untouched, self.pass(&head));
        }
        let doubt = doubt.or_else(|| selection.refusal.take());
        if !selection.enforced {
            return self.observe(head, selection, doubt, end);
        }
        if let Some(doubt) = doubt {
            return self.refuse(&head, b"", doubt);
        }
        let token = identity::principal_token(&settings.identity, &head, &claims)
            .map(|(header, claim)| (header.to_owned(), claim.to_vec()));
        let inbound = Box::new(Inbound { head, selection, token, trailers: Headers::default(), body_seen: false });
        let selection = &inbound.selection;
        let upgrade = inbound.head.is_upgrade();
        let wants_body = selection.needs_body || selection.redact_request.is_some();
        let relies_on_body = selection.relies_on_body || selection.redact_request.is_some();
        if upgrade && (relies_on_body || selection.redact_response.is_some()) {
            return self.refuse(&inbound.head, b"", not_inspectable());
        }
        if inbound.head.bodyless {
            return self.finish(now, inbound, b"");
        }
        if (!wants_body || upgrade) && now.posture == Posture::Normal {
            // The head alone decides; only a hold waits for the body too, since it is bound to it.
            match policy.decide(&inbound.head, &inbound.selection, None) {
                Ok(decision) if decision.verdict == Verdict::Hold => {}
                Ok(_) => return self.finish(now, inbound, b""),
                Err(doubt) => return self.refuse(&inbound.head, b"", doubt),
            }
        }
        if upgrade {
            return self.refuse(&inbound.head, b"", not_inspectable());
        }
        (State::ReadBody(inbound), Step::pause_with(Effect::WakeAt(now.ms + BODY_PATIENCE_MS)))
    }

    pub(super) fn read_body(
        &self,
        around: &dyn Surroundings,
        mut inbound: Box<Inbound>,
        event: Event<'_>,
    ) -> (State, Step) {
        match event {
            Event::RequestBody { buffered, .. } if buffered > inbound.selection.body_limit => {
                self.too_large(Now::of(around).to(&inbound.head), inbound)
            }
            Event::RequestBody { end, .. } => {
                inbound.body_seen = true;
                let step = if end { Step::pause_with(Effect::ReadRequestBody) } else { Step::pause() };
                (State::ReadBody(inbound), step)
            }
            Event::RequestTrailers(fields) => {
                inbound.trailers = fields;
                (State::ReadBody(inbound), Step::pause_with(Effect::ReadRequestBody))
            }
            Event::RequestBytes(body) => self.finish(Now::of(around).to(&inbound.head), inbound, body),
            Event::Timer if !inbound.body_seen => {
                let doubt = Doubt::new(
                    503,
                    "body_not_delivered",
                    "no body arrived: the client stalls, or the filter's configuration lacks `allow_on_headers_stop_iteration: true`",
                );
                self.refuse(&inbound.head, b"", doubt)
            }
            // Envoy's own answer to a stream that took too long or grew too large.
            Event::ResponseHead { .. } | Event::ResponseBody { .. } | Event::ResponseTrailers => {
                (State::ReadBody(inbound), Step::proceed())
            }
            _ => (State::ReadBody(inbound), Step::pause()),
        }
    }

    /// There is more of the body than may be read: refused, unless the body was only wanted by rules that observe.
    fn too_large(&self, now: Now<'_>, inbound: Box<Inbound>) -> (State, Step) {
        let selection = &inbound.selection;
        let by_head = !selection.relies_on_body && selection.redact_request.is_none() && now.posture == Posture::Normal;
        let decision = by_head.then(|| self.gateway.policy.decide(&inbound.head, selection, None));
        if matches!(decision, Some(Ok(decision)) if decision.verdict == Verdict::Allow) {
            return self.finish(now, inbound, b"");
        }
        self.refuse(&inbound.head, b"", body_too_large(selection.body_limit))
    }

    /// The request is complete: judge it.
    fn finish(&self, now: Now<'_>, inbound: Box<Inbound>, body: &[u8]) -> (State, Step) {
        // The switch may have been thrown since the head came.
        if now.posture == Posture::Deny {
            return self.answer(&kill_switch(), self.caller(&inbound.head, body));
        }
        let received = Received::of(&inbound.head.headers, body, inbound.selection.body_limit);
        let judged = match inbound.judge(&self.gateway, now.posture, &received) {
            Ok(judged) => judged,
            Err(doubt) => return self.refuse(&inbound.head, received.shown(), doubt),
        };
        let Judged { decision, forwarded, labels } = judged;
        match decision.verdict {
            Verdict::Allow => {
                let mut step = Step::proceed();
                let masked = forwarded.differs();
                inbound.rewrite_head(&mut step, &forwarded);
                step.effects.extend(forwarded.body.map(Effect::ReplaceRequestBody));
                step.annotate("privyseal_decision", if masked { "redact" } else { "allow" });
                observing::note(&mut step, &decision.observed);
                step.count(if masked { "redacted" } else { "allowed" });
                (State::Forward(Box::new(Outbound::new(&inbound, labels))), step)
            }
            Verdict::Deny => {
                let notice = Notice {
                    http: 403,
                    status: Status::Denied,
                    code: "denied_by_policy",
                    detail: decision
                        .agent_reason
                        .unwrap_or_else(|| "the gateway's policy denies this request".to_owned()),
                    hold: None,
                    near_miss: None,
                    next: Next::Stop,
                    executed: Executed::No,
                };
                let (state, mut step) = self.answer(&notice, self.caller(&inbound.head, received.shown()));
                step.effects.insert(0, Effect::Annotate("privyseal_rules", decision.rules.join(",")));
                (state, step)
            }
            Verdict::Hold => {
                let caller = self.caller(&inbound.head, received.shown());
                let wait = self.gateway.policy.settings().hold.wait.of(caller.protocol);
                let subject = inbound.subject(&self.gateway, body, &forwarded);
                let binding = binding::bind(&subject, &self.gateway.keys);
                let preview = preview::of(&self.gateway, &inbound, &decision, &received);
                let terms = terms(&decision, &preview);
                let body_read = received.read().unwrap_or_default();
                let grant_target = terms::grant_target(&self.gateway, &inbound.head, &decision, &binding, body_read);
                let intake =
                    Intake { grant_target, ..self.intake(&inbound, &decision, &binding, terms.clone(), preview) };
                let outbound = Box::new(Outbound::new(&inbound, labels));
                let body_sha256 = hex(&Sha256::digest(forwarded.body.as_deref().unwrap_or(body)));
                let held = Held {
                    inbound,
                    caller,
                    digest: binding.digest,
                    terms,
                    forwarded,
                    body_sha256,
                    outbound,
                    agent_reason: decision.agent_reason,
                    intake: json(&intake),
                    give_up_ms: now.ms.saturating_add(millis(wait)),
                    progress: Progress::default(),
                };
                let (state, mut step) = self.hold(now, held);
                step.effects.insert(0, Effect::Annotate("privyseal_rules", decision.rules.join(",")));
                (state, step)
            }
        }
    }

    fn intake(
        &self,
        inbound: &Inbound,
        decision: &Decision,
        binding: &Binding,
        terms: String,
        preview: Preview,
    ) -> Intake {
        let settings = self.gateway.policy.settings();
        let nonce = self.nonce();
        Intake {
            v: VERSION,
            proof: Some(keys::proof(&self.gateway.keys.field, &nonce)),
            nonce,
            digest: binding.digest.clone(),
            terms,
            fields: binding.fields.clone(),
            grant_target: None,
            tenant: settings.tenant.clone(),
            environment: settings.environment.clone(),
            gateway: self.gateway.id.clone(),
            principal: inbound.head.principal.clone(),
            on_behalf_of: inbound.head.on_behalf_of.clone(),
            rules: decision.rules.clone(),
            category: decision.category.clone(),
            risk: decision.risk,
            workflow: decision.workflow.clone(),
            why: decision.why.clone(),
            deadline_ms: millis(settings.hold.deadline),
            approval_ttl_ms: millis(settings.hold.approval_ttl),
            rejoin_ms: millis(settings.hold.rejoin),
            max_live: settings.hold.max_live,
            preview,
        }
    }

    /// Refuses because of a doubt.
    fn refuse(&self, head: &Head, body: &[u8], doubt: Doubt) -> (State, Step) {
        self.answer(&Notice::refused(doubt.status, doubt.code, doubt.detail), self.caller(head, body))
    }

    /// Nothing is enforced on this request; still nobody else may speak in this gateway's name.
    pub(super) fn pass(&self, head: &Head) -> Step {
        let mut step = Step::proceed();
        if !self.gateway.policy.settings().observe {
            strip_forged(head, false, &mut step);
        }
        step
    }
}

impl Inbound {
    /// Decides, and masks what will be forwarded.
    fn judge(&self, gateway: &Gateway, posture: Posture, received: &Received<'_>) -> Result<Judged, Doubt> {
        let mut decision = decide(gateway, &self.head, &self.selection, received)?;
        if decision.verdict == Verdict::Allow {
            tighten(&mut decision, posture);
        }
        let mut labels = Labels::default();
        let profile = self.selection.redact_request.filter(|_| decision.verdict != Verdict::Deny);
        let forwarded = match profile.and_then(|id| gateway.policy.profile(id)) {
            Some(profile) => {
                Forwarded::masked(&self.head, received.read()?, &self.selection.request_head, profile, &mut labels)?
            }
            None => Forwarded::default(),
        };
        Ok(Judged { decision, forwarded, labels })
    }

    /// What `gateway` would tell an approver of this request; `None` if it would not hold it.
    pub(super) fn terms(&self, gateway: &Gateway, body: &[u8]) -> Option<String> {
        let selection = gateway.policy.select(&self.head);
        let received = Received::of(&self.head.headers, body, selection.body_limit);
        let decision = decide(gateway, &self.head, &selection, &received).ok()?;
        (decision.verdict == Verdict::Hold).then(|| terms(&decision, &preview::of(gateway, self, &decision, &received)))
    }

    fn subject<'a>(&'a self, gateway: &'a Gateway, body: &'a [u8], forwarded: &'a Forwarded) -> Subject<'a> {
        let settings = gateway.policy.settings();
        Subject {
            head: &self.head,
            trailers: &self.trailers,
            body,
            forwarded: forwarded.body.as_deref().unwrap_or(body),
            masked: &forwarded.head,
            tenant: &settings.tenant,
            environment: &settings.environment,
            principal_token: self.token.as_ref().map(|(header, claim)| (header.as_str(), claim.as_slice())),
            correlated: self.selection.json_rpc,
            volatile: &settings.hold.volatile_headers,
        }
    }

    /// The head as it is forwarded: canonical path, no forged headers, headers that fit what was masked.
    pub(super) fn rewrite_head(&self, step: &mut Step, forwarded: &Forwarded) {
        strip_forged(&self.head, true, step);
        forwarded.rewrite_head(&self.head, step);
        if self.selection.redact_response.is_some() {
            // What cannot be read cannot be masked: no compression, no parts.
            step.effects.push(Effect::SetRequestHeader("accept-encoding", b"identity".to_vec()));
            step.effects.extend(["range", "if-range"].map(|name| Effect::RemoveRequestHeader(name.to_owned())));
        }
    }
}

/// Removes headers that only this gateway may set and, on requests that a rule selects, those that steer Envoy: a client
/// could make it retry or mirror what was approved once.
fn strip_forged(head: &Head, selected: bool, step: &mut Step) {
    let mut names: Vec<&str> = head
        .headers
        .iter()
        .filter(|(name, _)| Headers::is_ours(name) || (selected && name.starts_with(b"x-envoy-")))
        .filter_map(|(name, _)| std::str::from_utf8(name).ok())
        .collect();
    sort(&mut names);
    names.dedup();
    step.effects.extend(names.into_iter().map(|name| Effect::RemoveRequestHeader(name.to_owned())));
}

/// What the policy says of a request. Where it needs a body that cannot be decoded, the reason is the body's.
pub(super) fn decide(
    gateway: &Gateway,
    head: &Head,
    selection: &Selection,
    received: &Received<'_>,
) -> Result<Decision, Doubt> {
    match received.read() {
        Ok(body) => gateway.policy.decide(head, selection, Some(body)),
        Err(fault) => gateway.policy.decide(head, selection, None).map_err(|_| fault),
    }
}

/// What an operator, or silence, adds to a verdict of allow.
fn tighten(decision: &mut Decision, posture: Posture) {
    let (rule, why) = match posture {
        Posture::Normal | Posture::Deny => return,
        Posture::Hold => ("kill-switch", "an operator holds these requests"),
        Posture::Stale => ("approver-silent", "the gateway has not heard from its approver"),
    };
    decision.verdict = Verdict::Hold;
    decision.rules = vec![rule.to_owned()];
    decision.risk = Risk::High;
    decision.why = why.to_owned();
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn body_too_large(limit: usize) -> Doubt {
    let detail = format!("the body is larger than the {limit} bytes that are inspected on this route");
    Doubt::new(413, "body_too_large", detail)
}

pub(super) fn not_inspectable() -> Doubt {
    let detail = "a rule selects this route, and upgraded streams cannot be inspected";
    Doubt::new(403, "upgrade_not_inspectable", detail)
}

pub(super) fn kill_switch() -> Notice {
    Notice { status: Status::Denied, ..Notice::refused(403, "kill_switch", "an operator has stopped these requests") }
}
