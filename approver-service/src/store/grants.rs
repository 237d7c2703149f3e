//! Grants: made with an approval, used by later holds for the same, taken back.
//!
//! A use is counted by the statement that allows it, which asks for all that must hold: the same target, time and uses left,
//! a workflow that still knows grants, a kill switch that is off, and that nobody who granted is behind the request. Must
//! not go here: what "the same" is (the gateway's target).

use privyseal_engine::hold::Preview;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::write::Tx;
use super::{Error, Result, Scope, row};
use crate::audit::{Actor, Fact};
use crate::grant::{Grant, Terms};
use crate::hold::Hold;
use crate::hold::transition::Event;
use crate::store::decide::Decider;

const MAKE: &str = "
    INSERT INTO grants (id, tenant, target, created_ms, expires_ms, max_uses)
    SELECT id, tenant, grant_target, $2, $3, $4 FROM holds WHERE id = $1 AND grant_target IS NOT NULL";

/// Of two grants for the same, the one that ends first.
const USE: &str = "
    UPDATE grants SET used = used + 1
    WHERE used < max_uses AND revoked_ms IS NULL AND id = (
        SELECT g.id FROM holds
        JOIN grants g ON g.tenant = holds.tenant AND g.target = holds.grant_target
        JOIN holds first ON first.id = g.id AND first.workflow = holds.workflow
        JOIN workflows w ON w.tenant = holds.tenant AND w.name = holds.workflow
        WHERE holds.id = $1 AND holds.state = 'pending' AND g.id <> holds.id
            AND g.revoked_ms IS NULL AND g.used < g.max_uses AND g.expires_ms > $2
            AND g.used < w.grant_max_uses AND g.created_ms + w.grant_max_ms > $2
            AND NOT EXISTS (SELECT 1 FROM control c WHERE c.tenant = g.tenant AND c.kill <> 'off')
            AND NOT EXISTS (SELECT 1 FROM kills k WHERE k.tenant = g.tenant AND k.principal IN (holds.principal, first.principal))
            AND NOT EXISTS (SELECT 1 FROM votes v
                LEFT JOIN people p ON p.tenant = g.tenant AND p.name = v.person
                WHERE v.hold = g.id AND (p.name IS NULL OR EXISTS (
                    SELECT 1 FROM person_identities i JOIN hold_parties o ON o.identity = i.identity
                    WHERE i.tenant = g.tenant AND i.person = v.person AND o.hold = holds.id)))
        ORDER BY g.expires_ms, g.id LIMIT 1)
    RETURNING id";
const NOTE: &str = "INSERT INTO grant_uses (hold, grant_id, at_ms) VALUES ($1, $2, $3)";

const LIST: &str = "
    SELECT g.*, h.environment, h.principal, h.on_behalf_of, h.workflow, h.preview, h.votes
    FROM grants g JOIN standing_holds h ON h.id = g.id WHERE g.tenant = $1
        AND ($2 IS NULL OR (g.created_ms, g.id) < (SELECT created_ms, id FROM grants WHERE tenant = $1 AND id = $2))
    ORDER BY g.created_ms DESC, g.id DESC LIMIT $3";
const REVOKE: &str = "
    UPDATE grants SET revoked_ms = $3, revoked_by = $4, revoke_reason = $5
    WHERE id = $1 AND tenant = $2 AND revoked_ms IS NULL
        AND EXISTS (SELECT 1 FROM sessions s JOIN people ON people.tenant = s.tenant AND people.name = s.person
            WHERE s.hash = $6 AND s.tenant = grants.tenant AND s.decide_until_ms > $3)";
const END: &str = "
    UPDATE grants SET revoked_ms = $3, revoked_by = $4
    WHERE tenant = $1 AND ($2 IS NULL OR id = $2) AND revoked_ms IS NULL AND expires_ms > $3
        AND ($5 IS NULL OR EXISTS (SELECT 1 FROM holds WHERE holds.id = grants.id AND holds.principal = $5))
    RETURNING id";
const IS_OVER: &str = "SELECT revoked_ms IS NOT NULL FROM grants WHERE id = $1 AND tenant = $2";

