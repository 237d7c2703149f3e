//! Create a hold, or join the live one that is the same request of the same agent.
//!
//! Must not go here: the form of an intake (`hold::intake`).

use std::collections::BTreeMap;

use privyseal_engine::hold::{Intake, NearMiss, State, View};
use privyseal_engine::policy::Workflow;
use sqlx::Row;
use uuid::Uuid;

use super::write::Tx;
use super::{Error, Result, Scope, grants, row};
use crate::audit::{Actor, Fact};
use crate::hold::transition::{Cause, Event};
use crate::hold::{Hold, Request};

/// What is there already: of this stream, of this request, of the kill switch. No principal has an empty name: it stands
/// for none, so that one index serves both.
const KNOWN: &str = "
    SELECT EXISTS (SELECT 1 FROM control WHERE tenant = $2 AND kill = 'deny')
            OR EXISTS (SELECT 1 FROM kills WHERE tenant = $2 AND principal = $4 AND kill = 'deny') AS is_killed, s.hold, s.joined, h.digest_mac,
        (SELECT id FROM holds WHERE tenant = $2 AND environment = $3 AND principal IS NOT NULL
            AND coalesce(principal, '') = $4 AND digest_mac = $5
            AND state IN ('pending', 'info_requested', 'approved') ORDER BY id DESC LIMIT 1) AS same
    FROM audit_head LEFT JOIN streams s ON s.nonce = $1 LEFT JOIN holds h ON h.id = s.hold AND h.tenant = $2";
const ATTACH: &str = "INSERT INTO streams (nonce, hold, joined) VALUES ($1, $2, $3)";
/// The workflow of a new hold, that of its risk first, and how many the agent has that live.
const ROOM: &str = "
    SELECT name, quorum, require_reason, deadline_ms, grant_max_uses IS NOT NULL AS grants,
        (SELECT count(*) FROM holds WHERE tenant = $2 AND environment = $3 AND coalesce(principal, '') = $4
            AND state IN ('pending', 'info_requested', 'approved') AND due_ms > $5) AS live
    FROM workflows WHERE tenant = $2 AND name IN ($1, $6) ORDER BY name = $6 DESC LIMIT 1";
const LIVE: &str = "
    SELECT id, fields FROM holds WHERE tenant = $1 AND environment = $2 AND coalesce(principal, '') = $3
        AND state IN ('pending', 'info_requested', 'approved') AND due_ms > $4
    ORDER BY id DESC LIMIT $5";
/// Whoever asks again with the same nonce changes nothing.
const TRACE: &str = "INSERT INTO hold_traces (hold, traceparent) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const TRACE_OF: &str = "
    SELECT t.traceparent FROM hold_traces t JOIN holds h ON h.id = t.hold WHERE h.tenant = $1 AND h.id = $2";
/// Near misses are looked for among this many of the newest live holds of the agent: as many as a policy allows that says
/// nothing of `max_live`.
const NEIGHBOURS: i64 = 20;

/// An intake, the human behind the token that it was sent with, and its place in a trace as a `traceparent`.
pub struct Asked {
    pub intake: Intake,
    pub owner: Option<String>,
    pub trace: Option<String>,
}

/// What became of an intake.
struct Taken {
    view: View,
    /// There may be a grant for it: not where its workflow, as it stands now, knows none.
    may_be_granted: bool,
}

impl From<Intake> for Asked {
    fn from(intake: Intake) -> Asked {
        Asked { intake, owner: None, trace: None }
    }
}

impl Scope {
    /// Creates or joins. The same nonce gets the same hold, however often it asks.
    pub async fn intake(&self, asked: impl Into<Asked>) -> Result<View> {
        let Asked { mut intake, owner, trace } = asked.into();
        self.check_tenant(&intake.tenant)?;
        let digest_mac = self.key().mac("digest", &intake.digest);
        intake.grant_target = intake.grant_target.map(|target| self.key().mac("grant", &target));
        let mut tx = self.begin().await?;
        let Taken { mut view, may_be_granted } = tx.intake(intake, digest_mac).await?;
        if let Some(owner) = owner {
            row::add_parties(tx.conn(), &view.id, &[&owner]).await?;
        }
        if let Some(trace) = trace.filter(|_| !view.joined) {
            sqlx::query(TRACE).bind(&view.id).bind(trace).execute(tx.conn()).await?;
        }
        // After all who ask are known: nobody grants their own.
        if may_be_granted
            && view.state == State::Pending
            && let Some(hold) = grants::collect(&mut tx, self.tenant(), &view.id).await?
        {
            view = hold.view(view.joined);
        }
        tx.commit().await?;
        Ok(view)
    }

