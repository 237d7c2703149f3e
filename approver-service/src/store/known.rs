//! What the database knows before a hold is made: of this stream, of this request and its agent, of the kill switch and of
//! the workflow. One statement asks it for many requests.
//!
//! Must not go here: what follows from it (`intake`, `creates`).

use std::collections::BTreeMap;

use privyseal_engine::policy::Workflow;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::intake::Wanted;
use super::write::Tx;
use super::{Result, row, rows};

const COLUMNS: usize = 9;

/// Near misses are looked for among this many of the newest live holds of the agent: as many as a policy allows that says
/// nothing of `max_live`.
macro_rules! neighbours {
    () => {
        20
    };
}
pub(super) const NEIGHBOURS: usize = neighbours!();

const ASKED: &str = "
    WITH asked (number, now, nonce, tenant, environment, principal, digest_mac, workflow, at_risk) AS (VALUES";
/// No principal has an empty name: it stands for none, so that one index serves both. Of workflows, that of the risk comes
/// first. Each hold is looked for by itself, in an index: what others have live makes nothing slower.
const KNOWN: &str = concat!(
    ")
    SELECT number, EXISTS (SELECT 1 FROM streams WHERE nonce = asked.nonce) AS is_asked,
        EXISTS (SELECT 1 FROM control WHERE tenant = asked.tenant AND kill = 'deny')
            OR EXISTS (SELECT 1 FROM kills WHERE tenant = asked.tenant AND principal = asked.principal AND kill = 'deny') AS is_killed,
        (SELECT id FROM holds WHERE tenant = asked.tenant AND environment = asked.environment AND principal IS NOT NULL
            AND coalesce(principal, '') = asked.principal AND digest_mac = asked.digest_mac
            AND state IN ('pending', 'info_requested', 'approved') ORDER BY id DESC LIMIT 1) AS same,
        (SELECT count(*) FROM holds WHERE tenant = asked.tenant AND environment = asked.environment
            AND coalesce(principal, '') = asked.principal
            AND state IN ('pending', 'info_requested', 'approved') AND due_ms > asked.now) AS live,
        (SELECT string_agg(id || ' ' || fields, '\n') FROM (SELECT id, fields FROM holds
            WHERE tenant = asked.tenant AND environment = asked.environment AND principal IS NOT NULL
                AND coalesce(principal, '') = asked.principal
                AND state IN ('pending', 'info_requested', 'approved') AND due_ms > asked.now
            ORDER BY id DESC LIMIT ",
    neighbours!(),
    ") newest) AS neighbours,
        w.name, w.quorum, w.require_reason, w.deadline_ms, w.grant_max_uses IS NOT NULL AS grants
    FROM asked LEFT JOIN workflows w ON w.tenant = asked.tenant AND w.name = coalesce(
        (SELECT name FROM workflows WHERE tenant = asked.tenant AND name = asked.at_risk), asked.workflow)"
);

/// Of one request.
pub(super) struct Known {
    /// Its stream has asked before.
    pub is_asked: bool,
    pub is_killed: bool,
    /// The newest live hold of the same request by the same agent.
    pub same: Option<String>,
    /// How many live holds the agent has.
    pub live: u32,
    /// The newest of them, with their fields, newest first; of no agent none.
    pub neighbours: Vec<(String, BTreeMap<String, String>)>,
    /// None if there is none of that name.
    pub workflow: Option<InForce>,
}

/// A workflow as it stands now.
pub(super) struct InForce {
    pub name: String,
    pub quorum: u32,
    pub reason_required: bool,
    pub deadline_ms: Option<i64>,
    /// An approval may grant more.
    pub grants: bool,
}

impl Tx {
    /// What is known of each of `wanted`.
    pub(super) async fn known(&mut self, wanted: &[&Wanted]) -> Result<Vec<Known>> {
        let mut all = Vec::with_capacity(wanted.len());
        let now = self.now;
        for piece in rows::pieces(wanted) {
            let mut asked = sqlx::query(AssertSqlSafe(statement(piece.len())));
            for (wanted, number) in piece.iter().zip(0_i64..) {
                let intake = &wanted.intake;
                asked = asked
                    .bind(number)
                    .bind(now)
                    .bind(&intake.nonce)
                    .bind(&intake.tenant)
                    .bind(&intake.environment)
                    .bind(intake.principal.as_deref().unwrap_or_default())
                    .bind(&wanted.digest_mac)
                    .bind(&intake.workflow)
                    .bind(Workflow::name_at(&intake.workflow, intake.risk));
            }
            let mut found = asked.fetch_all(self.conn()).await?;
            found.sort_by_cached_key(|row| row.try_get::<i64, _>("number").unwrap_or_default());
            for row in &found {
                all.push(read(row)?);
            }
        }
        Ok(all)
    }
}

/// For so many requests.
fn statement(requests: usize) -> String {
    format!("{ASKED} {} {KNOWN}", rows::places(requests, COLUMNS))
}

fn read(row: &AnyRow) -> Result<Known> {
    let neighbours = row.try_get::<Option<&str>, _>("neighbours")?.unwrap_or_default();
    // JSON text has no line feeds.
    let neighbours = neighbours.lines().filter_map(|line| line.split_once(' '));
    let neighbours = neighbours.map(|(id, fields)| Ok((id.to_owned(), row::from_json(fields)?)));
    Ok(Known {
        is_asked: row::flag(row, "is_asked")?,
        is_killed: row::flag(row, "is_killed")?,
        same: row.try_get("same")?,
        live: row::number(row, "live")?,
        neighbours: neighbours.collect::<Result<_>>()?,
        workflow: match row.try_get("name")? {
            Some(name) => Some(InForce {
                name,
                quorum: row::number(row, "quorum")?,
                reason_required: row::flag(row, "require_reason")?,
                deadline_ms: row.try_get("deadline_ms")?,
                grants: row::flag(row, "grants")?,
            }),
            None => None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Bench;

    /// SQLite plans by rules and not by what is there, so that the plan for an empty database is that for a full one.
    #[tokio::test]
    async fn no_create_looks_at_holds_of_others() {
        let bench = Bench::new().await;
        for requests in [1, 64] {
            let explain = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement(requests))));
            let steps = explain.fetch_all(bench.store.readers()).await.unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.try_get("detail").unwrap()).collect();
            let mut on_holds: Vec<_> = steps.iter().filter(|step| step.contains(" holds ")).collect();
            on_holds.sort();
            let of_agent = "SEARCH holds USING INDEX holds_of_agent (tenant=? AND environment=? AND <expr>=?)";
            let same = "SEARCH holds USING INDEX holds_live (tenant=? AND environment=? AND <expr>=? AND digest_mac=?)";
            let expected = [same, of_agent, of_agent];
            assert_eq!(on_holds, expected, "{steps:#?}");
            let on_streams: Vec<_> = steps.iter().filter(|step| step.contains(" streams ")).collect();
            assert_eq!(on_streams, ["SEARCH streams USING PRIMARY KEY (nonce=?)"]);
        }
    }
}
