//! What every handler shares.
//!
//! Must not go here: state of holds or people (`store`).

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tokio_util::sync::CancellationToken;

use crate::api::limits::Limits;
use crate::auth::certificate::Gateways;
use crate::auth::oidc::{self, Identity, Provider};
use crate::auth::tenant::Tenants;
use crate::mask::Mask;
use crate::receipt::Receipts;
use crate::secret::Key;
use crate::store::{Scope, Store};
use crate::telemetry::metrics::{self, Metrics};
use crate::telemetry::traces::Traces;
use crate::ticket::Tickets;
use crate::{api, ui};

/// Shows a line to the people at the service's own terminal.
pub type Announce = Arc<dyn Fn(&str) + Send + Sync>;

/// Cheap to clone, as every request does.
#[derive(Clone)]
pub struct App(Arc<Shared>);

pub struct Shared {
    pub store: Store,
    /// Authenticates answers to releases; the gateway has the same.
    pub gateway_key: Key,
    pub tenants: Tenants,
    /// The only environment served, if one is set.
    pub environment: Option<String>,
    /// Whom certificates speak for.
    pub gateways: Gateways,
    /// Where people reach this service: scheme and authority, without a slash at the end.
    pub base_url: String,
    pub announce: Announce,
    pub metrics: Metrics,
    pub traces: Traces,
    /// How often each caller may ask.
    pub limits: Limits,
    /// Proofs of releases, for upstreams.
    pub receipts: Receipts,
    /// Where people prove who they are, beside the codes on the service's terminal.
    pub provider: Option<Provider>,
    /// Where tickets are looked up that agents state.
    pub tickets: Option<Tickets>,
    /// For what people type.
    pub mask: Mask,
    /// Cancelled when the service is about to stop: it is not ready any more, and serves on for a while.
    pub leaving: CancellationToken,
    /// Cancelled when the service stops: whoever waits is answered at once.
    pub stop: CancellationToken,
}

impl From<Shared> for App {
    fn from(shared: Shared) -> App {
        App(Arc::new(shared))
    }
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub fn router(self) -> Router {
        Router::new()
            .merge(
                Router::from(api::routes())
                    .layer(from_fn_with_state(self.clone(), api::idempotency::once))
                    .method_not_allowed_fallback(api::problem::wrong_method),
            )
            .merge(ui::routes())
            .fallback(api::problem::unknown_route)
            .layer(from_fn_with_state(self.clone(), metrics::observe))
            .with_state(self)
    }

    /// Do people reach the service over TLS, so that cookies can demand it?
    pub fn is_https(&self) -> bool {
        self.base_url.starts_with("https://")
    }

    /// The store as the tenant sees it of whom a provider has named.
    pub fn of_identity(&self, identity: &Identity) -> Result<Scope, oidc::Error> {
        let tenant = match &identity.tenant {
            Some(name) => {
                self.tenants.named(name).ok_or(oidc::Error::Token("it names a tenant that is not known here"))?
            }
            None => &self.tenants.main,
        };
        Ok(self.store.of(tenant))
    }

    /// Makes link and code for `person` and shows them here, never to whoever asked.
    pub async fn announce_login(&self, person: &str) -> crate::store::Result<()> {
        let Some((tenant, name)) = self.tenants.qualified(person) else { return Ok(()) };
        if let Some(challenge) = self.store.of(tenant).challenge(name).await? {
            let (first, second) = challenge.code.split_at(4);
            (self.announce)(&format!(
                "login for {person}: {}/login/confirm?t={}  code {first}-{second}  (valid 5 minutes)",
                self.base_url, challenge.link
            ));
        }
        Ok(())
    }
}
