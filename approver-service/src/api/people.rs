//! Calls of people and their tools: read, decide, read the audit log.
//!
//! Must not go here: filters' calls (`api::filter`), pages (`ui`).

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use privyseal_engine::hold as wire;
use privyseal_engine::hold::{NearMiss, Outcome, Preview, Risk};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Authenticated, Decides, Json, Query};
use super::problem::{Problem, Result};
use crate::app::App;
use crate::audit::Entry;
use crate::auth::Caller;
use crate::auth::scope::Scope;
use crate::decision::{self, Said};
use crate::grant::{Granted, Terms};
use crate::hold::{Hold, Question, Vote};
use crate::store::decide::Verdict;

/// The longest reason, and room for the JSON around it.
pub const MAX_BODY: usize = decision::MAX_REASON + 1024;
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// A hold in a list.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Summary {
    pub id: String,
    pub state: wire::State,
    pub outcome: Option<Outcome>,
    pub risk: Risk,
    pub category: Option<String>,
    pub why: String,
    pub method: String,
    pub authority: String,
    pub path: String,
    pub tenant: String,
    pub environment: String,
    pub principal: Option<String>,
    pub on_behalf_of: Option<String>,
    pub created_ms: i64,
    pub deadline_ms: i64,
    /// Does a client wait right now?
    pub attached: bool,
    /// How many people have approved, and how many must.
    pub approvals: usize,
    pub quorum: u32,
    pub decided_by: Option<String>,
    pub reason: Option<String>,
}

/// A hold with everything that a decision needs.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Detail {
    #[serde(flatten)]
    pub summary: Summary,
    pub rules: Vec<String>,
    pub workflow: String,
    /// Who has approved so far, oldest first.
    pub votes: Vec<Vote>,
    /// What was asked, with the agent's own unverified words.
    pub questions: Vec<Question>,
    /// How far an approval may reach, where the same may be granted too.
    pub grantable: Option<Terms>,
    /// By which grant it was approved, and whose, if by one.
    pub granted: Option<Granted>,
    /// How many of each group must approve, where the workflow says that; nobody counts for two.
    pub seats: BTreeMap<String, u32>,
    /// Must an approval say why?
    pub reason_required: bool,
    /// Must the stated ticket be found open before an approval?
    pub ticket_checked: bool,
    pub gateway: String,
    pub preview: Preview,
    pub near_miss: Option<NearMiss>,
    pub cause: Option<String>,
    pub decided_ms: Option<i64>,
    pub approved_until_ms: Option<i64>,
    pub released_ms: Option<i64>,
    pub upstream_status: Option<u16>,
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Page {
    pub holds: Vec<Summary>,
    /// Give this as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    pub entries: Vec<Entry>,
    /// Give this as `after` for the next page; null at the end.
    pub next: Option<i64>,
}

#[derive(Deserialize, IntoParams)]
pub struct ListQuery {
    state: Option<wire::State>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize, IntoParams)]
