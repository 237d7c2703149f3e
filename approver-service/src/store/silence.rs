//! Gateways that went away without a word: a hold that nobody polls has no client, whatever was said before.
//!
//! Must not go here: the polls themselves (`settle`).

use std::time::Duration;

use sqlx::Row;

use super::{Result, Store, row};
use crate::audit::Actor;
use crate::hold::transition::Event;

/// Live holds that a gateway has not detached from, with whether they count as waited for.
const ATTACHED: &str = "
    SELECT id, detached_ms IS NULL FROM holds
    WHERE state IN ('pending', 'info_requested', 'approved') AND created_ms <= $1
        AND EXISTS (SELECT 1 FROM streams WHERE hold = holds.id AND detached_ms IS NULL)";

impl Store {
    /// Detaches what nobody has polled for `silence`, attaches it again when somebody does; says how many changed.
    pub async fn note_silence(&self, silence: Duration) -> Result<usize> {
        // After a start, gateways get as long to come back.
        if self.0.opened.elapsed() < silence {
            return Ok(0);
        }
        let heard = self.0.wake.heard_within(silence);
        let asked_before = self.now().saturating_sub(i64::try_from(silence.as_millis()).unwrap_or(i64::MAX));
        let attached = sqlx::query(ATTACHED).bind(asked_before).fetch_all(self.readers()).await?;
        let mut changed = vec![];
        for row in &attached {
            let (id, waited): (String, bool) = (row.try_get(0)?, row::flag(row, 1)?);
            if waited != heard.contains(&id) {
                changed.push((id, waited));
            }
        }
        if changed.is_empty() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        for (id, waited) in &changed {
            let hold = tx.settled(id).await?;
            let event = if *waited { Event::Leave { last: true, collector: false } } else { Event::Join };
            if hold.state.is_live() {
                row::apply(&mut tx, &hold, event, Actor::system(), None).await?;
            }
        }
        tx.commit().await?;
        Ok(changed.len())
    }
}
