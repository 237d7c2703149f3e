//! A hold as a row: insert, read, and the one update that every change goes through.
//!
//! The update is a compare-and-set: it names the state and the revision that the change was judged by, and, for a
//! decision, it asks in the same statement whether this person may decide this hold. Must not go here: what may follow
//! from what (`hold::transition`).

use std::collections::BTreeMap;

use privyseal_engine::hold::{Outcome, State};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, ColumnIndex, Row};

use super::reviewers::{self, may_decide};
use super::votes::{self, quorum_is_met};
use super::write::Tx;
use super::{Error, Result, own_hold, rows};
use crate::audit::{Actor, Fact};
use crate::auth::identity;
use crate::grant::Terms;
use crate::hold::transition::{Cause, Event, due, transition};
use crate::hold::{Collected, Decision, Hold, Request, Vote};

const INSERT: &str = "
    INSERT INTO holds (id, tenant, environment, gateway, principal, on_behalf_of, rules, category, risk, workflow, why,
        digest_mac, terms, fields, preview, near_miss, created_ms, deadline_ms, approval_ttl_ms, rejoin_ms,
        state, revision, due_ms, quorum, grant_target) VALUES";
const INSERT_COLUMNS: usize = 25;
const ADD_PARTIES: &str = "INSERT INTO hold_parties (hold, identity) VALUES";