pub struct AuditQuery {
    #[serde(default)]
    after: i64,
    limit: Option<u32>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Reason {
    pub reason: Option<String>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Approval {
    pub reason: Option<String>,
    /// Approve the same again too: for so long, so many times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Terms>,
}

#[derive(Serialize, Deserialize, ToSchema)]
pub struct Ask {
    pub question: String,
}

/// Holds, newest first.
#[utoipa::path(get, path = "/v1/holds", tag = "people", security(("token" = ["holds:read"]), ("session" = [])), params(ListQuery), responses((status = 200, body = Page)))]
pub async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Page>> {
    may(&caller, Scope::HoldsRead)?;
    let limit = page_size(query.limit);
    let holds = app.store.of(caller.tenant()).holds(query.state, query.cursor.as_deref(), limit).await?;
    let is_full = holds.len() == limit as usize;
    let next = holds.last().filter(|_| is_full).map(|hold| hold.id.clone());
    Ok(axum::Json(Page { holds: holds.into_iter().map(Summary::from).collect(), next }))
}

/// One hold with its masked request.
#[utoipa::path(get, path = "/v1/holds/{id}", tag = "people", security(("token" = ["holds:read"]), ("session" = [])), params(("id" = String, Path, description = "The hold")), responses((status = 200, body = Detail)))]
pub async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<axum::Json<Detail>> {
    may(&caller, Scope::HoldsRead)?;
    Ok(axum::Json(app.store.of(caller.tenant()).hold(&id).await?.into()))
}

/// Approves, as one of those whom the workflow asks.
#[utoipa::path(post, path = "/v1/holds/{id}/approve", tag = "people", security(("session" = [])), params(("id" = String, Path, description = "The hold")), request_body = Approval, responses((status = 200, body = Detail)))]
pub async fn approve(
    State(app): State<App>,
    decides: Decides,
    Path(id): Path<String>,
    Json(Approval { reason, grant }): Json<Approval, MAX_BODY>,
) -> Result<axum::Json<Detail>> {
    decide(&app, &id, Verdict::Approve, Said { reason, grant }, decides).await
}

/// Denies; one denial is final.
#[utoipa::path(post, path = "/v1/holds/{id}/deny", tag = "people", security(("session" = [])), params(("id" = String, Path, description = "The hold")), request_body = Reason, responses((status = 200, body = Detail)))]
pub async fn deny(
    State(app): State<App>,
    decides: Decides,
    Path(id): Path<String>,
    Json(reason): Json<Reason, MAX_BODY>,
) -> Result<axum::Json<Detail>> {
    decide(&app, &id, Verdict::Deny, Said::because(reason.reason), decides).await
}

/// Asks the agent something first.
#[utoipa::path(post, path = "/v1/holds/{id}/ask", tag = "people", security(("session" = [])), params(("id" = String, Path, description = "The hold")), request_body = Ask, responses((status = 200, body = Detail)))]
pub async fn ask(
    State(app): State<App>,
    decides: Decides,
    Path(id): Path<String>,
    Json(ask): Json<Ask, MAX_BODY>,
) -> Result<axum::Json<Detail>> {
    decide(&app, &id, Verdict::Ask, Said::because(Some(ask.question)), decides).await
}

/// Takes an approval back that nobody has collected.
#[utoipa::path(post, path = "/v1/holds/{id}/revoke", tag = "people", security(("session" = [])), params(("id" = String, Path, description = "The hold")), request_body = Reason, responses((status = 200, body = Detail)))]
pub async fn revoke(
    State(app): State<App>,
    decides: Decides,
    Path(id): Path<String>,
    Json(reason): Json<Reason, MAX_BODY>,
) -> Result<axum::Json<Detail>> {
    decide(&app, &id, Verdict::Revoke, Said::because(reason.reason), decides).await
}

/// Records of the audit log, oldest first.
#[utoipa::path(get, path = "/v1/audit", tag = "people", security(("token" = ["audit:read"]), ("session" = [])), params(AuditQuery), responses((status = 200, body = AuditPage)))]
pub async fn audit(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<AuditPage>> {
    may(&caller, Scope::AuditRead)?;
    let limit = page_size(query.limit);
    let entries = app.store.of(caller.tenant()).audit(query.after, limit).await?;
    let is_full = entries.len() == limit as usize;
    let next = entries.last().filter(|_| is_full).map(|entry| entry.seq);
    Ok(axum::Json(AuditPage { entries, next }))
}

async fn decide(
    app: &App,
    id: &str,
    verdict: Verdict,
    said: Said,
    Decides(session): Decides,
) -> Result<axum::Json<Detail>> {
    Ok(axum::Json(decision::decide(app, &session, id, verdict, said).await?.into()))
}

/// How many a list answers at once, as asked or not.
pub fn page_size(asked: Option<u32>) -> u32 {
    asked.unwrap_or(PAGE).clamp(1, MAX_PAGE)
}

pub fn may(caller: &Caller, scope: Scope) -> Result<()> {
    if caller.may(scope) { Ok(()) } else { Err(Problem::lacks(scope)) }
}

impl From<Hold> for Summary {
    fn from(hold: Hold) -> Summary {
        let Hold {
            id, request, created_ms, deadline_ms, state, detached_ms, quorum, votes, decision, collected, ..
        } = hold;
        let (decided_by, reason) = decision.map_or((None, None), |d| (Some(d.by), d.reason));
        Summary {
            id,
            state,
            outcome: collected.and_then(|c| c.outcome),
            risk: request.risk,
            category: request.category,
            why: request.why,
            method: request.preview.method,
            authority: request.preview.authority,
            path: request.preview.path,
            tenant: request.tenant,
            environment: request.environment,
            principal: request.principal,
            on_behalf_of: request.on_behalf_of,
            created_ms,
            deadline_ms,
            attached: detached_ms.is_none() && state.is_live(),
            approvals: votes.len(),
            quorum,
            decided_by,
            reason,
        }
    }
}

impl From<Hold> for Detail {
    fn from(hold: Hold) -> Detail {
        Detail {
            rules: hold.request.rules.clone(),
            workflow: hold.request.workflow.clone(),
            votes: hold.votes.clone(),
            questions: hold.questions.clone(),
            revoked_by: hold.revocation.as_ref().map(|r| r.by.clone()),
            revoke_reason: hold.revocation.as_ref().and_then(|r| r.reason.clone()),
            grantable: hold.grantable,
            granted: hold.granted.clone(),
            seats: hold.seats.clone(),
            reason_required: hold.reason_required,
            ticket_checked: hold.ticket_checked,
            gateway: hold.request.gateway.clone(),
            preview: hold.request.preview.clone(),
            near_miss: hold.request.near_miss.clone(),
            cause: hold.cause.map(|c| c.as_str().to_owned()),
            decided_ms: hold.decision.as_ref().map(|d| d.at_ms),
            approved_until_ms: hold.approved_until_ms,
            released_ms: hold.collected.as_ref().map(|c| c.at_ms),
            upstream_status: hold.collected.as_ref().and_then(|c| c.status),
            summary: hold.into(),
        }
    }
}
