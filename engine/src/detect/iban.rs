//! International bank account numbers (ISO 13616): the country's length and the check digits.

use super::checksum::mod_97;
use super::entity::Entity;
use super::scan::{Scan, Word};
use super::shape::Compact;

/// Lengths by country, from the IBAN registry.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// At a word that opens.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    if word.lead != 2 || word.len() < 4 || !scan.wants(Entity::Iban) {
        return;
    }
    let rest = scan.rest(word.start);
    let (Some(country), Some(check)) = (rest.get(..2), rest.get(2..4)) else { return };
    if !check.iter().all(u8::is_ascii_digit) {
        return;
    }
    let Some((_, length)) = LENGTHS.iter().find(|(code, _)| code.eq_ignore_ascii_case(country)) else { return };
    let Some((len, compact)) = account(rest, *length) else { return };
    let end = word.start + len;
    if scan.next(end).is_none_or(|b| !b.is_ascii_alphanumeric()) && mod_97(compact.bytes()) {
        scan.found(Entity::Iban, word.start, end, 97);
    }
}

/// The first `length` letters and digits, which may stand in groups.
fn account(rest: &[u8], length: usize) -> Option<(usize, Compact)> {
    let mut compact = Compact::default();
    let mut at = 0;
    while compact.bytes().len() < length {
        let b = *rest.get(at)?;
        let joins = matches!(b, b' ' | b'-') && rest.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
        let taken = b.is_ascii_alphanumeric() && compact.push(b);
        if !taken && !joins {
            return None;
        }
        at += 1;
    }
    Some((at, compact))
}
