//! Create a hold, or join the live one that is the same request of the same agent.
//!
//! Must not go here: the form of an intake (`hold::intake`), how a new hold is made (`creates`).

use privyseal_engine::hold::{Intake, State, View};
use sqlx::Row;

use super::creates::Made;
use super::write::Tx;
use super::{Error, Result, Scope, grants, row};
use crate::audit::{Actor, Fact};
use crate::hold::transition::{Cause, Event};

/// Another tenant's hold shows no digest here.
const OF_STREAM: &str = "
    SELECT s.hold, s.joined, h.digest_mac FROM streams s LEFT JOIN holds h ON h.id = s.hold AND h.tenant = $2
    WHERE s.nonce = $1";
const TRACE_OF: &str = "
    SELECT t.traceparent FROM hold_traces t JOIN holds h ON h.id = t.hold WHERE h.tenant = $1 AND h.id = $2";

/// An intake, the human behind the token that it was sent with, and its place in a trace as a `traceparent`.
pub struct Asked {
    pub intake: Intake,
    pub owner: Option<String>,
    pub trace: Option<String>,
}

impl From<Intake> for Asked {
    fn from(intake: Intake) -> Asked {
        Asked { intake, owner: None, trace: None }
    }
}

/// The same as the database may know it: digest and target of grants under its key.
pub(super) struct Wanted {
    pub intake: Intake,
    pub digest_mac: String,
    pub owner: Option<String>,
    pub trace: Option<String>,
}

impl Scope {
    /// Creates or joins. The same nonce gets the same hold, however often it asks.
    pub async fn intake(&self, asked: impl Into<Asked>) -> Result<View> {
        let Asked { mut intake, owner, trace } = asked.into();
        self.check_tenant(&intake.tenant)?;
        let digest_mac = self.key().mac("digest", &intake.digest);
        intake.grant_target = intake.grant_target.map(|target| self.key().mac("grant", &target));
        match self.creates().ask(Wanted { intake, digest_mac, owner, trace }).await? {
            Made::New(view) => Ok(view),
            Made::Nothing(wanted) => self.intake_alone(&wanted).await,
        }
    }

    async fn intake_alone(&self, wanted: &Wanted) -> Result<View> {
        let mut tx = self.begin().await?;
        let view = match tx.there(wanted).await? {
            Some(view) => view,
            None => tx.make(&[wanted]).await?.pop().flatten().unwrap_or(Err(Error::Stale))?,
        };
        tx.commit().await?;
        Ok(view)
    }

    /// The `traceparent` of the call that made a hold.
    pub async fn trace(&self, id: &str) -> Result<Option<String>> {
        let trace = sqlx::query_scalar(TRACE_OF).bind(self.tenant()).bind(id);
        Ok(trace.fetch_optional(self.readers()).await?)
    }
}

impl Tx {
    /// The hold that there is already, of this stream or of the same request; a new stream joins it.
    async fn there(&mut self, wanted: &Wanted) -> Result<Option<View>> {
        let Wanted { intake, owner, trace, .. } = wanted;
        let Some(mut view) = self.asked_or_joined(wanted).await? else { return Ok(None) };
        if let Some(owner) = owner {
            row::add_parties(self.conn(), &[(&view.id, owner)]).await?;
        }
        if let Some(trace) = trace.as_ref().filter(|_| !view.joined) {
            self.trace(&view.id, trace).await?;
        }
        // After all who ask are known: nobody grants their own.
        if view.state == State::Pending
            && let Some(hold) = grants::collect(self, &intake.tenant, &view.id).await?
        {
            view = hold.view(view.joined);
        }
        Ok(Some(view))
    }

    async fn asked_or_joined(&mut self, wanted: &Wanted) -> Result<Option<View>> {
        let intake = &wanted.intake;
        let asked = sqlx::query(OF_STREAM).bind(&intake.nonce).bind(&intake.tenant);
        if let Some(asked) = asked.fetch_optional(self.conn()).await? {
            if asked.try_get::<Option<&str>, _>("digest_mac")? != Some(&wanted.digest_mac) {
                return Err(Error::WrongNonce);
            }
            let hold = self.settled(&intake.tenant, asked.try_get("hold")?).await?;
            return Ok(Some(hold.view(row::flag(&asked, "joined")?)));
        }
        let known = self.known(&[wanted]).await?.pop().ok_or(Error::Stale)?;
        if known.is_killed {
            return Err(Error::KillSwitch);
        }
        let Some(same) = known.same else { return Ok(None) };
        let hold = self.settled(&intake.tenant, &same).await?;
        if !hold.state.is_live() {
            return Ok(None);
        }
        let actor = Actor::gateway(&intake.gateway);
        // The approval was given under other terms than those of the policy now.
        if hold.request.terms != intake.terms {
            row::apply(self, &hold, Event::Cancel(Cause::PolicyChanged), actor, None).await?;
            return Ok(None);
        }
        let hold = row::apply(self, &hold, Event::Join, actor.clone(), None).await?;
        self.attach(&[(&intake.nonce, &hold.id, true)]).await?;
        let mut details = row::details(&hold);
        details.insert("nonce", intake.nonce.clone());
        let tenant = intake.tenant.clone();
        self.record(Fact { tenant, kind: "joined", actor, hold: Some(hold.id.clone()), details });
        Ok(Some(hold.view(true)))
    }
}
