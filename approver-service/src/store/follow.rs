//! Following what other replicas write: whoever waits here for a hold that changed there is woken.
//!
//! The audit log is followed by its numbers, with one query at a time for all who wait. PostgreSQL's notifications make it
//! fast; without any it is right all the same, [`EVERY`] later at most. Must not go here: what those who are woken do.

use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Inner, Result, Store, control};

/// How often to look without having been told.
pub(super) const EVERY: Duration = Duration::from_millis(500);
/// How long to wait before listening again.
const RETRY: Duration = Duration::from_secs(1);
const CHANNEL: &str = "privyseal";

const HEAD: &str = "SELECT seq FROM audit_head";
const HOLDS: &str = "SELECT seq, hold FROM audit WHERE seq > $1 ORDER BY seq LIMIT 1000";

impl Store {
    /// Follows the other replicas until the service stops.
    pub async fn follow(&self, stop: CancellationToken) {
        let told = Notify::new();
        tokio::select! {
            () = self.look(EVERY, &told) => {}
            () = self.listen(&told) => {}
            () = stop.cancelled() => {}
        }
    }

    /// The number of the newest audit record, as this replica learns of it: who waits for one asks the database nothing.
    pub fn newest_record(&self) -> watch::Receiver<i64> {
        self.0.newest.subscribe()
    }

    /// Catches up every so often, and whenever it is told of something new. Returns never.
    pub(super) async fn look(&self, every: Duration, told: &Notify) {
        loop {
            if let Err(error) = self.catch_up().await {
                tracing::error!(?error, "other replicas cannot be followed");
            }
            let _either = tokio::time::timeout(every, told.notified()).await;
        }
    }

    /// Wakes those who wait for what was written since the last time.
    async fn catch_up(&self) -> Result<()> {
        let mut conn = self.readers().acquire().await?;
        self.0.time.ask(&mut conn).await?;
        // Before the switches: one that is turned meanwhile is another record, and looked at again.
        let head: i64 = sqlx::query_scalar(HEAD).fetch_one(&mut *conn).await?;
        self.0.newest(head);
        let switches = control::switches(&mut conn).await?;
        self.0.control.send_if_modified(|known| control::learn(known, switches, *self.0.newest.borrow() > head));
        let mut known = self.0.followed.load(Ordering::SeqCst);
        while known < head {
            let records = sqlx::query(HOLDS).bind(known).fetch_all(&mut *conn).await?;
            let Some(last) = records.last() else { break };
            let seq: i64 = last.try_get("seq")?;
            for record in &records {
                if let Some(hold) = record.try_get::<Option<&str>, _>("hold")? {
                    self.0.wake.wake(hold);
                }
            }
            known = self.0.followed.fetch_max(seq, Ordering::SeqCst).max(seq);
        }
        Ok(())
    }

    /// Tells `told` of every notification of another replica. Returns never, not even where the database has none.
    pub(super) async fn listen(&self, told: &Notify) {
        let Some(options) = self.0.address.postgres() else { return std::future::pending().await };
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        loop {
            if let Err(error) = self.listen_once(&pool, told).await {
                tracing::warn!(?error, "no notifications from the database: looking twice a second");
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn listen_once(&self, pool: &sqlx::PgPool, told: &Notify) -> Result<()> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            // What was sent before we listened is lost.
            told.notify_one();
            while let Some(said) = listener.try_recv().await? {
                if said.payload() != self.0.replica {
                    told.notify_one();
                }
            }
        }
    }
}

impl Inner {
    /// The record `seq` is there to be read.
    pub(super) fn newest(&self, seq: i64) {
        self.newest.send_if_modified(|known| {
            let is_new = *known < seq;
            *known = seq.max(*known);
            is_new
        });
    }
}

/// The statement that tells the other replicas when the transaction commits. A replica's name is one that it gave itself.
pub(super) fn notify(replica: &str) -> String {
    format!("NOTIFY {CHANNEL}, '{replica}'; ")
}
