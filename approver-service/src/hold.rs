//! A hold as the approver knows it: what was asked, written once, and how it stands.
//!
//! Must not go here: SQL (`store`), HTTP (`api`), the rules of change ([`transition`]).

pub mod intake;
pub mod transition;

use std::collections::BTreeMap;

use privyseal_engine::hold::{NearMiss, Outcome, Preview, Risk, State, VERSION, View};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::transition::{Cause, Effect, Facts, Step};
use crate::grant::{Granted, Terms};

/// What was asked. Nothing of it changes after the hold is made.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub tenant: String,
    pub environment: String,
    pub gateway: String,
    pub principal: Option<String>,
    pub on_behalf_of: Option<String>,
    pub rules: Vec<String>,
    pub category: Option<String>,
    pub risk: Risk,
    pub workflow: String,
    pub why: String,
    /// HMAC of the digest under the storage key.
    pub digest_mac: String,
    pub terms: String,
    pub fields: BTreeMap<String, String>,
    pub preview: Preview,
    pub near_miss: Option<NearMiss>,
    /// HMAC of what a grant would be for.
    pub grant_target: Option<String>,
}

/// What settled it: the denial, or the approval that made them enough.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub at_ms: i64,
    pub by: String,
    pub reason: Option<String>,
}

/// One person's approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Vote {
    pub by: String,
    pub at_ms: i64,
    pub reason: Option<String>,
    /// Of the groups that the quorum names, those that the person was in.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What the person grants with it.
    pub grant: Option<Terms>,
}

impl Vote {
    /// Who voted, with the groups that they may count for.
    pub fn who(&self) -> String {
        if self.groups.is_empty() { self.by.clone() } else { format!("{} ({})", self.by, self.groups.join(", ")) }
    }
}

/// What an approver asked, and what the agent said to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Question {
    pub by: String,
    pub at_ms: i64,
    pub question: String,
    pub answered_ms: Option<i64>,
    /// From the agent, masked by its gateway. Nothing of it is verified.
    pub answer: Option<String>,
}

/// Who collected an approved hold, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    pub at_ms: i64,
    pub nonce: String,
    pub outcome: Option<Outcome>,
    /// The upstream's status code.
    pub status: Option<u16>,
}

/// One request that waits, or waited, for a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Hold {
    pub id: String,
    pub request: Request,
    pub created_ms: i64,
    pub deadline_ms: i64,
    pub approval_ttl_ms: i64,
    pub rejoin_ms: i64,
    pub state: State,
    /// Rises with every change that others must learn, or must not overlook.
    pub revision: i64,
    /// Since when no client waits.
    pub detached_ms: Option<i64>,
    /// Why it ended without a decision or a release.
    pub cause: Option<Cause>,
    /// How many people must approve.
    pub quorum: u32,
    /// How many of each group, where the workflow says that; nobody counts for two.
    pub seats: BTreeMap<String, u32>,
    /// Must the stated ticket be found open before an approval?
    pub ticket_checked: bool,
    /// How far an approval may reach, where the workflow and the request know grants.
    pub grantable: Option<Terms>,
    /// By which grant it was approved, if by one.
    pub granted: Option<Granted>,
    /// Must an approval say why?
    pub reason_required: bool,
    /// Approvals, oldest first.
    pub votes: Vec<Vote>,
    /// Oldest first; only the last may lack its answer.
    pub questions: Vec<Question>,
    pub decision: Option<Decision>,
    /// Who took the approval back.
    pub revocation: Option<Decision>,
    pub approved_until_ms: Option<i64>,
    pub collected: Option<Collected>,
}

impl Hold {
    /// What the rules of change look at.
    pub fn facts(&self) -> Facts {
        Facts {
            deadline_ms: self.deadline_ms,
            approval_ttl_ms: self.approval_ttl_ms,
            rejoin_ms: self.rejoin_ms,
            joinable: self.request.principal.is_some(),
            detached_ms: self.detached_ms,
            questions: u32::try_from(self.questions.len()).unwrap_or(u32::MAX),
            approved_until_ms: self.approved_until_ms,
            released_ms: self.collected.as_ref().map(|c| c.at_ms),
            outcome: self.collected.as_ref().and_then(|c| c.outcome),
        }
    }

