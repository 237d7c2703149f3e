//! The Luhn check (ISO/IEC 7812-1, annex B).

/// Whether `digits` (values 0 to 9) end in their Luhn check digit.
pub(in crate::detect) fn luhn(digits: &[u8]) -> bool {
    const DOUBLED: [u8; 10] = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];
    let doubled = |digit: &u8| DOUBLED.get(usize::from(*digit)).copied().unwrap_or(0);
    let pairs = digits.rchunks(2).map(|pair| match pair {
        [first, second] => doubled(first) + second,
        rest => rest.iter().sum(),
    });
    let sum: u32 = pairs.map(u32::from).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn check(text: &str) -> bool {
        let digits: Vec<u8> = text.bytes().map(|b| b - b'0').collect();
        luhn(&digits)
    }

    #[test]
    fn good_and_bad() {
        for good in ["4111111111111111", "378282246310005", "79927398713", "046454286"] {
            assert!(check(good), "{good}");
        }
        for bad in ["4111111111111112", "79927398710", "4111111111111121"] {
            assert!(!check(bad), "{bad}");
        }
    }
}
