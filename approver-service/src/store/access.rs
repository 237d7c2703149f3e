//! Tokens, and the people who may decide.
//!
//! Must not go here: what a role may do (`auth`).

use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::{Error, Result, Scope, Store, row};
use crate::audit::{Actor, Fact};
use crate::auth::identity::of_decider;
use crate::auth::scope::{Role, Scopes};
use crate::auth::tenant::Tenant;
use crate::auth::{Person, TOKEN_PREFIX, Token};
use crate::secret::{self, sha256};

const CREATE: &str = "
    INSERT INTO tokens (id, tenant, name, role, hash, created_ms, expires_ms, owner, scopes)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const LIST: &str = "SELECT * FROM tokens ORDER BY id";
const LOOK_UP: &str = "
    SELECT * FROM tokens WHERE hash = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)";
const REVOKE: &str = "
    UPDATE tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL
    RETURNING *";
const ADD_PERSON: &str = "INSERT INTO people (tenant, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const ADD_IDENTITY: &str = "
    INSERT INTO person_identities (tenant, person, identity) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const FORGET_PEOPLE: &str = "DELETE FROM people WHERE tenant = $1 AND source = 'local'";
const FORGET_IDENTITIES: &str = "DELETE FROM person_identities WHERE tenant = $1 AND source = 'local'";
const TENANTS: &str = "SELECT DISTINCT tenant FROM people WHERE source = 'local'";

/// A token to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    pub name: &'a str,
    pub role: Role,
    pub scopes: &'a Scopes,
    pub owner: Option<&'a str>,
    pub expires_ms: Option<i64>,
}

impl Scope {
    /// Makes a token; its secret is returned here and never again.
    pub async fn create_token(&self, new: NewToken<'_>) -> Result<(Token, String)> {
        let NewToken { name, role, scopes, owner, expires_ms } = new;
        let secret = secret::bearer(TOKEN_PREFIX)?;
        let mut tx = self.begin().await?;
        let token = Token {
            id: Uuid::now_v7().to_string(),
            tenant: self.tenant.clone(),
            name: name.to_owned(),
            role,
            scopes: scopes.clone(),
            owner: owner.map(str::to_owned),
            created_ms: tx.now,
            expires_ms,
            revoked_ms: None,
        };
        sqlx::query(CREATE)
            .bind(&token.id)
            .bind(self.tenant())
            .bind(name)
            .bind(row::word(&role)?)
            .bind(sha256(&secret))
            .bind(token.created_ms)
            .bind(expires_ms)
            .bind(owner)
            .bind(scopes.to_string())
            .execute(tx.conn())
            .await?;
        tx.record(fact("token_created", &token)?);
        tx.commit().await?;
        Ok((token, secret))
    }

    /// From now on exactly these people may decide, beside those whom an identity provider knows.
    pub async fn set_people(&self, people: &[Person]) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(FORGET_PEOPLE).bind(self.tenant()).execute(tx.conn()).await?;
        sqlx::query(FORGET_IDENTITIES).bind(self.tenant()).execute(tx.conn()).await?;
        for person in people {
            sqlx::query(ADD_PERSON).bind(self.tenant()).bind(&person.name).execute(tx.conn()).await?;
            for identity in of_decider(&person.name, &person.identities) {
                let add = sqlx::query(ADD_IDENTITY).bind(self.tenant()).bind(&person.name).bind(identity);
                add.execute(tx.conn()).await?;
            }
        }
        tx.commit().await
    }
}

impl Store {
    /// The tenants that the settings have named people of.
    pub async fn tenants(&self) -> Result<Vec<Tenant>> {
        let names: Vec<String> = sqlx::query_scalar(TENANTS).fetch_all(self.readers()).await?;
        names.iter().map(|name| tenant(name)).collect()
    }

    /// Of all tenants.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        sqlx::query(LIST).fetch_all(self.readers()).await?.iter().map(token).collect()
    }

    /// The token with this secret, unless it is revoked or over. Of a gateway's it may take a moment to be told of.
    pub async fn token(&self, secret: &str) -> Result<Option<Token>> {
        let (hash, now) = (sha256(secret), self.now());
        if let Some(known) = self.0.trusted.get(&hash, now) {
            return Ok(Some(known));
        }
        let row = sqlx::query(LOOK_UP).bind(&hash).bind(now).fetch_optional(self.readers()).await?;
        let found = row.as_ref().map(token).transpose()?;
        found.iter().for_each(|token| self.0.trusted.note(hash.clone(), token, now));
        Ok(found)
    }

    pub async fn revoke_token(&self, id: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let revoked = sqlx::query(REVOKE).bind(id).bind(now).fetch_optional(tx.conn()).await?.ok_or(Error::Unknown)?;
        tx.record(fact("token_revoked", &token(&revoked)?)?);
        tx.commit().await
    }
}

fn fact(kind: &'static str, token: &Token) -> Result<Fact> {
    let Token { id, tenant, name, role, scopes, .. } = token;
    let details =
        [("id", id.clone()), ("name", name.clone()), ("role", row::word(role)?), ("scopes", scopes.to_string())];
    Ok(Fact { tenant: tenant.to_string(), kind, actor: Actor::operator(), hold: None, details: details.into() })
}

fn token(row: &AnyRow) -> Result<Token> {
    let role: Role = row::from_word(row.try_get("role")?)?;
    // A service of the version before writes none.
    let scopes = match row.try_get::<Option<&str>, _>("scopes")? {
        Some(scopes) => scopes.parse().map_err(|_| Error::Corrupt(format!("scopes `{scopes}` of a token")))?,
        None => role.scopes(),
    };
    Ok(Token {
        scopes,
        id: row.try_get("id")?,
        tenant: tenant(row.try_get("tenant")?)?,
        name: row.try_get("name")?,
        role,
        owner: row.try_get("owner")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}

pub(super) fn tenant(name: &str) -> Result<Tenant> {
    name.parse().map_err(|_| Error::Corrupt(format!("the tenant `{name}`")))
}
