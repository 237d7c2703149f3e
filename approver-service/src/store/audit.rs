//! The audit log in the database: appended to in the transaction of the fact, numbered without gaps, chained by hashes.
//!
//! Must not go here: the form of a record (`audit`).

use std::ops::Range;

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::{Error, Result, Scope, Store, rows};
use crate::audit::verify::{Broken, Chain};
use crate::audit::{Entry, Fact, hash};

const HEAD: &str = "SELECT seq, hash FROM audit_head";
const STORED: &str = "
    SELECT seq, hash, body, hold, tenant FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT 1000";
const APPEND: &str = "INSERT INTO audit (seq, hash, body, hold, tenant) VALUES";
const PAGE: &str = "SELECT body FROM audit WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3";

/// The records that a transaction will append. It has locked the head, so the numbers are the next ones.
pub(super) struct Log {
    seq: i64,
    hash: String,
    records: Vec<Record>,
}

struct Record {
    seq: i64,
    hash: String,
    body: String,
    hold: Option<String>,
    tenant: String,
}

impl Log {
    /// After the record with this number and hash.
    pub fn after(seq: i64, hash: String) -> Log {
        Log { seq, hash, records: vec![] }
    }

    pub fn append(&mut self, fact: Fact, at_ms: i64) -> Result<()> {
        let entry = Entry::next(fact, at_ms, self.seq, &self.hash);
        let body = entry.canonical().map_err(|e| Error::Corrupt(e.to_string()))?;
        self.seq = entry.seq;
        self.hash = hash(&body);
        let tenant = entry.tenant().to_owned();
        self.records.push(Record { seq: self.seq, hash: self.hash.clone(), body, hold: entry.hold, tenant });
        Ok(())
    }

    /// Without these, and the head after them, the transaction must not commit. Returns their numbers.
    pub async fn write(&self, conn: &mut AnyConnection) -> Result<Range<i64>> {
        let Some(first) = self.records.first().map(|record| record.seq) else { return Ok(0..0) };
        for piece in rows::pieces(&self.records) {
            let append = format!("{APPEND} {}", rows::places(piece.len(), 5));
            let mut append = sqlx::query(AssertSqlSafe(append));
            for record in piece {
                append = append.bind(record.seq).bind(&record.hash).bind(&record.body);
                append = append.bind(&record.hold).bind(&record.tenant);
            }
            append.execute(&mut *conn).await?;
        }
        Ok(first..self.seq + 1)
    }

    /// The statement that makes the last record the head. A number and a digest alone go into the text.
    pub fn set_head(&self) -> String {
        let Log { seq, hash, .. } = self;
        format!("UPDATE audit_head SET seq = {seq}, hash = '{hash}' WHERE id = 1; ")
    }
}

impl Store {
    /// The number of the newest record.
    pub async fn last_record(&self) -> Result<i64> {
        let (seq, _): (i64, String) = sqlx::query_as(HEAD).fetch_one(self.readers()).await?;
        Ok(seq)
    }

    /// Follows the whole log as it stands, bytes, numbers, links and where it ends; says how many records it has.
    pub async fn verify_audit(&self) -> Result<std::result::Result<i64, Broken>> {
        let (seq, hash): (i64, String) = sqlx::query_as(HEAD).fetch_one(self.readers()).await?;
        let mut chain = Chain::default();
        loop {
            let rows = sqlx::query(STORED).bind(chain.seq).bind(seq).fetch_all(self.readers()).await?;
            if rows.is_empty() {
                return Ok(chain.ends_at(seq, &hash).map(|()| seq));
            }
            for row in &rows {
                let entry = match chain.follow(row.try_get("body")?) {
                    Ok(entry) => entry,
                    Err(broken) => return Ok(Err(broken)),
                };
                let beside: (i64, &str, Option<String>) =
                    (row.try_get("seq")?, row.try_get("hash")?, row.try_get("hold")?);
                // Records from before `hold` was written beside them have none.
                if (beside.0, beside.1) != (chain.seq, chain.hash.as_str())
                    || row.try_get::<&str, _>("tenant")? != entry.tenant()
                    || beside.2.is_some_and(|h| entry.hold != Some(h))
                {
                    let why = "what stands beside it is not what it says".to_owned();
                    return Ok(Err(Broken { seq: chain.seq, why }));
                }
            }
        }
    }
}

impl Scope {
    /// Up to `limit` records after number `after`; the numbers between them are other tenants'.
    pub async fn audit(&self, after: i64, limit: u32) -> Result<Vec<Entry>> {
        let page = sqlx::query_scalar(PAGE).bind(self.tenant()).bind(after).bind(i64::from(limit));
        let bodies: Vec<String> = page.fetch_all(self.readers()).await?;
        bodies
            .iter()
            .map(|body| serde_json::from_str(body).map_err(|_| Error::Corrupt("an audit record".to_owned())))
            .collect()
    }
}
