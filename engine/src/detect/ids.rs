//! Ids with a fixed shape: a table of shapes, checks and scores, matched by the run of digits or letters they begin with.
//!
//! Must not go here: the tables (`ids/*`, one file per region), checksums (`checksum`).

mod americas;
mod asia_pacific;
mod europe;
mod us;

use std::sync::LazyLock;

use super::entity::Entity;
use super::scan::{Scan, Word};
use super::shape::{self, Compact};

/// One kind of id.
pub(super) struct Id {
    pub entity: Entity,
    /// Each shape with its score where nothing announces it.
    pub shapes: &'static [(&'static str, u8)],
    /// The score where a word or the key announces it.
    pub announced: u8,
    pub check: fn(&Compact) -> bool,
}

const TABLES: &[&[Id]] = &[us::IDS, europe::IDS, americas::IDS, asia_pacific::IDS];

/// Longest leading run that is looked up.
const LEAD: usize = 24;

/// Shapes by what they begin with: digits or letters, and how many.
struct Index {
    digits: [Vec<(&'static Id, &'static str, u8)>; LEAD],
    letters: [Vec<(&'static Id, &'static str, u8)>; LEAD],
}

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { digits: Default::default(), letters: Default::default() };
    for id in TABLES.iter().flat_map(|table| table.iter()) {
        for &(shape, bare) in id.shapes {
            for (lead, digits) in leads(shape) {
                let side = if digits { &mut index.digits } else { &mut index.letters };
                if let Some(slot) = side.get_mut(lead) {
                    slot.push((id, shape, bare));
                }
            }
        }
    }
    index
});

/// The leading runs with which a text of this shape may begin; `true` for digits.
fn leads(shape: &str) -> Vec<(usize, bool)> {
    let shape = shape.as_bytes();
    let mut all = Vec::new();
    for digits in [true, false] {
        // A lead may end at each place where the class can change.
        let mut run = 0;
        for (at, want) in shape.iter().enumerate() {
            let (may, must) = match want {
                b'0' => (digits, digits),
                b'A' => (!digits, !digits),
                b'X' => (true, false),
                b'?' => {
                    if run > 0 {
                        all.push((run, digits));
                    }
                    continue;
                }
                b if b.is_ascii_digit() => (digits, digits),
                b if b.is_ascii_alphabetic() => (!digits, !digits),
                _ => (false, false),
            };
            if !must && run > 0 {
                all.push((run, digits));
            }
            if !may {
                break;
            }
            run += 1;
            if at + 1 == shape.len() {
                all.push((run, digits));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The number that ASCII digits spell.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value: u32, b| value.wrapping_mul(10).wrapping_add(u32::from(b.wrapping_sub(b'0'))))
}

fn is_date(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word) {
    let index = &*INDEX;
    let first_is_digit = scan.next(word.start).is_some_and(|b| b.is_ascii_digit());
    let side = if first_is_digit { &index.digits } else { &index.letters };
    let Some(candidates) = side.get(word.lead).filter(|c| !c.is_empty()) else { return };
    if !scan.opens(word.start) {
        return;
    }
    for &(id, shape, bare) in candidates {
        if !scan.wants(id.entity) {
            continue;
        }
        let Some((len, compact)) = shape::matches(shape, scan.rest(word.start)) else { continue };
        let end = word.start + len;
        if !scan.closes(end) || !(id.check)(&compact) {
            continue;
        }
        let near = scan.near(word.start);
        let score = match near.distance(id.entity) {
            // Of several that fit, the one announced last is meant.
            Some(distance) => id.announced - u8::try_from(distance / 8).unwrap_or(9).min(9),
            None if near.other() => bare / 2,
            None => bare,
        };
        scan.found(id.entity, word.start, end, score);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn leads_cover_what_a_shape_accepts() {
        assert_eq!(leads("000?00?0000"), [(3, true), (5, true), (9, true)]);
        assert_eq!(leads("AA?00"), [(2, false)]);
        assert_eq!(leads("00A0"), [(2, true)]);
        assert_eq!(leads("XX"), [(1, false), (1, true), (2, false), (2, true)]);
    }
}
