//! Writing: one transaction after the other, over all replicas.
//!
//! Whoever writes holds the database first (SQLite), or the head of the audit log (PostgreSQL). What a transaction reads is
//! therefore still true when it writes, and records are numbered without gaps. Must not go here: what is written.

use std::sync::atomic::Ordering::SeqCst;

use privyseal_engine::hold::{Control, State};
use sqlx::{Any, AnyConnection, Row, Transaction};

use super::audit::Log;
use super::database::Backend;
use super::{Error, Result, Store, follow};

const HEAD: &str = "SELECT seq, hash FROM audit_head WHERE id = 1";
const LOCKED_HEAD: &str = "SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE";

/// A write transaction. Dropped without [`Tx::commit`], it leaves no trace.
pub(super) struct Tx {
    inner: Transaction<'static, Any>,
    /// One time for all that the transaction does.
    pub now: i64,
    store: Store,
    /// The records of what it does.
    pub log: Log,
    /// Holds that waiters must learn of, with their new states.
    pub changed: Vec<(String, State)>,
    pub control: Option<Control>,
}

impl Store {
    pub(super) async fn begin(&self) -> Result<Tx> {
        let (begin, head) = match self.0.address.backend {
            Backend::Postgres => ("BEGIN", LOCKED_HEAD),
            Backend::Sqlite => ("BEGIN IMMEDIATE", HEAD),
        };
        let mut inner = self.0.writer.begin_with(begin).await?;
        let head = sqlx::query(head).fetch_one(&mut *inner).await?;
        let log = Log::after(head.try_get("seq")?, head.try_get("hash")?);
        let now = self.0.time.ask(&mut inner).await?;
        Ok(Tx { inner, now, store: self.clone(), log, changed: vec![], control: None })
    }
}

impl Tx {
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes it durable, then wakes who waits. Runs to the end even if the caller goes away meanwhile.
    pub async fn commit(self) -> Result<()> {
        let commit = tokio::spawn(async move {
            let Tx { mut inner, log, store, changed, control, .. } = self;
            let numbers = log.write(&mut inner).await?;
            if !numbers.is_empty() && store.0.address.backend == Backend::Postgres {
                follow::notify(&mut inner, &store.0.replica).await?;
            }
            inner.commit().await?;
            // What we have written ourselves needs no following, if nobody else's is between.
            let (before, last) = (numbers.start.saturating_sub(1), numbers.end.saturating_sub(1));
            let _others_first = store.0.followed.compare_exchange(before, last, SeqCst, SeqCst);
            for (hold, state) in &changed {
                tracing::info!(hold, state = state.as_str(), "a hold changed");
                store.0.wake.wake(hold);
            }
            if let Some(control) = control {
                store.0.control.send_replace(control);
            }
            Ok(())
        });
        commit.await.map_err(|_| Error::Database(sqlx::Error::WorkerCrashed))?
    }
}
