//! What waits, what was decided, and one request in full.
//!
//! Must not go here: what a text may contain (`ui::preview`).

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use privyseal_engine::hold as wire;
use privyseal_engine::hold::{Kill, Outcome, Risk};

use super::guard::{Visitor, csrf};
use super::notice::{Refused, page};
use super::preview::Shown;
use crate::app::App;
use crate::auth::Session;
use crate::clock::{span, written};
use crate::hold::transition::Cause;
use crate::hold::{Hold, Question, needs};
use crate::store::reviewers::Standing;

const MOST_OPEN: u32 = 200;
const MOST_CLOSED: u32 = 20;

const COLLECTING: &str = "Approved, not collected yet";
const RUNNING: &str = "Approved and running";

/// What stands at the top of every page behind the login.
pub(super) struct Top {
    pub person: String,
    pub csrf: String,
    /// What the kill switch does, unless it is off.
    pub kill: Option<&'static str>,
}

/// A request in a list.
struct Card {
    id: String,
    risk: &'static str,
    method: Shown,
    address: Shown,
    why: Shown,
    who: String,
    standing: &'static str,
    tone: &'static str,
    /// `59 min left`, or `3 min ago`.
    when: String,
    is_open: bool,
    client_waits: bool,
    /// `1 of 2 approved`, where it takes more than one.
    votes: Option<String>,
}

#[derive(Template)]
#[template(path = "list.html")]
struct ListPage {
    top: Top,
    open: Vec<Card>,
    closed: Vec<Card>,
}

/// What the person who looks can do.
#[derive(PartialEq, Eq)]
enum Can {
    Decide,
    LogInAgain,
    /// Others decide what falls under this workflow.
    NotReview,
    /// It is their own request.
    Nothing,
    /// There is nothing left to decide.
    Read,
    /// It is approved and not collected: the approval can be taken back.
    Revoke,
    /// They have approved; others must too. They can still deny.
    Wait,
}

impl Can {
    fn of(hold: &Hold, standing: Option<Standing>) -> Can {
        match standing {
            Some(Standing { is_fresh: true, is_party: false, is_reviewer: true, .. })
                if hold.state == wire::State::Approved =>
            {
                Can::Revoke
            }
            _ if !hold.state.is_open() => Can::Read,
            None => Can::LogInAgain,
            Some(Standing { is_party: true, .. }) => Can::Nothing,
            Some(Standing { is_reviewer: false, .. }) => Can::NotReview,
            Some(Standing { is_fresh: false, .. }) => Can::LogInAgain,
            Some(Standing { has_voted: true, .. }) => Can::Wait,
            Some(_) => Can::Decide,
        }
    }
}

