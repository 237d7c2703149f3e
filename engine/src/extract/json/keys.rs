//! The keys of the objects now open, and whether two of one object are the same.
//!
//! Kept on one stack and compared when their object ends: n log n at worst, one allocation for a text of small objects.
//! Must not go here: what a key means.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Fault, JsonError, string};
use crate::sorting::sort_by;

#[derive(Clone, Debug, Default)]
pub(super) struct Keys<'a>(Vec<Key<'a>>);

#[derive(Clone, Copy, Debug)]
struct Key<'a> {
    /// Of the folded text: keys that fold alike have the same, so that sorting seldom looks at the text.
    hash: u32,
    escaped: bool,
    at: usize,
    raw: &'a str,
}

impl<'a> Keys<'a> {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn add(&mut self, raw: &'a str, escaped: bool, at: usize) {
        let hash = if escaped { hash(&string::decode(raw)) } else { hash(raw) };
        self.0.push(Key { hash, escaped, at, raw });
    }

    /// Checks and drops the keys of the innermost object: all behind the first `outer`.
    pub fn close(&mut self, outer: usize, refuse_case: bool) -> Result<(), JsonError> {
        let own = self.0.get(outer..).unwrap_or_default();
        if own.len() <= FEW && differ(own) {
            self.0.truncate(outer);
            return Ok(());
        }
        let mut own = self.0.split_off(outer);
        sort_by(&mut own, |a, b| a.hash.cmp(&b.hash).then_with(|| a.compare(b)).then_with(|| a.at.cmp(&b.at)));
        let alike = |same: fn(&str, &str) -> bool| {
            let mut pairs = own.iter().zip(own.iter().skip(1)).filter(|(a, b)| a.hash == b.hash);
            pairs.find(|(a, b)| same(&a.text(), &b.text())).map(|(a, b)| a.at.max(b.at))
        };
        if let Some(at) = alike(|a, b| a == b) {
            return Err(JsonError { kind: Fault::DuplicateKey, at });
        }
        if let Some(at) = refuse_case.then(|| alike(|a, b| folded(a).eq(folded(b)))).flatten() {
            return Err(JsonError { kind: Fault::AmbiguousKeyCase, at });
        }
        Ok(())
    }
}

/// Most objects have no more keys: to compare them pair by pair is quicker than to sort them.
const FEW: usize = 12;

/// Do all hashes differ?
fn differ(mut keys: &[Key<'_>]) -> bool {
    while let Some((key, others)) = keys.split_first() {
        if others.iter().any(|other| other.hash == key.hash) {
            return false;
        }
        keys = others;
    }
    true
}

impl<'a> Key<'a> {
    fn text(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(string::decode(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// Keys that fold alike stand together, the same ones next to each other.
    fn compare(&self, other: &Key<'_>) -> Ordering {
        let (a, b) = (self.text(), other.text());
        folded(&a).cmp(folded(&b)).then_with(|| a.cmp(&b))
    }
}

/// Are two keys one for a parser that ignores case?
pub fn same_key(a: &str, b: &str) -> bool {
    folded(a).eq(folded(b))
}

/// Case folding as the parsers that ignore case do it: ASCII, and the two other letters that fold into it.
fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}

/// Of the folded text, eight bytes at a time. Not keyed: a crafted collision costs the comparison of two texts, nothing more.
fn hash(text: &str) -> u32 {
    /// Odd, with half of its bits set: the fraction of the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Sets one bit more than ASCII's folding needs: that only makes some other texts alike.
    const FOLD: u64 = u64::from_ne_bytes([0x20; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let (words, tail) = text.as_bytes().as_chunks::<8>();
    let last = tail.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    let words = words.iter().map(|word| u64::from_le_bytes(*word)).chain([last]);
    let (mut hash, mut any) = (text.len() as u64, 0);
    for word in words {
        any |= word;
        hash = (hash ^ (word | FOLD)).wrapping_mul(SPREAD);
        hash ^= hash >> 32;
    }
    if any & HIGH != 0 && text.contains(['\u{17f}', '\u{212a}']) {
        return self::hash(&folded(text).collect::<String>());
    }
    hash as u32
}
