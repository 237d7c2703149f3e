//! Tokens, and the people who may decide.
//!
//! Must not go here: what a role may do (`auth`).

use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::{Error, Result, Store, row};
use crate::audit::{Actor, Fact};
use crate::auth::identity::of_decider;
use crate::auth::{Person, Role, TOKEN_PREFIX, Token};
use crate::secret::{self, sha256};

const CREATE: &str = "
    INSERT INTO tokens (id, name, role, hash, created_ms, expires_ms, owner) VALUES ($1, $2, $3, $4, $5, $6, $7)";
const LIST: &str = "SELECT * FROM tokens ORDER BY id";
const LOOK_UP: &str = "
    SELECT * FROM tokens WHERE hash = $1 AND revoked_ms IS NULL AND (expires_ms IS NULL OR expires_ms > $2)";
const REVOKE: &str = "UPDATE tokens SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL RETURNING name, role";
const ADD_PERSON: &str = "INSERT INTO people (name) VALUES ($1) ON CONFLICT DO NOTHING";
const ADD_IDENTITY: &str = "INSERT INTO person_identities (person, identity) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// A token to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewToken<'a> {
    pub name: &'a str,
    pub role: Role,
    pub owner: Option<&'a str>,
    pub expires_ms: Option<i64>,
}

impl Store {
    /// Makes a token; its secret is returned here and never again.
    pub async fn create_token(&self, new: NewToken<'_>) -> Result<(Token, String)> {
        let NewToken { name, role, owner, expires_ms } = new;
        let secret = secret::bearer(TOKEN_PREFIX)?;
        let mut tx = self.begin().await?;
        let token = Token {
            id: Uuid::now_v7().to_string(),
            name: name.to_owned(),
            role,
            owner: owner.map(str::to_owned),
            created_ms: tx.now,
            expires_ms,
            revoked_ms: None,
        };
        sqlx::query(CREATE)
            .bind(&token.id)
            .bind(name)
            .bind(row::word(&role)?)
            .bind(sha256(&secret))
            .bind(token.created_ms)
            .bind(expires_ms)
            .bind(owner)
            .execute(tx.conn())
            .await?;
        tx.record(fact("token_created", &token.id, name, row::word(&role)?));
        tx.commit().await?;
        Ok((token, secret))
    }

    pub async fn tokens(&self) -> Result<Vec<Token>> {
        sqlx::query(LIST).fetch_all(self.readers()).await?.iter().map(token).collect()
    }

    /// The token with this secret, unless it is revoked or over.
    pub async fn token(&self, secret: &str) -> Result<Option<Token>> {
        let row = sqlx::query(LOOK_UP).bind(sha256(secret)).bind(self.now()).fetch_optional(self.readers()).await?;
        row.as_ref().map(token).transpose()
    }

    pub async fn revoke_token(&self, id: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let row = sqlx::query(REVOKE).bind(id).bind(now).fetch_optional(tx.conn()).await?.ok_or(Error::Unknown)?;
        tx.record(fact("token_revoked", id, row.try_get("name")?, row.try_get("role")?));
        tx.commit().await
    }

    /// From now on exactly these people may decide, beside those whom an identity provider knows.
    pub async fn set_people(&self, people: &[Person]) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM people WHERE source = 'local'").execute(tx.conn()).await?;
        sqlx::query("DELETE FROM person_identities WHERE source = 'local'").execute(tx.conn()).await?;
        for person in people {
            sqlx::query(ADD_PERSON).bind(&person.name).execute(tx.conn()).await?;
            for identity in of_decider(&person.name, &person.identities) {
                sqlx::query(ADD_IDENTITY).bind(&person.name).bind(identity).execute(tx.conn()).await?;
            }
        }
        tx.commit().await
    }
}

fn fact(kind: &'static str, id: &str, name: &str, role: String) -> Fact {
    let details = [("id", id.to_owned()), ("name", name.to_owned()), ("role", role)].into();
    Fact { kind, actor: Actor::operator(), hold: None, details }
}

fn token(row: &AnyRow) -> Result<Token> {
    Ok(Token {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        role: row::from_word(row.try_get("role")?)?,
        owner: row.try_get("owner")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}
