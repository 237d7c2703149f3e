//! The fields of a JSON document: each string and number under its key, replaced where it stands.
//!
//! Must not go here: what is in a value (`value`).

use std::ops::Range;

use super::edit::{Edit, Job, lift};
use super::encode;
use super::pointer::Path;
use super::value::{self, Place};
use super::view::View;
use crate::detect::Hints;
use crate::extract::json::{JsonError, Kind, Limits, Scanner, Token};

/// An open container: what announces its children.
struct Frame<'a> {
    /// The key of the elements: an array's own.
    key: Hints,
    parent: Hints,
    /// A field shows that the object is about a person.
    person: bool,
    /// Its `name`, which is a person's if the object is, with the place among the edits.
    name: Option<(Token<'a>, Place, usize)>,
}

/// Appends the edits for a document that is the value at `place`.
pub(super) fn document(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) -> Result<(), JsonError> {
    without(job, text, place, &[], out)
}

/// The same, leaving alone the strings whose insides are at `apart`.
pub(super) fn without(
    job: &mut Job<'_>,
    text: &str,
    place: Place,
    apart: &[Range<usize>],
    out: &mut Vec<Edit>,
) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text.as_bytes(), Limits::default());
    let mut open: Vec<Frame<'_>> = Vec::new();
    let mut keys = Keys::default();
    let mut path = Path::of(&job.profile.exclude);
    let mut key = place.key;
    while let Some(token) = scanner.next()? {
        let left_alone = path.follow(&token);
        let here = Place { key, parent: open.last().map_or(place.parent, |f| f.parent), depth: place.depth };
        match token.kind {
            Kind::ObjectStart => open.push(Frame { key: Hints::NONE, parent: key, person: false, name: None }),
            Kind::ArrayStart => open.push(Frame { key, parent: here.parent, person: false, name: None }),
            Kind::ArrayEnd => {
                open.pop();
            }
            Kind::ObjectEnd => {
                if let Some(Frame { person: true, name: Some((name, here, at)), .. }) = open.pop() {
                    let mut edits = Vec::new();
                    string(job, &name, Place { parent: here.parent.of_person(), ..here }, &mut edits);
                    out.splice(at..at, edits);
                }
            }
            Kind::Key => {
                key = keys.hints(&token);
                if let Some(frame) = open.last_mut() {
                    frame.person |= key.shows_person();
                }
                if !left_alone {
                    job.key = true;
                    string(job, &token, Place { depth: place.depth, ..Place::default() }, out);
                    job.key = false;
                }
                continue;
            }
            Kind::String | Kind::Number if left_alone => {}
            Kind::String if apart.contains(&token.inner()) => {}
            Kind::String => {
                let from = out.len();
                string(job, &token, here, out);
                if let Some(frame) = open.last_mut().filter(|_| key.is_name() && out.len() == from) {
                    frame.name = Some((token, here, from));
                }
            }
            Kind::Number => number(job, &token, here, out),
            Kind::Bool(_) | Kind::Null => {}
        }
        key = open.last().map_or(place.key, |frame| frame.key);
    }
    Ok(())
}

/// What the last keys announce: documents repeat theirs.
#[derive(Default)]
struct Keys<'a>([Option<(&'a str, Hints)>; 16]);

impl<'a> Keys<'a> {
    fn hints(&mut self, key: &Token<'a>) -> Hints {
        let raw = key.raw();
        let first = raw.bytes().next().unwrap_or(0);
        let Some(slot) = self.0.get_mut((raw.len() + usize::from(first)) % 16) else { return Hints::NONE };
        match slot {
            Some((known, hints)) if *known == raw => *hints,
            slot => slot.insert((raw, Hints::of(&key.text()))).1,
        }
    }
}

fn string(job: &mut Job<'_>, token: &Token<'_>, place: Place, out: &mut Vec<Edit>) {
    let from = out.len();
    let start = token.inner().start;
    if token.escaped() {
        let view = View::json_string(token.raw());
        value::field(job, &view.text, place, out);
        let new = out.get_mut(from..).unwrap_or_default();
        lift(new, |range| view.source(range), str::to_owned);
    } else {
        value::field(job, token.raw(), place, out);
    }
    let new = out.get_mut(from..).unwrap_or_default();
    lift(new, |range| range.start + start..range.end + start, encode::json);
}

/// A number becomes a string where it is replaced: the only other JSON value that can hold a label.
fn number(job: &mut Job<'_>, token: &Token<'_>, place: Place, out: &mut Vec<Edit>) {
    // Fractions and exponents are measurements.
    if token.raw().bytes().any(|b| !b.is_ascii_digit()) || token.raw().len() < 4 {
        return;
    }
    let from = out.len();
    value::field(job, token.raw(), place, out);
    out.truncate(from + 1);
    let new = out.get_mut(from..).unwrap_or_default();
    lift(new, |_| token.range.clone(), |text| format!("\"{}\"", encode::json(text)));
}
