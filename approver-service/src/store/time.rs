//! The time that everything in the database goes by: the database's own, so that replicas agree.
//!
//! SQLite runs in this process, so its clock is this machine's. Of a server's clock we know how far it was at the last
//! look, and count on from there without looking at this machine's clock, which may be set. Must not go here: deadlines.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sqlx::AnyConnection;

use super::Result;
use crate::clock::Clock;

macro_rules! server_now {
    () => {
        "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)"
    };
}
pub(super) use server_now;

const SERVER_NOW: &str = server_now!();

pub(super) enum Time {
    Own(Clock),
    /// What the server said, and when.
    Server(Mutex<(i64, Instant)>),
}

impl Time {
    pub async fn of_server(conn: &mut AnyConnection) -> Result<Time> {
        let said = sqlx::query_scalar(SERVER_NOW).fetch_one(conn).await?;
        Ok(Time::Server(Mutex::new((said, Instant::now()))))
    }

    pub fn now(&self) -> i64 {
        match self {
            Time::Own(clock) => clock(),
            Time::Server(last) => {
                let (said, at) = *last.lock().unwrap_or_else(PoisonError::into_inner);
                said.saturating_add(i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// What the server has just said, where it is one whose clock counts.
    pub fn told(&self, said: i64) {
        if let Time::Server(last) = self {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = (said, Instant::now());
        }
    }

    /// Asks the server where it is one.
    pub async fn ask(&self, conn: &mut AnyConnection) -> Result<()> {
        if let Time::Server(_) = self {
            self.told(sqlx::query_scalar(SERVER_NOW).fetch_one(conn).await?);
        }
        Ok(())
    }
}