    /// The `traceparent` of the call that made a hold.
    pub async fn trace(&self, id: &str) -> Result<Option<String>> {
        let trace = sqlx::query_scalar(TRACE_OF).bind(self.tenant()).bind(id);
        Ok(trace.fetch_optional(self.readers()).await?)
    }
}

impl Tx {
    async fn intake(&mut self, intake: Intake, digest_mac: String) -> Result<Taken> {
        let known = sqlx::query(KNOWN)
            .bind(&intake.nonce)
            .bind(&intake.tenant)
            .bind(&intake.environment)
            .bind(intake.principal.as_deref().unwrap_or_default())
            .bind(&digest_mac)
            .fetch_one(self.conn())
            .await?;
        if let Some(hold) = known.try_get::<Option<&str>, _>("hold")? {
            // Another tenant's hold shows no digest here.
            if known.try_get::<Option<&str>, _>("digest_mac")? != Some(&digest_mac) {
                return Err(Error::WrongNonce);
            }
            let hold = self.settled(&intake.tenant, hold).await?;
            return Ok(Taken { view: hold.view(row::flag(&known, "joined")?), may_be_granted: true });
        }
        if row::flag(&known, "is_killed")? {
            return Err(Error::KillSwitch);
        }
        if let Some(hold) = self.joinable(&intake, known.try_get("same")?).await? {
            let actor = Actor::gateway(&intake.gateway);
            let hold = row::apply(self, &hold, Event::Join, actor.clone(), None).await?;
            self.attach(&intake.nonce, &hold.id, true).await?;
            let mut details = row::details(&hold);
            details.insert("nonce", intake.nonce);
            let tenant = intake.tenant;
            self.record(Fact { tenant, kind: "joined", actor, hold: Some(hold.id.clone()), details });
            return Ok(Taken { view: hold.view(true), may_be_granted: true });
        }
        self.create(intake, digest_mac).await
    }

    /// The live hold of the same request by the same agent, if its terms are still those of the policy.
    async fn joinable(&mut self, intake: &Intake, same: Option<&str>) -> Result<Option<Hold>> {
        let Some(id) = same else { return Ok(None) };
        let hold = self.settled(&intake.tenant, id).await?;
        if !hold.state.is_live() {
            return Ok(None);
        }
        if hold.request.terms != intake.terms {
            let changed = Event::Cancel(Cause::PolicyChanged);
            row::apply(self, &hold, changed, Actor::gateway(&intake.gateway), None).await?;
            return Ok(None);
        }
        Ok(Some(hold))
    }

    async fn create(&mut self, intake: Intake, digest_mac: String) -> Result<Taken> {
        let now = self.now;
        let Some(room) = sqlx::query(ROOM)
            .bind(&intake.workflow)
            .bind(&intake.tenant)
            .bind(&intake.environment)
            .bind(intake.principal.as_deref().unwrap_or_default())
            .bind(now)
            .bind(Workflow::name_at(&intake.workflow, intake.risk))
            .fetch_optional(self.conn())
            .await?
        else {
            return Err(Error::UnknownWorkflow(intake.workflow));
        };
        let live = row::number(&room, "live")?;
        if live >= intake.max_live {
            return Err(Error::TooManyHolds(intake.max_live));
        }
        let near_miss = if live == 0 { None } else { self.near_miss(&intake).await? };
        let nonce = intake.nonce.clone();
        let mut hold = new(intake, digest_mac, near_miss, now);
        hold.request.workflow = room.try_get("name")?;
        hold.quorum = row::number(&room, "quorum")?;
        hold.reason_required = row::flag(&room, "require_reason")?;
        if let Some(deadline_ms) = room.try_get::<Option<i64>, _>("deadline_ms")? {
            hold.deadline_ms = now.saturating_add(deadline_ms);
        }
        row::insert(self.conn(), &hold).await?;
        self.attach(&nonce, &hold.id, false).await?;
        let mut details = row::details(&hold);
        let preview = &hold.request.preview;
        for (name, value) in [("method", &preview.method), ("authority", &preview.authority), ("path", &preview.path)] {
            details.insert(name, value.clone());
        }
        details.insert("nonce", nonce);
        let actor = Actor::gateway(&hold.request.gateway);
        let tenant = hold.request.tenant.clone();
        self.record(Fact { tenant, kind: "created", actor, hold: Some(hold.id.clone()), details });
        self.changed(&hold.id, hold.state);
        Ok(Taken { view: hold.view(false), may_be_granted: row::flag(&room, "grants")? })
    }

