//! Decimal numbers compared exactly, whatever their length: never through a float, never expanded.
//!
//! Must not go here: what is compared with what (`predicate`).

use std::cmp::Ordering;

/// `0.d₁d₂d₃… × 10^exponent`, without zeros at either end of the digits; no digits is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i64,
}

/// No number is longer than a body; this keeps sums with an exponent as written inside an i64.
const MAX_EXPONENT: i64 = i64::MAX / 4;

impl Decimal {
    /// Reads `-12.50`, `1e4`, `+.5`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, unsigned) = match text.as_bytes() {
            [b'-', ..] => (true, text.strip_prefix('-')?),
            [b'+', ..] => (false, text.strip_prefix('+')?),
            _ => (false, text),
        };
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, read_power(power)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).skip_while(|b| *b == b'0').collect();
        let leading_zeros = whole.len() + fraction.len() - digits.len();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, exponent: 0 });
        }
        let point = i64::try_from(whole.len()).ok()? - i64::try_from(leading_zeros).ok()?;
        Some(Decimal { negative, digits, exponent: point + power })
    }

    /// How the two compare for readers that keep numbers as doubles: most JSON parsers do, and two numbers that differ
    /// only far behind the point, or in the last digits of a large one, are one to them.
    pub fn cmp_as_doubles(&self, other: &Decimal) -> Ordering {
        if self.is_short() && other.is_short() {
            return self.cmp(other);
        }
        self.nearest_double().partial_cmp(&other.nearest_double()).unwrap_or(Ordering::Equal)
    }

    /// Doubles keep any two such numbers apart.
    fn is_short(&self) -> bool {
        self.digits.len() <= 15 && (-300..=300).contains(&self.exponent)
    }

    fn nearest_double(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        let digits = String::from_utf8_lossy(&self.digits);
        format!("{sign}0.{digits}e{}", self.exponent).parse().unwrap_or(f64::NAN)
    }

    fn magnitude(&self, other: &Decimal) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.exponent.cmp(&other.exponent).then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The exponent as written; one that no i64 holds counts as the largest.
fn read_power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let power = digits.parse::<i64>().unwrap_or(MAX_EXPONENT).min(MAX_EXPONENT);
    Some(if text.starts_with('-') { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"))
    }

    #[test]
    fn different_spellings_are_equal() {
        for group in [
            &["10000", "1e4", "10000.0", "1E+4", "0.1e5", "010000", "+10000", "100000e-1"][..],
            &["0", "-0", "0.000", "0e999999999999999999999", "-0.0e-5"],
            &["-1.5", "-15e-1", "-1.50"],
            &[".5", "0.5", "5e-1"],
        ] {
            for text in group {
                assert_eq!(decimal(text), decimal(group[0]), "{text}");
            }
        }
    }

    #[test]
    fn order_is_exact() {
        let ascending = [
            "-1e999999999999999999999",
            "-10000.0000000000000000001",
            "-10000",
            "-1",
            "-1e-400",
            "0",
            "1e-999999999999999999999",
            "0.1",
            "0.10000000000000000555",
            "1",
            "9999.9999999999999999999999",
            "10000",
            "10000.00000000000000000000001",
            "9007199254740993",
            "9007199254740994",
            "1e400",
            "1e999999",
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{} < {}", pair[0], pair[1]);
        }
        assert!(decimal(&"9".repeat(5000)) < decimal("1e5000"));
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "-", ".", "e5", "1e", "1e+", "10_000", "0x10", "1,000", " 1", "1 ", "NaN", "--1", "1.2.3", "١"]
        {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn agrees_with_integers(a in proptest::prelude::any::<i64>(), b in proptest::prelude::any::<i64>()) {
            proptest::prop_assert_eq!(decimal(&a.to_string()).cmp(&decimal(&b.to_string())), a.cmp(&b));
        }
    }
}
