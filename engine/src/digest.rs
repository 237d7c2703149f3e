//! Canonical bytes, digests and MACs: a length-prefixed encoding that two different inputs cannot share.
//!
//! Must not go here: which parts of a request are bound to an approval (`binding`).

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Builds canonical bytes: a domain, then named fields, each name and value behind its length (u32, big endian).
#[derive(Clone, Debug)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// `domain` keeps encodings for different purposes apart.
    pub fn new(domain: &str) -> Self {
        let mut encoder = Encoder(Vec::with_capacity(256));
        encoder.bytes(domain.as_bytes());
        encoder
    }

    /// Appends one named value.
    pub fn field(&mut self, name: &str, value: &[u8]) {
        self.bytes(name.as_bytes());
        self.bytes(value);
    }

    /// The canonical bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// SHA-256 of the canonical bytes.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    fn bytes(&mut self, value: &[u8]) {
        // No input reaches 4 GiB (`limits`); a longer one saturates its prefix and stays distinct from any shorter one.
        let len = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(value);
    }
}

/// HMAC-SHA-256 (RFC 2104) over `message`, to be finalised or verified.
pub fn mac(key: &[u8], message: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length: `Err` cannot happen, and if it did, the empty key verifies nothing made with ours.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()));
    mac.update(message);
    mac
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes
        .iter()
        .flat_map(|b| [usize::from(b >> 4), usize::from(b & 15)])
        .filter_map(|digit| DIGITS.get(digit))
        .collect()
}

/// The bytes of lower-case hex; `None` for anything else.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    if !text.len().is_multiple_of(2) {
        return None;
    }
    text.as_bytes()
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_borders_are_part_of_the_encoding() {
        let encode = |fields: &[(&str, &str)]| {
            let mut e = Encoder::new("t");
            fields.iter().for_each(|(name, value)| e.field(name, value.as_bytes()));
            e.sha256()
        };
        assert_ne!(encode(&[("a", "bc")]), encode(&[("ab", "c")]));
        assert_ne!(encode(&[("a", "b"), ("c", "d")]), encode(&[("a", "bcd")]));
    }

    #[test]
    fn hex_round_trips() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert_eq!(unhex("0G"), None);
        assert_eq!(unhex("abc"), None);
    }
}
