//! A person decides: session, person, separation of duties, state and record in one transaction.
//!
//! Must not go here: how a person proves who they are (`store::login`).

use privyseal_engine::hold::State;

use super::{Error, Result, Scope, grants, row, votes};
use crate::audit::Actor;
use crate::clock::span;
use crate::grant::Terms;
use crate::hold::Hold;
use crate::hold::transition::Event;
use crate::ticket::Refusal;

/// What a person says of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Approve,
    /// Ask the agent something first.
    Ask,
    Deny,
    /// Take an approval back.
    Revoke,
}

/// The person who decides, by a session.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    pub person: &'a str,
    /// Hash of the session's secret.
    pub session: &'a str,
    /// The hold's ticket, if it was looked up and is open.
    pub ticket: Option<&'a str>,
    /// What an approval grants beside.
    pub grant: Option<Terms>,
}

impl Scope {
    /// Decides `id`. Whether this person may, and whether votes are enough, are predicates of the statements themselves.
    pub async fn decide(&self, id: &str, verdict: Verdict, reason: Option<String>, by: Decider<'_>) -> Result<Hold> {
        let mut tx = self.begin().await?;
        let hold = tx.settled(self.tenant(), id).await?;
        if verdict == Verdict::Approve && hold.reason_required && reason.is_none() {
            return Err(Error::ReasonRequired);
        }
        if let Some(grant) = by.grant {
            check_grant(grant, hold.grantable)?;
        }
        let person = by.person.to_owned();
        let event = match verdict {
            Verdict::Approve => {
                let is_enough = votes::is_enough(&mut tx, &hold, by.session).await?;
                Event::Approve { by: person, reason, is_enough, grant: by.grant }
            }
            Verdict::Ask => Event::Ask { by: person, question: reason.ok_or(Error::ReasonRequired)? },
            Verdict::Deny => Event::Deny { by: person, reason },
            Verdict::Revoke => Event::Revoke { by: person, reason: reason.ok_or(Error::ReasonRequired)? },
        };
        let mut decided = row::apply(&mut tx, &hold, event, Actor::person(by.person), Some(by.session)).await?;
        // Uncommitted, the vote leaves no trace.
        if verdict == Verdict::Approve && hold.ticket_checked && by.ticket.is_none() {
            return Err(Error::Ticket(Refusal::Unchecked));
        }
        if !hold.seats.is_empty() {
            // With the groups that the vote counts for.
            decided = row::find(tx.conn(), self.tenant(), id).await?;
        }
        match (decided.state, decided.grant()) {
            (State::Approved, Some(terms)) => grants::make(&mut tx, &decided, terms, by.person).await?,
            (State::Revoked, _) => {
                grants::end(&mut tx, self.tenant(), Some(id), None, &Actor::person(by.person)).await?
            }
            _ => {}
        }
        tx.commit().await?;
        Ok(decided)
    }
}

fn check_grant(asked: Terms, limits: Option<Terms>) -> Result<()> {
    let Some(limits) = limits else {
        return Err(Error::Grant(
            "this request's workflow allows no grants, or nobody can tell what would be the same".into(),
        ));
    };
    if asked.is_within(limits) {
        return Ok(());
    }
    let longest = span(limits.duration_ms);
    Err(Error::Grant(format!("a grant is for at most {longest} and {} uses, and for at least one", limits.uses)))
}
