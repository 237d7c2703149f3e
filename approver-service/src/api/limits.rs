//! How often a caller may ask: each person's session and each token by itself, so that one that runs wild stops nobody else.
//!
//! Gateways are not counted: one speaks for all its agents. Each of these has a budget of live holds, and of questions about them. Must not go here:
//! sizes of bodies (`api::extract`), logins by code (`store::login`).

use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::StatusCode;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::{Problem, Result};
use crate::auth::Caller;
use crate::auth::tenant::Tenant;

/// What a caller may ask in a second, and how much of it at once after a pause. Pages and scripts of people stay far below.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(500).unwrap();
const AT_ONCE: NonZeroU32 = NonZeroU32::new(5_000).unwrap();
/// Logins through an identity provider, of all who are not known yet together.
const LOGINS_PER_SECOND: NonZeroU32 = NonZeroU32::new(2).unwrap();
const LOGINS_AT_ONCE: NonZeroU32 = NonZeroU32::new(60).unwrap();
/// What one agent may ask about its holds in a second: it is told to wait for two.
const ERRANDS_PER_SECOND: NonZeroU32 = NonZeroU32::new(5).unwrap();
const ERRANDS_AT_ONCE: NonZeroU32 = NonZeroU32::new(50).unwrap();
/// Callers that are remembered before those with nothing to remember are forgotten.
const MANY: usize = 1_000;
const NOBODY_YET: &str = "";

/// Cheap to clone.
#[derive(Clone)]
pub struct Limits {
    callers: Arc<DefaultKeyedRateLimiter<String>>,
    logins: Arc<DefaultKeyedRateLimiter<String>>,
    errands: Arc<DefaultKeyedRateLimiter<String>>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::new(PER_SECOND, AT_ONCE)
    }
}

impl Limits {
    pub fn new(per_second: NonZeroU32, at_once: NonZeroU32) -> Limits {
        let limiter = |rate, burst| Arc::new(RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst)));
        Limits {
            callers: limiter(per_second, at_once),
            logins: limiter(LOGINS_PER_SECOND, LOGINS_AT_ONCE),
            errands: limiter(ERRANDS_PER_SECOND, ERRANDS_AT_ONCE),
        }
    }

    /// Refuses a caller who asks too often.
    pub fn check(&self, caller: &Caller) -> Result<()> {
        match caller {
            Caller::Token(token) if token.is_gateway() => Ok(()),
            Caller::Token(token) => take(&self.callers, &token.id),
            Caller::Person(session) => take(&self.callers, &session.hash),
        }
    }

    /// Refuses an agent that asks its gateway about its holds too often: no gateway is counted, but each of its agents is.
    pub fn check_errand(&self, tenant: &Tenant, principal: &str) -> Result<()> {
        take(&self.errands, &format!("{tenant}/{principal}"))
    }

    /// Refuses another login through a provider while there are too many.
    pub fn check_login(&self) -> Result<()> {
        take(&self.logins, NOBODY_YET)
    }
}

fn take(limiter: &DefaultKeyedRateLimiter<String>, key: &str) -> Result<()> {
    if limiter.len() > MANY {
        limiter.retain_recent();
    }
    limiter.check_key(&key.to_owned()).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let mut problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "you ask too often; wait a moment");
        problem.retry_after_s = Some(wait.as_secs() + 1);
        problem
    })
}
