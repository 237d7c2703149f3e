//! How near the words are that announce an entity: behind the key of a field, or shortly before a place in its text.
//!
//! Words are read lazily, each once, in front of places that ask, so that text without candidates costs nothing.
//! Must not go here: what the words mean (`hints`).

use super::entity::{Entity, Set};
use super::hints::{self, Hints};

/// How far back a word still announces.
const REACH: usize = 64;
/// Announcements remembered.
const KEPT: usize = 16;

#[derive(Clone, Debug)]
pub(super) struct Window<'a> {
    text: &'a [u8],
    key: Hints,
    /// Words before are read.
    read: usize,
    hits: [(usize, Hints); KEPT],
    /// How many hits there were since the last that is within reach.
    count: usize,
    /// All that the hits announce, and maybe some that are forgotten.
    any: Hints,
}

impl<'a> Window<'a> {
    pub fn new(text: &'a [u8], key: Hints) -> Self {
        Window { text, key, read: 0, hits: [(0, Hints::NONE); KEPT], count: 0, any: Hints::NONE }
    }

    /// What stands before `at`. Places must be asked for in ascending order.
    pub fn before(&mut self, at: usize) -> Near<'_> {
        if self.read < at {
            let far = at.saturating_sub(REACH);
            let from = if self.read < far { word_start(self.text, far) } else { self.read };
            let last = self.count.checked_sub(1).and_then(|last| self.hits.get(last % KEPT));
            if last.is_some_and(|(end, _)| end + REACH < at) {
                (self.count, self.any) = (0, Hints::NONE);
            }
            let (hits, count, any) = (&mut self.hits, &mut self.count, &mut self.any);
            let unread = self.text.get(from..at).unwrap_or_default();
            hints::each(unread, |end, found| {
                if let Some(slot) = hits.get_mut(*count % KEPT) {
                    *slot = (from + end, found);
                }
                *count += 1;
                *any = any.and(found);
            });
            self.read = at;
        }
        Near { window: self, at }
    }
}

/// Moves forward to a place where no word is cut.
fn word_start(text: &[u8], at: usize) -> usize {
    let letter = |b: &u8| b.is_ascii_alphanumeric() || *b >= 0x80;
    if at == 0 {
        return 0;
    }
    let rest = text.get(at - 1..).unwrap_or_default();
    at - 1 + rest.iter().position(|b| !letter(b)).unwrap_or(rest.len())
}

/// The announcements before one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Near<'a> {
    window: &'a Window<'a>,
    at: usize,
}

impl Near<'_> {
    /// All that may be announced here: what is not in it is not.
    pub fn said(&self) -> Set {
        self.window.key.entities.union(self.window.any.entities)
    }

    /// Bytes between the nearest word that announces `entity` and this place; 0 if the key does. A nearer word that says that
    /// the number is nobody's takes it back.
    pub fn distance(&self, entity: Entity) -> Option<usize> {
        if self.window.key.suggests(entity) {
            return Some(0);
        }
        if !self.window.any.suggests(entity) {
            return None;
        }
        let nearest = self.hits().filter(|(_, hints)| hints.suggests(entity)).map(|(gap, _)| gap).min()?;
        self.nobodys().is_none_or(|gap| gap > nearest).then_some(nearest)
    }

    pub fn announces(&self, entity: Entity) -> bool {
        self.distance(entity).is_some()
    }

    /// Whether the key, or the nearest word of all, says that the number is nobody's.
    pub fn other(&self) -> bool {
        if !self.window.any.other() {
            return self.window.key.other();
        }
        let nearest = self.hits().map(|(gap, _)| gap).min();
        self.window.key.other() || self.nobodys().is_some_and(|gap| nearest == Some(gap))
    }

    /// Bytes to the nearest word, on the same line, that says so.
    fn nobodys(&self) -> Option<usize> {
        let says = |(gap, hints): &(usize, Hints)| hints.other() && *gap <= 16 && !self.in_host_name(*gap);
        let gap = self.hits().filter(says).map(|(gap, _)| gap).min()?;
        (!self.text_before(gap).contains(&b'\n')).then_some(gap)
    }

    /// Whether the word that ends `gap` bytes before is a part of a host name or an address: `ann@mail.example.org`.
    fn in_host_name(&self, gap: usize) -> bool {
        matches!(self.text_before(gap), [b'@', ..] | [b'.', b'a'..=b'z' | b'A'..=b'Z', ..])
    }

    /// Whether a password is announced at most `gap` bytes before.
    pub fn password_within(&self, gap: usize) -> bool {
        self.hits().any(|(distance, hints)| distance <= gap && hints.password())
    }

    fn text_before(&self, gap: usize) -> &[u8] {
        self.window.text.get(self.at - gap..self.at).unwrap_or_default()
    }

    fn hits(&self) -> impl Iterator<Item = (usize, Hints)> {
        let reach = |end: usize| self.at.checked_sub(end).filter(|gap| *gap <= REACH);
        let hits = self.window.hits.iter().take(self.window.count);
        hits.filter_map(move |(end, h)| Some((reach(*end)?, *h)))
    }
}
