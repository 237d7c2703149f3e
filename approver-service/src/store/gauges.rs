//! How much waits, for metrics.
//!
//! Must not go here: counters, which live in the process (`telemetry::metrics`).

use privyseal_engine::hold::State;
use sqlx::Row;

use super::{Result, Scope};
use crate::fleet::{self, AlarmKind};

const LIVE: &str = "
    SELECT state, count(*) AS many, min(created_ms) AS oldest_ms FROM holds
    WHERE tenant = $1 AND state IN ('pending', 'info_requested', 'approved') GROUP BY state";

/// The live holds at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How many there are in each state, also where there are none.
    pub live: Vec<(State, i64)>,
    /// How long the oldest has waited that nobody decided.
    pub oldest_pending_ms: i64,
    /// How many gateways ask, and how many no longer do.
    pub gateways: (i64, i64),
    /// In how many environments each alarm of the fleet rings.
    pub alarms: Vec<(AlarmKind, i64)>,
}

impl Scope {
    pub async fn gauges(&self) -> Result<Standing> {
        self.sweep().await?;
        let rows = sqlx::query(LIVE).bind(self.tenant()).fetch_all(self.readers()).await?;
        let mut standing = Standing { live: vec![], oldest_pending_ms: 0, gateways: (0, 0), alarms: vec![] };
        for state in [State::Pending, State::InfoRequested, State::Approved] {
            let row = rows.iter().find(|row| row.try_get::<&str, _>("state").is_ok_and(|name| name == state.as_str()));
            standing.live.push((state, row.map_or(Ok(0), |row| row.try_get("many"))?));
            if let Some(row) = row.filter(|_| state.is_open()) {
                let waits_ms = self.now().saturating_sub(row.try_get("oldest_ms")?);
                standing.oldest_pending_ms = standing.oldest_pending_ms.max(waits_ms);
            }
        }
        let (gateways, now) = (self.fleet().await?, self.now());
        let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
        let silent = gateways.iter().filter(|gateway| gateway.is_silent(now)).count();
        standing.gateways = (count(gateways.len() - silent), count(silent));
        let alarms = fleet::alarms(&gateways, now);
        let rings = |kind| count(alarms.iter().filter(|alarm| alarm.kind == kind).count());
        standing.alarms = AlarmKind::ALL.map(|kind| (kind, rings(kind))).into();
        Ok(standing)
    }
}
