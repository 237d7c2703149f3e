//! The secret that a gateway and its approver share, and the keys derived from it: one per purpose.
//!
//! Must not go here: where the secret comes from (the filter's environment, the approver's data directory).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use hmac::Mac;

/// The shared secret's shortest length in bytes.
pub const MIN_BYTES: usize = 32;

/// Keys for the purposes of the filter. Each is HMAC-SHA-256 of a label under the shared secret, but for `answer`, which
/// is the secret itself: the approver authenticates nothing else with it.
#[derive(Clone)]
pub struct Keys {
    /// Authenticates the approver's answers to releases.
    pub answer: Vec<u8>,
    /// Stands in for credentials in the digest.
    pub credential: Vec<u8>,
    /// Hides the parts of a request that near misses are found by.
    pub field: Vec<u8>,
    /// Hides what grants are for.
    pub grant: Vec<u8>,
    /// Pseudonyms of redacted values.
    pub pseudonym: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Keys {
    /// Reads the secret as hex or base64 of at least [`MIN_BYTES`] bytes.
    pub fn parse(secret: &str) -> Result<Keys, &'static str> {
        decode(secret).map(Keys::new)
    }

    /// Derives the keys from the secret's bytes.
    pub fn new(secret: Vec<u8>) -> Keys {
        let derive = |label: &str| {
            crate::digest::mac(&secret, format!("privyseal/{label}/v1").as_bytes()).finalize().into_bytes().to_vec()
        };
        Keys {
            credential: derive("credential"),
            field: derive("field"),
            grant: derive("grant"),
            pseudonym: derive("pseudonym"),
            answer: secret,
        }
    }
}

/// What only who shares the secret can say of `nonce`: 64 hex digits of an HMAC-SHA-256 under [`Keys::field`].
pub fn proof(field_key: &[u8], nonce: &str) -> String {
    let message = format!("privyseal/proof/v1\n{nonce}");
    crate::digest::hex(&crate::digest::mac(field_key, message.as_bytes()).finalize().into_bytes())
}

/// The bytes of a secret written as hex or base64 (either alphabet, padded or not).
pub fn decode(secret: &str) -> Result<Vec<u8>, &'static str> {
    let secret = secret.trim();
    let bytes = crate::digest::unhex(secret)
        .or_else(|| [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD].iter().find_map(|e| e.decode(secret).ok()))
        .ok_or("expected hex or base64")?;
    if bytes.len() < MIN_BYTES { Err("expected at least 32 bytes") } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn reads_hex_and_base64_and_refuses_short_secrets() {
        let bytes: Vec<u8> = (0..32).collect();
        assert_eq!(decode(&crate::digest::hex(&bytes)), Ok(bytes.clone()));
        assert_eq!(decode(&STANDARD.encode(&bytes)), Ok(bytes.clone()));
        assert_eq!(decode(&format!(" {}\n", URL_SAFE_NO_PAD.encode(&bytes))), Ok(bytes));
        assert_eq!(decode("c2hvcnQ="), Err("expected at least 32 bytes"));
        assert_eq!(decode("not a key"), Err("expected hex or base64"));
    }

    #[test]
    fn purposes_do_not_share_a_key() {
        let keys = Keys::new(vec![7; 32]);
        let all = [&keys.answer, &keys.credential, &keys.field, &keys.grant, &keys.pseudonym];
        for (i, a) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|b| a != b));
        }
    }
}
