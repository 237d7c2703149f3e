//! The fields of a JSON document: each string and number under its key, replaced where it stands.
//!
//! Must not go here: what is in a value (`value`).

use super::edit::{Edit, Job, lift};
use super::value::{self, Place};
use super::view::{self, View};
use crate::detect::Hints;
use crate::extract::json::{JsonError, Kind, Limits, Scanner, Token};

/// Appends the edits for a whole document.
pub(super) fn document(job: &mut Job<'_>, text: &str, out: &mut Vec<Edit>) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(text.as_bytes(), Limits::default());
    // What the keys on the way announce, the innermost last; an array stands for its own key.
    let mut above: Vec<Hints> = Vec::new();
    let mut key = Hints::NONE;
    while let Some(token) = scanner.next()? {
        match token.kind {
            Kind::ObjectStart | Kind::ArrayStart => above.push(key),
            Kind::ObjectEnd | Kind::ArrayEnd => {
                above.pop();
            }
            Kind::Key => {
                key = Hints::of(&token.text());
                string(job, &token, Place::default(), out);
                continue;
            }
            Kind::String => string(job, &token, Place { key, parent: parent(&above) }, out),
            Kind::Number => number(job, &token, Place { key, parent: parent(&above) }, out),
            Kind::Bool(_) | Kind::Null => {}
        }
        // Elements of an array go by the key of the array.
        key = above.last().copied().unwrap_or_default();
    }
    Ok(())
}

fn parent(above: &[Hints]) -> Hints {
    above.last().copied().unwrap_or_default()
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
    lift(new, |range| range.start + start..range.end + start, view::to_json);
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
    lift(new, |_| token.range.clone(), |text| format!("\"{}\"", view::to_json(text)));
}
