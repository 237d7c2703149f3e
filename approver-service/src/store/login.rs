//! Logins and sessions: a one-time link and code for a person, exchanged once for a session.
//!
//! Links are stored as hashes, codes as MACs under the storage key (eight digits alone would be guessed). Must not go
//! here: who shows link and code to the person (`serve`'s terminal).

use privyseal_engine::digest::hex;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::write::Tx;
use super::{Error, Result, Scope, Store, access, row};
use crate::audit::{Actor, Fact};
use crate::auth::tenant::Tenant;
use crate::auth::{SESSION_PREFIX, Session};
use crate::secret::{self, sha256};

/// How long a link and its code are good.
pub const LOGIN_MS: i64 = 5 * 60 * 1000;
/// How long after the login its session decides; in a terminal, also how long it lives.
pub const DECIDE_MS: i64 = 15 * 60 * 1000;
/// How long a session in a browser goes on reading.
pub const READ_MS: i64 = 12 * 3600 * 1000;
/// Wrong codes that every open login forgives.
const MAX_MISSES: i64 = 5;
const MAX_PER_PERSON: i64 = 5;
const MAX_PER_MINUTE: i64 = 30;

/// Whom only the provider knows logs in there.
const IS_KNOWN: &str = "SELECT EXISTS (SELECT 1 FROM people WHERE tenant = $1 AND name = $2 AND source = 'local')";
const RECENT: &str = "
    SELECT count(*), count(*) FILTER (WHERE tenant = $1 AND person = $2) FROM logins WHERE created_ms > $3";
const CREATE: &str = "
    INSERT INTO logins (id, tenant, person, link_hash, code_mac, created_ms, expires_ms)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const FORGET: &str = "DELETE FROM logins WHERE expires_ms < $1";
const BY_LINK: &str = "
    SELECT id, tenant, person FROM logins WHERE link_hash = $1 AND used_ms IS NULL AND expires_ms > $2";
const BY_CODE: &str = "
    SELECT id, tenant, person FROM logins WHERE code_mac = $1 AND used_ms IS NULL AND expires_ms > $2 AND misses < $3";
const MISS: &str = "UPDATE logins SET misses = misses + 1 WHERE used_ms IS NULL AND expires_ms > $1";
const USE: &str = "UPDATE logins SET used_ms = $2 WHERE id = $1 AND used_ms IS NULL";
const OPEN_SESSION: &str = "
    INSERT INTO sessions (hash, tenant, person, decide_until_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)";
const SESSION: &str = "
    SELECT s.* FROM sessions s JOIN people ON people.tenant = s.tenant AND people.name = s.person
    WHERE s.hash = $1 AND s.expires_ms > $2";
const CLOSE_SESSION: &str = "DELETE FROM sessions WHERE hash = $1 OR expires_ms < $2";

/// What the service shows the person, and nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    pub link: String,
    /// Eight digits.
    pub code: String,
}

/// How a person answers the challenge.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    Code(&'a str),
    Link(&'a str),
}

impl Scope {
    /// A new challenge for `person`; none if nobody of that name may decide.
    pub async fn challenge(&self, person: &str) -> Result<Option<Challenge>> {
        let challenge = Challenge { link: hex(&secret::random::<32>()?), code: code()? };
        let mut tx = self.begin().await?;
        let now = tx.now;
        let known = sqlx::query(IS_KNOWN).bind(self.tenant()).bind(person).fetch_one(tx.conn()).await?;
        if !row::flag(&known, 0)? {
            return Ok(None);
        }
        let recent = sqlx::query(RECENT).bind(self.tenant()).bind(person).bind(now - 60_000);
        let recent = recent.fetch_one(tx.conn()).await?;
        if recent.try_get::<i64, _>(0)? >= MAX_PER_MINUTE || recent.try_get::<i64, _>(1)? >= MAX_PER_PERSON {
            return Err(Error::TooManyLogins);
        }
        sqlx::query(FORGET).bind(now - DECIDE_MS).execute(tx.conn()).await?;
        sqlx::query(CREATE)
            .bind(Uuid::now_v7().to_string())
            .bind(self.tenant())
            .bind(person)
            .bind(sha256(&challenge.link))
            .bind(self.key().mac("login-code", &challenge.code))
            .bind(now)
            .bind(now + LOGIN_MS)
            .execute(tx.conn())
            .await?;
        tx.commit().await?;
        Ok(Some(challenge))
    }
}

