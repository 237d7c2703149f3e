//! The audit log in the database: appended to in the transaction of the fact, numbered without gaps, chained by hashes.
//!
//! Must not go here: the form of a record (`audit`).

use sqlx::Row;

use super::{Error, Result, Store, Tx};
use crate::audit::{Entry, Fact, GENESIS, hash};

const HEAD: &str = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
const APPEND: &str = "INSERT INTO audit (seq, hash, body) VALUES ($1, $2, $3)";
const PAGE: &str = "SELECT body FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";

impl Tx {
    /// Appends the record of `fact`. `BEGIN IMMEDIATE` keeps every other writer out, so the number is the next one.
    pub(super) async fn record(&mut self, fact: Fact) -> Result<()> {
        let (seq, prev) = match sqlx::query(HEAD).fetch_optional(self.conn()).await? {
            Some(head) => (head.try_get("seq")?, head.try_get("hash")?),
            None => (0, GENESIS.to_owned()),
        };
        let entry = Entry::next(fact, self.now, seq, &prev);
        let body = entry.canonical().map_err(|e| Error::Corrupt(e.to_string()))?;
        sqlx::query(APPEND).bind(entry.seq).bind(hash(&body)).bind(body).execute(self.conn()).await?;
        Ok(())
    }
}

impl Store {
    /// Up to `limit` records after number `after`.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>> {
        let bodies: Vec<String> = sqlx::query_scalar(PAGE).bind(after).bind(limit).fetch_all(self.readers()).await?;
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).map_err(|_| Error::Corrupt("an audit record".to_owned())))
            .collect()
    }
}
