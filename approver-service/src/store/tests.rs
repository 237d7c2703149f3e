//! The store against real databases, with a clock that the test turns. What holds for one database holds for the other:
//! every test here runs on both.

/// Makes two tests of each function: on SQLite and on PostgreSQL. A function that is not named is never called, which the
/// compiler says.
macro_rules! on_both_databases {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { $crate::store::tests::run_on($crate::store::Backend::Sqlite, super::$name()); })*
        }
        mod on_postgres {
            $(#[test] fn $name() { $crate::store::tests::run_on($crate::store::Backend::Postgres, super::$name()); })*
        }
    };
}

mod access;
mod batches;
mod broken;
mod creates;
mod fleet;
mod grants;
mod idempotency;
mod intake;
mod observation;
mod questions;
mod quorum;
mod races;
mod release;
mod replicas;
mod sign_on;
mod silence;
mod tenants;
mod time;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use e2e::postgres::Postgres;
use privyseal_engine::hold::{Intake, Release, ReleaseVerdict, Risk, State};
use sqlx::Row;
use tempfile::TempDir;

use super::database::{Address, Backend};
use super::decide::{Decider, Verdict};
use super::login::{DECIDE_MS, Proof};
use super::{Result, Scope, Store};
use crate::audit::{Entry, GENESIS, hash};
use crate::auth::{Directory, Person, Session};
use crate::hold::Hold;
use crate::secret::Key;
use crate::testing::acme;
use crate::workflow;

tokio::task_local! {
    /// Where a bench of this test is.
    static BACKEND: Backend;
}

/// Runs a test on one of the databases.
fn run_on(backend: Backend, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(BACKEND.scope(backend, test));
}

/// The same on one thread: what is asked at once has all arrived before any of it is looked at.
fn run_on_one_thread(backend: Backend, test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(BACKEND.scope(backend, test));
}

const START: i64 = 1_800_000_000_000;
pub const MINUTE: i64 = 60_000;

/// A store in a directory of its own, at a time of its own.
pub struct Bench {
    pub store: Scope,
    pub folder: TempDir,
    address: Address,
    clock: Arc<AtomicI64>,
}

impl Bench {
    pub async fn new() -> Bench {
        let (address, folder) = Bench::unopened();
        Bench { folder, ..Bench::at(address).await }
    }

    /// A database that nobody has opened yet, and where its files are.
    pub fn unopened() -> (Address, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        match BACKEND.try_with(|backend| *backend).unwrap_or(Backend::Sqlite) {
            Backend::Postgres => (Address::server(&Postgres::shared().database(), None).unwrap(), folder),
            Backend::Sqlite => (Address::file(&folder.path().join("test.db")).unwrap(), folder),
        }
    }