/// Makes the grant that comes with the approval of `hold`.
pub(super) async fn make(tx: &mut Tx, hold: &Hold, terms: Terms, by: &str) -> Result<()> {
    let now = tx.now;
    let expires_ms = now.saturating_add(terms.duration_ms);
    let make = sqlx::query(MAKE).bind(&hold.id).bind(now).bind(expires_ms).bind(i64::from(terms.uses));
    if make.execute(tx.conn()).await?.rows_affected() == 1 {
        let mut details = row::details(hold);
        details.insert("expires_ms", expires_ms.to_string());
        details.insert("uses", terms.uses.to_string());
        let (tenant, hold) = (hold.request.tenant.clone(), Some(hold.id.clone()));
        tx.record(Fact { tenant, kind: "grant_made", actor: Actor::person(by), hold, details });
    }
    Ok(())
}

/// Approves the hold by a grant, if there is one for it.
pub(super) async fn collect(tx: &mut Tx, tenant: &str, id: &str) -> Result<Option<Hold>> {
    let now = tx.now;
    let used: Option<String> = sqlx::query_scalar(USE).bind(id).bind(now).fetch_optional(tx.conn()).await?;
    let Some(grant) = used else { return Ok(None) };
    sqlx::query(NOTE).bind(id).bind(grant).bind(now).execute(tx.conn()).await?;
    // As granted: whose it is stands in the row now.
    let hold = row::find(tx.conn(), tenant, id).await?;
    let by = hold.approvers().join(" and ");
    Ok(Some(row::apply(tx, &hold, Event::Grant { by }, Actor::system(), None).await?))
}

/// Ends the grant that came with `hold`, those of `principal`, or all of the tenant.
pub(super) async fn end(
    tx: &mut Tx,
    tenant: &str,
    hold: Option<&str>,
    principal: Option<&str>,
    actor: &Actor,
) -> Result<()> {
    let now = tx.now;
    let end = sqlx::query_scalar(END).bind(tenant).bind(hold).bind(now).bind(&actor.name).bind(principal);
    let ended: Vec<String> = end.fetch_all(tx.conn()).await?;
    for id in ended {
        let (tenant, actor) = (tenant.to_owned(), actor.clone());
        tx.record(Fact { tenant, kind: "grant_revoked", actor, hold: Some(id), details: Default::default() });
    }
    Ok(())
}

impl Scope {
    /// Up to `limit` grants older than `before`, newest first.
    pub async fn grants(&self, before: Option<&str>, limit: u32) -> Result<Vec<Grant>> {
        let list = sqlx::query(LIST).bind(self.tenant()).bind(before).bind(i64::from(limit));
        list.fetch_all(self.readers()).await?.iter().map(grant).collect()
    }

    /// Takes a grant back: from now on nothing is approved by it.
    pub async fn revoke_grant(&self, id: &str, reason: String, by: Decider<'_>) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let revoke = sqlx::query(REVOKE).bind(id).bind(self.tenant()).bind(now).bind(by.person).bind(&reason);
        if revoke.bind(by.session).execute(tx.conn()).await?.rows_affected() == 1 {
            let (tenant, actor) = (self.tenant().to_owned(), Actor::person(by.person));
            let details = [("reason", reason)].into();
            tx.record(Fact { tenant, kind: "grant_revoked", actor, hold: Some(id.to_owned()), details });
            return tx.commit().await;
        }
        let is_over = sqlx::query(IS_OVER).bind(id).bind(self.tenant()).fetch_optional(tx.conn()).await?;
        match is_over {
            None => Err(Error::Unknown),
            // Whoever took it back may not be durable yet.
            Some(row) if row::flag(&row, 0)? => tx.commit().await,
            Some(_) => Err(Error::LoginRequired),
        }
    }
}

fn grant(row: &AnyRow) -> Result<Grant> {
    let preview: Preview = row::from_json(row.try_get("preview")?)?;
    Ok(Grant {
        id: row.try_get("id")?,
        environment: row.try_get("environment")?,
        principal: row.try_get("principal")?,
        on_behalf_of: row.try_get("on_behalf_of")?,
        workflow: row.try_get("workflow")?,
        method: preview.method,
        authority: preview.authority,
        path: preview.path,
        by: row::votes(row)?.into_iter().map(|vote| vote.by).collect(),
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        max_uses: row::number(row, "max_uses")?,
        used: row::number(row, "used")?,
        revoked_ms: row.try_get("revoked_ms")?,
        revoked_by: row.try_get("revoked_by")?,
        revoke_reason: row.try_get("revoke_reason")?,
    })
}
