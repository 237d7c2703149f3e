//! The Verhoeff check (J. Verhoeff, Error Detecting Decimal Codes, 1969).

/// Whether `digits` (values 0 to 9) end in their Verhoeff check digit.
pub(in crate::detect) fn verhoeff(digits: &[u8]) -> bool {
    let check =
        digits.iter().rev().enumerate().fold(0, |check, (place, digit)| product(check, permuted(*digit, place)));
    check == 0
}

/// Multiplication in the dihedral group of order ten.
fn product(a: u8, b: u8) -> u8 {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// The permutation of the scheme, applied `times`.
fn permuted(digit: u8, times: usize) -> u8 {
    const ONCE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..times % 8).fold(digit, |digit, _| ONCE.get(usize::from(digit)).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn good_and_bad() {
        assert!(verhoeff(&[2, 3, 6, 3]));
        assert!(verhoeff(&[1, 4, 2, 8, 5, 7, 0]));
        assert!(!verhoeff(&[2, 3, 6, 4]) && !verhoeff(&[3, 2, 6, 3]));
    }
}
