//! The keys of the objects now open, and whether two of one object are the same.
//!
//! Kept on one stack and compared when their object ends: n log n at worst, one allocation for a text of small objects.
//! Must not go here: what a key means.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::{Fault, JsonError, string};
use crate::sorting::sort_by;

#[derive(Clone, Debug, Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Clone, Copy, Debug)]
struct Key {
    /// Of the folded text: keys that fold alike have the same, so that sorting seldom looks at the text.
    hash: u32,
    escaped: bool,
    /// Where it stands in the document, without its quotes.
    start: usize,
    end: usize,
}

impl Keys {
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of `document` whose inside is at `inside`.
    #[inline(always)]
    pub fn add(&mut self, document: &str, inside: Range<usize>, escaped: bool) {
        let Range { start, end } = inside;
        let raw = document.as_bytes().get(inside).unwrap_or_default();
        let mut key = Key { hash: 0, escaped, start, end };
        key.hash = if escaped { hash(key.text(document).as_bytes()) } else { hash(raw) };
        self.0.push(key);
    }

    /// Checks and drops the keys of the innermost object: all behind the first `outer`.
    pub fn close(&mut self, document: &str, outer: usize, refuse_case: bool) -> Result<(), JsonError> {
        let own = self.0.get(outer..).unwrap_or_default();
        if own.len() <= FEW && differ(own) {
            self.0.truncate(outer);
            return Ok(());
        }
        let mut own = self.0.split_off(outer);
        let text = |key: &Key| key.text(document);
        sort_by(&mut own, |a, b| {
            a.hash.cmp(&b.hash).then_with(|| compare(&text(a), &text(b))).then_with(|| a.start.cmp(&b.start))
        });
        let alike = |same: fn(&str, &str) -> bool| {
            let mut pairs = own.iter().zip(own.iter().skip(1)).filter(|(a, b)| a.hash == b.hash);
            // The fault is at the second one's quote.
            pairs.find(|(a, b)| same(&text(a), &text(b))).map(|(a, b)| a.start.max(b.start).saturating_sub(1))
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
fn differ(mut keys: &[Key]) -> bool {
    while let Some((key, others)) = keys.split_first() {
        if others.iter().any(|other| other.hash == key.hash) {
            return false;
        }
        keys = others;
    }
    true
}

impl Key {
    fn text<'a>(&self, document: &'a str) -> Cow<'a, str> {
        let raw = document.get(self.start..self.end).unwrap_or_default();
        if self.escaped { Cow::Owned(string::decode(raw)) } else { Cow::Borrowed(raw) }
    }
}

/// Keys that fold alike stand together, the same ones next to each other.
fn compare(a: &str, b: &str) -> Ordering {
    folded(a).cmp(folded(b)).then_with(|| a.cmp(b))
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

const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// Of the folded text. Not keyed: a crafted collision costs the comparison of two texts, nothing more.
#[inline]
fn hash(text: &[u8]) -> u32 {
    let (hash, any) = mixed(text);
    if any & HIGH == 0 { hash } else { hash_beyond_ascii(text) }
}

#[inline(never)]
fn hash_beyond_ascii(text: &[u8]) -> u32 {
    match std::str::from_utf8(text) {
        Ok(text) if text.contains(['\u{17f}', '\u{212a}']) => mixed(folded(text).collect::<String>().as_bytes()).0,
        _ => mixed(text).0,
    }
}

/// Eight bytes at a time, with ASCII folded; and the bits that any of the words has.
#[inline(always)]
fn mixed(text: &[u8]) -> (u32, u64) {
    /// Odd, with half of its bits set: the fraction of the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    // Sets one bit more than ASCII's folding needs: that only makes some other texts alike.
    const FOLD: u64 = u64::from_ne_bytes([0x20; 8]);
    let (mut hash, mut any) = (text.len() as u64, 0);
    let mut mix = |word: u64| {
        any |= word;
        hash = (hash ^ (word | FOLD)).wrapping_mul(SPREAD);
        hash ^= hash >> 32;
    };
    // The last bytes may be taken twice, which is quicker than to tell them apart.
    if let Some(last) = text.last_chunk() {
        text.as_chunks().0.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
        mix(u64::from_le_bytes(*last));
    } else if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        mix(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32);
    } else {
        let byte = |at: usize| u64::from(text.get(at).copied().unwrap_or(0));
        mix(byte(0) | byte(1) << 8 | byte(2) << 16);
    }
    (hash as u32, any)
}
