//! The kill switch: persisted, and told to every gateway at once.
//!
//! Must not go here: who may turn it (`api::people`).

use std::collections::BTreeMap;

use privyseal_engine::hold::{Control, Kill, VERSION};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Result, Scope, Store, grants, row};
use crate::audit::{Actor, Fact};
use crate::hold::transition::{Cause, Event};

const READ: &str = "SELECT tenant, epoch, kill FROM control";
/// Where nobody has turned it, its epoch is 1.
const SET: &str = "
    INSERT INTO control (tenant, epoch, kill) VALUES ($1, 2, $2)
    ON CONFLICT (tenant) DO UPDATE SET epoch = control.epoch + 1, kill = excluded.kill
    RETURNING epoch";
const LIVE: &str = "SELECT id FROM holds WHERE tenant = $1 AND state IN ('pending', 'info_requested', 'approved')";

/// The switch of each tenant that has turned it.
pub(super) type Switches = BTreeMap<String, Control>;

impl Scope {
    /// The switch once its epoch differs from `epoch`, or as it stands at `until` or when the service stops.
    pub async fn wait_control(&self, epoch: u64, until: Instant, stop: &CancellationToken) -> Control {
        let mut control = self.0.control.subscribe();
        tokio::select! {
            _ = control.wait_for(|switches| self.switch(switches).epoch != epoch) => {}
            () = tokio::time::sleep_until(until) => {}
            () = stop.cancelled() => {}
        }
        self.control()
    }

    /// The switch as it stands.
    pub fn control(&self) -> Control {
        self.switch(&self.0.control.borrow())
    }

    fn switch(&self, switches: &Switches) -> Control {
        switches.get(self.tenant()).cloned().unwrap_or(Control { v: VERSION, epoch: 1, kill: Kill::Off })
    }

    /// Turns the switch. `deny` also cancels every live hold: what was approved before runs no more.
    pub async fn set_kill(&self, kill: Kill, actor: Actor) -> Result<Control> {
        let mut tx = self.begin().await?;
        let set = sqlx::query_scalar(SET).bind(self.tenant()).bind(row::word(&kill)?);
        let epoch: i64 = set.fetch_one(tx.conn()).await?;
        let control = Control { v: VERSION, epoch: epoch.unsigned_abs(), kill };
        let details = [("kill", row::word(&kill)?), ("epoch", control.epoch.to_string())].into();
        tx.record(Fact { tenant: self.tenant.to_string(), kind: "kill", actor: actor.clone(), hold: None, details });
        if kill == Kill::Deny {
            grants::end(&mut tx, self.tenant(), None, &actor).await?;
            for live in sqlx::query(LIVE).bind(self.tenant()).fetch_all(tx.conn()).await? {
                let hold = tx.settled(self.tenant(), live.try_get("id")?).await?;
                if hold.state.is_live() {
                    row::apply(&mut tx, &hold, Event::Cancel(Cause::KillSwitch), actor.clone(), None).await?;
                }
            }
        }
        tx.switched(self.tenant(), control.clone());
        tx.commit().await?;
        Ok(control)
    }
}

impl Store {
    pub(super) async fn read_switches(&self) -> Result<Switches> {
        switches(&mut *self.readers().acquire().await?).await
    }
}

pub(super) async fn switches(conn: &mut AnyConnection) -> Result<Switches> {
    let rows = sqlx::query(READ).fetch_all(conn).await?;
    let switch = |row: &AnyRow| {
        let epoch: i64 = row.try_get("epoch")?;
        let kill = row::from_word(row.try_get("kill")?)?;
        Ok((row.try_get("tenant")?, Control { v: VERSION, epoch: epoch.unsigned_abs(), kill }))
    };
    rows.iter().map(switch).collect()
}
