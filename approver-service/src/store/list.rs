//! Holds for people, newest first, page by page.
//!
//! Must not go here: how they are shown (`api`, `ui`).

use privyseal_engine::hold::State;

use super::{Result, Store, row};
use crate::hold::Hold;

const PAGE: &str = "
    SELECT * FROM standing_holds WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR id < $2)
    ORDER BY id DESC LIMIT $3";
const OPEN: &str = "
    SELECT * FROM standing_holds WHERE state IN ('pending', 'info_requested') ORDER BY id DESC LIMIT $1";
const CLOSED: &str = "
    SELECT * FROM standing_holds WHERE state NOT IN ('pending', 'info_requested') ORDER BY id DESC LIMIT $1";

impl Store {
    /// Up to `limit` holds older than `before`, in `state` if it is given.
    pub async fn holds(&self, state: Option<State>, before: Option<&str>, limit: u32) -> Result<Vec<Hold>> {
        self.sweep().await?;
        sqlx::query(PAGE)
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
        sqlx::query(OPEN).bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(row::read).collect()
    }

    /// What is decided or over.
    pub async fn closed_holds(&self, limit: u32) -> Result<Vec<Hold>> {
        sqlx::query(CLOSED).bind(i64::from(limit)).fetch_all(self.readers()).await?.iter().map(row::read).collect()
    }
}
