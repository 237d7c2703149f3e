//! Shapes of structured ids: a tiny pattern language for fixed-width codes, and what it captured.
//!
//! `0` a digit, `A` a letter (any case), `X` a letter or digit, `?` an optional separator, anything else itself. Separators
//! are a space, `-`, `.` and `/`; within one value all that `?` meets must be the same.
//! Must not go here: which entity has which shape.

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
    let mut compact = Compact::default();
    let mut separator = None;
    let mut at = 0;
    for want in shape.bytes() {
        let found = text.get(at).copied();
        if want == b'?' {
            match (found.filter(|b| is_separator(*b)), separator) {
                (Some(b), None) => {
                    separator = Some(Some(b));
                    at += 1;
                }
                (Some(b), Some(Some(first))) if b == first => at += 1,
                (None, None) => separator = Some(None),
                (None, Some(None)) => {}
                // A later separator may be missing only if all are.
                _ => return None,
            }
            continue;
        }
        let b = found?;
        let fits = match want {
            b'0' => b.is_ascii_digit(),
            b'A' => b.is_ascii_alphabetic(),
            b'X' => b.is_ascii_alphanumeric(),
            other => b == other,
        };
        if !fits {
            return None;
        }
        if b.is_ascii_alphanumeric() && !compact.push(b) {
            return None;
        }
        at += 1;
    }
    Some((at, compact))
}

pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn taken(shape: &str, text: &str) -> Option<usize> {
        matches(shape, text.as_bytes()).map(|(len, _)| len)
    }

    #[test]
    fn separators_are_all_or_none_and_alike() {
        assert_eq!(taken("000?00?0000", "078-05-1120 x"), Some(11));
        assert_eq!(taken("000?00?0000", "078051120"), Some(9));
        assert_eq!(taken("000?00?0000", "078-05 1120"), None);
        assert_eq!(taken("000?00?0000", "07805-1120"), None);
        assert_eq!(taken("000-00-0000", "078 05 1120"), None);
    }

    #[test]
    fn compact_keeps_letters_and_digits() {
        let (_, compact) = matches("AA?00?00?00?A", b"lt 25 96 24 d").unwrap();
        assert_eq!(compact.bytes(), b"LT259624D");
        assert_eq!(compact.digits().bytes(), [2, 5, 9, 6, 2, 4]);
    }
}
