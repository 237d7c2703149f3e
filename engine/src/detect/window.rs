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
    hits: [(usize, &'static Hints); KEPT],
    /// How many hits there were since the last that is within reach.
    count: usize,
    /// All that the hits announce, and maybe some that are forgotten.
    any: Hints,
}

impl<'a> Window<'a> {
    pub fn new(text: &'a [u8], key: Hints) -> Self {
        Window { text, key, read: 0, hits: [(0, &Hints::NONE); KEPT], count: 0, any: Hints::NONE }
    }

    /// What stands before `at`. Places must be asked for in ascending order.
    pub fn before(&mut self, at: usize) -> Near<'_> {
        if self.read < at {
            self.read_to(at);
        }
        Near { window: self, at }
    }

    fn read_to(&mut self, at: usize) {
        // Between the numbers of a row is no word.
        let unread = self.text.get(self.read..at).unwrap_or_default();
        if self.count == 0 && unread.len() <= 8 && !unread.iter().any(|b| hints::is_letter(*b)) {
            self.read = at;
            return;
        }
        if self.count > 0 && self.hit(0).is_none_or(|(end, _)| end + REACH < at) {
            (self.count, self.any) = (0, Hints::NONE);
        }
        let far = at.saturating_sub(REACH);
        let from = if self.read < far { word_start(self.text, far) } else { self.read };
        hints::each(self.text.get(from..at).unwrap_or_default(), |end, found| {
            if let Some(slot) = self.hits.get_mut(self.count % KEPT) {
                *slot = (from + end, found);
            }
            self.count += 1;
            self.any = self.any.and(*found);
        });
        self.read = at;
    }

    /// The last hit but `back`, with the place behind its word.
    fn hit(&self, back: usize) -> Option<(usize, &'static Hints)> {
        if back >= KEPT {
            return None;
        }
        let place = self.count.checked_sub(1 + back)?;
        self.hits.get(place % KEPT).copied()
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
        let (nearest, _) = self.hits().find(|(_, hints)| hints.suggests(entity))?;
        self.nobodys().is_none_or(|gap| gap > nearest).then_some(nearest)
    }

    pub fn announces(&self, entity: Entity) -> bool {
        self.distance(entity).is_some()
    }

    /// What the key, or the nearest word that announces one of `entities`, announces, and how far it is. As with
    /// [`distance`](Near::distance), a nearer word may take it back.
    pub fn nearest(&self, entities: Set) -> Option<(usize, Set)> {
        if self.window.key.entities.meets(entities) {
            return Some((0, self.window.key.entities));
        }
        let mut hits = self.hits().skip_while(|(_, hints)| !hints.entities.meets(entities));
        let (nearest, first) = hits.next()?;
        // Phrases that end with the same word: `card number`.
        let all = hits.take_while(|(gap, _)| *gap == nearest).fold(first.entities, |all, (_, h)| all.union(h.entities));
        self.nobodys().is_none_or(|gap| gap > nearest).then_some((nearest, all))
    }

    /// Whether the key, or the nearest word of all, says that the number is nobody's.
    pub fn other(&self) -> bool {
        if self.window.key.other() || !self.window.any.other() {
            return self.window.key.other();
        }
        let nearest = self.hits().next().map(|(gap, _)| gap);
        nearest.is_some() && self.nobodys() == nearest
    }

    /// Bytes to the nearest word, on the same line, that says so.
    fn nobodys(&self) -> Option<usize> {
        if !self.window.any.other() {
            return None;
        }
        let near = self.hits().take_while(|(gap, _)| *gap <= 16);
        let (gap, _) = near.filter(|(_, hints)| hints.other()).find(|(gap, _)| !self.in_host_name(*gap))?;
        (!self.text_before(gap).contains(&b'\n')).then_some(gap)
    }

    /// Whether the word that ends `gap` bytes before is a part of a host name or an address: `ann@mail.example.org`.
    fn in_host_name(&self, gap: usize) -> bool {
        matches!(self.text_before(gap), [b'@', ..] | [b'.', b'a'..=b'z' | b'A'..=b'Z', ..])
    }

    /// Whether a password is announced at most `gap` bytes before.
    pub fn password_within(&self, gap: usize) -> bool {
        self.hits().take_while(|(distance, _)| *distance <= gap).any(|(_, hints)| hints.password())
    }

    fn text_before(&self, gap: usize) -> &[u8] {
        self.window.text.get(self.at - gap..self.at).unwrap_or_default()
    }

    /// What was announced within reach, and how far before this place; the nearest first.
    fn hits(&self) -> impl Iterator<Item = (usize, &'static Hints)> {
        let behind = (0..).map_while(|back| self.window.hit(back)).skip_while(|(end, _)| *end > self.at);
        behind.map(|(end, hints)| (self.at - end, hints)).take_while(|(gap, _)| *gap <= REACH)
    }
}
