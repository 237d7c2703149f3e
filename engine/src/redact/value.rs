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
    let from = out.len();
    if place.depth < NESTED {
        let looks_like_json = text.len() > 4 && text.trim_start().starts_with(['{', '[']);
        if looks_like_json {
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
    each(job, text, place, |job, found| out.extend(job.edit(found)));
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

/// Calls `hit` with everything found in a text, in order; answers where anything was seen, also what lost to something surer.
pub(super) fn each<'p>(
    job: &mut Job<'p>,
    text: &str,
    place: Place,
    mut hit: impl FnMut(&mut Job<'p>, Found),
) -> Vec<Range<usize>> {
    let view = View::lenient(text);
    let read = view.as_ref().map_or(text, |view| view.text.as_ref());
    let mut matches = std::mem::take(&mut job.matches);
    detect::field(read, place.key, place.parent, &job.profile.wanted, &mut matches);
    let own = job.profile.own.find(read, &mut matches);
    let source = |m: &Match| view.as_ref().map_or(m.start..m.end, |view| view.source(&(m.start..m.end)));
    let mut seen: Vec<Range<usize>> = matches.iter().map(source).collect();
    detect::resolve(&mut matches);
    let mut encoded = if place.depth < NESTED { base64::words(job, read, place.inside()) } else { Vec::new() };
    encoded.retain(|word| matches.iter().all(|m| m.end <= word.range.start || word.range.end <= m.start));
    for word in &mut encoded {
        if let Some(view) = &view {
            word.range = view.source(&word.range);
        }
        seen.push(word.range.clone());
    }
    let mut encoded = encoded.into_iter().peekable();
    for found in matches.drain(..) {
        let range = source(&found);
        while let Some(word) = encoded.next_if(|word| word.range.start < range.start) {
            hit(job, word);
        }
        let Match { entity, start, end, score } = found;
        let value = read.get(start..end).unwrap_or_default().to_owned();
        let name = own.iter().find(|(at, _)| *at == start).filter(|_| entity == Entity::Custom);
        let name = name.map_or(Cow::Borrowed(entity.name()), |(_, name)| Cow::Owned(name.clone()));
        hit(job, Found { entity, name, range, value, score, inside: None });
    }
    encoded.for_each(|word| hit(job, word));
    job.matches = matches;
    seen
}
