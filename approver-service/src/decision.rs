//! A person's word on its way to the store: bounded, masked, and with the ticket looked up where the workflow wants that.
//!
//! Must not go here: whether this person may decide, which the store's statements ask (`store::decide`).

use crate::api::problem::{Problem, Result};
use crate::app::App;
use crate::auth::Session;
use crate::grant::Terms;
use crate::hold::Hold;
use crate::store::decide::{Decider, Verdict};
use crate::store::reviewers::Standing;
use crate::store::{Error, Scope};

/// The longest reason or question.
pub const MAX_REASON: usize = 4096;

/// What a person says beside the verdict.
pub struct Said {
    pub reason: Option<String>,
    /// Of an approval: what it grants beside.
    pub grant: Option<Terms>,
}

impl Said {
    /// Nothing but why.
    pub fn because(reason: Option<String>) -> Said {
        Said { reason, grant: None }
    }
}

/// Decides `id` as the person of `session`.
pub async fn decide(app: &App, session: &Session, id: &str, verdict: Verdict, said: Said) -> Result<Hold> {
    let reason = reason_text(app, verdict, said.reason)?;
    let scope = app.store.of(&session.tenant);
    let ticket = match verdict {
        Verdict::Approve => open_ticket(app, &scope, session, id).await?,
        Verdict::Ask | Verdict::Deny | Verdict::Revoke => None,
    };
    let by = Decider { person: &session.person, session: &session.hash, ticket: ticket.as_deref(), grant: said.grant };
    let trace = if app.traces.are_on() { scope.trace(id).await.ok().flatten() } else { None };
    let span = app.traces.decision(id, verdict, trace.as_deref());
    let decided = scope.decide(id, verdict, reason, by).await.map_err(Problem::from);
    if let Some(span) = span {
        let refused = decided.as_ref().err();
        span.end_with(refused.map(|problem| problem.code), refused.is_some_and(|p| p.status().is_server_error()));
    }
    decided
}

/// Takes a grant back as the person of `session`.
pub async fn revoke_grant(app: &App, session: &Session, id: &str, reason: Option<String>) -> Result<()> {
    let reason = reason_text(app, Verdict::Revoke, reason)?.ok_or(Error::ReasonRequired)?;
    let by = Decider { person: &session.person, session: &session.hash, ticket: None, grant: None };
    Ok(app.store.of(&session.tenant).revoke_grant(id, reason, by).await?)
}

/// The ticket, found open, where the workflow wants that. Nobody is asked for people whom the store will refuse.
async fn open_ticket(app: &App, scope: &Scope, session: &Session, id: &str) -> Result<Option<String>> {
    // Without any to ask, the store refuses by itself where one has to be open.
    let Some(tickets) = &app.tickets else { return Ok(None) };
    let hold = scope.hold(id).await?;
    if !hold.ticket_checked || !hold.state.is_open() {
        return Ok(None);
    }
    let may = Standing { is_fresh: true, is_party: false, is_reviewer: true, has_voted: false };
    if scope.standing(id, &session.hash).await? != Some(may) {
        return Ok(None);
    }
    Ok(Some(tickets.open(&hold).await.map_err(Error::Ticket)?))
}

/// A reason or question as it is stored: trimmed, masked, absent if empty. All but an approval need one: the agent's
/// developer reads it.
fn reason_text(app: &App, verdict: Verdict, reason: Option<String>) -> Result<Option<String>> {
    match (reason.as_deref().map(str::trim), verdict) {
        (None | Some(""), Verdict::Approve) => Ok(None),
        (None | Some(""), Verdict::Ask | Verdict::Deny | Verdict::Revoke) => Err(Error::ReasonRequired.into()),
        (Some(long), _) if long.len() > MAX_REASON => Err(Problem::too_large(MAX_REASON)),
        (Some(reason), _) => Ok(Some(app.mask.apply(reason.to_owned()))),
    }
}
