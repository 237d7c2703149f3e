//! Ids without a checksum or a common shape: passports, licences, bank accounts, medical records. Only a word right before
//! them, or their key, tells what they are.

use super::entity::{Entity, Set};
use super::hints::Hints;
use super::scan::{Scan, Word};

/// One kind: entity, lengths without separators, fewest digits, most letters.
type Kind = (Entity, std::ops::RangeInclusive<usize>, usize, usize);

const KINDS: &[Kind] = &[
    (Entity::UsBankNumber, 6..=17, 6, 0),
    (Entity::MedicalRecord, 5..=14, 4, 4),
    (Entity::Passport, 6..=12, 2, 7),
    (Entity::UsDriverLicense, 5..=20, 4, 8),
    (Entity::DriverLicense, 5..=20, 4, 8),
    (Entity::NationalId, 6..=20, 5, 6),
];

/// Judges the whole of a field's value under a key that announces one of them.
pub(super) fn whole(scan: &mut Scan<'_>, key: Hints, start: usize, end: usize) {
    let value = scan.bytes.get(start..end).unwrap_or_default();
    let Some((entity, lengths, digits, letters)) = KINDS.iter().find(|kind| key.suggests(kind.0)) else { return };
    let count = |class: fn(&u8) -> bool| value.iter().filter(|b| class(b)).count();
    let (found_digits, found_letters) = (count(u8::is_ascii_digit), count(u8::is_ascii_alphabetic));
    let joined = value.len() - found_digits - found_letters;
    let sound =
        value.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b'/' | b'.')) && joined <= 5;
    if sound
        && lengths.contains(&(found_digits + found_letters))
        && found_digits >= *digits
        && found_letters <= *letters
    {
        scan.found(refined(*entity, value), start, end, 81);
    }
}

/// A passport's country, as far as the form tells it.
fn refined(entity: Entity, value: &[u8]) -> Entity {
    let letters = value.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    match (entity, letters, digits, value.len()) {
        (Entity::Passport, 0, 9, 9) | (Entity::Passport, 1, 8, 9) => Entity::UsPassport,
        (Entity::Passport, 1, 7, 8) => Entity::InPassport,
        (Entity::Passport, 2, 7, 9) => Entity::UkPassport,
        _ => entity,
    }
}

/// No kind is shorter.
const SHORTEST: usize = 5;

/// How far before the value its word may stand.
const REACH: usize = 24;

/// The entities of all kinds.
const ALL: Set = Set::of(Entity::UsBankNumber)
    .with(Entity::MedicalRecord)
    .with(Entity::Passport)
    .with(Entity::UsDriverLicense)
    .with(Entity::DriverLicense)
    .with(Entity::NationalId);

/// At a word that opens; `said` is all that may be announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, said: Set) {
    let long_enough = word.len() >= SHORTEST || matches!(word.joint, b' ' | b'-');
    if !said.meets(ALL) || word.len() > 20 || !long_enough {
        return;
    }
    let Some((taken, len, found_digits)) = extent(scan.rest(word.start)).filter(|(_, len, _)| *len >= SHORTEST) else {
        return;
    };
    let Some((gap, announced)) = scan.near(word.start).nearest(ALL).filter(|(gap, _)| *gap <= REACH) else { return };
    let Some((entity, lengths, digits, letters)) = KINDS.iter().find(|kind| announced.contains(kind.0)) else { return };
    let end = word.start + taken;
    if !lengths.contains(&len) || found_digits < *digits || len - found_digits > *letters || !scan.closes(end) {
        return;
    }
    // In a text, dates and amounts also follow such words: the value must be close.
    let score = if gap == 0 { 80 } else { 66 - u8::try_from(gap).unwrap_or(REACH as u8) / 2 };
    let value = scan.bytes.get(word.start..end).unwrap_or_default();
    // Words of a sentence are no codes.
    if value.iter().filter(|b| b.is_ascii_lowercase()).count() > 1 {
        return;
    }
    let prefix = if *letters == 0 { 0 } else { prefix(scan, word.start) };
    scan.found(refined(*entity, value), word.start - prefix, end, score);
}

/// The length of a prefix of capitals that an issuer writes before its numbers: `MRN-95550290`, `PT-4411`.
fn prefix(scan: &Scan<'_>, start: usize) -> usize {
    const LONGEST: usize = 4;
    let joined = scan.previous(start) == Some(b'-');
    let letters = start.checked_sub(1).filter(|_| joined).and_then(|end| Word::of_letters(scan.bytes, end, LONGEST));
    let capitals = letters.filter(|letters| {
        scan.opens(letters.start) && scan.rest(letters.start).iter().take(letters.len()).all(u8::is_ascii_uppercase)
    });
    capitals.map_or(0, |letters| letters.len() + 1)
}

/// Groups of letters and digits joined by single spaces or hyphens, as long as each group has a digit: bytes taken, letters
/// and digits, digits.
fn extent(rest: &[u8]) -> Option<(usize, usize, usize)> {
    let (mut at, mut len, mut digits, mut end) = (0, 0, 0, 0);
    loop {
        let group = rest.get(at..)?;
        let taken = group.iter().take(24).take_while(|b| b.is_ascii_alphanumeric()).count();
        let found = group.get(..taken)?.iter().filter(|b| b.is_ascii_digit()).count();
        if taken == 0 || found == 0 || len + taken > 20 {
            break;
        }
        (at, len, digits, end) = (at + taken, len + taken, digits + found, at + taken);
        match rest.get(at) {
            Some(b' ' | b'-') => at += 1,
            _ => break,
        }
    }
    (end > 0).then_some((end, len, digits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn all_is_every_kind() {
        assert_eq!(KINDS.iter().fold(Set::EMPTY, |all, kind| all.with(kind.0)), ALL);
        assert_eq!(KINDS.iter().map(|(_, lengths, ..)| *lengths.start()).min(), Some(SHORTEST));
    }
}
