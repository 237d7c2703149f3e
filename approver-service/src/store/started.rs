//! What replicas must have in common beside the database, as the last one that started had it.
//!
//! Must not go here: the storage key, without which nothing in the database can be found (`Store::open`).

use sqlx::Row;

use super::{Result, Store};

const KNOWN: &str = "SELECT fingerprint, since_ms FROM keys_at_start WHERE name = $1";
const NOTE: &str = "
    INSERT INTO keys_at_start (name, fingerprint, since_ms) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET fingerprint = excluded.fingerprint, since_ms = excluded.since_ms";

impl Store {
    /// Notes by what words the keys `name` are known. If none of them is one of those that were noted last, says since when
    /// those were.
    pub async fn note_keys(&self, name: &str, words: &[String]) -> Result<Option<i64>> {
        let mut tx = self.begin().await?;
        let known = sqlx::query(KNOWN).bind(name).fetch_optional(tx.conn()).await?;
        let mut since_ms = None;
        if let Some(known) = known {
            let noted: Vec<&str> = known.try_get::<&str, _>("fingerprint")?.split(' ').collect();
            let others = !words.iter().any(|word| noted.contains(&word.as_str()));
            since_ms = others.then(|| known.try_get("since_ms")).transpose()?;
        }
        sqlx::query(NOTE).bind(name).bind(words.join(" ")).bind(tx.now).execute(tx.conn()).await?;
        tx.commit().await?;
        Ok(since_ms)
    }
}
