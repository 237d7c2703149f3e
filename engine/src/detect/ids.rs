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

/// A shape of an id.
#[derive(Clone, Copy)]
struct Candidate {
    id: &'static Id,
    shape: &'static str,
    /// Its score where nothing announces it.
    alone: u8,
}

/// Shapes by their first word: whether it begins with a digit, and its length.
struct Index {
    digits: [Slot; WORD],
    letters: [Slot; WORD],
}

/// The shapes with a first word of one kind.
#[derive(Default)]
struct Slot {
    /// Shapes of one word.
    single: Vec<Candidate>,
    /// Others, by what joins the second word and how long that is.
    joined: Vec<(u8, usize, Candidate)>,
    /// Lengths of second words, as bits.
    seconds: u32,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { digits: Default::default(), letters: Default::default() };
    for id in TABLES.iter().flat_map(|table| table.iter()) {
        for &(shape, alone) in id.shapes {
            let bytes = shape.as_bytes();
            let word = |from: usize| word_len(bytes.get(from..).unwrap_or_default());
            let first = word(0);
            let begin = bytes.first().copied().unwrap_or(0);
            for (side, may_begin) in [
                (&mut index.digits, matches!(begin, b'X' | b'0'..=b'9')),
                (&mut index.letters, begin.is_ascii_alphabetic()),
            ] {
                let Some(slot) = side.get_mut(first).filter(|_| may_begin) else { continue };
                let candidate = Candidate { id, shape, alone };
                match bytes.get(first) {
                    Some(joint) => {
                        slot.joined.push((*joint, word(first + 1), candidate));
                        slot.seconds |= 1 << word(first + 1);
                    }
                    None => slot.single.push(candidate),
                }
            }
        }
    }
    index
});

/// The length of the word at the start of `rest`, as far as any shape goes.
fn word_len(rest: &[u8]) -> usize {
    rest.iter().take(Word::SECOND).take_while(|b| b.is_ascii_alphanumeric()).count()
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

/// At a word that opens; `second` is the length of the word joined to it, `said` all that may be
/// announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, second: usize, said: Set) {
    let index = &*INDEX;
    let side = if scan.next(word.start).is_some_and(|b| b.is_ascii_digit()) { &index.digits } else { &index.letters };
    let Some(slot) = side.get(word.len()) else { return };
    // Most values count only where they are announced, and nothing announces them.
    let may_count = |scan: &Scan<'_>, Candidate { id, alone, .. }: &Candidate| {
        scan.accepts(id.entity, *alone) || said.contains(id.entity) && scan.wants(id.entity)
    };
    if !slot.single.is_empty() && scan.closes(word.end) {
        for candidate in &slot.single {
            if may_count(scan, candidate) {
                judge(scan, word.start, candidate);
            }
        }
    }
    if slot.seconds >> second & 1 == 1 {
        for (joint, length, candidate) in &slot.joined {
            if (*joint, *length) == (word.joint, second) && may_count(scan, candidate) {
                judge(scan, word.start, candidate);
            }
        }
    }
}

fn judge(scan: &mut Scan<'_>, start: usize, Candidate { id, shape, alone }: &Candidate) {
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
        let slots = || index.digits.iter().chain(&index.letters);
        assert!(slots().flat_map(|slot| &slot.joined).all(|(joint, ..)| Word::joins(*joint)));
        let begun: Vec<&str> = slots()
            .flat_map(|slot| slot.single.iter().chain(slot.joined.iter().map(|(.., candidate)| candidate)))
            .map(|candidate| candidate.shape)
            .collect();
        assert!(begun.len() >= shapes && !begun.iter().any(|shape| word_len(shape.as_bytes()) == WORD));
    }
}
