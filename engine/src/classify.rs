//! Rules × facts → verdict: which rules match a request, and what they say together.
//!
//! Of all rules that match, deny beats hold beats allow, whatever their order. Where a request can be read in two ways,
//! hold and deny match if either reading does, allow only if both do. A request that cannot be read is refused wherever a
//! rule depends on it.
//! Must not go here: the policy's text (`policy`), masking (`redact`), waiting (`exchange`).

pub mod attribute;
pub mod body;
pub mod calls;
pub mod decimal;
pub mod explain;
pub mod facts;
pub mod findings;
pub mod glob;
pub mod index;
pub mod matcher;
pub mod network;
pub mod places;
pub mod predicate;
pub mod reach;
pub mod stated;
pub mod truth;
pub mod words;

use std::borrow::Cow;

use crate::hold::Risk;
use crate::protocol::Protocol;
use body::Needs;
use facts::{Body, Facts};
use index::{Index, RuleIndex};
use matcher::Matcher;
use stated::Stated;
pub use truth::{Reason, Truth};

/// From the mildest to the most severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    Allow,
    Hold,
    Deny,
}

impl Verdict {
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Hold => "hold",
            Verdict::Deny => "deny",
        }
    }
}

/// A refusal: the request is selected and cannot be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Stable: agents, logs and tests rely on it.
    pub code: &'static str,
    pub status: u16,
    /// For the agent: lower case, no value of the request in it.
    pub detail: String,
}

impl Doubt {
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Doubt {
        Doubt { code, status, detail: detail.into() }
    }
}

impl From<Reason> for Doubt {
    fn from(reason: Reason) -> Self {
        Doubt { code: reason.code(), status: reason.status(), detail: reason.to_string() }
    }
}

/// One compiled rule.
#[derive(Clone, Debug)]
pub struct Rule {
    pub id: String,
    pub matcher: Matcher,
    pub verdict: Verdict,
    pub observe: bool,
    pub category: Option<String>,
    pub risk: Risk,
    pub workflow: String,
    /// For the approver.
    pub why: Option<String>,
    /// For the agent.
    pub reason: Option<String>,
    pub body_limit: Option<usize>,
    /// What the agent must say with the request.
    pub require: Vec<Stated>,
}

/// The verdict where no rule matches, by whether the method only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultVerdict {
    pub reads: Verdict,
    pub writes: Verdict,
}

/// Methods that change nothing (RFC 9110, 9.2.1). Whatever else is sent counts as a write.
const READS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// The name under which the default appears among rules.
pub const DEFAULT_RULE: &str = "default";

/// Rules that can be asked.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    index: Index,
    default: DefaultVerdict,
    /// Stricter ones for parts of the traffic.
    overlays: Vec<(Matcher, DefaultVerdict)>,
    /// Stands where rules require something.
    stated: Option<stated::Places>,
    /// Nothing is enforced, everything observed.
    observe: bool,
}

/// What the rules want of a request whose head is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    rules: Vec<RuleIndex>,
    /// A rule or the default has something to say.
    pub touched: bool,
    /// What is said may change what happens: not everything is merely observed.
    pub enforced: bool,
    /// Some rule cannot decide without the body.
    pub needs_body: bool,
    /// One of them is enforced.
    pub relies_on_body: bool,
    /// One of these rules takes the body for JSON-RPC.
    pub json_rpc: bool,
    /// The largest body limit that one of these rules sets for itself.
    pub body_limit: Option<usize>,
    /// Known already: the request will be refused.
    pub refusal: Option<Reason>,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The rules that say so; `default` where none matched.
    pub rules: Vec<String>,
    pub category: Option<String>,
    /// The highest of these rules.
    pub risk: Risk,
    /// Of the rule with the highest risk.
    pub workflow: String,
    /// For the approver.
    pub why: String,
    /// For the agent.
    pub agent_reason: Option<String>,
    /// What the agent said where these rules require it.
    pub stated: Vec<(Stated, String)>,
    /// What the paths of these rules capture, by name.
    pub captures: Vec<(String, String)>,
    /// What rules in observe mode would have said.
    pub observed: Vec<Observed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub rule: String,
    pub category: Option<String>,
    pub outcome: Result<Verdict, Doubt>,
}

