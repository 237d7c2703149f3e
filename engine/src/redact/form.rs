//! Form bodies and query strings: `name=value&…`, percent-encoded.
//!
//! Must not go here: multipart forms (`multipart`).

use super::edit::{Edit, Job, lift};
use super::encode;
use super::members::{Member, Members};
use super::value::{self, Place};
use super::view::View;
use crate::blocks;
use crate::detect::Hints;

/// Appends the edits for all values.
pub(super) fn fields(job: &mut Job<'_>, text: &str, out: &mut Vec<Edit>) {
    named(job, text, |_| true, out);
}

/// Appends the edits for the values that `chosen` names.
pub(super) fn named(job: &mut Job<'_>, text: &str, chosen: impl Fn(&str) -> bool, out: &mut Vec<Edit>) {
    let names =
        text.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, _)| Hints::of(&View::form(name).text));
    let parent = if names.clone().any(Hints::shows_person) { Hints::NONE.of_person() } else { Hints::NONE };
    let (first, mut members) = (out.len(), Members::default());
    let mut start = 0;
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let (begin, end) = (start, start + pair.len());
        let at = end - value.len();
        start = end + 1;
        members.push(Member { key: begin..at, value: at..end, whole: Some(at..end) });
        let from = out.len();
        let view = View::form(value);
        let name = View::form(name).text;
        let key = Hints::of(&name);
        if !chosen(&name) {
            continue;
        }
        value::field(job, &view.text, Place { key, parent, depth: 0 }, out);
        let new = out.get_mut(from..).unwrap_or_default();
        lift(
            new,
            |range| {
                let r = view.source(range);
                r.start + at..r.end + at
            },
            encode::form,
        );
    }
    if job.profile.drops() {
        members.drop(first, out);
    }
}

/// Whether a body without a type is such a form: names and values of the right characters, and at least one pair.
pub(super) fn looks_like(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_graphic() & !matches!(b, b'"' | b'<' | b'>' | b'{' | b'}' | b'\\' | b'`');
    let name = |pair: &str| {
        pair.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.len() <= 128 && !name.contains(['/', ':', '?']))
    };
    text.len() > 3 && !blocks::any(text.as_bytes(), |b| !sound(b)) && text.split('&').all(name)
}
