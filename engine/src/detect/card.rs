//! Payment cards: issuer ranges, lengths and groupings of the networks, Luhn (ISO/IEC 7812).

use super::checksum::luhn;
use super::entity::{Entity, Set};
use super::scan::{Scan, Word};

/// At a word of only digits that opens; `second` is the length of the word joined to it, `said` all that may be
/// announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, second: usize, said: Set) {
    let grouped = matches!(word.len(), 4 | 6)
        && matches!(second, 4 | 6 | 13)
        && is_separator(word.joint)
        && scan.next(word.end + 1).is_some_and(|b| b.is_ascii_digit());
    if !(grouped || (12..=19).contains(&word.len())) || !scan.wants(Entity::CreditCard) {
        return;
    }
    // No network's numbers begin with 0, 7 or 9.
    let issued = scan.next(word.start).is_some_and(|b| matches!(b, b'1'..=b'6' | b'8'));
    if !issued && !said.contains(Entity::CreditCard) {
        return;
    }
    let Some(Number { len, digits, count, grouped }) = number(scan.rest(word.start)) else { return };
    let digits = digits.get(..count).unwrap_or_default();
    // Where a card is announced, the networks' ranges need not be known.
    let known = is_issued(digits);
    if !(known || said.contains(Entity::CreditCard)) {
        return;
    }
    let end = word.start + len;
    if !scan.closes(end) || !luhn(digits) {
        return;
    }
    let near = scan.near(word.start);
    let score = match (near.announces(Entity::CreditCard), near.other()) {
        (true, _) => 98,
        (false, _) if !known => return,
        (false, true) => 35,
        (false, false) if grouped => 85,
        (false, false) => 75,
    };
    scan.found(Entity::CreditCard, word.start, end, score);
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

/// A number as long as a card's.
struct Number {
    /// Its bytes.
    len: usize,
    digits: [u8; LONGEST],
    count: usize,
    grouped: bool,
}

/// Most digits of a card.
const LONGEST: usize = 19;

/// The number that `rest` begins with, in one run or in the groups printed on cards.
fn number(rest: &[u8]) -> Option<Number> {
    let run = |at: usize| rest.iter().skip(at).take(LONGEST + 1).take_while(|b| b.is_ascii_digit()).count();
    let mut groups = [run(0), 0, 0, 0, 0, 0];
    let (mut len, mut count) = (run(0), 1);
    let separator = rest.get(len).filter(|b| is_separator(**b) && len < 12);
    for group in groups.iter_mut().skip(1) {
        let size = if separator.is_some() && rest.get(len) == separator { run(len + 1) } else { 0 };
        if size == 0 {
            break;
        }
        (*group, len, count) = (size, len + 1 + size, count + 1);
    }
    // More numbers may follow.
    let groups =
        groups.get(..count).filter(|all| printed(all)).or(groups.get(..4).filter(|four| count > 4 && printed(four)))?;
    let mut digits = [0; LONGEST];
    let bytes = rest.iter().filter(|b| b.is_ascii_digit());
    let count = groups.iter().sum();
    for (digit, b) in digits.iter_mut().zip(bytes).take(count) {
        *digit = b - b'0';
    }
    let grouped = groups.len() > 1;
    (12..=LONGEST).contains(&count).then_some(Number { len: count + groups.len() - 1, digits, count, grouped })
}

/// Whether cards have numbers in groups of these sizes.
fn printed(sizes: &[usize]) -> bool {
    matches!(sizes, [_] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 3] | [4, 6, 4 | 5] | [6, 13] | [4, 4, 5])
}

/// Whether a network issues numbers of this prefix and length.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0u32, |value, digit| value * 10 + u32::from(*digit));
    let (two, three, four, six) = (prefix(2), prefix(3), prefix(4), prefix(6));
    let zeros = digits.iter().filter(|digit| **digit == 0).count();
    if zeros * 4 > digits.len() * 3 {
        return false;
    }
    match digits.len() {
        // Maestro.
        12 => matches!(two, 50 | 56..=58 | 60..=69) && !matches!(two, 62 | 64 | 65),
        // Visa of old.
        13 => two / 10 == 4,
        // Diners Club.
        14 => matches!(three, 300..=305 | 309) || matches!(two, 36 | 38 | 39),
        // American Express, UATP (1 and an airline's number; ids of social networks begin with 10), JCB of old.
        15 => matches!(two, 11..=19 | 34 | 37) || matches!(four, 1800 | 2131),
        // Visa, Mastercard, Discover, JCB, UnionPay, Maestro, Mir, RuPay.
        16 => {
            two / 10 == 4
                || matches!(two, 51..=55 | 62 | 64 | 65 | 67 | 60 | 81 | 82)
                || matches!(four, 2221..=2720 | 2200..=2204 | 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6304)
                || matches!(three, 508 | 353 | 356 | 300..=305)
                || matches!(two, 36 | 38 | 39)
        }
        // UnionPay, Maestro, Visa.
        17..=19 => {
            two / 10 == 4
                || matches!(two, 62 | 65)
                || matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
                || six == 639_000
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn groupings_on_cards() {
        for good in ["4111 1111 1111 1111", "3782-822463-10005", "4111111111111111 5", "3636 361212 4974."] {
            assert!(number(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["978-3-16-148410-0", "4111 1111-1111 1111", "41 11 11 11 11 11 11 11"] {
            assert!(number(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
