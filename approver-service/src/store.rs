//! The database: the only place where the state of holds, people, sessions, tokens and the audit log lives.
//!
//! SQLite or PostgreSQL, told apart in [`database`] and by the migrations alone: the statements are the same text, so that
//! what they demand stands in one place. Reads go through a pool; writes one after the other ([`write`]), durable when
//! they return. Whoever waits is woken after the commit. Must not go here: HTTP, the rules of change
//! (`hold::transition`).

pub mod access;
pub mod audit;
pub mod control;
mod creates;
pub mod database;
pub mod decide;
pub mod fleet;
mod follow;
pub mod gauges;
pub mod grants;
pub mod idempotency;
pub mod intake;
mod known;
pub mod list;
pub mod login;
mod migrations;
pub mod observation;
pub mod own_hold;
pub mod release;
pub mod reviewers;
mod row;
mod rows;
mod scope;
pub mod settle;
pub mod sign_on;
pub mod silence;
mod started;
pub mod tail;
mod time;
mod trusted;
mod votes;
mod write;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use sqlx::AnyPool;
use tokio::sync::watch;
use uuid::Uuid;

use self::control::Switches;
use self::creates::Creates;
use self::database::{Address, Backend};
use self::fleet::Noted;
pub use self::scope::Scope;
use self::silence::Polls;
use self::tail::Tail;
use self::time::Time;
use self::trusted::Trusted;
use self::write::Queue;
use crate::clock::{self, Clock};
use crate::hold::transition::Refusal;
use crate::secret::Key;
use crate::ticket;
use crate::wake::Wake;

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("database: {0}")]
    Address(String),
    #[error("you have approved this request already")]
    AlreadyVoted,
    #[error("the database holds something that cannot be read: {0}")]
    Corrupt(String),
    /// One failure of the database may be that of many operations.
    #[error("the database cannot be used")]
    Database(#[source] Arc<sqlx::Error>),
    #[error("{0}")]
    Grant(String),
    #[error("the kill switch is on")]
    KillSwitch,
    #[error("only who may decide requests turns the kill switch")]
    KillNotAllowed,
    #[error("the kill switch is on for {0} principals already: end some, or stop everybody")]
    TooManyKills(u32),
    #[error("this login is not known, used or over")]
    LoginOver,
    #[error("the receipt of this release cannot be written")]
    NoReceipt,
    #[error("deciding needs a fresh login of a person who may decide")]
    LoginRequired,
    #[error(
        "the database was made with another storage key: take `storage.key` from the data directory of the service that \
         made it, or set PRIVYSEAL_STORAGE_KEY"
    )]
    WrongKey,
    #[error("this nonce belongs to another request")]
    WrongNonce,
    #[error("the system gives no random bytes")]
    NoRandom(#[from] getrandom::Error),
    #[error("the database may lose what it has confirmed: `{setting}` is `{value}`; {fix}")]
    NotDurable { setting: &'static str, value: String, fix: &'static str },
    #[error("you are not a reviewer of this request's workflow")]
    NotReviewer,
    #[error("nobody decides their own request")]
    OwnRequest,
    #[error("this decision needs a reason")]
    ReasonRequired,
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Ticket(ticket::Refusal),
    #[error("the hold changed in the meantime")]
    Stale,
    #[error("the principal has {0} live holds already")]
    TooManyHolds(u32),
    #[error("too many logins were asked for or missed; wait a few minutes")]
    TooManyLogins,
    #[error("not found")]
    Unknown,
    #[error(
        "this token is of tenant `{token}`, the gateway's policy says `{policy}`: make one with `privyseal token create \
         --tenant {policy}`"
    )]
    WrongTenant { token: String, policy: String },
    #[error("no workflow is named `{0}`: write it under `workflows:` in the approver's policy file")]
    UnknownWorkflow(String),
}

