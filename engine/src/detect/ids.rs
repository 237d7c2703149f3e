//! Ids with a fixed shape: a table of shapes, checks and scores, matched by the run of digits or letters they begin with.
//!
//! Must not go here: the tables (`ids/*`, one file per region), checksums (`checksum`).

mod americas;
mod asia_pacific;
mod europe;
mod us;

use std::sync::LazyLock;

use super::entity::{Entity, Set};
use super::scan::{Scan, Word};
use super::shape::{self, Compact};

/// One kind of id.
///
/// A run of digits counts alone (0.5 and more) only if at most one of a hundred random ones passes its check, and none of what
/// is often written with as many digits, such as a time.
pub(super) struct Id {
    pub entity: Entity,
    /// Each shape with its score where nothing announces it.
    pub shapes: &'static [(&'static str, u8)],
    /// The score where a word or the key announces it.
    pub announced: u8,
    pub check: fn(&Compact) -> bool,
}

const TABLES: &[&[Id]] = &[us::IDS, europe::IDS, americas::IDS, asia_pacific::IDS];

/// Longest first word of a shape that is looked up.
const WORD: usize = 24;

/// A shape, and what a text must have to be worth a closer look.
#[derive(Clone, Copy)]
struct Candidate {
    id: &'static Id,
    shape: &'static str,
    /// Its score where nothing announces it.
    alone: u8,
    /// What stands behind the first word; `None`: the end of the value.
    joint: Option<u8>,
    /// The length of the second word.
    second: usize,
}

/// Shapes by their first word: whether it begins with a digit, and its length.
struct Index {
    digits: [Slot; WORD],
    letters: [Slot; WORD],
}

/// The shapes with a first word of one kind.
#[derive(Default)]
struct Slot {
    candidates: Vec<Candidate>,
    /// What joins their first words to the second, as bits.
    joints: u8,
}

/// The bit of what stands behind a first word; a shape of one word has all of them.
fn joint_bit(joint: Option<u8>) -> u8 {
    match joint {
        Some(b' ') => 1,
        Some(b'-') => 2,
        Some(b'.') => 4,
        Some(b'/') => 8,
        Some(b'+') => 16,
        _ => 32,
    }
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { digits: Default::default(), letters: Default::default() };
    for id in TABLES.iter().flat_map(|table| table.iter()) {
        for &(shape, alone) in id.shapes {
            let bytes = shape.as_bytes();
            let word = |from: usize| word_len(bytes.get(from..).unwrap_or_default());
            let first = word(0);
            let candidate = Candidate { id, shape, alone, joint: bytes.get(first).copied(), second: word(first + 1) };
            let begin = bytes.first().copied().unwrap_or(0);
            for (side, may_begin) in [
                (&mut index.digits, matches!(begin, b'X' | b'0'..=b'9')),
                (&mut index.letters, begin.is_ascii_alphabetic()),
            ] {
                if let Some(slot) = side.get_mut(first).filter(|_| may_begin) {
                    slot.candidates.push(candidate);
                    slot.joints |= if candidate.joint.is_none() { u8::MAX } else { joint_bit(candidate.joint) };
                }
            }
        }
    }
    index
});

/// The length of the word at the start of `rest`, as far as any shape goes.
fn word_len(rest: &[u8]) -> usize {
    rest.iter().take(WORD).take_while(|b| b.is_ascii_alphanumeric()).count()
}

/// The number that ASCII digits spell.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value: u32, b| value.wrapping_mul(10).wrapping_add(u32::from(b.wrapping_sub(b'0'))))
}

/// Whether some year has this day.
pub(super) fn is_date(month: u32, day: u32) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    let index = &*INDEX;
    let first_is_digit = scan.next(word.start).is_some_and(|b| b.is_ascii_digit());
    let side = if first_is_digit { &index.digits } else { &index.letters };
    let (bytes, joint) = (scan.bytes, scan.next(word.end));
    let Some(slot) = side.get(word.len()).filter(|slot| slot.joints & joint_bit(joint) != 0) else { return };
    let second_word = || word_len(bytes.get(word.end + 1..).unwrap_or_default());
    let (mut second, mut said) = (None, None);
    for candidate in &slot.candidates {
        let Candidate { id, alone, .. } = candidate;
        let joined = candidate.joint.is_none()
            || candidate.joint == joint && *second.get_or_insert_with(second_word) == candidate.second;
        // Most values count only where they are announced, and nothing announces them.
        let may_count = |scan: &mut Scan<'_>, said: &mut Option<Set>| {
            scan.accepts(id.entity, *alone)
                || said.get_or_insert_with(|| scan.said(word.start)).contains(id.entity) && scan.wants(id.entity)
        };
        if joined && may_count(scan, &mut said) {
            judge(scan, word.start, candidate);
        }
    }
}

fn judge(scan: &mut Scan<'_>, start: usize, Candidate { id, shape, alone, .. }: &Candidate) {
    let Some((len, compact)) = shape::matches(shape, scan.rest(start)) else { return };
    let end = start + len;
    if !scan.closes(end) || !(id.check)(&compact) {
        return;
    }
    let near = scan.near(start);
    let score = match near.distance(id.entity) {
        // Of several that fit, the one announced last is meant.
        Some(distance) => id.announced - u8::try_from(distance / 8).unwrap_or(9).min(9),
        None if near.other() => alone / 2,
        None => *alone,
    };
    scan.found(id.entity, start, end, score);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn every_shape_can_be_found() {
        let index = &*INDEX;
        let shapes: usize = TABLES.iter().flat_map(|table| table.iter()).map(|id| id.shapes.len()).sum();
        let begun: Vec<&str> = index
            .digits
            .iter()
            .chain(&index.letters)
            .flat_map(|slot| &slot.candidates)
            .map(|candidate| candidate.shape)
            .collect();
        assert!(begun.len() >= shapes && !begun.iter().any(|shape| word_len(shape.as_bytes()) == WORD));
    }
}
