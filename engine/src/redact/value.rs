//! One value under its key: what is encoded in it, then what is found in it, then what is written instead.
//!
//! Must not go here: where fields begin and end (`json` and the other formats), what is personal (`detect`).

pub(super) mod base64;

use std::borrow::Cow;
use std::ops::Range;

use super::edit::{Edit, Job};
use super::json;
use super::view::View;
use crate::detect::{self, Entity, Hints, Match};

/// Documents inside of values inside of documents that are read; what is deeper is taken as text.
const NESTED: usize = 4;

/// What is shorter is no base64 that is read.
const SHORT: usize = 16;

/// Where a value stands: what the keys around it announce, and how many values it is nested in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place {
    pub key: Hints,
    pub parent: Hints,
    pub depth: usize,
}

impl Place {
    pub fn of(key: &str) -> Place {
        Place { key: Hints::of(key), ..Place::default() }
    }

    fn inside(self) -> Place {
        Place { depth: self.depth + 1, ..self }
    }
}

/// Appends the edits for the value of a field.
pub(super) fn field(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) {
    // Most short values are words, or numbers shorter than any that is a value.
    let number = || text.len() < 5 && text.bytes().all(|b| b.is_ascii_digit());
    if text.len() < SHORT && place.key.is_none() && job.profile.own.is_empty() && (detect::is_words(text) || number()) {
        return;
    }
    let from = out.len();
    if place.depth < NESTED {
        if text.len() > 4 && matches!(text.trim_ascii_start().as_bytes(), [b'{' | b'[', ..]) {
            match json::document(job, text, place.inside(), out) {
                Ok(()) => return,
                // Not JSON after all: what was found so far is found again in the text.
                Err(_) => out.truncate(from),
            }
        }
        if base64::whole(job, text, place.inside(), out) {
            return;
        }
    }
    prose(job, text, place, out);
}

/// Appends the edits for a text in which no document is nested.
fn prose(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) {
    let Some(looked) = Looked::at(job, text, place, None) else { return };
    // All at once: grown step by step, the list of a large text would take twice its size.
    out.reserve(looked.count());
    looked.each(job, |job, found| out.extend(job.edit(found)));
}

/// What was found in a text: where, and what it says there once decoded.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub entity: Entity,
    /// The entity's name, or that of the policy's own pattern.
    pub name: Cow<'static, str>,
    pub range: Range<usize>,
    pub value: String,
    pub score: u8,
    /// It was found inside of this word, which encodes it.
    pub inside: Option<Place>,
}

/// A text that was looked at: all that was found, before anything is made of it.
pub(super) struct Looked<'t> {
    text: &'t str,
    view: Option<View<'t>>,
    matches: Vec<Match>,
    /// Where which of the policy's own patterns matched.
    own: Vec<(usize, String)>,
    /// Words in which something is encoded.
    encoded: Vec<Found>,
}

/// Matches for which memory is kept from text to text.
const SCRATCH: usize = 256;

impl<'t> Looked<'t> {
    /// Looks at a text; `None`: nothing is there. Adds to `seen` where anything was seen, also what lost to something surer.
    pub fn at(
        job: &mut Job<'_>,
        text: &'t str,
        place: Place,
        mut seen: Option<&mut Vec<Range<usize>>>,
    ) -> Option<Looked<'t>> {
        let view = View::lenient(text);
        let mut matches = std::mem::take(&mut job.matches);
        let read = view.as_ref().map_or(text, |view| view.text.as_ref());
        detect::field(read, place.key, place.parent, &job.profile.wanted, &mut matches);
        let own = job.profile.own.find(read, &mut matches);
        let mut encoded = if place.depth < NESTED { base64::words(job, read, place.inside()) } else { Vec::new() };
        // Most texts of most bodies end here.
        if matches.is_empty() && encoded.is_empty() {
            job.matches = matches;
            return None;
        }
        let source = |range: Range<usize>| view.as_ref().map_or(range.clone(), |view| view.source(&range));
        if let Some(seen) = &mut seen {
            seen.extend(matches.iter().map(|m| source(m.start..m.end)));
        }
        detect::resolve(&mut matches);
        encoded.retain(|word| matches.iter().all(|m| m.end <= word.range.start || word.range.end <= m.start));
        encoded.iter_mut().for_each(|word| word.range = source(word.range.clone()));
        if let Some(seen) = seen {
            seen.extend(encoded.iter().map(|word| word.range.clone()));
        }
        Some(Looked { text, view, matches, own, encoded })
    }

    pub fn count(&self) -> usize {
        self.matches.len() + self.encoded.len()
    }

    /// Calls `hit` with everything found, in order.
    pub fn each<'p>(self, job: &mut Job<'p>, mut hit: impl FnMut(&mut Job<'p>, Found)) {
        let Looked { text, view, mut matches, own, encoded } = self;
        let read = view.as_ref().map_or(text, |view| view.text.as_ref());
        let mut encoded = encoded.into_iter().peekable();
        for Match { entity, start, end, score } in matches.drain(..) {
            let range = view.as_ref().map_or(start..end, |view| view.source(&(start..end)));
            while let Some(word) = encoded.next_if(|word| word.range.start < range.start) {
                hit(job, word);
            }
            let value = read.get(start..end).unwrap_or_default().to_owned();
            let name = own.iter().find(|(at, _)| *at == start).filter(|_| entity == Entity::Custom);
            let name = name.map_or(Cow::Borrowed(entity.name()), |(_, name)| Cow::Owned(name.clone()));
            hit(job, Found { entity, name, range, value, score, inside: None });
        }
        encoded.for_each(|word| hit(job, word));
        if matches.capacity() <= SCRATCH {
            job.matches = matches;
        }
    }
}
