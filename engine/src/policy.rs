//! A policy: what users write, checked and compiled once, then asked for every request.
//!
//! ```text
//! configuration ─► reader ─► compile ─► Policy ── select(head) ─► Selection ── decide(head, body) ─► Decision
//! ```
//! Must not go here: how rules are judged (`classify`), what masking does (`redact`).

mod compile;
mod configuration;
mod error;
mod reader;
mod settings;
mod units;
mod workflow;

use crate::classify::body::Needs;
use crate::classify::explain::{self, Part};
use crate::classify::facts::{Body, Facts};
use crate::classify::index::Index;
use crate::classify::matcher::Matcher;
use crate::classify::reach;
use crate::classify::{Candidates, Decision, Doubt, Reason, Rule, Rules, Truth};
use crate::protocol::{self, Protocol};
use crate::redact::{Chosen, Profile};
use crate::request::Head;

pub use configuration::decode_configuration;
pub use error::Error;
pub use reader::{field_path, item_path};
pub use settings::{Approver, Credential, Hold, Identity, IdentitySource, Preview, Settings, Wait};
pub use workflow::{Grants, Quorum, Reviewers, Workflow};

/// See the module's documentation.
#[derive(Debug)]
pub struct Policy {
    settings: Settings,
    rules: Rules,
    needs: Needs,
    redactions: Vec<Redaction>,
    redaction_index: Index,
    profiles: Vec<Profile>,
    workflows: Vec<Workflow>,
}

/// A redaction profile of a policy, for [`Policy::profile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProfileId(usize);

/// Traffic that is masked.
#[derive(Debug)]
struct Redaction {
    /// Looks at heads only.
    matcher: Matcher,
    request: bool,
    response: bool,
    profile: ProfileId,
    /// What of the heads is masked, too.
    request_head: Chosen,
    response_head: Chosen,
}

/// What a policy wants of a request, judged by its head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// False: no rule can match and nothing is masked. The stream passes as it is.
    pub touched: bool,
    /// False: whatever is found is only counted; nothing may be changed, held or refused.
    pub enforced: bool,
    /// [`Policy::decide`] needs the body.
    pub needs_body: bool,
    /// And not only for what is observed.
    pub relies_on_body: bool,
    /// A rule that may match takes the body for JSON-RPC.
    pub json_rpc: bool,
    /// Bytes of body that are read for a decision, a hold or masking; more is refused.
    pub body_limit: usize,
    pub redact_request: Option<ProfileId>,
    pub redact_response: Option<ProfileId>,
    /// What is masked of the heads, where the bodies are.
    pub request_head: Chosen,
    pub response_head: Chosen,
    /// The request is refused at once.
    pub refusal: Option<Doubt>,
    candidates: Candidates,
}

impl Policy {
    /// Reads a policy; all mistakes are reported, not only the first. `key` makes the pseudonyms of redaction profiles.
    pub fn parse(json: &[u8], key: &[u8]) -> Result<Policy, Vec<Error>> {
        compile::policy(json, key)
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who must decide what is held, by name.
    pub fn workflows(&self) -> &[Workflow] {
        &self.workflows
    }

    /// The Envoy clusters that the filter will call.
    pub fn clusters(&self) -> impl Iterator<Item = &str> {
        self.settings.approver.iter().map(|approver| approver.cluster.as_str())
    }

    /// In the order written.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Two parts of a rule's condition that cannot hold together, by name: it can never match.
    pub fn contradiction(&self, rule: &Rule) -> Option<(String, String)> {
        let name = |part| explain::name(part, &self.needs.pointers);
        reach::contradiction(&rule.matcher).map(|(one, other)| (name(one), name(other)))
    }

    pub fn profile(&self, id: ProfileId) -> Option<&Profile> {
        self.profiles.get(id.0)
    }

    /// What a request speaks: told from itself, or else by the rules that name an API.
    pub fn protocol(&self, head: &Head, body: &[u8]) -> Protocol {
        match protocol::detect(head, body) {
            Protocol::Http => self.rules.protocol(&Facts::of(head)).unwrap_or_default(),
            told => told,
        }
    }

    /// Judges a request by its head.
    pub fn select(&self, head: &Head) -> Selection {
        let facts = Facts::of(head);
        let candidates = self.rules.select(&facts);
        let mut selection = Selection {
            touched: candidates.touched,
            enforced: candidates.enforced,
            needs_body: candidates.needs_body,
            relies_on_body: candidates.relies_on_body,
            json_rpc: candidates.json_rpc,
            body_limit: candidates.body_limit.unwrap_or(self.settings.body_limit),
            ..Selection::default()
        };
        let refusal = candidates.refusal;
        let mut refusal = refusal.or(self.select_redactions(&facts, &mut selection));
        if selection.enforced && refusal.is_none() {
            refusal = self.identity_doubt(head).or(facts.host.as_ref().err().copied());
        }
        selection.refusal = refusal.map(Doubt::from);
        selection.candidates = candidates;
        selection
    }

    fn select_redactions(&self, facts: &Facts<'_>, selection: &mut Selection) -> Option<Reason> {
        for index in self.redaction_index.candidates(facts) {
            let Some(redaction) = self.redactions.get(usize::from(index)) else { continue };
            match redaction.matcher.truth(facts, &Body::not_read()) {
                Truth::False | Truth::Later => continue,
                Truth::Doubt(reason) => return Some(reason),
                Truth::Either | Truth::True => {}
            }
            selection.touched = true;
            selection.enforced |= !self.settings.observe;
            // The first that matches, as written.
            if redaction.request && selection.redact_request.is_none() {
                selection.redact_request = Some(redaction.profile);
                selection.request_head = redaction.request_head.clone();
            }
            if redaction.response && selection.redact_response.is_none() {
                selection.redact_response = Some(redaction.profile);
                selection.response_head = redaction.response_head.clone();
            }
        }
        None
    }

    /// Who sent it must be said once.
    fn identity_doubt(&self, head: &Head) -> Option<Reason> {
        let identity = &self.settings.identity;
        let twice = identity.principal.iter().chain(&identity.on_behalf_of).any(|source| match source {
            IdentitySource::TrustedHeader(name) => head.headers.all(name).nth(1).is_some(),
            IdentitySource::JwtClaim { .. } => false,
        });
        twice.then_some(Reason::DuplicateIdentity)
    }

    /// What each rule says of a request, part by part, in the order written.
    pub fn explain(&self, head: &Head, body: &[u8]) -> Vec<(&Rule, Part)> {
        let facts = Facts::of(head);
        let body = Body::read(&head.headers, body, &self.needs);
        self.rules.iter().map(|rule| (rule, Part::of(&rule.matcher, &facts, &body, &self.needs.pointers))).collect()
    }

    /// Judges a whole request. `selection` is what [`Policy::select`] said of the same head; `body` is the complete body
    /// (empty if there is none), or `None` where the selection does not need it or it could not be had.
    pub fn decide(&self, head: &Head, selection: &Selection, body: Option<&[u8]>) -> Result<Decision, Doubt> {
        let facts = Facts::of(head);
        self.rules.decide(&facts, &selection.candidates, &self.needs, body).map_err(Doubt::from)
    }
}

#[cfg(test)]
mod tests;
