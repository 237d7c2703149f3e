//! Checksums, shared by the entity families as functions over digits (values 0 to 9) and weights.
//!
//! Must not go here: which entity uses which.

mod luhn;
mod verhoeff;

pub(super) use luhn::luhn;
pub(super) use verhoeff::verhoeff;

/// The sum of digits times weights; digits without a weight do not count.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// ISO 7064, MOD 11,10.
pub(super) fn mod_11_10(digits: &[u8]) -> bool {
    let Some((last, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*last)
}

/// The number that `digits` spell, modulo `modulus`.
pub(super) fn modulo(digits: &[u8], modulus: u32) -> u32 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u32::from(*digit)) % modulus)
}

/// ISO 7064, MOD 97-10, with letters as 10 to 35, over `text` with its first four characters moved to the end.
pub(super) fn mod_97(text: &[u8]) -> bool {
    let (head, tail) = text.split_at_checked(4).unwrap_or((text, &[]));
    let rest = tail.iter().chain(head).filter_map(|b| char::from(*b).to_digit(36)).fold(0, |rest, value| {
        let shift = if value > 9 { 100 } else { 10 };
        (rest * shift + value) % 97
    });
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn known_values() {
        assert!(mod_97(b"GB82WEST12345698765432") && !mod_97(b"GB82WEST12345698765433"));
        assert!(mod_11_10(&[8, 6, 0, 9, 5, 7, 4, 2, 7, 1, 9]) && !mod_11_10(&[8, 6, 0, 9, 5, 7, 4, 2, 7, 1, 8]));
        assert_eq!(modulo(&[1, 0, 0], 97), 3);
        assert_eq!(weighted(&[1, 2, 3, 9], &[1, 10, 100]), 321);
    }
}
