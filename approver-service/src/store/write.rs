//! Writing: one operation after the other, over all replicas, many in one transaction.
//!
//! The one writer of this process opens a transaction and lends it to whoever asks next, within a savepoint: an operation
//! that fails, or whose caller goes away, takes back what it did and nothing else. When nobody asks any more the writer
//! appends the records of all, commits once, and only then tells those who wait. Meanwhile others queue for the next.
//!
//! Whoever writes holds the database (SQLite), or the head of the audit log (PostgreSQL), from the start. What an operation
//! reads is therefore still true when it writes, and records are numbered without gaps. Must not go here: what is written.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use privyseal_engine::hold::{Control, State};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::audit::Log;
use super::database::{BUSY, Backend};
use super::time::server_now;
use super::{Error, Inner, Result, Store, follow};
use crate::audit::Fact;

/// The number and hash of the last record, and what the first operation does from here on. A server tells the time too.
const BEGIN_SQLITE: &str = "
    BEGIN IMMEDIATE; SELECT seq, hash FROM audit_head WHERE id = 1; SAVEPOINT operation";
const BEGIN_POSTGRES: &str = concat!(
    "BEGIN; SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE; ",
    server_now!(),
    "; SAVEPOINT operation"
);

/// Before the next operation: keep what the last one did, or undo it.
const DONE: &str = "RELEASE SAVEPOINT operation; SAVEPOINT operation";
const UNDO: &str = "ROLLBACK TO SAVEPOINT operation";

/// How many operations may wait for the writer; more wait to be let in.
const QUEUE: usize = 1024;
/// A transaction ends after so many operations, or so long, even if more wait.
const OPERATIONS: usize = 256;
const LONGEST: Duration = Duration::from_millis(25);
/// How long the writer keeps its connection when nobody asks: back in the pool it is tested first, which takes its time.
const KEPT: Duration = Duration::from_millis(50);

/// Where operations ask for the transaction.
#[derive(Clone)]
pub(super) struct Queue(mpsc::Sender<oneshot::Sender<Result<Tx>>>);

/// The transaction, lent. Dropped without [`Tx::commit`], the operation leaves no trace.
pub(super) struct Tx {
    // Before `finish`, whose end tells the writer that the transaction is free.
    transaction: OwnedMutexGuard<PoolConnection<Any>>,
    finish: oneshot::Sender<Finished>,
    /// One time for all that the operation does.
    pub now: i64,
    did: Did,
}

/// What an operation leaves to be done with the transaction's commit.
#[derive(Default)]
struct Did {
    facts: Vec<Fact>,
    /// Holds that waiters must learn of, with their new states.
    changed: Vec<(String, State)>,
    switched: Option<(String, Control)>,
}

/// What an operation did, and whom to tell when it is durable.
type Finished = (Did, oneshot::Sender<Result<()>>);
type Asked = oneshot::Sender<Result<Tx>>;

impl Store {
    pub(super) async fn begin(&self) -> Result<Tx> {
        self.1.begin().await
    }
}

impl Queue {
    /// Returns when it is this operation's turn.
    pub async fn begin(&self) -> Result<Tx> {
        let (lend, lent) = oneshot::channel();
        let asked = async {
            self.0.send(lend).await.map_err(|_| Error::from(sqlx::Error::PoolClosed))?;
            lent.await.map_err(|_| Error::from(sqlx::Error::WorkerCrashed))?
        };
        tokio::time::timeout(BUSY * 2, asked).await.map_err(|_| Error::from(sqlx::Error::PoolTimedOut))?
    }
}

impl Tx {
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Appends the record of `fact` with what the operation does.
    pub fn record(&mut self, fact: Fact) {
        self.did.facts.push(fact);
    }

    /// Waiters must learn of `hold` when this is durable.
    pub fn changed(&mut self, hold: &str, state: State) {
        self.did.changed.push((hold.to_owned(), state));
    }

    /// How many holds this has changed so far.
    pub fn changes(&self) -> usize {
        self.did.changed.len()
    }

    /// The kill switch of `tenant` stands like this when this is durable.
    pub fn switched(&mut self, tenant: &str, control: Control) {
        self.did.switched = Some((tenant.to_owned(), control));
    }

    /// Returns when it is durable and who waits was woken. Runs to the end even if the caller goes away meanwhile.
    pub async fn commit(self) -> Result<()> {
        let Tx { transaction, finish, did, .. } = self;
        let (tell, told) = oneshot::channel();
        drop(transaction);
        // Without a writer nobody tells, which the next line hears.
        let _no_writer = finish.send((did, tell));
        told.await.map_err(|_| Error::from(sqlx::Error::WorkerCrashed))?
    }
}

/// Starts the writer of `inner`; it ends with the last handle on its queue.
pub(super) fn start(inner: Arc<Inner>) -> Queue {
    let (queue, mut asked) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        let mut connection = None;
        loop {
            let next = match connection {
                Some(_) => tokio::select! {
                    next = asked.recv() => next,
                    () = tokio::time::sleep(KEPT) => { connection = None; continue }
                    () = inner.writer.close_event() => { connection = None; continue }
                },
                None => asked.recv().await,
            };
            let Some(first) = next else { break };
            match batch(&inner, connection.take(), first, &mut asked).await {
                Ok(good) => connection = Some(good),
                Err(error) => tracing::warn!(?error, "a transaction was not written"),
            }
        }
    });
    Queue(queue)
}