/// `$18` is the decider's session, null where no person decides. Nothing becomes approved without votes enough, counted
/// here, for the quorum of the hold and that of its workflow today, or a use of a grant.
const UPDATE: &str = concat!(
    "UPDATE holds SET state = $1, revision = $2, due_ms = $3, detached_ms = $4, cause = $5, decided_ms = $6, decided_by = $7,
        reason = $8, approved_until_ms = $9, released_ms = $10, released_nonce = $11, outcome = $12, outcome_status = $13,
        revoked_ms = $19, revoked_by = $20, revoke_reason = $21
    WHERE id = $14 AND state = $15 AND revision = $16
        AND ($1 <> 'approved' OR state = 'approved' OR ",
    quorum_is_met!(),
    " OR EXISTS (SELECT 1 FROM grant_uses u WHERE u.hold = holds.id))
        AND ($18 IS NULL OR ",
    may_decide!("$18", "$17"),
    ")"
);

/// New holds.
pub(super) async fn insert(conn: &mut AnyConnection, holds: &[&Hold]) -> Result<()> {
    for piece in rows::pieces(holds) {
        let insert = format!("{INSERT} {}", rows::places(piece.len(), INSERT_COLUMNS));
        let mut insert = sqlx::query(AssertSqlSafe(insert));
        for hold in piece {
            let request = &hold.request;
            insert = insert
                .bind(&hold.id)
                .bind(&request.tenant)
                .bind(&request.environment)
                .bind(&request.gateway)
                .bind(&request.principal)
                .bind(&request.on_behalf_of)
                .bind(json(&request.rules)?)
                .bind(&request.category)
                .bind(word(&request.risk)?)
                .bind(&request.workflow)
                .bind(&request.why)
                .bind(&request.digest_mac)
                .bind(&request.terms)
                .bind(json(&request.fields)?)
                .bind(json(&request.preview)?)
                .bind(request.near_miss.as_ref().map(json).transpose()?)
                .bind(hold.created_ms)
                .bind(hold.deadline_ms)
                .bind(hold.approval_ttl_ms)
                .bind(hold.rejoin_ms)
                .bind(hold.state.as_str())
                .bind(hold.revision)
                .bind(due(hold.state, &hold.facts()))
                .bind(i64::from(hold.quorum))
                .bind(&request.grant_target);
        }
        insert.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Makes names those who asked for a hold, beside those who are already.
pub(super) async fn add_parties(conn: &mut AnyConnection, parties: &[(&str, &str)]) -> Result<()> {
    let identities =
        parties.iter().flat_map(|(hold, name)| identity::of_requester(name).into_iter().map(|i| (*hold, i)));
    let identities: Vec<(&str, String)> = identities.collect();
    for piece in rows::pieces(&identities) {
        let insert = format!("{ADD_PARTIES} {} ON CONFLICT DO NOTHING", rows::places(piece.len(), 2));
        let mut insert = sqlx::query(AssertSqlSafe(insert));
        for (hold, identity) in piece {
            insert = insert.bind(*hold).bind(identity);
        }
        insert.execute(&mut *conn).await?;
    }
    Ok(())
}

/// Judges `event`, writes what follows and records it, all in `tx`. `session` is the decider's.
pub(super) async fn apply(tx: &mut Tx, hold: &Hold, event: Event, actor: Actor, session: Option<&str>) -> Result<Hold> {
    let step = transition(hold.state, event, tx.now, &hold.facts())?;
    if step.effects.is_empty() {
        return Ok(hold.clone());
    }
    let next = hold.after(&step, tx.now);
    if let (Some(vote), Some(session)) = (next.votes.get(hold.votes.len()), session) {
        votes::cast(tx, hold, vote, session).await?;
    }
    update(tx, hold, &next, session).await?;
    own_hold::write_questions(tx, hold, &next).await?;
    if next.revision != hold.revision {
        tx.record(fact(&next, hold.state, actor));
        tx.changed(&next.id, next.state);
    }
    Ok(next)
}

async fn update(tx: &mut Tx, hold: &Hold, next: &Hold, session: Option<&str>) -> Result<()> {
    let now = tx.now;
    let decision = next.decision.as_ref();
    let revocation = next.revocation.as_ref();
    let collected = next.collected.as_ref();
    let written = sqlx::query(UPDATE)
        .bind(next.state.as_str())
        .bind(next.revision)
        .bind(due(next.state, &next.facts()))
        .bind(next.detached_ms)
        .bind(next.cause.map(Cause::as_str))
        .bind(decision.map(|d| d.at_ms))
        .bind(decision.map(|d| &d.by))
        .bind(decision.and_then(|d| d.reason.as_ref()))
        .bind(next.approved_until_ms)
        .bind(collected.map(|c| c.at_ms))
        .bind(collected.map(|c| &c.nonce))
        .bind(collected.and_then(|c| c.outcome).map(|o| word(&o)).transpose()?)
        .bind(collected.and_then(|c| c.status).map(i64::from))
        .bind(&hold.id)
        .bind(hold.state.as_str())
        .bind(hold.revision)
        .bind(now)
        .bind(session)
        .bind(revocation.map(|r| r.at_ms))
        .bind(revocation.map(|r| &r.by))
        .bind(revocation.and_then(|r| r.reason.as_ref()))
        .execute(tx.conn())
        .await?;
    if written.rows_affected() == 1 {
        return Ok(());
    }
    Err(match session {
        Some(session) => reviewers::why_not(tx, hold, session).await?,
        None => Error::Stale,
    })
}

/// The hold with `id` of `tenant`.
pub(super) async fn find(conn: &mut AnyConnection, tenant: &str, id: &str) -> Result<Hold> {
    const FIND: &str = "SELECT * FROM standing_holds WHERE tenant = $1 AND id = $2";
    let row = sqlx::query(FIND).bind(tenant).bind(id).fetch_optional(conn).await?;
    row.as_ref().map_or(Err(Error::Unknown), read)
}

/// What the audit log says of a hold that has just changed.
fn fact(hold: &Hold, before: State, actor: Actor) -> Fact {
    let mut details = details(hold);
    let mut add = |name, value: Option<String>| value.map(|value| details.insert(name, value));
    add("cause", hold.cause.map(|c| c.as_str().to_owned()));
    add("reason", hold.decision.as_ref().and_then(|d| d.reason.clone()));
    let collected = hold.collected.as_ref();
    add("nonce", collected.map(|c| c.nonce.clone()));
    add("outcome", collected.and_then(|c| c.outcome).and_then(|o| word(&o).ok()));
    add("status", collected.and_then(|c| c.status).map(|s| s.to_string()));
    let asked = hold.questions.last();
    match (before, hold.state) {
        (State::Pending, State::InfoRequested) => add("question", asked.map(|asked| asked.question.clone())),
        (State::InfoRequested, State::Pending) => add("answer", asked.and_then(|asked| asked.answer.clone())),
        (_, State::Revoked) => add("revoked_for", hold.revocation.as_ref().and_then(|r| r.reason.clone())),
        _ => None,
    };
    let kind = match hold.votes.last() {
        _ if (before, hold.state) == (State::InfoRequested, State::Pending) => "answered",
        _ if before != hold.state => hold.state.as_str(),
        Some(vote) if hold.state.is_open() => {
            add("reason", vote.reason.clone());
            "vote"
        }
        _ => "outcome",
    };
    add("grant", hold.granted.as_ref().map(|granted| granted.grant.clone()));
    let found_open = hold.ticket_checked && matches!(kind, "vote" | "approved");
    add("ticket", hold.ticket().filter(|_| found_open).map(str::to_owned));
    add("votes", hold.state.is_open().then(|| format!("{} of {}", hold.votes.len(), hold.quorum)));
    Fact { tenant: hold.request.tenant.clone(), kind, actor, hold: Some(hold.id.clone()), details }
}

/// What every record of a hold names: who asked, for what, bound to which bytes.
pub(super) fn details(hold: &Hold) -> BTreeMap<&'static str, String> {
    let request = &hold.request;
    let mut details: BTreeMap<_, _> = [
        ("environment", request.environment.clone()),
        ("digest_mac", request.digest_mac.clone()),
        ("terms", request.terms.clone()),
        ("rules", request.rules.join(" ")),
        ("workflow", request.workflow.clone()),
    ]
    .into();
    for (name, value) in [("principal", &request.principal), ("on_behalf_of", &request.on_behalf_of)] {
        value.as_ref().map(|value| details.insert(name, value.clone()));
    }
    details
}

/// A row of `standing_holds`.
pub(super) fn read(row: &AnyRow) -> Result<Hold> {
    let collected: Option<(i64, String)> = Option::zip(row.try_get("released_ms")?, row.try_get("released_nonce")?);
    Ok(Hold {
        id: row.try_get("id")?,
        request: Request {
            tenant: row.try_get("tenant")?,
            environment: row.try_get("environment")?,
            gateway: row.try_get("gateway")?,
            principal: row.try_get("principal")?,
            on_behalf_of: row.try_get("on_behalf_of")?,
            rules: from_json(row.try_get("rules")?)?,
            category: row.try_get("category")?,
            risk: from_word(row.try_get("risk")?)?,
            workflow: row.try_get("workflow")?,
            why: row.try_get("why")?,
            digest_mac: row.try_get("digest_mac")?,
            terms: row.try_get("terms")?,
            fields: from_json(row.try_get("fields")?)?,
            preview: from_json(row.try_get("preview")?)?,
            near_miss: json_or_none(row, "near_miss")?,
            grant_target: row.try_get("grant_target")?,
        },
        created_ms: row.try_get("created_ms")?,
        deadline_ms: row.try_get("deadline_ms")?,
        approval_ttl_ms: row.try_get("approval_ttl_ms")?,
        rejoin_ms: row.try_get("rejoin_ms")?,
        state: from_word(row.try_get("state")?)?,
        revision: row.try_get("revision")?,
        detached_ms: row.try_get("detached_ms")?,
        cause: cause(row.try_get("cause")?)?,
        quorum: number(row, "needed")?,
        seats: from_json(row.try_get("seats")?)?,
        ticket_checked: flag(row, "check_ticket")?,
        reason_required: flag(row, "require_reason")?,
        grantable: grantable(row)?,
        granted: json_or_none(row, "granted")?,
        votes: votes(row)?,
        questions: from_json(row.try_get("questions")?)?,
        decision: decision(row, ["decided_ms", "decided_by", "reason"])?,
        revocation: decision(row, ["revoked_ms", "revoked_by", "revoke_reason"])?,
        approved_until_ms: row.try_get("approved_until_ms")?,
        collected: match collected {
            Some((at_ms, nonce)) => Some(Collected {
                at_ms,
                nonce,
                outcome: row.try_get::<Option<&str>, _>("outcome")?.map(from_word::<Outcome>).transpose()?,
                status: row.try_get::<Option<i64>, _>("outcome_status")?.and_then(|status| u16::try_from(status).ok()),
            }),
            None => None,
        },
    })
}

/// A vote, its grant in two columns.
#[derive(Deserialize)]
struct VoteRow {
    by: String,
    at_ms: i64,
    reason: Option<String>,
    groups: Vec<String>,
    grant_ms: Option<i64>,
    grant_uses: Option<u32>,
}

impl From<VoteRow> for Vote {
    fn from(row: VoteRow) -> Vote {
        let VoteRow { by, at_ms, reason, groups, grant_ms, grant_uses } = row;
        let grant = Option::zip(grant_ms, grant_uses).map(|(duration_ms, uses)| Terms { duration_ms, uses });
        Vote { by, at_ms, reason, groups, grant }
    }
}

pub(super) fn votes(row: &AnyRow) -> Result<Vec<Vote>> {
    Ok(from_json::<Vec<VoteRow>>(row.try_get("votes")?)?.into_iter().map(Vote::from).collect())
}

/// How far an approval may reach: as far as the workflow says, if the request says what a grant would be for.
fn grantable(row: &AnyRow) -> Result<Option<Terms>> {
    let Some(duration_ms) = row.try_get("grant_max_ms")? else { return Ok(None) };
    let has_target = row.try_get::<Option<&str>, _>("grant_target")?.is_some();
    Ok(if has_target { Some(Terms { duration_ms, uses: number(row, "grant_max_uses")? }) } else { None })
}

fn decision(row: &AnyRow, [at, by, reason]: [&str; 3]) -> Result<Option<Decision>> {
    let said: Option<(i64, String)> = Option::zip(row.try_get(at)?, row.try_get(by)?);
    let Some((at_ms, by)) = said else { return Ok(None) };
    Ok(Some(Decision { at_ms, by, reason: row.try_get(reason)? }))
}

fn cause(name: Option<&str>) -> Result<Option<Cause>> {
    name.map(|name| {
        Cause::ALL.into_iter().find(|c| c.as_str() == name).ok_or_else(|| Error::Corrupt(format!("cause `{name}`")))
    })
    .transpose()
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Corrupt(e.to_string()))
}

/// A truth: SQLite writes it as a number.
pub(super) fn flag<I: ColumnIndex<AnyRow> + Copy>(row: &AnyRow, column: I) -> Result<bool> {
    Ok(row.try_get::<bool, _>(column).or_else(|_| row.try_get::<i64, _>(column).map(|number| number != 0))?)
}

/// A number that is never negative.
pub(super) fn number<I: ColumnIndex<AnyRow>>(row: &AnyRow, column: I) -> Result<u32> {
    let number: i64 = row.try_get(column)?;
    u32::try_from(number).map_err(|_| Error::Corrupt(format!("the number {number}")))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| Error::Corrupt(format!("line {} column {}", e.line(), e.column())))
}

pub(super) fn json_or_none<T: DeserializeOwned>(row: &AnyRow, column: &str) -> Result<Option<T>> {
    row.try_get::<Option<&str>, _>(column)?.map(from_json).transpose()
}

/// The one word that a unit variant is written as.
pub(super) fn word(value: &impl Serialize) -> Result<String> {
    Ok(json(value)?.trim_matches('"').to_owned())
}

pub(super) fn from_word<'a, T: Deserialize<'a>>(word: &'a str) -> Result<T> {
    let value = serde::de::value::BorrowedStrDeserializer::<serde::de::value::Error>::new(word);
    T::deserialize(value).map_err(|_| Error::Corrupt(format!("`{word}`")))
}