    async fn near_miss(&mut self, intake: &Intake) -> Result<Option<NearMiss>> {
        if intake.principal.is_none() {
            return Ok(None);
        }
        let now = self.now;
        let live = sqlx::query(LIVE)
            .bind(&intake.tenant)
            .bind(&intake.environment)
            .bind(intake.principal.as_deref().unwrap_or_default())
            .bind(now)
            .bind(NEIGHBOURS)
            .fetch_all(self.conn())
            .await?;
        for neighbour in &live {
            let fields = row::from_json(neighbour.try_get("fields")?)?;
            if let Some(differs) = only_difference(&fields, &intake.fields) {
                return Ok(Some(NearMiss { hold: neighbour.try_get("id")?, differs: differs.to_owned() }));
            }
        }
        Ok(None)
    }

    async fn attach(&mut self, nonce: &str, hold: &str, joined: bool) -> Result<()> {
        sqlx::query(ATTACH).bind(nonce).bind(hold).bind(i64::from(joined)).execute(self.conn()).await?;
        Ok(())
    }
}

/// The one part in which two requests differ, if it is one.
fn only_difference<'a>(old: &'a BTreeMap<String, String>, new: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let changed = old.iter().filter(|(name, value)| new.get(*name) != Some(value)).map(|(name, _)| name);
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let mut differing = changed.chain(added);
    let first = differing.next()?;
    if differing.next().is_some() { None } else { Some(first) }
}

fn new(intake: Intake, digest_mac: String, near_miss: Option<NearMiss>, now: i64) -> Hold {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    Hold {
        id: Uuid::now_v7().to_string(),
        request: Request {
            tenant: intake.tenant,
            environment: intake.environment,
            gateway: intake.gateway,
            principal: intake.principal,
            on_behalf_of: intake.on_behalf_of,
            rules: intake.rules,
            category: intake.category,
            risk: intake.risk,
            workflow: intake.workflow,
            why: intake.why,
            digest_mac,
            terms: intake.terms,
            fields: intake.fields,
            preview: intake.preview,
            near_miss,
            grant_target: intake.grant_target,
        },
        created_ms: now,
        deadline_ms: now.saturating_add(ms(intake.deadline_ms)),
        approval_ttl_ms: ms(intake.approval_ttl_ms),
        rejoin_ms: ms(intake.rejoin_ms),
        state: State::Pending,
        revision: 1,
        detached_ms: None,
        cause: None,
        decision: None,
        approved_until_ms: None,
        quorum: 1,
        seats: BTreeMap::new(),
        ticket_checked: false,
        grantable: None,
        granted: None,
        reason_required: false,
        votes: vec![],
        questions: vec![],
        revocation: None,
        collected: None,
    }
}

#[cfg(test)]
mod tests {
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::store::tests::Bench;

    /// SQLite plans by rules and not by what is there, so that the plan for an empty database is that for a full one.
    #[tokio::test]
    async fn no_create_looks_at_holds_of_others() {
        let bench = Bench::new().await;
        for (asked, by) in [
            (KNOWN, "holds_live (tenant=? AND environment=? AND <expr>=? AND digest_mac=?)"),
            (ROOM, "holds_of_agent (tenant=? AND environment=? AND <expr>=?)"),
            (LIVE, "holds_of_agent (tenant=? AND environment=? AND <expr>=?)"),
        ] {
            let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {asked}")));
            let steps = explain.fetch_all(bench.store.readers()).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.try_get("detail").unwrap()).collect();
            let on_holds: Vec<_> = steps.iter().filter(|step| step.contains(" holds ")).collect();
            assert!(on_holds.len() == 1 && on_holds[0].contains(by), "expected {by}, got {steps:#?}");
        }
    }
}