/// One transaction, from its first operation to its commit. Returns the connection if it may be used again.
async fn batch(
    inner: &Inner,
    connection: Option<PoolConnection<Any>>,
    first: Asked,
    queue: &mut mpsc::Receiver<Asked>,
) -> Result<PoolConnection<Any>> {
    let (transaction, log) = match begin(inner, connection).await {
        Ok(begun) => begun,
        Err(error) => {
            // Whoever queued meanwhile would wait as long once more, to hear the same.
            let all = std::iter::once(first).chain(std::iter::from_fn(|| queue.try_recv().ok()));
            all.for_each(|asked| drop(asked.send(Err(error.clone()))));
            return Err(error);
        }
    };
    let transaction = Arc::new(Mutex::new(transaction));
    let mut finished = vec![];
    let mut outcome = lend(inner, &transaction, first, queue, &mut finished).await;
    let mut transaction = Arc::into_inner(transaction).ok_or(sqlx::Error::WorkerCrashed)?.into_inner();
    if outcome.is_ok() {
        let facts = finished.iter_mut().flat_map(|(now, (did, _))| did.facts.drain(..).map(|fact| (fact, *now)));
        outcome = commit(inner, &mut transaction, log, facts).await;
    }
    for (_, (did, tell)) in finished {
        if outcome.is_ok() {
            wake(inner, did);
        }
        // Whoever is gone has no need to know.
        let _gone = tell.send(outcome.clone());
    }
    match outcome {
        Ok(()) => Ok(transaction),
        Err(error) => {
            // Some failures end a transaction by themselves, others leave it open: a connection in doubt is closed.
            drop(transaction.detach());
            Err(error)
        }
    }
}

/// Lends the transaction to one operation after the other; ends with all of `finished` in it and nothing else, the last of
/// them within its savepoint.
async fn lend(
    inner: &Inner,
    transaction: &Arc<Mutex<PoolConnection<Any>>>,
    first: Asked,
    queue: &mut mpsc::Receiver<Asked>,
    finished: &mut Vec<(i64, Finished)>,
) -> Result<()> {
    let begun = Instant::now();
    let mut asked = first;
    loop {
        let lent = Arc::clone(transaction).lock_owned().await;
        let (finish, end) = oneshot::channel();
        let now = inner.time.now();
        drop(asked.send(Ok(Tx { transaction: lent, finish, now, did: Did::default() })));
        let end = end.await;
        let is_full = finished.len() >= OPERATIONS || begun.elapsed() >= LONGEST;
        let next = if is_full { None } else { queue.try_recv().ok() };
        let between = match end {
            Ok(end) => {
                finished.push((now, end));
                if next.is_some() { DONE } else { return Ok(()) }
            }
            Err(_given_up) => UNDO,
        };
        let mut prepared = sqlx::raw_sql(between).execute(&mut **transaction.lock().await).await;
        if between == UNDO && prepared.is_err() {
            // The connection told what became of a statement whose operation did not wait for it.
            prepared = sqlx::raw_sql(between).execute(&mut **transaction.lock().await).await;
        }
        asked = match (next, prepared) {
            (Some(next), Ok(_)) => next,
            (None, Ok(_)) => return Ok(()),
            (next, Err(error)) => {
                let error = Error::from(error);
                next.into_iter().for_each(|asked| drop(asked.send(Err(error.clone()))));
                return Err(error);
            }
        };
    }
}

/// The transaction, in the savepoint of its first operation.
async fn begin(inner: &Inner, connection: Option<PoolConnection<Any>>) -> Result<(PoolConnection<Any>, Log)> {
    let mut transaction = match connection {
        Some(connection) => connection,
        None => inner.writer.acquire().await?,
    };
    let begun = async {
        let said = match inner.address.backend {
            // Only several statements at once: prepared, there can be but one.
            Backend::Postgres => sqlx::raw_sql(BEGIN_POSTGRES).fetch_all(&mut *transaction).await?,
            Backend::Sqlite => sqlx::query(BEGIN_SQLITE).fetch_all(&mut *transaction).await?,
        };
        let mut said = said.into_iter();
        let head = said.next().ok_or(sqlx::Error::RowNotFound)?;
        if let Some(time) = said.next() {
            inner.time.told(time.try_get(0)?);
        }
        Ok(Log::after(head.try_get("seq")?, head.try_get("hash")?))
    };
    match begun.await {
        Ok(log) => Ok((transaction, log)),
        Err(error) => {
            drop(transaction.detach());
            Err(error)
        }
    }
}

async fn commit(
    inner: &Inner,
    transaction: &mut AnyConnection,
    mut log: Log,
    facts: impl Iterator<Item = (Fact, i64)>,
) -> Result<()> {
    for (fact, at_ms) in facts {
        log.append(fact, at_ms)?;
    }
    let numbers = log.write(transaction).await?;
    // PostgreSQL answers to the commit of a failed transaction without an error; to the first of these it does not.
    let mut last = "RELEASE SAVEPOINT operation; ".to_owned();
    if !numbers.is_empty() {
        last += &log.set_head();
        if inner.address.backend == Backend::Postgres {
            last += &follow::notify(&inner.replica);
        }
    }
    last += "COMMIT";
    sqlx::raw_sql(AssertSqlSafe(last)).execute(transaction).await?;
    // What we have written ourselves needs no following, if nobody else's is between.
    let (before, last) = (numbers.start.saturating_sub(1), numbers.end.saturating_sub(1));
    let _others_first = inner.followed.compare_exchange(before, last, SeqCst, SeqCst);
    inner.newest(last);
    Ok(())
}

fn wake(inner: &Inner, did: Did) {
    for (hold, state) in did.changed {
        inner.wake.wake(&hold);
        tracing::info!(hold, state = state.as_str(), "a hold changed");
    }
    if let Some((tenant, control)) = did.switched {
        inner.control.send_modify(|switches| {
            switches.insert(tenant, control);
        });
    }
}
