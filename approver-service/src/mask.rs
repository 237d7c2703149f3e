//! Masks what people type, before it is stored: reasons reach agents, logs of audits and other people.
//!
//! Must not go here: masking of requests, which the gateway does.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use privyseal_engine::redact::{self, Labels, Profile, ProfileSource, text};

use crate::secret::Key;

#[derive(Clone)]
pub struct Mask(Arc<Profile>);

impl Mask {
    pub fn new(key: &Key) -> Result<Mask> {
        let entities = ["pii", "credentials"].map(str::to_owned).into();
        let source = ProfileSource { entities, ..ProfileSource::default() };
        let profile = Profile::compile(&source, key.bytes()).map_err(|errors| anyhow!("masking: {errors:?}"))?;
        Ok(Mask(Arc::new(profile)))
    }

    /// `body`, a JSON document, with the same replaced, values named by their key too.
    pub fn json(&self, body: &[u8]) -> Result<String> {
        let masked = redact::body(Some(b"application/json"), body, &self.0, &mut Labels::new());
        let masked = masked.map_err(|refusal| anyhow!("not a JSON document that can be shown: {refusal}"))?.body;
        Ok(String::from_utf8_lossy(masked.as_deref().unwrap_or(body)).into_owned())
    }

    /// `typed` with what is personal or secret in it replaced by labels, and without NUL, which PostgreSQL cannot keep.
    pub fn apply(&self, typed: String) -> String {
        let typed = typed.replace('\0', "\u{fffd}");
        match text("", &typed, &self.0, &mut Labels::new()).body {
            None => typed,
            // Replacing parts of text by text leaves text.
            Some(masked) => String::from_utf8_lossy(&masked).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_words_and_lose_their_addresses() {
        let mask = Mask::new(&Key::new(vec![1; 32])).unwrap();
        assert_eq!(mask.apply("agreed with finance".into()), "agreed with finance");
        assert_eq!(mask.apply("a\0b".into()), "a\u{fffd}b");
        let masked = mask.apply("ask alice.canary@example.com, card 4111111111111111".into());
        assert!(masked.starts_with("ask <EMAIL_ADDRESS>, card <"), "{masked}");
        assert!(!masked.contains("4111"), "{masked}");
    }
}
