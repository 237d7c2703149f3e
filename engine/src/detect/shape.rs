//! Shapes of structured ids: a tiny pattern language for fixed-width codes, and what it captured.
//!
//! `0` a digit, `A` a letter (any case), `X` a letter or digit, anything else itself. Must not go here: which entity has which shape.

/// The letters and digits of a candidate, without separators, letters in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Compact {
    bytes: [u8; Compact::MAX],
    len: usize,
}

impl Default for Compact {
    fn default() -> Self {
        Compact { bytes: [0; Compact::MAX], len: 0 }
    }
}

impl Compact {
    pub const MAX: usize = 40;

    pub fn push(&mut self, byte: u8) -> bool {
        match self.bytes.get_mut(self.len) {
            Some(slot) => {
                *slot = byte.to_ascii_uppercase();
                self.len += 1;
                true
            }
            None => false,
        }
    }

    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The values of the digits among it.
    pub fn digits(&self) -> Compact {
        let mut digits = Compact::default();
        self.bytes().iter().filter(|b| b.is_ascii_digit()).for_each(|b| {
            digits.push(b - b'0');
        });
        digits
    }
}

/// Matches `shape` at the start of `text`: how many bytes it takes, and its letters and digits.
pub(super) fn matches(shape: &str, text: &[u8]) -> Option<(usize, Compact)> {
    let value = text.get(..shape.len())?;
    let mut compact = Compact::default();
    for (want, b) in shape.bytes().zip(value) {
        let fits = match want {
            b'0' => b.is_ascii_digit(),
            b'A' => b.is_ascii_alphabetic(),
            b'X' => b.is_ascii_alphanumeric(),
            other => *b == other,
        };
        if !fits || want.is_ascii_alphanumeric() && !compact.push(*b) {
            return None;
        }
    }
    Some((shape.len(), compact))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn shapes_are_met_place_by_place() {
        let taken = |shape: &str, text: &str| matches(shape, text.as_bytes()).map(|(len, _)| len);
        assert_eq!(taken("000-00-0000", "078-05-1120 x"), Some(11));
        assert_eq!(taken("AX0", "b77"), Some(3));
        for (shape, text) in [("000-00-0000", "078 05 1120"), ("000", "07"), ("AX0", "7b7"), ("A-0", "b 7")] {
            assert_eq!(taken(shape, text), None, "{text}");
        }
    }

    #[test]
    fn compact_keeps_letters_and_digits() {
        let (_, compact) = matches("AA 00 00 00 A", b"lt 25 96 24 d").unwrap();
        assert_eq!(compact.bytes(), b"LT259624D");
        assert_eq!(compact.digits().bytes(), [2, 5, 9, 6, 2, 4]);
    }
}