impl Error {
    /// Did the server want a password that it was not given, or another?
    pub fn is_about_password(&self) -> bool {
        /// `invalid_authorization_specification`, `invalid_password`
        const CODES: [&str; 2] = ["28000", "28P01"];
        let Error::Database(error) = self else { return false };
        let code = error.as_database_error().and_then(|error| error.code());
        code.is_some_and(|code| CODES.contains(&&*code))
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Error {
        Error::Database(Arc::new(error))
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// Handle on the database; cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<Inner>, Queue, Creates);

struct Inner {
    address: Address,
    /// This process, among those on the same database.
    replica: String,
    writer: AnyPool,
    readers: AnyPool,
    key: Key,
    time: Time,
    wake: Wake,
    /// Number of the last audit record whose waiters were woken.
    followed: AtomicI64,
    /// Number of the newest audit record that is known here.
    newest: watch::Sender<i64>,
    tail: Tail,
    polls: Polls,
    noted: Noted,
    trusted: Trusted,
    opened: Instant,
    control: watch::Sender<Switches>,
}

impl Store {
    /// Opens the database at `address` and brings its schema up to date.
    pub async fn open(address: &Address, key: Key) -> Result<Store> {
        Store::open_with(address, key, None).await
    }

    /// By `clock`, or by the database's own.
    async fn open_with(address: &Address, key: Key, clock: Option<Clock>) -> Result<Store> {
        let (writer, readers) = address.open().await?;
        let time = match (clock, address.backend) {
            (Some(clock), _) => Time::Own(clock),
            (None, Backend::Sqlite) => Time::Own(clock::system()),
            (None, Backend::Postgres) => Time::of_server(&mut *readers.acquire().await?).await?,
        };
        same_key(&writer, &key).await?;
        let followed = sqlx::query_scalar("SELECT seq FROM audit_head").fetch_one(&readers).await?;
        let inner = Arc::new(Inner {
            address: address.clone(),
            replica: Uuid::now_v7().to_string(),
            writer,
            readers,
            key,
            time,
            wake: Wake::default(),
            followed: AtomicI64::new(followed),
            newest: watch::Sender::new(followed),
            tail: Tail::default(),
            polls: Polls::default(),
            noted: Noted::default(),
            trusted: Trusted::default(),
            opened: Instant::now(),
            control: watch::Sender::new(Switches::default()),
        });
        let writer = write::start(Arc::clone(&inner));
        let store = Store(inner, writer.clone(), creates::start(writer));
        store.0.control.send_replace(store.read_switches().await?);
        Ok(store)
    }

    /// Where the database is.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// Fails unless what the database confirms is on disk.
    pub async fn check_durable(&self) -> Result<()> {
        database::check_durable(self.0.address.backend, &self.0.writer).await
    }

    /// The time that everything in the database goes by.
    pub fn now(&self) -> i64 {
        self.0.time.now()
    }

    /// The key under which digests and codes are stored.
    pub fn key(&self) -> &Key {
        &self.0.key
    }

    /// Fails where a write would.
    pub async fn check_writable(&self) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE control SET kill = kill").execute(tx.conn()).await?;
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
        sqlx::raw_sql(sql).execute(&self.0.writer).await.unwrap();
    }

    fn creates(&self) -> &Creates {
        &self.2
    }

    fn readers(&self) -> &AnyPool {
        &self.0.readers
    }
}

/// Digests and codes made with another key would never be found again.
async fn same_key(writer: &AnyPool, key: &Key) -> Result<()> {
    const WRITE: &str = "INSERT INTO storage_key (id, mac) VALUES (1, $1) ON CONFLICT DO NOTHING";
    sqlx::query(WRITE).bind(key.mac("storage-key", "")).execute(writer).await?;
    let mac: String = sqlx::query_scalar("SELECT mac FROM storage_key").fetch_one(writer).await?;
    if key.is_mac("storage-key", "", &mac) { Ok(()) } else { Err(Error::WrongKey) }
}

#[cfg(test)]
pub mod tests;
