//! The end of the audit log, as this replica has read it: whoever listens to events hears of it from here, so that the
//! database is asked once for all of them.
//!
//! Nobody reads while nobody listens: the first who finds the end behind reads on, and who comes meanwhile waits for that.
//! Must not go here: who learns that there is something new (`follow`), how it is told (`api::events`).

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;

use super::{Error, Result, Scope, Store};
use crate::audit::Entry;

/// Records that are kept. Whoever was away for longer reads them page by page, alone.
const KEPT: i64 = 1000;
const PAGE: u32 = 100;
const BETWEEN: &str = "SELECT body FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq";

/// That something happened to a hold, not what was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Happening {
    pub seq: i64,
    pub at_ms: i64,
    pub kind: String,
    pub hold: String,
    #[serde(skip)]
    tenant: String,
}

impl Happening {
    /// Nothing of records that are about no hold.
    fn of(entry: Entry) -> Option<Happening> {
        let tenant = entry.tenant().to_owned();
        let Entry { seq, at_ms, kind, hold: Some(hold), .. } = entry else { return None };
        Some(Happening { seq, at_ms, kind, hold, tenant })
    }
}

#[derive(Default)]
pub(super) struct Tail(Mutex<Window>);

/// All that happened after record `from`, up to record `upto`.
#[derive(Default)]
struct Window {
    from: i64,
    upto: i64,
    happened: VecDeque<Arc<Happening>>,
}

impl Tail {
    /// What happened after record `after`, and up to which it is told; `None` where that is no longer kept. `read` gives
    /// what stands between two numbers, `newest` is the number of a record that can be read.
    async fn after(
        &self,
        after: i64,
        newest: i64,
        read: impl AsyncFnOnce(i64, i64) -> Result<Vec<Happening>>,
    ) -> Result<Option<(i64, Vec<Arc<Happening>>)>> {
        let mut window = self.0.lock().await;
        if window.upto < newest {
            let oldest = newest.saturating_sub(KEPT);
            let more = read(window.upto.max(oldest), newest).await?;
            window.happened.extend(more.into_iter().map(Arc::new));
            window.happened.retain(|happening| happening.seq > oldest);
            window.from = window.from.max(oldest);
            window.upto = newest;
        }
        if after < window.from {
            return Ok(None);
        }
        let heard = window.happened.partition_point(|happening| happening.seq <= after);
        Ok(Some((window.upto.max(after), window.happened.range(heard..).cloned().collect())))
    }
}

impl Scope {
    /// What happened to the tenant's holds after record `after`, oldest first, and up to which record that is all.
    pub async fn happened(&self, after: i64) -> Result<(i64, Vec<Arc<Happening>>)> {
        let newest = *self.0.newest.borrow();
        let kept = self.0.tail.after(after, newest, async |from, upto| self.happened_between(from, upto).await).await?;
        if let Some((upto, mut happened)) = kept {
            happened.retain(|happening| happening.tenant == self.tenant());
            return Ok((upto, happened));
        }
        let page = self.audit(after, PAGE).await?;
        let last = page.last().map_or(after, |entry| entry.seq);
        let upto = if page.len() < PAGE as usize { last.max(newest) } else { last };
        Ok((upto, page.into_iter().filter_map(Happening::of).map(Arc::new).collect()))
    }
}

impl Store {
    /// Of all tenants.
    async fn happened_between(&self, from: i64, upto: i64) -> Result<Vec<Happening>> {
        let bodies: Vec<String> = sqlx::query_scalar(BETWEEN).bind(from).bind(upto).fetch_all(self.readers()).await?;
        let entries = bodies
            .iter()
            .map(|body| serde_json::from_str(body).map_err(|_| Error::Corrupt("an audit record".to_owned())))
            .collect::<Result<Vec<Entry>>>()?;
        Ok(entries.into_iter().filter_map(Happening::of).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Record `n` of a log where every other is about no hold.
    fn happening(n: i64) -> Happening {
        Happening { seq: n, at_ms: n, kind: "created".into(), hold: format!("h{n}"), tenant: "acme".into() }
    }

    /// The numbers heard after `after`, and up to which; what was read for it is added to `reads`.
    async fn heard(tail: &Tail, reads: &RefCell<Vec<(i64, i64)>>, after: i64, newest: i64) -> Option<(i64, Vec<i64>)> {
        let read = async |from: i64, upto: i64| {
            // Others come while it reads.
            tokio::task::yield_now().await;
            reads.borrow_mut().push((from, upto));
            Ok((from + 1..=upto).filter(|n| n % 2 == 0).map(happening).collect())
        };
        let (upto, happened) = tail.after(after, newest, read).await.unwrap()?;
        Some((upto, happened.iter().map(|happening| happening.seq).collect()))
    }

    #[tokio::test]
    async fn however_many_listen_the_log_is_read_once() {
        let (tail, reads) = (Tail::default(), RefCell::new(vec![]));
        let everybody = (0..100).map(|n| heard(&tail, &reads, n % 5, 8));
        for (n, told) in futures_util::future::join_all(everybody).await.into_iter().enumerate() {
            let (upto, numbers) = told.unwrap();
            assert_eq!(upto, 8);
            assert_eq!(numbers, [2, 4, 6, 8].into_iter().filter(|seq| *seq > n as i64 % 5).collect::<Vec<_>>());
        }
        assert_eq!(heard(&tail, &reads, 8, 11).await, Some((11, vec![10])));
        assert_eq!(heard(&tail, &reads, 11, 11).await, Some((11, vec![])));
        assert_eq!(heard(&tail, &reads, 20, 11).await, Some((20, vec![])), "what is not there yet is not told twice");
        assert_eq!(*reads.borrow(), [(0, 8), (8, 11)]);
    }

    #[tokio::test]
    async fn of_what_nobody_heard_only_the_end_is_read() {
        let (tail, reads) = (Tail::default(), RefCell::new(vec![]));
        assert_eq!(heard(&tail, &reads, 1, 4).await, Some((4, vec![2, 4])));
        let far = 10 * KEPT;
        assert_eq!(heard(&tail, &reads, 4, far).await, None, "between is a gap");
        assert_eq!(*reads.borrow(), [(0, 4), (far - KEPT, far)]);
        assert_eq!(heard(&tail, &reads, far - 3, far).await, Some((far, vec![far - 2, far])));
        assert_eq!(heard(&tail, &reads, far - 1, far + 2).await, Some((far + 2, vec![far, far + 2])));
        assert_eq!(heard(&tail, &reads, far - KEPT, far + 2).await, None, "no more than that is kept");
        assert!(tail.0.lock().await.happened.len() <= KEPT as usize);
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_read_by_the_next() {
        let (tail, reads) = (Tail::default(), RefCell::new(vec![]));
        let broken = tail.after(0, 4, async |_, _| Err(Error::Unknown)).await;
        assert!(broken.is_err());
        assert_eq!(heard(&tail, &reads, 0, 4).await, Some((4, vec![2, 4])));
    }
}