impl Rules {
    pub fn new(rules: Vec<Rule>, default: DefaultVerdict, observe: bool) -> Self {
        let index = Index::new(rules.iter().map(|rule| &rule.matcher));
        Rules { rules, index, default, overlays: Vec::new(), stated: None, observe }
    }

    /// Adds defaults for what their conditions match; of several the strictest counts.
    pub fn with_overlays(self, overlays: Vec<(Matcher, DefaultVerdict)>) -> Self {
        Rules { overlays, ..self }
    }

    /// Says where agents state what rules require.
    pub fn with_stated(self, stated: Option<stated::Places>) -> Self {
        Rules { stated, ..self }
    }

    /// In the order written.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    pub fn default_verdict(&self) -> DefaultVerdict {
        self.default
    }

    /// Every verdict that may come out.
    pub fn verdicts(&self) -> impl Iterator<Item = Verdict> {
        let defaults = self.overlays.iter().map(|(_, default)| default).chain([&self.default]);
        let defaults = defaults.flat_map(|default| [default.reads, default.writes]);
        self.rules.iter().map(|rule| rule.verdict).chain(defaults)
    }

    /// What a request speaks whose path alone may tell it: one that reads like a call of GitHub's or Kubernetes's API is one
    /// where a rule takes requests to this host for such.
    pub fn protocol(&self, facts: &Facts<'_>) -> Option<Protocol> {
        let asked = |wanted: &dyn Fn(&Matcher) -> bool| {
            self.rules.iter().any(|rule| rule.matcher.has(wanted) && rule.matcher.admits_host(facts))
        };
        let github = facts.github().is_ok_and(|calls| calls.iter().any(Option::is_some));
        if github && asked(&|part| matches!(part, Matcher::GitHub(_))) {
            return Some(Protocol::GitHub);
        }
        let kubernetes = facts.kubernetes().is_ok_and(|calls| calls.iter().any(Option::is_some));
        let kubernetes = kubernetes && asked(&|part| matches!(part, Matcher::Kubernetes(_)));
        kubernetes.then_some(Protocol::Kubernetes)
    }

    /// Judges by the head alone.
    pub fn select(&self, facts: &Facts<'_>) -> Candidates {
        let default = self.default_for(facts) != Verdict::Allow;
        let enforced = default && !self.observe;
        let mut selected = Candidates { touched: default, enforced, ..Candidates::default() };
        if let (true, Err(reason)) = (enforced, &facts.paths) {
            selected.refusal = Some(*reason);
        }
        for index in self.index.candidates(facts) {
            let Some(rule) = self.rules.get(usize::from(index)) else { continue };
            let truth = rule.matcher.truth(facts, &Body::not_read());
            if truth == Truth::False {
                continue;
            }
            let enforced = !rule.observe && !self.observe;
            selected.rules.push(index);
            selected.touched = true;
            selected.enforced |= enforced;
            selected.json_rpc |= rule.matcher.has(&|part| matches!(part, Matcher::Mcp(_)));
            // What is not said in a header may be said in the body.
            let unsaid = |stated: &Stated| facts.head.headers.all(stated.header()).next().is_none();
            if truth == Truth::Later || rule.require.iter().any(unsaid) {
                selected.needs_body = true;
                selected.relies_on_body |= enforced;
                selected.body_limit = selected.body_limit.max(rule.body_limit);
            }
            if let (true, Truth::Doubt(reason)) = (enforced, truth) {
                selected.refusal.get_or_insert(reason);
            }
        }
        selected
    }

    /// Judges the whole request. `body` is `None` where no rule needs it or it could not be had.
    pub fn decide(
        &self,
        facts: &Facts<'_>,
        selected: &Candidates,
        needs: &Needs,
        body: Option<&[u8]>,
    ) -> Result<Decision, Reason> {
        let body = match body {
            Some(bytes) if selected.needs_body => Body::read(&facts.head.headers, bytes, needs),
            _ => Body::unavailable(),
        };
        let mut deciding: Vec<&Rule> = Vec::new();
        let mut observed = Vec::new();
        let mut doubt = None;
        for rule in selected.rules.iter().filter_map(|index| self.rules.get(usize::from(*index))) {
            let outcome = match rule.matcher.truth(facts, &body) {
                Truth::False => continue,
                Truth::Either if rule.verdict == Verdict::Allow => continue,
                Truth::Either | Truth::True => Ok(rule.verdict),
                Truth::Doubt(reason) => Err(reason),
                Truth::Later => Err(Reason::BodyNotRead),
            };
            match outcome {
                _ if rule.observe || self.observe => {
                    let (rule, category) = (rule.id.clone(), rule.category.clone());
                    observed.push(Observed { rule, category, outcome: outcome.map_err(Doubt::from) });
                }
                Ok(_) => deciding.push(rule),
                Err(reason) => doubt = doubt.or(Some(reason)),
            }
        }
        let severest = deciding.iter().map(|rule| rule.verdict).max();
        match doubt {
            // A denial needs no further reason.
            Some(reason) if severest != Some(Verdict::Deny) => return Err(reason),
            _ => {}
        }
        let Some(verdict) = severest else {
            return Ok(self.by_default(facts, observed));
        };
        deciding.retain(|rule| rule.verdict == verdict);
        let mut decision = together(verdict, &deciding, observed);
        if let (Verdict::Hold, Ok(paths)) = (verdict, &facts.paths) {
            deciding.iter().for_each(|rule| rule.matcher.captured(&paths.usual, &mut decision.captures));
        }
        if let Some(places) = &self.stated {
            let required = deciding.iter().flat_map(|rule| rule.require.iter().copied());
            decision.stated = places.read(required, facts, &body)?;
        }
        Ok(decision)
    }

    fn default_for(&self, facts: &Facts<'_>) -> Verdict {
        let reads = |methods: &Vec<Cow<'_, str>>| methods.iter().all(|method| READS.contains(&method.as_ref()));
        let reads = facts.methods.as_ref().is_ok_and(reads);
        let of = |default: &DefaultVerdict| if reads { default.reads } else { default.writes };
        let applies = |scope: &Matcher| scope.truth(facts, &Body::not_read()) != Truth::False;
        let stricter = self.overlays.iter().filter(|(scope, _)| applies(scope)).map(|(_, default)| of(default));
        stricter.fold(of(&self.default), Verdict::max)
    }

    fn by_default(&self, facts: &Facts<'_>, mut observed: Vec<Observed>) -> Decision {
        let default = self.default_for(facts);
        let matched = observed.iter().any(|o| o.rule != DEFAULT_RULE);
        if self.observe && default != Verdict::Allow && !matched {
            observed.push(Observed { rule: DEFAULT_RULE.into(), category: None, outcome: Ok(default) });
        }
        Decision {
            verdict: if self.observe { Verdict::Allow } else { default },
            rules: vec![DEFAULT_RULE.into()],
            category: None,
            risk: Risk::default(),
            workflow: DEFAULT_WORKFLOW.into(),
            why: format!("no rule matches, and the policy's default is {}", default.as_str()),
            agent_reason: None,
            stated: Vec::new(),
            captures: Vec::new(),
            observed,
        }
    }
}

/// The workflow of rules that name none.
pub const DEFAULT_WORKFLOW: &str = "default";

/// One decision of rules with the same verdict.
fn together(verdict: Verdict, rules: &[&Rule], observed: Vec<Observed>) -> Decision {
    // The first of the highest risk speaks for all.
    let lead = rules.iter().rev().max_by_key(|rule| rule.risk);
    let mut why: Vec<&str> = Vec::new();
    for text in rules.iter().filter_map(|rule| rule.why.as_deref()) {
        if !why.contains(&text) {
            why.push(text);
        }
    }
    Decision {
        verdict,
        rules: rules.iter().map(|rule| rule.id.clone()).collect(),
        category: lead.and_then(|rule| rule.category.clone()),
        risk: lead.map(|rule| rule.risk).unwrap_or_default(),
        workflow: lead.map_or_else(|| DEFAULT_WORKFLOW.into(), |rule| rule.workflow.clone()),
        why: why.join("; "),
        agent_reason: lead.and_then(|rule| rule.reason.clone()),
        stated: Vec::new(),
        captures: Vec::new(),
        observed,
    }
}
