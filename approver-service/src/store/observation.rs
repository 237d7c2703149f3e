//! What gateways in observe mode have counted, by the hour, kept for a month.
//!
//! Must not go here: what is observed (the gateway), how it is shown (`api`, `cli`).

use privyseal_engine::observation::{Batch, Seen};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use utoipa::ToSchema;

use super::{Result, Scope};

const HOUR_MS: i64 = 3_600_000;
const KEEP_MS: i64 = 30 * 24 * HOUR_MS;

const ADD: &str = "
    INSERT INTO observations (tenant, environment, gateway, hour_ms, kind, name, category, outcome, count)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant, environment, gateway, hour_ms, kind, name, category, outcome)
    DO UPDATE SET count = observations.count + excluded.count";
const FORGET: &str = "DELETE FROM observations WHERE hour_ms < $1";
const SUM: &str = "
    SELECT tenant, environment, kind, name, category, outcome, CAST(sum(count) AS BIGINT) AS count FROM observations
    WHERE tenant = $1 AND hour_ms >= $2
    GROUP BY tenant, environment, kind, name, category, outcome
    ORDER BY kind DESC, count DESC, name LIMIT $3";
/// By what is counted: a count may grow between two pages.
const PAGE: &str = "
    SELECT tenant, environment, kind, name, category, outcome, CAST(sum(count) AS BIGINT) AS count FROM observations
    WHERE tenant = $1 AND hour_ms >= $2 AND (environment, kind, name, category, outcome) > ($4, $5, $6, $7, $8)
    GROUP BY tenant, environment, kind, name, category, outcome
    ORDER BY environment, kind, name, category, outcome LIMIT $3";

/// One line of what would have happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Observation {
    pub tenant: String,
    pub environment: String,
    /// `rule`, `entity`, `uninspected` or `dropped`.
    pub kind: String,
    /// The rule, the entity type or the reason code.
    pub name: String,
    /// Of a rule; empty if it has none.
    pub category: String,
    /// Of a rule: its verdict or the reason code of the refusal; else empty.
    pub outcome: String,
    pub count: i64,
}

impl Scope {
    /// Adds a gateway's counts to those of this hour.
    pub async fn observe(&self, batch: &Batch) -> Result<()> {
        self.check_tenant(&batch.tenant)?;
        let mut tx = self.begin().await?;
        let hour = hour(tx.now);
        for count in &batch.counts {
            let (kind, name, category, outcome) = parts(&count.seen);
            sqlx::query(ADD)
                .bind(&batch.tenant)
                .bind(&batch.environment)
                .bind(&batch.gateway)
                .bind(hour)
                .bind(kind)
                .bind(name)
                .bind(category)
                .bind(outcome)
                .bind(i64::try_from(count.count).unwrap_or(i64::MAX))
                .execute(tx.conn())
                .await?;
        }
        sqlx::query(FORGET).bind(hour - KEEP_MS).execute(tx.conn()).await?;
        tx.commit().await
    }

    /// What was counted in the hours since then, the most frequent of each kind first.
    pub async fn observations(&self, since_ms: i64, limit: u32) -> Result<Vec<Observation>> {
        let sum = sqlx::query(SUM).bind(self.tenant()).bind(hour(since_ms)).bind(i64::from(limit));
        sum.fetch_all(self.readers()).await?.iter().map(read).collect()
    }

    /// The same by environment, kind, name, category and outcome: up to `limit` lines behind these.
    pub async fn observed(&self, since_ms: i64, after: &[String; 5], limit: u32) -> Result<Vec<Observation>> {
        let page = sqlx::query(PAGE).bind(self.tenant()).bind(hour(since_ms)).bind(i64::from(limit));
        let page = after.iter().fold(page, |page, name| page.bind(name));
        page.fetch_all(self.readers()).await?.iter().map(read).collect()
    }
}

/// The hour that a moment is in.
fn hour(ms: i64) -> i64 {
    ms - ms.rem_euclid(HOUR_MS)
}

fn read(row: &AnyRow) -> Result<Observation> {
    Ok(Observation {
        tenant: row.try_get("tenant")?,
        environment: row.try_get("environment")?,
        kind: row.try_get("kind")?,
        name: row.try_get("name")?,
        category: row.try_get("category")?,
        outcome: row.try_get("outcome")?,
        count: row.try_get("count")?,
    })
}

fn parts(seen: &Seen) -> (&'static str, &str, &str, &str) {
    match seen {
        Seen::Rule { rule, category, outcome } => ("rule", rule, category.as_deref().unwrap_or_default(), outcome),
        Seen::Entity { entity } => ("entity", entity, "", ""),
        Seen::Uninspected { code } => ("uninspected", code, "", ""),
        Seen::Dropped => ("dropped", "", "", ""),
    }
}
