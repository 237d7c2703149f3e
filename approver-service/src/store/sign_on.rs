//! Sessions of people whom an identity provider knows.
//!
//! Must not go here: whether the provider is believed (`auth::oidc`).

use super::login::DECIDE_MS;
use super::{Result, Scope};
use crate::audit::{Actor, Fact};
use crate::auth::Session;
use crate::auth::identity::of_decider;
use crate::auth::oidc::Identity;

/// Whom the settings name too is from now on known to the provider: a change of the settings does not end their sessions.
const ADD_PERSON: &str = "
    INSERT INTO people (tenant, name, source) VALUES ($1, $2, 'provider')
    ON CONFLICT (tenant, name) DO UPDATE SET source = 'provider'";
const ADD_IDENTITY: &str = "
    INSERT INTO person_identities (tenant, person, identity, source) VALUES ($1, $2, $3, 'provider') ON CONFLICT DO NOTHING";
const ADD_GROUP: &str = "INSERT INTO session_groups (session, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";

impl Scope {
    /// A session for `identity` that reads for `read_ms` and decides until 15 minutes after the person proved who they are;
    /// if the provider does not say when, it does not decide. Returns the session's secret too.
    pub async fn log_in_as(&self, identity: &Identity, read_ms: i64) -> Result<(Session, String)> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        sqlx::query(ADD_PERSON).bind(self.tenant()).bind(&identity.name).execute(tx.conn()).await?;
        for name in of_decider(&identity.name, &identity.identities) {
            let add = sqlx::query(ADD_IDENTITY).bind(self.tenant()).bind(&identity.name).bind(name);
            add.execute(tx.conn()).await?;
        }
        // A clock of the provider that is ahead gives nobody more time.
        let decide_until_ms = identity.proven_ms.map_or(now, |proven_ms| proven_ms.min(now).saturating_add(DECIDE_MS));
        let (tenant, name) = (self.tenant.clone(), identity.name.clone());
        let (session, secret) = tx.open_session(tenant, name, decide_until_ms, read_ms).await?;
        for group in &identity.groups {
            sqlx::query(ADD_GROUP).bind(&session.hash).bind(group).execute(tx.conn()).await?;
        }
        let actor = Actor::person(&session.person);
        let details = [("method", "provider".to_owned()), ("groups", identity.groups.join(" "))].into();
        tx.record(Fact { tenant: self.tenant.to_string(), kind: "login", actor, hold: None, details });
        tx.commit().await?;
        Ok((session, secret))
    }
}
