//! The fields of a JSON document: each string and number under its key, replaced where it stands.
//!
//! Must not go here: what is in a value (`value`).

mod keys;

use std::ops::Range;

pub(super) use keys::Known;
use keys::{Masked, Taken};

use super::edit::{Edit, Job, lift};
use super::encode;
use super::members::{Member, Members};
use super::pointer::Path;
use super::value::{self, Place};
use super::view::View;
use crate::detect::Hints;
use crate::extract::json::{JsonError, Kind, Limits, Scanner, Token};

/// An open container: what announces its children. Small, as most documents open many.
struct Frame<'a> {
    /// The key of the elements: an array's own.
    key: Hints,
    parent: Hints,
    /// A field shows that the object is about a person.
    person: bool,
    object: bool,
    /// Its first edit.
    from: usize,
    /// Its `name`, which is a person's if the object is, with what the key announces and the place among the edits.
    name: Option<(Token<'a>, Hints, usize)>,
    rare: Option<Box<Rare>>,
}

/// What is known only of objects in which something is dropped or a key is masked.
#[derive(Default)]
struct Rare {
    /// The place of the last key.
    at: Range<usize>,
    members: Members,
    masked: Masked,
}

impl Frame<'_> {
    fn new(object: bool, key: Hints, parent: Hints, from: usize) -> Self {
        Frame { key, parent, person: false, object, from, name: None, rare: None }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// The value of the last key begins with `token`.
    fn value(&mut self, token: &Token<'_>) {
        if self.object {
            let whole = matches!(token.kind, Kind::String | Kind::Number).then(|| token.inner());
            let Rare { at, members, .. } = self.rare();
            members.push(Member { key: at.clone(), value: token.range.clone(), whole });
        }
    }
}

/// Appends the edits for a document that is the value at `place`.
pub(super) fn document(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) -> Result<(), JsonError> {
    let mut scanner = Scanner::of(text, Limits::default());
    without(job, text, &mut || scanner.next(), place, &[], out)
}

/// The same of one whose tokens are read already, leaving alone the strings whose insides are at `apart`.
pub(super) fn without<'t>(
    job: &mut Job<'_>,
    text: &'t str,
    next: &mut dyn FnMut() -> Result<Option<Token<'t>>, JsonError>,
    place: Place,
    apart: &[Range<usize>],
    out: &mut Vec<Edit>,
) -> Result<(), JsonError> {
    let mut open: Vec<Frame<'_>> = Vec::new();
    let mut path = Path::of(&job.profile.exclude);
    let mut key = place.key;
    let mut taken = Taken::of(text);
    let drops = job.profile.drops();
    loop {
        // Looked at where it was put: to be moved, a token would be read back just when it was written.
        let read = next();
        let token = match &read {
            Ok(Some(token)) => token,
            Ok(None) => return Ok(()),
            Err(error) => return Err(*error),
        };
        let left_alone = path.follow(token);
        if let Some(frame) = open.last_mut().filter(|_| drops && token.begins_value()) {
            frame.value(token);
        }
        let parent = |open: &[Frame<'_>]| open.last().map_or(place.parent, |frame| frame.parent);
        match token.kind {
            Kind::ObjectStart | Kind::ArrayStart => {
                let object = token.kind == Kind::ObjectStart;
                let (key, parent) = if object { (Hints::NONE, key) } else { (key, parent(&open)) };
                open.push(Frame::new(object, key, parent, out.len()));
            }
            Kind::ObjectEnd | Kind::ArrayEnd => {
                if let Some(frame) = open.last() {
                    if let Frame { person: true, name: Some((name, key, at)), .. } = frame {
                        let mut edits = Vec::new();
                        let here = Place { key: *key, parent: frame.parent.of_person(), depth: place.depth };
                        string(job, name, here, &mut edits);
                        out.splice(at..at, edits);
                    }
                    frame.rare.iter().for_each(|rare| rare.members.drop(frame.from, out));
                }
                open.truncate(open.len().saturating_sub(1));
                if let Some(frame) = open.last_mut().filter(|_| drops) {
                    frame.rare().members.end(token.range.end);
                }
            }
            Kind::Key => {
                let Some(known) = job.known.of(token) else { continue };
                let clean = known.is_clean(place.depth);
                key = known.hints;
                let Some(frame) = open.last_mut() else { continue };
                frame.person |= key.shows_person();
                if drops {
                    frame.rare().at = token.range.clone();
                }
                if !left_alone && !clean {
                    let from = out.len();
                    job.key = true;
                    string(job, token, Place { depth: place.depth, ..Place::default() }, out);
                    job.key = false;
                    match out.get_mut(from..) {
                        Some(edits) if !edits.is_empty() => frame.rare().masked.distinguish(token, edits, &mut taken),
                        _ => job.known.of(token).into_iter().for_each(|known| known.found_clean(place.depth)),
                    }
                }
                continue;
            }
            // Behind one of these goes by the same key what is in the same array, and in an object comes a key.
            Kind::Bool(_) | Kind::Null => continue,
            Kind::String | Kind::Number if left_alone => continue,
            Kind::String if apart.contains(&token.inner()) => continue,
            Kind::String => {
                let (from, here) = (out.len(), Place { key, parent: parent(&open), depth: place.depth });
                string(job, token, here, out);
                if let Some(frame) = open.last_mut().filter(|_| key.is_name() && out.len() == from) {
                    frame.name = Some((token.clone(), key, from));
                }
                continue;
            }
            // Fractions and exponents are measurements.
            Kind::Number if token.raw().len() < 4 || token.raw().bytes().any(|b| !b.is_ascii_digit()) => continue,
            Kind::Number => {
                number(job, token, Place { key, parent: parent(&open), depth: place.depth }, out);
                continue;
            }
        }
        key = open.last().map_or(place.key, |frame| frame.key);
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
    let from = out.len();
    value::field(job, token.raw(), place, out);
    out.truncate(from + 1);
    let new = out.get_mut(from..).unwrap_or_default();
    lift(new, |_| token.range.clone(), |text| format!("\"{}\"", encode::json(text)));
}
