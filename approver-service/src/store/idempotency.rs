//! What was answered to whom under which key, for a day.
//!
//! Must not go here: which calls take keys (`api::idempotency`).

use sqlx::Row;

use super::{Result, Scope, row};

const KEEP_MS: i64 = 24 * 3_600_000;
/// Whoever was asked and has not answered after so long has died over it.
const RUNS_MS: i64 = 60_000;

const FORGET: &str = "DELETE FROM answers WHERE at_ms < $1 OR (status IS NULL AND at_ms < $2)";
const FIND: &str = "SELECT request, status, body FROM answers WHERE tenant = $1 AND caller = $2 AND key = $3";
const BEGIN: &str = "INSERT INTO answers (tenant, caller, key, request, at_ms) VALUES ($1, $2, $3, $4, $5)";
const KEEP: &str = "UPDATE answers SET status = $4, body = $5 WHERE tenant = $1 AND caller = $2 AND key = $3";
const GIVE_UP: &str = "DELETE FROM answers WHERE tenant = $1 AND caller = $2 AND key = $3";

/// What a caller sends under a key.
#[derive(Clone, Debug)]
pub struct Key {
    pub caller: String,
    pub key: String,
    /// Hash of what is asked.
    pub request: String,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nobody has asked this; whoever asks now must end it with [`Scope::end_once`].
    First,
    /// It was answered.
    Before(Answer),
    /// Somebody is about to answer it.
    Running,
    /// The key stands for something else.
    OtherRequest,
}

impl Scope {
    pub async fn begin_once(&self, key: &Key) -> Result<Begun> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        sqlx::query(FORGET).bind(now - KEEP_MS).bind(now - RUNS_MS).execute(tx.conn()).await?;
        let find = sqlx::query(FIND).bind(self.tenant()).bind(&key.caller).bind(&key.key);
        let begun = match find.fetch_optional(tx.conn()).await? {
            Some(row) if row.try_get::<&str, _>("request")? != key.request => Begun::OtherRequest,
            Some(row) if row.try_get::<Option<i64>, _>("status")?.is_none() => Begun::Running,
            Some(row) => {
                let status = u16::try_from(row::number(&row, "status")?).unwrap_or_default();
                Begun::Before(Answer { status, body: row.try_get("body")? })
            }
            None => {
                let begin = sqlx::query(BEGIN).bind(self.tenant()).bind(&key.caller).bind(&key.key);
                begin.bind(&key.request).bind(now).execute(tx.conn()).await?;
                Begun::First
            }
        };
        tx.commit().await?;
        Ok(begun)
    }

    /// Keeps the answer, or forgets that it was asked if there is none worth keeping.
    pub async fn end_once(&self, key: &Key, answer: Option<Answer>) -> Result<()> {
        let mut tx = self.begin().await?;
        let statement = if answer.is_some() { KEEP } else { GIVE_UP };
        let mut end = sqlx::query(statement).bind(self.tenant()).bind(&key.caller).bind(&key.key);
        if let Some(answer) = answer {
            end = end.bind(i64::from(answer.status)).bind(answer.body);
        }
        end.execute(tx.conn()).await?;
        tx.commit().await
    }
}
