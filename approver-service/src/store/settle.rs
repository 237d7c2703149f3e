//! What time has done: applied whenever a hold is touched, and by a sweep for those that nobody looks at.
//!
//! Must not go here: the deadlines themselves (`hold::transition::due`).

use std::time::Duration;

use privyseal_engine::hold::{VERSION, View};
use sqlx::Row;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::write::Tx;
use super::{Error, Result, Scope, Store, row};
use crate::audit::Actor;
use crate::hold::Hold;
use crate::hold::transition::{Event, due};

const IS_KNOWN: &str = "SELECT 1 FROM holds WHERE tenant = $1 AND id = $2";
/// What whoever waits is told, without what was asked: thousands look at once.
const GLANCE: &str = "
    SELECT state, revision, deadline_ms, due_ms, near_miss, CASE state
        WHEN 'info_requested' THEN (SELECT question FROM questions WHERE hold = holds.id ORDER BY number DESC LIMIT 1)
        WHEN 'revoked' THEN revoke_reason ELSE reason END AS reason
    FROM holds WHERE tenant = $1 AND id = $2";
const DUE: &str = "SELECT tenant, id FROM holds WHERE due_ms <= $1 ORDER BY due_ms LIMIT 200";

impl Tx {
    /// The hold as it stands now.
    pub(super) async fn settled(&mut self, tenant: &str, id: &str) -> Result<Hold> {
        let hold = row::find(self.conn(), tenant, id).await?;
        self.settle(hold).await
    }

    /// What time has done to `hold`, which this transaction has read, is written.
    pub(super) async fn settle(&mut self, hold: Hold) -> Result<Hold> {
        row::apply(self, &hold, Event::Tick, Actor::system(), None).await
    }
}

impl Scope {
    /// The hold as it stands now; what time has done to it is written first.
    pub async fn hold(&self, id: &str) -> Result<Hold> {
        let hold = row::find(&mut *self.readers().acquire().await?, self.tenant(), id).await?;
        if !is_due(due(hold.state, &hold.facts()), self.now()) {
            return Ok(hold);
        }
        let mut tx = self.begin().await?;
        let hold = tx.settled(self.tenant(), id).await?;
        tx.commit().await?;
        Ok(hold)
    }

    /// The hold once its revision exceeds `revision`, or as it stands at `until` or when the service stops.
    pub async fn wait(&self, id: &str, revision: u64, until: Instant, stop: &CancellationToken) -> Result<View> {
        // Whoever listens counts as a client of the hold.
        let known = sqlx::query(IS_KNOWN).bind(self.tenant()).bind(id).fetch_optional(self.readers()).await?;
        known.ok_or(Error::Unknown)?;
        let listener = self.0.wake.listen(id);
        loop {
            let heard = listener.heard();
            let (view, due_ms) = self.glance(id).await?;
            if view.revision > revision || Instant::now() >= until || stop.is_cancelled() {
                return Ok(view);
            }
            let left = due_ms.map_or(i64::MAX, |due| due.saturating_sub(self.now()));
            let alarm = until.min(Instant::now() + Duration::from_millis(left.max(1).unsigned_abs().min(MAX_SLEEP_MS)));
            tokio::select! {
                () = heard => {}
                () = tokio::time::sleep_until(alarm) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// The hold's view as it stands now, and when time alone changes it next.
    async fn glance(&self, id: &str) -> Result<(View, Option<i64>)> {
        let glance = sqlx::query(GLANCE).bind(self.tenant()).bind(id).fetch_optional(self.readers()).await?;
        let glance = glance.ok_or(Error::Unknown)?;
        let due_ms = glance.try_get("due_ms")?;
        if is_due(due_ms, self.now()) {
            let hold = self.hold(id).await?;
            return Ok((hold.view(false), due(hold.state, &hold.facts())));
        }
        let view = View {
            v: VERSION,
            id: id.to_owned(),
            state: row::from_word(glance.try_get("state")?)?,
            revision: glance.try_get::<i64, _>("revision")?.unsigned_abs(),
            deadline_ms: glance.try_get("deadline_ms")?,
            reason: glance.try_get("reason")?,
            joined: false,
            near_miss: row::json_or_none(&glance, "near_miss")?,
        };
        Ok((view, due_ms))
    }
}

fn is_due(due_ms: Option<i64>, now: i64) -> bool {
    due_ms.is_some_and(|due| due <= now)
}

impl Store {
    /// Applies what time has done to every hold; says to how many.
    pub async fn sweep(&self) -> Result<usize> {
        let mut swept = 0;
        loop {
            let due: Vec<(String, String)> = sqlx::query_as(DUE).bind(self.now()).fetch_all(self.readers()).await?;
            if due.is_empty() {
                return Ok(swept);
            }
            let mut tx = self.begin().await?;
            for (tenant, id) in &due {
                tx.settled(tenant, id).await?;
            }
            let changed = tx.changes();
            tx.commit().await?;
            // Nothing, if another sweep was faster, or the clock went back.
            if changed == 0 {
                return Ok(swept);
            }
            swept += changed;
        }
    }
}

/// No alarm is further away than this: instants have an end.
const MAX_SLEEP_MS: u64 = 24 * 3600 * 1000;
