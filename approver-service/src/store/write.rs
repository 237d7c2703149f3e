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
use sqlx::{Any, AnyConnection, Row};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

use super::audit::Log;
use super::database::{BUSY, Backend};
use super::{Error, Inner, Result, Store, follow};
use crate::audit::Fact;

const HEAD: &str = "SELECT seq, hash FROM audit_head WHERE id = 1";
const LOCKED_HEAD: &str = "SELECT seq, hash FROM audit_head WHERE id = 1 FOR UPDATE";

/// Before the next operation: keep what the last one did, or undo it.
const DONE: &str = "RELEASE SAVEPOINT operation; SAVEPOINT operation";
const UNDO: &str = "ROLLBACK TO SAVEPOINT operation";

/// How many operations may wait for the writer; more wait to be let in.
const QUEUE: usize = 1024;
/// A transaction ends after so many operations, or so long, even if more wait.
const OPERATIONS: usize = 256;
const LONGEST: Duration = Duration::from_millis(25);

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
        let (lend, lent) = oneshot::channel();
        let asked = async {
            self.1.0.send(lend).await.map_err(|_| Error::from(sqlx::Error::PoolClosed))?;
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
        while let Some(first) = asked.recv().await {
            if let Err(error) = batch(&inner, first, &mut asked).await {
                tracing::warn!(?error, "a transaction was not written");
            }
        }
    });
    Queue(queue)
}

/// One transaction, from its first operation to its commit.
async fn batch(inner: &Inner, first: Asked, queue: &mut mpsc::Receiver<Asked>) -> Result<()> {
    let (transaction, log) = match begin(inner).await {
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
    if outcome.is_err() {
        // Some failures end a transaction by themselves, others leave it open: a connection in doubt is closed.
        drop(transaction.detach());
    }
    for (_, (did, tell)) in finished {
        if outcome.is_ok() {
            wake(inner, did);
        }
        // Whoever is gone has no need to know.
        let _gone = tell.send(outcome.clone());
    }
    outcome
}

/// Lends the transaction to one operation after the other; ends with all of `finished` in it and nothing else.
async fn lend(
    inner: &Inner,
    transaction: &Arc<Mutex<PoolConnection<Any>>>,
    first: Asked,
    queue: &mut mpsc::Receiver<Asked>,
    finished: &mut Vec<(i64, Finished)>,
) -> Result<()> {
    let begun = Instant::now();
    let mut next = Some(first);
    let mut operations = 0;
    let mut savepoint = "SAVEPOINT operation";
    while let Some(asked) = next.take() {
        let mut lent = Arc::clone(transaction).lock_owned().await;
        if let Err(error) = sqlx::raw_sql(savepoint).execute(&mut **lent).await {
            let error = Error::from(error);
            drop(asked.send(Err(error.clone())));
            return Err(error);
        }
        let (finish, end) = oneshot::channel();
        let now = inner.time.now();
        drop(asked.send(Ok(Tx { transaction: lent, finish, now, did: Did::default() })));
        savepoint = match end.await {
            Ok(end) => {
                finished.push((now, end));
                DONE
            }
            Err(_given_up) => UNDO,
        };
        operations += 1;
        if operations < OPERATIONS && begun.elapsed() < LONGEST {
            next = queue.try_recv().ok();
        }
    }
    // PostgreSQL answers to the commit of a failed transaction without an error; to this it does not.
    let last = if savepoint == UNDO { UNDO } else { "RELEASE SAVEPOINT operation" };
    sqlx::raw_sql(last).execute(&mut **transaction.lock().await).await?;
    Ok(())
}

async fn begin(inner: &Inner) -> Result<(PoolConnection<Any>, Log)> {
    let (begin, head) = match inner.address.backend {
        Backend::Postgres => ("BEGIN", LOCKED_HEAD),
        Backend::Sqlite => ("BEGIN IMMEDIATE", HEAD),
    };
    let mut transaction = inner.writer.acquire().await?;
    let begun = async {
        sqlx::raw_sql(begin).execute(&mut *transaction).await?;
        let head = sqlx::query(head).fetch_one(&mut *transaction).await?;
        inner.time.ask(&mut transaction).await?;
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
    if !numbers.is_empty() && inner.address.backend == Backend::Postgres {
        follow::notify(transaction, &inner.replica).await?;
    }
    sqlx::raw_sql("COMMIT").execute(transaction).await?;
    // What we have written ourselves needs no following, if nobody else's is between.
    let (before, last) = (numbers.start.saturating_sub(1), numbers.end.saturating_sub(1));
    let _others_first = inner.followed.compare_exchange(before, last, SeqCst, SeqCst);
    inner.newest(last);
    Ok(())
}

fn wake(inner: &Inner, did: Did) {
    for (hold, state) in did.changed {
        tracing::info!(hold, state = state.as_str(), "a hold changed");
        inner.wake.wake(&hold);
    }
    if let Some((tenant, control)) = did.switched {
        inner.control.send_modify(|switches| {
            switches.insert(tenant, control);
        });
    }
}
