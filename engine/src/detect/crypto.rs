//! Wallet addresses: Bitcoin (Base58Check; BIP 173 and 350) and Ethereum.

use sha2::{Digest, Sha256};

use super::entity::Entity;
use super::scan::{Scan, Word};

pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    let len = word.end - word.start;
    if !(26..=90).contains(&len) || !scan.wants(Entity::Crypto) {
        return;
    }
    let text = scan.rest(word.start).get(..len).unwrap_or_default();
    let valid = match text {
        [b'0', b'x' | b'X', hex @ ..] => {
            hex.len() == 40 && hex.iter().all(u8::is_ascii_hexdigit) && hex.iter().any(|b| Some(b) != hex.first())
        }
        [b'1' | b'3', ..] => len <= 35 && base58_check(text),
        [b'b' | b'B', b'c' | b'C', b'1', ..] => bech32(text),
        _ => false,
    };
    if valid {
        scan.found(Entity::Crypto, word.start, word.end, 90);
    }
}

/// 25 bytes of which the last four are a double SHA-256 of the others.
fn base58_check(text: &[u8]) -> bool {
    const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    if text.iter().any(|b| matches!(b, b'0' | b'O' | b'I' | b'l')) {
        return false;
    }
    let mut bytes = [0u8; 25];
    for b in text {
        let Some(value) = ALPHABET.iter().position(|a| a == b) else { return false };
        let mut carry = value;
        for byte in bytes.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = (carry & 0xff) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return false;
        }
    }
    let Some((payload, check)) = bytes.split_last_chunk::<4>() else { return false };
    Sha256::digest(Sha256::digest(payload)).starts_with(check)
}

/// The polynomial of BIP 173 over the human-readable part `bc` and the data.
fn bech32(text: &[u8]) -> bool {
    const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let mut check: u32 = 1;
    let mut feed = |value: u32| {
        let top = check >> 25;
        check = (check & 0x01ff_ffff) << 5 ^ value;
        for (bit, term) in [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3].into_iter().enumerate() {
            if top >> bit & 1 == 1 {
                check ^= term;
            }
        }
    };
    let lower = |b: &u8| b.to_ascii_lowercase();
    for part in [b'b' >> 5, b'c' >> 5, 0, b'b' & 31, b'c' & 31] {
        feed(u32::from(part));
    }
    for b in text.get(3..).unwrap_or_default() {
        let Some(value) = ALPHABET.iter().position(|a| *a == lower(b)) else { return false };
        feed(value as u32);
    }
    let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
    !mixed && matches!(check, 1 | 0x2bc8_30a3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn good_and_bad() {
        assert!(
            base58_check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa") && !base58_check(b"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")
        );
        assert!(
            bech32(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")
                && !bech32(b"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp")
        );
        assert!(bech32(b"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"));
    }
}