    /// The hold after `step`, taken at `now`.
    pub fn after(&self, step: &Step, now: i64) -> Hold {
        let mut next = self.clone();
        let mut visible = next.state != step.state;
        next.state = step.state;
        for effect in &step.effects {
            match effect {
                Effect::Answer(text) => {
                    if let Some(last) = next.questions.last_mut() {
                        (last.answered_ms, last.answer) = (Some(now), Some(text.clone()));
                    }
                }
                Effect::Ask { by, question } => next.questions.push(Question {
                    by: by.clone(),
                    at_ms: now,
                    question: question.clone(),
                    answered_ms: None,
                    answer: None,
                }),
                Effect::Revoke { by, reason } => {
                    next.revocation = Some(Decision { at_ms: now, by: by.clone(), reason: Some(reason.clone()) });
                }
                Effect::ClientWaits => next.detached_ms = None,
                Effect::NobodyWaits => next.detached_ms = Some(now),
                Effect::Close(cause) => next.cause = Some(*cause),
                Effect::Decide { by, reason } => {
                    next.decision = Some(Decision { at_ms: now, by: by.clone(), reason: reason.clone() });
                }
                Effect::UsableUntil(until) => next.approved_until_ms = Some(*until),
                Effect::Consume { nonce } => {
                    next.collected = Some(Collected { at_ms: now, nonce: nonce.clone(), outcome: None, status: None });
                }
                Effect::Vote { by, reason, grant } => {
                    visible = true;
                    next.votes.push(Vote {
                        by: by.clone(),
                        at_ms: now,
                        reason: reason.clone(),
                        groups: vec![],
                        grant: *grant,
                    });
                }
                Effect::Conclude { outcome, status } => {
                    visible = true;
                    if let Some(collected) = &mut next.collected {
                        collected.outcome = Some(*outcome);
                        collected.status = *status;
                    }
                }
            }
        }
        next.revision += i64::from(visible);
        next
    }

    /// The people behind its approval.
    pub fn approvers(&self) -> Vec<&str> {
        match &self.granted {
            Some(granted) => granted.by.iter().map(String::as_str).collect(),
            None => self.votes.iter().map(|vote| vote.by.as_str()).collect(),
        }
    }

    /// What all who approved have granted.
    pub fn grant(&self) -> Option<Terms> {
        let grants: Option<Vec<Terms>> = self.votes.iter().map(|vote| vote.grant).collect();
        grants?.into_iter().reduce(Terms::narrower)
    }

    /// The ticket that the agent states.
    pub fn ticket(&self) -> Option<&str> {
        self.request.preview.stated.get("ticket").map(String::as_str)
    }

    /// The hold as filters and agents may see it.
    pub fn view(&self, joined: bool) -> View {
        let reason = match self.state {
            State::InfoRequested => self.questions.last().map(|asked| asked.question.clone()),
            State::Revoked => self.revocation.as_ref().and_then(|revocation| revocation.reason.clone()),
            _ => self.decision.as_ref().and_then(|decision| decision.reason.clone()),
        };
        View {
            v: VERSION,
            id: self.id.clone(),
            state: self.state,
            revision: self.revision.unsigned_abs(),
            deadline_ms: self.deadline_ms,
            reason,
            joined,
            near_miss: self.request.near_miss.clone(),
        }
    }
}

/// `1 of on-call and 2 of security`
pub fn needs(seats: &BTreeMap<String, u32>) -> Option<String> {
    let seats: Vec<_> = seats.iter().map(|(group, needed)| format!("{needed} of {group}")).collect();
    (!seats.is_empty()).then(|| format!("{}; nobody counts for two", seats.join(" and ")))
}
