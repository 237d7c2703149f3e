//! The kill switch: persisted, and told to every gateway at once.
//!
//! Must not go here: who may turn it (`api::people`).

use privyseal_engine::hold::{Control, Kill, VERSION};
use sqlx::Row;
use sqlx::any::AnyRow;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::write::Tx;
use super::{Result, Store, row};
use crate::audit::{Actor, Fact};
use crate::hold::transition::{Cause, Event};

const READ: &str = "SELECT epoch, kill FROM control WHERE id = 1";
const SET: &str = "UPDATE control SET epoch = epoch + 1, kill = $1 WHERE id = 1";
const LIVE: &str = "SELECT id FROM holds WHERE state IN ('pending', 'info_requested', 'approved')";

impl Store {
    /// The switch once its epoch differs from `epoch`, or as it stands at `until` or when the service stops.
    pub async fn wait_control(&self, epoch: u64, until: Instant, stop: &CancellationToken) -> Control {
        let mut control = self.0.control.subscribe();
        tokio::select! {
            _ = control.wait_for(|control| control.epoch != epoch) => {}
            () = tokio::time::sleep_until(until) => {}
            () = stop.cancelled() => {}
        }
        self.control()
    }

    /// The switch as it stands.
    pub fn control(&self) -> Control {
        self.0.control.borrow().clone()
    }

    /// Turns the switch. `deny` also cancels every live hold: what was approved before runs no more.
    pub async fn set_kill(&self, kill: Kill, actor: Actor) -> Result<Control> {
        let mut tx = self.begin().await?;
        sqlx::query(SET).bind(row::word(&kill)?).execute(tx.conn()).await?;
        let control = tx.control().await?;
        let details = [("kill", row::word(&kill)?), ("epoch", control.epoch.to_string())].into();
        tx.record(Fact { kind: "kill", actor: actor.clone(), hold: None, details });
        if kill == Kill::Deny {
            for live in sqlx::query(LIVE).fetch_all(tx.conn()).await? {
                let hold = tx.settled(live.try_get("id")?).await?;
                if hold.state.is_live() {
                    row::apply(&mut tx, &hold, Event::Cancel(Cause::KillSwitch), actor.clone(), None).await?;
                }
            }
        }
        tx.switched(control.clone());
        tx.commit().await?;
        Ok(control)
    }

    pub(super) async fn read_control(&self) -> Result<Control> {
        read(&sqlx::query(READ).fetch_one(self.readers()).await?)
    }
}

impl Tx {
    pub(super) async fn control(&mut self) -> Result<Control> {
        read(&sqlx::query(READ).fetch_one(self.conn()).await?)
    }
}

/// Of a row of `control`.
pub(super) fn read(row: &AnyRow) -> Result<Control> {
    let epoch: i64 = row.try_get("epoch")?;
    Ok(Control { v: VERSION, epoch: epoch.unsigned_abs(), kill: row::from_word(row.try_get("kill")?)? })
}
