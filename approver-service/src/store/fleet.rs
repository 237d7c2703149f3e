//! Which gateways ask, and what they said of themselves; written down when that changes and every so often.
//!
//! Must not go here: whether they should differ (`fleet`).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sqlx::Row;

use super::{Result, Scope};
use crate::fleet::{Gateway, SILENT_MS};

/// A gateway that says the same is written down again after so long: well before it counts as silent.
const NOTE_MS: i64 = SILENT_MS / 4;
/// After so long a gateway is taken for removed.
const FORGET_MS: i64 = 24 * 3_600_000;
/// Gateways of a tenant that are compared with each other.
const MOST: u32 = 10_000;

const NOTE: &str = "
    INSERT INTO gateways (tenant, environment, gateway, version, policy, mode, seen_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant, environment, gateway)
    DO UPDATE SET version = excluded.version, policy = excluded.policy, mode = excluded.mode, seen_ms = excluded.seen_ms";
const FORGET: &str = "DELETE FROM gateways WHERE seen_ms < $1";
const LIST: &str = "
    SELECT environment, gateway, version, policy, mode, seen_ms FROM gateways WHERE tenant = $1 AND seen_ms >= $2
        AND (environment, gateway) > ($3, $4)
    ORDER BY environment, gateway LIMIT $5";

/// What this replica has written down, by tenant, environment and gateway.
#[derive(Default)]
pub(super) struct Noted(Mutex<HashMap<[String; 3], Gateway>>);

impl Scope {
    /// Notes that a gateway asks. One that asks as before costs nothing.
    pub async fn note_gateway(&self, mut gateway: Gateway) -> Result<()> {
        gateway.seen_ms = self.now();
        let key = [self.tenant().to_owned(), gateway.environment.clone(), gateway.gateway.clone()];
        {
            let mut noted = self.0.noted.0.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = |known: &Gateway| known.seen_ms.saturating_add(NOTE_MS) <= gateway.seen_ms;
            let is_same = |known: &Gateway| Gateway { seen_ms: gateway.seen_ms, ..known.clone() } == gateway;
            if noted.get(&key).is_some_and(|known| is_same(known) && !is_due(known)) {
                return Ok(());
            }
            noted.retain(|_, known| known.seen_ms.saturating_add(FORGET_MS) > gateway.seen_ms);
            noted.insert(key, gateway.clone());
        }
        let mut tx = self.begin().await?;
        sqlx::query(NOTE)
            .bind(self.tenant())
            .bind(&gateway.environment)
            .bind(&gateway.gateway)
            .bind(&gateway.version)
            .bind(&gateway.policy)
            .bind(&gateway.mode)
            .bind(gateway.seen_ms)
            .execute(tx.conn())
            .await?;
        sqlx::query(FORGET).bind(gateway.seen_ms - FORGET_MS).execute(tx.conn()).await?;
        tx.commit().await
    }

    /// The gateways that have asked within a day.
    pub async fn fleet(&self) -> Result<Vec<Gateway>> {
        self.gateways(&[const { String::new() }; 2], MOST).await
    }

    /// Up to `limit` of them behind this environment and name.
    pub async fn gateways(&self, [environment, gateway]: &[String; 2], limit: u32) -> Result<Vec<Gateway>> {
        let list = sqlx::query(LIST).bind(self.tenant()).bind(self.now() - FORGET_MS).bind(environment).bind(gateway);
        let rows = list.bind(i64::from(limit)).fetch_all(self.readers()).await?;
        rows.iter()
            .map(|row| {
                Ok(Gateway {
                    environment: row.try_get("environment")?,
                    gateway: row.try_get("gateway")?,
                    version: row.try_get("version")?,
                    policy: row.try_get("policy")?,
                    mode: row.try_get("mode")?,
                    seen_ms: row.try_get("seen_ms")?,
                })
            })
            .collect()
    }
}
