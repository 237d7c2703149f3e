//! Calls to other services that the settings name: bounded in time, and never led elsewhere.
//!
//! Must not go here: what is asked of whom.

use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;

use crate::secret::Key;

/// A client whose calls end after `timeout`. A redirect would take secrets where nobody configured.
pub fn client(timeout: Duration) -> reqwest::Result<Client> {
    // Fails only if a provider is installed already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(timeout).redirect(Policy::none()).build()
}

/// An address to ask, and what to show there.
#[derive(Clone, Debug)]
pub struct Place {
    pub url: String,
    /// Sent as a bearer token.
    pub secret: Option<Key>,
}

impl Place {
    /// `request` with the secret of the place.
    pub fn authorized(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.secret {
            Some(secret) => request.bearer_auth(String::from_utf8_lossy(secret.bytes())),
            None => request,
        }
    }
}
