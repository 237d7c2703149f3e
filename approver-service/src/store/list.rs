//! Holds for people, newest first, page by page.
//!
//! Must not go here: how they are shown (`api`, `ui`).

use privyseal_engine::hold::State;

use super::{Result, Scope, row};
use crate::hold::Hold;

const PAGE: &str = "
    SELECT * FROM standing_holds WHERE tenant = $1 AND ($2 IS NULL OR state = $2) AND ($3 IS NULL OR id < $3)
    ORDER BY id DESC LIMIT $4";
const OPEN: &str = "
    SELECT * FROM standing_holds WHERE tenant = $1 AND state IN ('pending', 'info_requested')
    ORDER BY id DESC LIMIT $2";
const CLOSED: &str = "
    SELECT * FROM standing_holds WHERE tenant = $1 AND state NOT IN ('pending', 'info_requested')
    ORDER BY id DESC LIMIT $2";

impl Scope {
    /// Up to `limit` holds older than `before`, in `state` if it is given.
    pub async fn holds(&self, state: Option<State>, before: Option<&str>, limit: u32) -> Result<Vec<Hold>> {
        self.sweep().await?;
        sqlx::query(PAGE)
            .bind(self.tenant())
            .bind(state.map(State::as_str))
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await?
            .iter()
            .map(row::read)
            .collect()
    }

    /// What waits for people.
    pub async fn open_holds(&self, limit: u32) -> Result<Vec<Hold>> {
        self.sweep().await?;
        let open = sqlx::query(OPEN).bind(self.tenant()).bind(i64::from(limit)).fetch_all(self.readers());
        open.await?.iter().map(row::read).collect()
    }

    /// What is decided or over.
    pub async fn closed_holds(&self, limit: u32) -> Result<Vec<Hold>> {
        let closed = sqlx::query(CLOSED).bind(self.tenant()).bind(i64::from(limit)).fetch_all(self.readers());
        closed.await?.iter().map(row::read).collect()
    }
}