    /// At a database of the test's own.
    pub async fn at(address: Address) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let store = open(&address, &clock).await;
        let person = |name: &str, identities: &[&str]| Person {
            name: name.to_owned(),
            identities: identities.iter().map(|i| (*i).to_owned()).collect(),
        };
        let people = vec![person("alice", &["alice@example.com", "agent-of-alice"]), person("bob", &[])];
        let directory = Directory { people, ..Directory::default() };
        store.set_people(&directory.people).await.unwrap();
        store.set_workflows(&workflow::resolve(&[], &directory).unwrap()).await.unwrap();
        Bench { store, folder, address, clock }
    }

    /// The same database after a crash: nothing is closed, everything in memory is gone.
    pub async fn reopened(&self) -> Scope {
        open(&self.address, &self.clock).await
    }

    pub fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    pub async fn session(&self, person: &str) -> Session {
        let challenge = self.store.challenge(person).await.unwrap().unwrap();
        self.store.log_in(Proof::Code(&challenge.code), DECIDE_MS).await.unwrap().0
    }

    pub async fn create(&self, intake: Intake) -> Hold {
        let id = self.store.intake(intake).await.unwrap().id;
        self.store.hold(&id).await.unwrap()
    }

    pub async fn approve(&self, id: &str, session: &Session) -> Result<Hold> {
        let by = Decider { person: &session.person, session: &session.hash, ticket: None, grant: None };
        self.store.decide(id, Verdict::Approve, None, by).await
    }

    pub async fn deny(&self, id: &str, session: &Session) -> Result<Hold> {
        let by = Decider { person: &session.person, session: &session.hash, ticket: None, grant: None };
        self.store.decide(id, Verdict::Deny, Some("no".into()), by).await
    }

    /// A hold that bob has approved.
    pub async fn approved(&self, intake: Intake) -> Hold {
        let hold = self.create(intake).await;
        let bob = self.session("bob").await;
        self.approve(&hold.id, &bob).await.unwrap()
    }

    pub async fn release(&self, id: &str, release: &Release) -> (ReleaseVerdict, State) {
        let said = self.store.release(id, release, no_receipt).await.unwrap();
        (said.verdict, said.state)
    }

    pub async fn state(&self, id: &str) -> State {
        self.store.hold(id).await.unwrap().state
    }

    /// The kinds of the records of a hold, oldest first; checks numbers and chain of the whole log.
    pub async fn records(&self, hold: &str) -> Vec<String> {
        let rows = sqlx::query("SELECT seq, hash, body FROM audit ORDER BY seq")
            .fetch_all(self.store.readers())
            .await
            .unwrap();
        let mut kinds = vec![];
        let mut prev = GENESIS.to_owned();
        for (row, number) in rows.iter().zip(1_i64..) {
            let body: String = row.get("body");
            let entry: Entry = serde_json::from_str(&body).unwrap();
            assert_eq!((row.get::<i64, _>("seq"), entry.seq), (number, number));
            assert_eq!(entry.prev, prev);
            prev = hash(&body);
            assert_eq!(row.get::<String, _>("hash"), prev);
            if entry.hold.as_deref() == Some(hold) {
                kinds.push(entry.kind);
            }
        }
        kinds
    }
}

async fn open(address: &Address, clock: &Arc<AtomicI64>) -> Scope {
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || clock.load(Ordering::SeqCst));
    Store::open_with(address, Key::new(vec![7; 32]), Some(clock)).await.unwrap().of(&acme())
}

/// Waits until it is so.
async fn eventually(mut is_so: impl FnMut() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

/// A stream's name.
pub fn nonce(n: u32) -> String {
    format!("{n:032x}")
}

/// What the agent asks: `n` names the stream.
pub fn intake(n: u32) -> Intake {
    Intake {
        proof: None,
        v: 1,
        nonce: nonce(n),
        digest: "0".repeat(64),
        terms: "1".repeat(64),
        grant_target: None,
        fields: [("method".to_owned(), "0".repeat(16)), ("body".to_owned(), "0".repeat(16))].into(),
        tenant: "acme".into(),
        environment: "test".into(),
        gateway: "edge-1".into(),
        principal: Some("agent-7".into()),
        on_behalf_of: Some("alice@example.com".into()),
        rules: vec!["crm-export".into()],
        category: Some("bulk_export".into()),
        risk: Risk::High,
        workflow: "default".into(),
        why: "exports every contact".into(),
        deadline_ms: 60 * 60_000,
        approval_ttl_ms: 10 * 60_000,
        rejoin_ms: 15 * 60_000,
        max_live: 20,
        preview: Default::default(),
    }
}

/// Of a gateway that does not say what it forwards.
pub fn no_receipt(_: &Hold, _: i64) -> Result<Option<String>> {
    Ok(None)
}

/// The release that fits [`intake`].
pub fn release(n: u32) -> Release {
    let Intake { v, nonce, digest, terms, tenant, environment, principal, .. } = intake(n);
    Release { v, nonce, digest, terms, tenant, environment, principal, forwarded: None }
}
