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

const IS_ATTACHED: &str =
    "SELECT EXISTS (SELECT 1 FROM streams WHERE nonce = $1 AND hold = $2 AND detached_ms IS NULL)";
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
    /// What was released, for its receipt; only with [`ReleaseVerdict::Released`].
    pub released: Option<Hold>,
}

impl Scope {
    /// Releases the hold to this stream if it is approved, and to no other ever after.
    pub async fn release(&self, id: &str, release: &Release) -> Result<Verdict> {
        let digest_mac = self.key().mac("digest", &release.digest);
        let mut tx = self.begin().await?;
        let verdict = tx.release(self.tenant(), id, release, &digest_mac).await?;
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
    async fn release(&mut self, tenant: &str, id: &str, release: &Release, digest_mac: &str) -> Result<Verdict> {
        let hold = self.settled(tenant, id).await?;
        let now = self.now;
        let say = |verdict, state| Ok(Verdict { verdict, state, issued_ms: now, released: None });
        if !is_same_request(&hold, release, digest_mac) {
            return say(ReleaseVerdict::Mismatch, hold.state);
        }
        match (hold.state, &hold.collected) {
            (State::Released, Some(collected)) => {
                if collected.nonce == release.nonce && now < collected.at_ms.saturating_add(ANSWER_MS) {
                    return Ok(released(collected.at_ms, hold));
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
        let attached = sqlx::query(IS_ATTACHED).bind(&release.nonce).bind(id).fetch_one(self.conn()).await?;
        if !row::flag(&attached, 0)? {
            return say(ReleaseVerdict::Mismatch, hold.state);
        }
        let hold = row::apply(self, &hold, Event::Collect { nonce: release.nonce.clone() }, actor, None).await?;
        Ok(released(now, hold))
    }
}

fn released(issued_ms: i64, hold: Hold) -> Verdict {
    Verdict { verdict: ReleaseVerdict::Released, state: hold.state, issued_ms, released: Some(hold) }
}

fn is_same_request(hold: &Hold, release: &Release, digest_mac: &str) -> bool {
    let request = &hold.request;
    request.digest_mac == digest_mac
        && request.tenant == release.tenant
        && request.environment == release.environment
        && request.principal == release.principal
}
