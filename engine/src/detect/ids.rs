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

/// A shape, and the ids that are written so.
struct Form {
    shape: &'static str,
    /// What stands behind the first word; 0 behind the only one.
    joint: u8,
    /// The length of the second word.
    second: usize,
    /// Each with its score where nothing announces it.
    ids: Vec<(&'static Id, u8)>,
}

/// Forms by their first word: whether it begins with a digit, and its length.
struct Index {
    digits: [Slot; WORD],
    letters: [Slot; WORD],
}

/// The forms with a first word of one kind.
#[derive(Default)]
struct Slot {
    forms: Vec<Form>,
    /// Lengths of second words as bits, by what joins them; the lowest stands for forms of one word.
    seconds: [u32; JOINTS],
}

/// How many kinds of joints there are.
const JOINTS: usize = 6;

fn kind(joint: u8) -> usize {
    match joint {
        b' ' => 1,
        b'+' => 2,
        b'-' => 3,
        b'.' => 4,
        b'/' => 5,
        _ => 0,
    }
}

impl Slot {
    /// Whether some form has a second word of this length behind this joint; one of no length: none.
    fn may_join(&self, joint: u8, second: usize) -> bool {
        self.seconds.get(kind(joint)).is_some_and(|seconds| seconds >> second & 1 == 1)
    }

    fn add(&mut self, id: &'static Id, shape: &'static str, alone: u8) {
        match self.forms.iter_mut().find(|form| form.shape == shape) {
            Some(form) => form.ids.push((id, alone)),
            None => {
                let (_, behind) = shape.as_bytes().split_at_checked(word_len(shape.as_bytes())).unwrap_or_default();
                let (joint, second) = behind.split_first().map_or((0, 0), |(joint, rest)| (*joint, word_len(rest)));
                if let Some(seconds) = self.seconds.get_mut(kind(joint)) {
                    *seconds |= 1 << second;
                }
                self.forms.push(Form { shape, joint, second, ids: vec![(id, alone)] });
            }
        }
    }
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { digits: Default::default(), letters: Default::default() };
    for id in TABLES.iter().flat_map(|table| table.iter()) {
        for &(shape, alone) in id.shapes {
            let (first, begin) = (word_len(shape.as_bytes()), shape.as_bytes().first().copied().unwrap_or(0));
            for (side, may_begin) in [
                (&mut index.digits, matches!(begin, b'X' | b'0'..=b'9')),
                (&mut index.letters, begin.is_ascii_alphabetic()),
            ] {
                if let Some(slot) = side.get_mut(first).filter(|_| may_begin) {
                    slot.add(id, shape, alone);
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

/// The same of two digits of an id, at a place in it.
fn two(id: &Compact, at: usize) -> u32 {
    number(id.bytes().get(at..at + 2).unwrap_or_default())
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

/// Whether numbers of these lengths, with this between them, may be the first two groups of an id.
pub(super) fn may_join(first: usize, joint: u8, second: usize) -> bool {
    INDEX.digits.get(first).is_some_and(|slot| slot.may_join(joint, second))
}

/// At a word that opens; `second` is the length of the word joined to it, `said` all that may be
/// announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, second: usize, said: Set) {
    let index = &*INDEX;
    let side = if scan.next(word.start).is_some_and(|b| b.is_ascii_digit()) { &index.digits } else { &index.letters };
    let Some(slot) = side.get(word.len()) else { return };
    let closes = slot.may_join(0, 0) && scan.closes(word.end);
    if !closes && !slot.may_join(word.joint, second) {
        return;
    }
    for form in &slot.forms {
        let here = if form.second == 0 { closes } else { (form.joint, form.second) == (word.joint, second) };
        if here {
            at_form(scan, word.start, form, said);
        }
    }
}

fn at_form(scan: &mut Scan<'_>, start: usize, form: &Form, said: Set) {
    let mut value = None;
    for (id, alone) in &form.ids {
        // Most values count only where they are announced, and nothing announces them.
        if !(scan.accepts(id.entity, *alone) || said.contains(id.entity) && scan.wants(id.entity)) {
            continue;
        }
        if value.is_none() {
            value = shape::matches(form.shape, scan.rest(start)).filter(|(len, _)| scan.closes(start + len));
        }
        let Some((len, compact)) = &value else { return };
        if !(id.check)(compact) {
            continue;
        }
        let near = scan.near(start);
        let score = match near.distance(id.entity) {
            // Of several that fit, the one announced last is meant.
            Some(distance) => id.announced - u8::try_from(distance / 8).unwrap_or(9).min(9),
            None if near.other() => alone / 2,
            None => *alone,
        };
        scan.found(id.entity, start, start + len, score);
    }
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
        let forms = || slots().flat_map(|slot| &slot.forms);
        assert!(forms().all(|form| form.joint == 0 || Word::joins(form.joint)));
        let begun: Vec<&str> = forms().flat_map(|form| form.ids.iter().map(|_| form.shape)).collect();
        assert!(begun.len() >= shapes && !begun.iter().any(|shape| word_len(shape.as_bytes()) == WORD));
    }
}
