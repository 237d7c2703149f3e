//! The database: the only place where the state of holds, people, sessions, tokens and the audit log lives.
//!
//! Reads go through a pool; writes through one connection, in `BEGIN IMMEDIATE` transactions, durable when they return
//! (WAL, synchronous FULL). Whoever waits is woken after the commit. Must not go here: HTTP, the rules of change
//! (`hold::transition`).

pub mod access;
pub mod audit;
pub mod control;
pub mod decide;
pub mod intake;
pub mod list;
pub mod login;
pub mod own_hold;
pub mod release;
pub mod reviewers;
mod row;
pub mod settle;
pub mod silence;

use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use privyseal_engine::hold::{Control, State};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, Sqlite, SqliteConnection, Transaction};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::hold::transition::Refusal;
use crate::secret::Key;
use crate::wake::Wake;

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "holds", include_str!("../migrations/sqlite/0001_holds.sql")),
    (2, "workflows", include_str!("../migrations/sqlite/0002_workflows.sql")),
    (3, "questions", include_str!("../migrations/sqlite/0003_questions.sql")),
];

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// Readers beside the one writer.
const READERS: u32 = 4;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("you have approved this request already")]
    AlreadyVoted,
    #[error("the database holds something that cannot be read: {0}")]
    Corrupt(String),
    #[error("the database cannot be used")]
    Database(#[from] sqlx::Error),
    #[error("the kill switch is on")]
    KillSwitch,
    #[error("this login is not known, used or over")]
    LoginOver,
    #[error("deciding needs a fresh login of a person who may decide")]
    LoginRequired,
    #[error("this nonce belongs to another request")]
    WrongNonce,
    #[error("the system gives no random bytes")]
    NoRandom(#[from] getrandom::Error),
    #[error("you are not a reviewer of this request's workflow")]
    NotReviewer,
    #[error("nobody decides their own request")]
    OwnRequest,
    #[error("this decision needs a reason")]
    ReasonRequired,
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("the hold changed in the meantime")]
    Stale,
    #[error("the principal has {0} live holds already")]
    TooManyHolds(u32),
    #[error("too many logins were asked for or missed; wait a few minutes")]
    TooManyLogins,
    #[error("not found")]
    Unknown,
    #[error("no workflow is named `{0}`: write it under `workflows:` in the approver's policy file")]
    UnknownWorkflow(String),
}

pub type Result<T> = std::result::Result<T, Error>;

/// Handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    writer: SqlitePool,
    readers: SqlitePool,
    key: Key,
    clock: Clock,
    wake: Wake,
    opened: Instant,
    control: watch::Sender<Control>,
}

impl Store {
    /// Opens the database at `path` and brings its schema up to date.
    pub async fn open(path: &Path, key: Key, clock: Clock) -> Result<Store> {
        let options = SqliteConnectOptions::from_str("sqlite:")?
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY)
            .foreign_keys(true);
        let pool = |connections| {
            SqlitePoolOptions::new().max_connections(connections).min_connections(1).acquire_timeout(BUSY * 2)
        };
        let writer = pool(1).connect_with(options.clone()).await?;
        migrator().run(&writer).await.map_err(|e| sqlx::Error::Migrate(Box::new(e)))?;
        let readers = pool(READERS).connect_with(options.read_only(true).create_if_missing(false)).await?;
        let control = watch::Sender::new(Control::default());
        let store = Store(Arc::new(Inner {
            writer,
            readers,
            key,
            clock,
            wake: Wake::default(),
            opened: Instant::now(),
            control,
        }));
        store.0.control.send_replace(store.read_control().await?);
        Ok(store)
    }

    /// The time that everything in the database goes by.
    pub fn now(&self) -> i64 {
        (self.0.clock)()
    }

    /// The key under which digests and codes are stored.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// Fails where a write would.
    pub async fn check_writable(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE control SET kill = kill WHERE id = 1").execute(tx.conn()).await?;
        Ok(())
    }

    /// Waits for readers and the writer to finish.
    pub async fn close(&self) {
        self.0.readers.close().await;
        self.0.writer.close().await;
    }

    /// How many long polls are open.
    #[cfg(test)]
    pub fn listeners(&self) -> usize {
        self.0.wake.listeners()
    }

    /// Any statement, to break things with.
    #[cfg(test)]
    pub async fn run_for_tests(&self, sql: &'static str) {
        sqlx::query(sql).execute(&self.0.writer).await.unwrap();
    }

    fn readers(&self) -> &SqlitePool {
        &self.0.readers
    }

    async fn begin(&self) -> Result<Tx> {
        let inner = self.0.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Tx { inner, now: self.now(), store: self.clone(), changed: vec![], control: None })
    }
}

/// A write transaction. Dropped without [`Tx::commit`], it leaves no trace.
struct Tx {
    inner: Transaction<'static, Sqlite>,
    /// One time for all that the transaction does.
    now: i64,
    store: Store,
    /// Holds that waiters must learn of, with their new states.
    changed: Vec<(String, State)>,
    control: Option<Control>,
}

impl Tx {
    fn conn(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// Makes it durable, then wakes who waits. Runs to the end even if the caller goes away meanwhile.
    async fn commit(self) -> Result<()> {
        let commit = tokio::spawn(async move {
            self.inner.commit().await?;
            for (hold, state) in &self.changed {
                tracing::info!(hold, state = state.as_str(), "a hold changed");
                self.store.0.wake.wake(hold);
            }
            if let Some(control) = self.control {
                self.store.0.control.send_replace(control);
            }
            Ok(())
        });
        commit.await.map_err(|_| Error::Database(sqlx::Error::WorkerCrashed))?
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.map(|(version, name, sql)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.into())
}

#[cfg(test)]
pub mod tests;
