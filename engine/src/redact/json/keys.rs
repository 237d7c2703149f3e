//! Keys: what is known of those seen last, and that masked ones stay different from all others of their object.
//!
//! Must not go here: what is found in them (the parent).

use std::collections::BTreeMap;

use crate::detect::Hints;
use crate::extract::json::{Kind, Limits, Scanner, Token};
use crate::redact::edit::Edit;
use crate::redact::view::View;

/// What is known of the last keys: documents, and the events of a stream, repeat theirs.
///
/// Two with the same hash stand side by side, the one seen last first.
#[derive(Clone, Debug, Default)]
pub(in crate::redact) struct Known(Vec<[Seen; 2]>);

#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    raw: String,
    pub hints: Hints,
    /// Nothing was found in it, with this many values around it or more: fewer are decoded further.
    clean_from: Option<usize>,
}

impl Known {
    const PAIRS: u32 = 32;

    /// What a name announces.
    pub(in crate::redact) fn hints(&mut self, name: &str) -> Hints {
        self.seen(name, || Hints::of(name)).map_or(Hints::NONE, |seen| seen.hints)
    }

    pub(super) fn of(&mut self, key: &Token<'_>) -> Option<&mut Seen> {
        self.seen(key.raw(), || Hints::of(&key.text()))
    }

    fn seen(&mut self, raw: &str, hints: impl FnOnce() -> Hints) -> Option<&mut Seen> {
        if self.0.is_empty() {
            self.0.resize_with(Known::PAIRS as usize, Default::default);
        }
        let [seen, other] = self.0.get_mut(Known::hash(raw.as_bytes()) as usize)?;
        if seen.raw == raw {
            return Some(seen);
        }
        std::mem::swap(seen, other);
        if seen.raw != raw {
            *seen = Seen { raw: raw.to_owned(), hints: hints(), clean_from: None };
        }
        Some(seen)
    }

    /// Of the length, the first, the middle and the last byte.
    fn hash(raw: &[u8]) -> u32 {
        let byte = |at: usize| u32::from(raw.get(at).copied().unwrap_or(0));
        let mixed =
            byte(0) | byte(raw.len() / 2) << 8 | byte(raw.len().saturating_sub(1)) << 16 ^ (raw.len() as u32) << 24;
        mixed.wrapping_mul(0x9e37_79b1) >> (32 - Known::PAIRS.ilog2())
    }
}

impl Seen {
    pub fn is_clean(&self, depth: usize) -> bool {
        self.clean_from.is_some_and(|from| depth >= from)
    }

    pub fn found_clean(&mut self, depth: usize) {
        self.clean_from = Some(depth);
    }
}

/// Names and their numbers, as the labels have them too: each kind of map is code of its own.
type Numbers = BTreeMap<String, u32>;

/// The masked keys of one object as they will read, each with the next number for one that would read the same.
#[derive(Debug, Default)]
pub(super) struct Masked(Numbers);

impl Masked {
    /// Makes the edits of a key such that it reads like no other key of its object.
    pub fn distinguish(&mut self, key: &Token<'_>, edits: &mut [Edit], taken: &mut Taken<'_>) {
        let reads = |edits: &[Edit]| {
            let (mut text, mut done, start) = (String::new(), 0, key.inner().start);
            for Edit { range, text: instead, .. } in edits {
                text.push_str(key.raw().get(done..range.start - start).unwrap_or_default());
                text.push_str(instead);
                done = range.end - start;
            }
            text.push_str(key.raw().get(done..).unwrap_or_default());
            View::json_string(&text).text.into_owned()
        };
        let own = reads(edits);
        let label = edits.last().map(|edit| edit.text.trim_end_matches('>').to_owned()).unwrap_or_default();
        let mut number = self.0.get(&own).copied().unwrap_or(1);
        let mut text = own.clone();
        while self.0.contains_key(&text) || taken.contains(&text) {
            number += 1;
            let Some(last) = edits.last_mut() else { return };
            last.text = format!("{label}_{number}>");
            text = reads(edits);
        }
        self.0.insert(own, number);
        self.0.entry(text).or_insert(1);
    }
}

/// The keys of a document that already look like labels; looked for when the first key is masked.
pub(super) struct Taken<'t> {
    text: &'t str,
    keys: Option<Numbers>,
}

impl<'t> Taken<'t> {
    pub fn of(text: &'t str) -> Self {
        Taken { text, keys: None }
    }

    fn contains(&mut self, key: &str) -> bool {
        let text = self.text;
        let keys = self.keys.get_or_insert_with(|| {
            let mut keys = Numbers::new();
            let mut scanner = Scanner::of(text, Limits::default());
            // A fault is found again by who reads the document.
            while let Ok(Some(token)) = scanner.next() {
                if token.kind == Kind::Key && token.text().contains('<') {
                    keys.insert(token.text().into_owned(), 1);
                }
            }
            keys
        });
        keys.contains_key(key)
    }
}
