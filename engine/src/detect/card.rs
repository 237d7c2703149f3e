//! Payment cards: issuer ranges, lengths and groupings of the networks, Luhn (ISO/IEC 7812).

use super::checksum::luhn;
use super::entity::Entity;
use super::scan::{Scan, Word};
use super::shape::Compact;

/// At a word of only digits that opens.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    let grouped = matches!(word.len(), 4 | 6)
        && scan.next(word.end).is_some_and(is_separator)
        && scan.next(word.end + 1).is_some_and(|b| b.is_ascii_digit());
    if !(grouped || (12..=19).contains(&word.len())) || !scan.wants(Entity::CreditCard) {
        return;
    }
    // No network's numbers begin with 0, 7 or 9.
    let issued = scan.next(word.start).is_some_and(|b| matches!(b, b'1'..=b'6' | b'8'));
    if !issued && !scan.said(word.start).contains(Entity::CreditCard) {
        return;
    }
    let Some((end, digits, grouped)) = number(scan.rest(word.start)).map(|(len, d, g)| (word.start + len, d, g)) else {
        return;
    };
    if !scan.closes(end) || !luhn(digits.digits().bytes()) {
        return;
    }
    let near = scan.near(word.start);
    let announced = near.announces(Entity::CreditCard);
    // Where a card is announced, the networks' ranges need not be known.
    if !announced && !is_issued(digits.bytes()) {
        return;
    }
    let score = match (announced, near.other()) {
        (true, _) => 98,
        (false, true) => 35,
        (false, false) if grouped => 85,
        (false, false) => 75,
    };
    scan.found(Entity::CreditCard, word.start, end, score);
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.' | b'/')
}

/// The digits that `rest` begins with, in one run or in the groups printed on cards, their length in bytes, and whether
/// they are grouped.
fn number(rest: &[u8]) -> Option<(usize, Compact, bool)> {
    let mut digits = Compact::default();
    let mut groups = [0usize; 6];
    let (mut at, mut group, mut separator) = (0, 0, None);
    loop {
        match rest.get(at) {
            Some(b) if b.is_ascii_digit() => {
                if !digits.push(*b) {
                    return None;
                }
                *groups.get_mut(group)? += 1;
            }
            Some(b) if is_separator(*b) && rest.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                let whole = group == 0 && at >= 12;
                if whole || *separator.get_or_insert(*b) != *b || group == 5 || *b == b'/' {
                    break;
                }
                group += 1;
            }
            _ => break,
        }
        at += 1;
    }
    let all = groups.get(..=group)?;
    let printed = |sizes: &[usize]| {
        matches!(sizes, [_] | [4, 4, 4, 1..=4] | [4, 4, 4, 4, 3] | [4, 6, 4 | 5] | [6, 13] | [4, 4, 5])
    };
    if !printed(all) && all.len() > 4 && printed(all.get(..4)?) {
        // More numbers follow.
        let len = 16 + 3;
        let mut digits = Compact::default();
        rest.get(..len)?.iter().filter(|b| b.is_ascii_digit()).for_each(|b| {
            digits.push(*b);
        });
        return Some((len, digits, true));
    }
    (printed(all) && (12..=19).contains(&digits.bytes().len())).then_some((at, digits, group > 0))
}

/// Whether a network issues numbers of this prefix and length.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |n: usize| digits.iter().take(n).fold(0u32, |value, b| value * 10 + u32::from(b - b'0'));
    let (two, three, four, six) = (prefix(2), prefix(3), prefix(4), prefix(6));
    let zeros = digits.iter().filter(|b| **b == b'0').count();
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