#[derive(Template)]
#[template(path = "hold.html")]
struct HoldPage {
    top: Top,
    card: Card,
    can: Can,
    /// What came of it, in a sentence.
    result: Option<String>,
    /// Will it change by itself in a moment?
    moves: bool,
    rows: Vec<(&'static str, Shown)>,
    happened: Vec<(String, Shown)>,
    masked: Vec<(String, u32)>,
    headers: Vec<(Shown, Shown)>,
    body: Shown,
    body_note: String,
    is_cut: bool,
    hidden: usize,
    /// For how many minutes, and how often, the same may be granted too.
    grantable: Option<(i64, u32)>,
    reason_required: bool,
    questions: Vec<Asked>,
    /// Is an answer still awaited?
    is_asked: bool,
}

/// A question and the agent's answer.
struct Asked {
    by: String,
    question: Shown,
    answer: Option<Shown>,
}

pub async fn list(State(app): State<App>, Visitor(session): Visitor) -> Result<Response, Refused> {
    let now = app.store.now();
    let cards = |holds: Vec<Hold>| holds.iter().map(|hold| Card::of(hold, now)).collect();
    let open = cards(app.store.of(&session.tenant).open_holds(MOST_OPEN).await?);
    let closed = cards(app.store.of(&session.tenant).closed_holds(MOST_CLOSED).await?);
    Ok(page(&ListPage { top: Top::of(&app, &session), open, closed }))
}

pub async fn show(
    State(app): State<App>,
    Visitor(session): Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    let hold = app.store.of(&session.tenant).hold(&id).await?;
    let now = app.store.now();
    let can = Can::of(&hold, app.store.of(&session.tenant).standing(&hold.id, &session.hash).await?);
    Ok(page(&HoldPage::of(&hold, can, Top::of(&app, &session), now)))
}

impl Top {
    pub(super) fn of(app: &App, session: &Session) -> Top {
        let control = app.store.of(&session.tenant).control();
        let kill = match control.kill {
            Kill::Off if control.deny.is_empty() && control.hold.is_empty() => None,
            Kill::Off => Some("The kill switch is on for single principals."),
            Kill::Hold => Some("The kill switch is on: every request is held."),
            Kill::Deny => Some("The kill switch is on: every request is denied."),
        };
        Top { person: session.person.clone(), csrf: csrf(app, session), kill }
    }
}

impl Card {
    fn of(hold: &Hold, now: i64) -> Card {
        let request = &hold.request;
        let preview = &request.preview;
        let (standing, tone) = standing(hold);
        let is_open = hold.state.is_open();
        let ended = hold.collected.as_ref().map(|c| c.at_ms).or(hold.decision.as_ref().map(|d| d.at_ms));
        let when = if is_open {
            format!("{} left", span(hold.deadline_ms.saturating_sub(now)))
        } else {
            format!("{} ago", span(now.saturating_sub(ended.unwrap_or(hold.created_ms))))
        };
        Card {
            id: hold.id.clone(),
            risk: risk(request.risk),
            method: Shown::line(&preview.method),
            address: Shown::line(&format!("{}{}", preview.authority, preview.path)),
            why: Shown::line(&request.why),
            who: who(hold),
            standing,
            tone,
            when,
            is_open,
            client_waits: hold.detached_ms.is_none() && hold.state.is_live(),
            votes: (is_open && hold.quorum > 1).then(|| format!("{} of {} approved", hold.votes.len(), hold.quorum)),
        }
    }
}

impl HoldPage {
    fn of(hold: &Hold, can: Can, top: Top, now: i64) -> HoldPage {
        let request = &hold.request;
        let preview = &request.preview;
        let headers: Vec<_> =
            preview.headers.iter().map(|(name, value)| (Shown::line(name), Shown::line(value))).collect();
        let body = Shown::body(&preview.body);
        let card = Card::of(hold, now);
        let questions: Vec<_> = hold.questions.iter().map(Asked::of).collect();
        let in_answers: usize = questions.iter().filter_map(|asked| asked.answer.as_ref()).map(|a| a.hidden).sum();
        let in_headers: usize = headers.iter().map(|(name, value)| name.hidden + value.hidden).sum();
        HoldPage {
            result: result(hold),
            moves: card.standing == RUNNING || (card.standing == COLLECTING && card.client_waits),
            rows: rows(hold),
            happened: happened(hold),
            masked: preview.findings.iter().map(|(entity, n)| (entity.clone(), *n)).collect(),
            body_note: body_note(hold),
            is_cut: preview.truncated,
            reason_required: hold.reason_required,
            grantable: hold.grantable.map(|limits| (limits.duration_ms / 60_000, limits.uses)),
            questions,
            is_asked: hold.state == wire::State::InfoRequested,
            hidden: body.hidden + in_headers + in_answers + card.method.hidden + card.address.hidden + card.why.hidden,
            top,
            card,
            can,
            headers,
            body,
        }
    }
}

impl Asked {
    fn of(asked: &Question) -> Asked {
        Asked {
            by: asked.by.clone(),
            question: Shown::line(&asked.question),
            answer: asked.answer.as_deref().map(Shown::line),
        }
    }
}

/// Who asks, by what rule, until when.
fn rows(hold: &Hold) -> Vec<(&'static str, Shown)> {
    let request = &hold.request;
    let principal = request.principal.as_deref().unwrap_or("unverified: the request ends with its connection");
    let near = request.near_miss.as_ref().map(|near| format!("differs from {} only in {}", near.hold, near.differs));
    let rows = [
        ("Agent", Some(principal.to_owned())),
        ("On behalf of", request.on_behalf_of.clone()),
        ("Purpose, says the agent", request.preview.stated.get("purpose").cloned()),
        ("Ticket, says the agent", request.preview.stated.get("ticket").cloned()),
        ("Category", request.category.clone()),
        ("Rules", Some(request.rules.join(", "))),
        ("Workflow", Some(request.workflow.clone())),
        ("Approvals", Some(format!("{} of {}", hold.votes.len(), hold.quorum))),
        ("Granted with", hold.granted.as_ref().map(|granted| format!("the approval of {}", granted.grant))),
        ("Of each group", needs(&hold.seats)),
        ("Tenant", Some(format!("{} · {}", request.tenant, request.environment))),
        ("Gateway", Some(request.gateway.clone())),
        ("Decide until", Some(written(hold.deadline_ms))),
        ("Near miss", near),
        ("Id", Some(hold.id.clone())),
    ];
    let captures = request.preview.captures.iter().map(|(name, text)| ("In the path", Some(format!("{name}: {text}"))));
    let present = |(name, value): (&'static str, Option<String>)| Some((name, Shown::line(&value?)));
    rows.into_iter().chain(captures).filter_map(present).filter(|(_, value)| !value.is_empty()).collect()
}

fn result(hold: &Hold) -> Option<String> {
    let denied = hold.decision.as_ref().map_or("", |decision| decision.by.as_str());
    let by = hold.approvers().join(" and ");
    match (hold.state, hold.cause) {
        (wire::State::Approved, _) if hold.detached_ms.is_none() => {
            Some(format!("Approved by {by}. The client that waits runs it now."))
        }
        (wire::State::Approved, _) => {
            let until = hold.approved_until_ms.map_or(String::new(), |until| format!(", until {}", written(until)));
            Some(format!("Approved by {by}. It runs once, when the agent sends the same request again{until}."))
        }
        (wire::State::Released, _) => Some(format!("Approved by {by}. It was released once and cannot run again.")),
        (wire::State::Denied, _) => Some(format!("Denied by {denied}. The agent is told so, with the reason.")),
        (wire::State::Revoked, _) => {
            let by = hold.revocation.as_ref().map_or("", |revocation| revocation.by.as_str());
            Some(format!("The approval was taken back by {by}. It did not run."))
        }
        (_, Some(cause)) => Some(format!("It did not run: {}.", ended(cause))),
        _ => None,
    }
}

/// What became of it so far.
fn happened(hold: &Hold) -> Vec<(String, Shown)> {
    let mut lines = vec![(written(hold.created_ms), Shown::line("asked"))];
    let mut said = |at_ms, verdict: &str, by: &str, reason: Option<&String>| {
        let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
        lines.push((written(at_ms), Shown::line(&format!("{verdict} by {by}{reason}"))));
    };
    if let (Some(granted), Some(decision)) = (&hold.granted, &hold.decision) {
        said(decision.at_ms, "granted before", &granted.by.join(" and "), None);
    }
    for vote in &hold.votes {
        said(vote.at_ms, "approved", &vote.who(), vote.reason.as_ref());
    }
    if let Some(decision) = hold.decision.as_ref().filter(|_| hold.state == wire::State::Denied) {
        said(decision.at_ms, "denied", &decision.by, decision.reason.as_ref());
    }
    if let Some(revocation) = &hold.revocation {
        said(revocation.at_ms, "taken back", &revocation.by, revocation.reason.as_ref());
    }
    if let Some(collected) = &hold.collected {
        let outcome = match (collected.outcome, collected.status) {
            (None, _) => "running, no outcome yet".to_owned(),
            (Some(Outcome::Succeeded), status) => format!("succeeded{}", answered(status)),
            (Some(Outcome::Failed), status) => format!("failed{}", answered(status)),
            (Some(Outcome::Unknown), _) => "the outcome is unknown".to_owned(),
        };
        lines.push((written(collected.at_ms), Shown::line(&format!("released to the upstream: {outcome}"))));
    }
    if let Some(cause) = hold.cause {
        lines.push((String::new(), Shown::line(ended(cause))));
    }
    lines
}

fn answered(status: Option<u16>) -> String {
    status.map_or(String::new(), |status| format!(", the upstream answered {status}"))
}

fn ended(cause: Cause) -> &'static str {
    match cause {
        Cause::ClientGone => "its unverified client went away",
        Cause::Deadline => "nobody decided in time",
        Cause::KillSwitch => "the kill switch was turned",
        Cause::NobodyRejoined => "the client left and did not come back in time",
        Cause::NotCollected => "the agent did not collect the approval in time",
        Cause::Withdrawn => "the agent took it back",
        Cause::PolicyChanged => "the policy changed, so the request has to be asked for again",
    }
}

fn body_note(hold: &Hold) -> String {
    let preview = &hold.request.preview;
    let kind = preview.content_type.as_deref().unwrap_or("no content type");
    match preview.body_bytes {
        0 => "no body".to_owned(),
        1 => format!("1 byte, {kind}"),
        bytes => format!("{bytes} bytes, {kind}"),
    }
}

fn who(hold: &Hold) -> String {
    let principal = hold.request.principal.as_deref().unwrap_or("unverified agent");
    let who = match &hold.request.on_behalf_of {
        Some(human) => format!("{principal} for {human}"),
        None => principal.to_owned(),
    };
    Shown::line(&who).pieces.into_iter().map(|piece| piece.text).collect()
}

fn standing(hold: &Hold) -> (&'static str, &'static str) {
    let outcome = hold.collected.as_ref().and_then(|c| c.outcome);
    match (hold.state, outcome) {
        (wire::State::Pending, _) => ("Waiting", "wait"),
        (wire::State::InfoRequested, _) => ("Question asked", "wait"),
        (wire::State::Approved, _) => (COLLECTING, "good"),
        (wire::State::Released, None) => (RUNNING, "good"),
        (wire::State::Released, Some(Outcome::Succeeded)) => ("Approved, succeeded", "good"),
        (wire::State::Released, Some(Outcome::Failed)) => ("Approved, failed upstream", "bad"),
        (wire::State::Released, Some(Outcome::Unknown)) => ("Approved, outcome unknown", "bad"),
        (wire::State::Denied, _) => ("Denied", "bad"),
        (wire::State::Expired, _) => ("Expired", "calm"),
        (wire::State::Withdrawn, _) => ("Withdrawn", "calm"),
        (wire::State::Cancelled, _) => ("Cancelled", "calm"),
        (wire::State::Lapsed, _) => ("Approved, never collected", "calm"),
        (wire::State::Revoked, _) => ("Revoked", "bad"),
    }
}

fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
        Risk::Critical => "critical",
    }
}