impl Store {
    /// Whose link this is, if it is still good. Changes nothing.
    pub async fn link_owner(&self, link: &str) -> Result<String> {
        let row = sqlx::query(BY_LINK).bind(sha256(link)).bind(self.now()).fetch_optional(self.readers()).await?;
        Ok(row.ok_or(Error::LoginOver)?.try_get("person")?)
    }

    /// Exchanges link or code for a session that reads for `read_ms`, once; returns the session's secret too.
    pub async fn log_in(&self, proof: Proof<'_>, read_ms: i64) -> Result<(Session, String)> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let found = match proof {
            Proof::Link(link) => sqlx::query(BY_LINK).bind(sha256(link)).bind(now),
            Proof::Code(code) => {
                sqlx::query(BY_CODE).bind(self.key().mac("login-code", code)).bind(now).bind(MAX_MISSES)
            }
        };
        let Some(login) = found.fetch_optional(tx.conn()).await? else {
            if let Proof::Code(_) = proof {
                sqlx::query(MISS).bind(now).execute(tx.conn()).await?;
                tx.commit().await?;
            }
            return Err(Error::LoginOver);
        };
        let method = match proof {
            Proof::Code(_) => "code",
            Proof::Link(_) => "link",
        };
        sqlx::query(USE).bind(login.try_get::<&str, _>("id")?).bind(now).execute(tx.conn()).await?;
        let tenant = access::tenant(login.try_get("tenant")?)?;
        let (session, secret) = tx.open_session(tenant, login.try_get("person")?, now + DECIDE_MS, read_ms).await?;
        let actor = Actor::person(&session.person);
        let details = [("method", method.to_owned())].into();
        tx.record(Fact { tenant: session.tenant.to_string(), kind: "login", actor, hold: None, details });
        tx.commit().await?;
        Ok((session, secret))
    }

    /// The session with this secret, unless it is over or its person is gone.
    pub async fn session(&self, secret: &str) -> Result<Option<Session>> {
        let row = sqlx::query(SESSION).bind(sha256(secret)).bind(self.now()).fetch_optional(self.readers()).await?;
        row.as_ref().map(session).transpose()
    }

    pub async fn log_out(&self, session: &Session) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        sqlx::query(CLOSE_SESSION).bind(&session.hash).bind(now).execute(tx.conn()).await?;
        tx.commit().await
    }
}

impl Tx {
    pub(super) async fn open_session(
        &mut self,
        tenant: Tenant,
        person: String,
        decide_until_ms: i64,
        read_ms: i64,
    ) -> Result<(Session, String)> {
        let secret = secret::bearer(SESSION_PREFIX)?;
        let expires_ms = self.now + read_ms;
        let session = Session { tenant, person, hash: sha256(&secret), decide_until_ms, expires_ms };
        sqlx::query(OPEN_SESSION)
            .bind(&session.hash)
            .bind(session.tenant.as_str())
            .bind(&session.person)
            .bind(session.decide_until_ms)
            .bind(session.expires_ms)
            .execute(self.conn())
            .await?;
        Ok((session, secret))
    }
}

fn session(row: &AnyRow) -> Result<Session> {
    Ok(Session {
        tenant: access::tenant(row.try_get("tenant")?)?,
        person: row.try_get("person")?,
        hash: row.try_get("hash")?,
        decide_until_ms: row.try_get("decide_until_ms")?,
        expires_ms: row.try_get("expires_ms")?,
    })
}

/// Eight digits; the bias of the remainder is below one in 10^11.
fn code() -> Result<String> {
    let number = u64::from_be_bytes(secret::random()?) % 100_000_000;
    Ok(format!("{number:08}"))
}
