//! Collecting an approval, once; streams that end; outcomes.
//!
//! Must not go here: the MAC of the answer (`api::filter`).

use privyseal_engine::hold::{Detach, Release, ReleaseVerdict, Report, State};

use super::write::Tx;
use super::{Error, Result, Scope, row};
use crate::audit::Actor;
use crate::hold::Hold;
use crate::hold::transition::{Cause, Event};

/// How long the answer to a release is good.
pub const ANSWER_MS: i64 = 30_000;

/// A hold, and whether a stream is attached to it.
const FIND: &str = "
    SELECT standing_holds.*,
        EXISTS (SELECT 1 FROM streams WHERE nonce = $3 AND hold = $2 AND detached_ms IS NULL) AS attached
    FROM standing_holds WHERE tenant = $1 AND id = $2";
const DETACH: &str = "UPDATE streams SET detached_ms = $3 WHERE nonce = $1 AND hold = $2 AND detached_ms IS NULL";
const OF_STREAM: &str =
    "SELECT s.hold FROM streams s JOIN holds h ON h.id = s.hold WHERE s.nonce = $1 AND h.tenant = $2";
const IS_ALONE: &str = "SELECT NOT EXISTS (SELECT 1 FROM streams WHERE hold = $1 AND detached_ms IS NULL)";

/// What the approver says to a release, before it is authenticated.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub verdict: ReleaseVerdict,
    pub state: State,
    pub issued_ms: i64,
    /// Only with [`ReleaseVerdict::Released`].
    pub receipt: Option<String>,
}

/// Writes the receipt of a release, if there shall be one.
pub trait Receipt: FnOnce(&Hold, i64) -> Result<Option<String>> + Send {}

impl<T: FnOnce(&Hold, i64) -> Result<Option<String>> + Send> Receipt for T {}

impl Scope {
    /// Releases the hold to this stream if it is approved, and to no other ever after. `receipt` writes the receipt of a
    /// hold for the time of its release; where it cannot, the approval is not spent.
    pub async fn release(&self, id: &str, release: &Release, receipt: impl Receipt) -> Result<Verdict> {
        let digest_mac = self.key().mac("digest", &release.digest);
        let mut tx = self.begin().await?;
        let verdict = tx.release(self.tenant(), id, release, &digest_mac, receipt).await?;
        tx.commit().await?;
        Ok(verdict)
    }

    /// The client of this stream is gone.
    pub async fn detach(&self, id: &str, detach: &Detach) -> Result<()> {
        let mut tx = self.begin().await?;
        let hold = tx.settled(self.tenant(), id).await?;
        let now = tx.now;
        let detached = sqlx::query(DETACH).bind(&detach.nonce).bind(id).bind(now).execute(tx.conn()).await?;
        if detached.rows_affected() == 1 {
            let last = row::flag(&sqlx::query(IS_ALONE).bind(id).fetch_one(tx.conn()).await?, 0)?;
            let collector = hold.collected.as_ref().is_some_and(|c| c.nonce == detach.nonce);
            let actor = Actor::gateway(&hold.request.gateway);
            row::apply(&mut tx, &hold, Event::Leave { last, collector }, actor, None).await?;
        }
        tx.commit().await
    }

    /// The hold that a stream was attached to.
    pub async fn hold_of_stream(&self, nonce: &str) -> Result<Option<String>> {
        Ok(sqlx::query_scalar(OF_STREAM).bind(nonce).bind(self.tenant()).fetch_optional(self.readers()).await?)
    }

    /// What became of the request that this stream ran.
    pub async fn report(&self, id: &str, report: &Report) -> Result<()> {
        let mut tx = self.begin().await?;
        let hold = tx.settled(self.tenant(), id).await?;
        if hold.collected.as_ref().is_some_and(|c| c.nonce != report.nonce) {
            return Err(Error::WrongNonce);
        }
        let event = Event::Report { outcome: report.outcome, status: report.status };
        let actor = Actor::gateway(&hold.request.gateway);
        row::apply(&mut tx, &hold, event, actor, None).await?;
        tx.commit().await
    }
}

impl Tx {
    async fn release(
        &mut self,
        tenant: &str,
        id: &str,
        release: &Release,
        digest_mac: &str,
        receipt: impl Receipt,
    ) -> Result<Verdict> {
        let found = sqlx::query(FIND).bind(tenant).bind(id).bind(&release.nonce).fetch_optional(self.conn()).await?;
        let found = found.ok_or(Error::Unknown)?;
        let hold = self.settle(row::read(&found)?).await?;
        let now = self.now;
        let say = |verdict, state| Ok(Verdict { verdict, state, issued_ms: now, receipt: None });
        if !is_same_request(&hold, release, digest_mac) {
            return say(ReleaseVerdict::Mismatch, hold.state);
        }
        match (hold.state, &hold.collected) {
            (State::Released, Some(collected)) => {
                if collected.nonce == release.nonce && now < collected.at_ms.saturating_add(ANSWER_MS) {
                    let receipt = receipt(&hold, collected.at_ms)?;
                    return Ok(released(collected.at_ms, receipt));
                }
                return say(ReleaseVerdict::AlreadyReleased, hold.state);
            }
            (State::Approved, _) => {}
            (state, _) => return say(ReleaseVerdict::NotApproved, state),
        }
        let actor = Actor::gateway(&hold.request.gateway);
        if hold.request.terms != release.terms {
            let hold = row::apply(self, &hold, Event::Cancel(Cause::PolicyChanged), actor, None).await?;
            return say(ReleaseVerdict::Mismatch, hold.state);
        }
        // Nothing runs for a client that is gone, or that never waited here.
        if !row::flag(&found, "attached")? {
            return say(ReleaseVerdict::Mismatch, hold.state);
        }
        let collect = Event::Collect { nonce: release.nonce.clone() };
        // It is signed while the database writes.
        let (collected, receipt) =
            tokio::join!(row::apply(self, &hold, collect, actor, None), async { receipt(&hold, now) });
        collected?;
        Ok(released(now, receipt?))
    }
}

fn released(issued_ms: i64, receipt: Option<String>) -> Verdict {
    Verdict { verdict: ReleaseVerdict::Released, state: State::Released, issued_ms, receipt }
}

fn is_same_request(hold: &Hold, release: &Release, digest_mac: &str) -> bool {
    let request = &hold.request;
    request.digest_mac == digest_mac
        && request.tenant == release.tenant
        && request.environment == release.environment
        && request.principal == release.principal
}
