//! Is the ticket that an agent states there, and open? Asked of a webhook, before an approval that depends on it.
//!
//! `POST {ticket, hold, tenant, environment}` is answered with 200 and `{"open": true}` or `{"open": false}`, or with 404 if there is no
//! such ticket. Any other answer, or none in time, decides nothing: the hold waits on. Must not go here: which workflows
//! want it (`workflow`).

use std::time::Duration;

use anyhow::Result;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::hold::Hold;
use crate::outbound::{self, Place};

/// A person waits for the answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where tickets are looked up.
#[derive(Clone)]
pub struct Tickets {
    place: Place,
    http: Client,
}

/// Why a ticket does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the agent stated no ticket, and this workflow wants one: deny, or ask it to ask again with `x-privyseal-ticket`"
    )]
    Missing,
    #[error("the ticket that the agent stated is not there or not open")]
    NotOpen,
    #[error("the ticket cannot be looked up right now; nothing was decided, try again")]
    Unchecked,
}

#[derive(Deserialize)]
struct Found {
    open: bool,
}

impl Tickets {
    pub fn new(place: Place) -> Result<Tickets> {
        Ok(Tickets { place, http: outbound::client(TIMEOUT)? })
    }

    /// The ticket of `hold`, if it is open.
    pub async fn open(&self, hold: &Hold) -> Result<String, Refusal> {
        let request = &hold.request;
        let ticket = hold.ticket().ok_or(Refusal::Missing)?;
        let asked = json!({
            "ticket": ticket, "hold": hold.id, "tenant": request.tenant, "environment": request.environment,
        });
        let unchecked = |why: &str| {
            tracing::warn!(hold = hold.id, why, "a ticket could not be looked up");
            Refusal::Unchecked
        };
        let answer = self.place.authorized(self.http.post(&self.place.url)).json(&asked).send().await;
        let answer = answer.map_err(|error| unchecked(&error.without_url().to_string()))?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(Refusal::NotOpen),
            status => return Err(unchecked(status.as_str())),
        }
        let found: Found = answer.json().await.map_err(|_| unchecked("expected `{\"open\": true}` or `false`"))?;
        if found.open { Ok(ticket.to_owned()) } else { Err(Refusal::NotOpen) }
    }
}
