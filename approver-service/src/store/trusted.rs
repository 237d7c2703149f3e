//! Gateways' tokens that were good a moment ago: every poll for every held request shows one.
//!
//! Must not go here: other tokens, and people's sessions, which are looked up each time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::auth::Token;

/// A gateway whose token is revoked is served no longer than this.
const TRUSTED_MS: i64 = 1000;

/// The tokens, by the hash of their secret, with the time at which the database knew them.
#[derive(Default)]
pub(super) struct Trusted(Mutex<HashMap<String, (Token, i64)>>);

impl Trusted {
    pub fn get(&self, hash: &str, now: i64) -> Option<Token> {
        let tokens = self.tokens();
        let (token, seen_ms) = tokens.get(hash)?;
        let is_over = token.expires_ms.is_some_and(|expires| expires <= now);
        (is_fresh(*seen_ms, now) && !is_over).then(|| token.clone())
    }

    /// The database knows `token`. Whatever it knew too long ago is forgotten.
    pub fn note(&self, hash: String, token: &Token, now: i64) {
        if token.is_gateway() {
            let mut tokens = self.tokens();
            tokens.retain(|_, (_, seen_ms)| is_fresh(*seen_ms, now));
            tokens.insert(hash, (token.clone(), now));
        }
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, (Token, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Not after a clock went back, either.
fn is_fresh(seen_ms: i64, now: i64) -> bool {
    (0..TRUSTED_MS).contains(&now.saturating_sub(seen_ms))
}
