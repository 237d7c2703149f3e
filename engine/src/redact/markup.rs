//! XML and HTML: text under the name of its element, attributes under theirs. Lenient: what is no tag is text.
//!
//! Must not go here: what is in a value (`value`).

use super::edit::{Edit, Job, lift};
use super::encode;
use super::value::{self, Place};
use crate::detect::Hints;

/// Elements remembered; deeper ones go by the last of these.
const DEPTH: usize = 64;

/// Appends the edits for all text and attributes.
pub(super) fn fields(job: &mut Job<'_>, text: &str, out: &mut Vec<Edit>) {
    let mut open: Vec<Hints> = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let until = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if until > 0 {
            piece(job, text, at, at + until, place(&open), out);
            at += until;
            continue;
        }
        let (end, marks) = match rest {
            r if r.starts_with("<!--") => (r.find("-->").map(|n| n + 3), (4, 3)),
            r if r.starts_with("<![CDATA[") => (r.find("]]>").map(|n| n + 3), (9, 3)),
            r => (tag_end(r.as_bytes()), (0, 0)),
        };
        let Some(len) = end else {
            // No tag: the mark is text.
            piece(job, text, at, text.len(), place(&open), out);
            return;
        };
        if marks.0 > 0 {
            piece(job, text, at + marks.0, at + len - marks.1, place(&open), out);
        } else {
            tag(job, text, at, at + len, &mut open, out);
        }
        at += len;
    }
}

fn place(open: &[Hints]) -> Place {
    let mut inner = open.iter().rev();
    let (key, parent) = (inner.next().copied().unwrap_or_default(), inner.next().copied().unwrap_or_default());
    Place { key, parent, depth: 0 }
}

/// The edits for the text between `start` and `end`.
fn piece(job: &mut Job<'_>, text: &str, start: usize, end: usize, place: Place, out: &mut Vec<Edit>) {
    let from = out.len();
    let Some(value) = text.get(start..end).filter(|v| !v.trim().is_empty()) else { return };
    value::field(job, value, place, out);
    let new = out.get_mut(from..).unwrap_or_default();
    lift(new, |range| range.start + start..range.end + start, encode::markup);
}

/// The length of the tag that `rest` begins with: to a `>` outside of quotes.
fn tag_end(rest: &[u8]) -> Option<usize> {
    let mut quote = None;
    if !rest.get(1).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'?' | b'!' | b'_')) {
        return None;
    }
    for (at, b) in rest.iter().enumerate() {
        match (b, quote) {
            (b'>', None) => return Some(at + 1),
            (b'"' | b'\'', None) => quote = Some(*b),
            (b, Some(q)) if *b == q => quote = None,
            _ => {}
        }
    }
    None
}

/// Follows the element and reads its attributes.
fn tag(job: &mut Job<'_>, text: &str, start: usize, end: usize, open: &mut Vec<Hints>, out: &mut Vec<Edit>) {
    let inside = text.get(start + 1..end - 1).unwrap_or_default();
    if inside.starts_with('/') {
        open.pop();
        return;
    }
    let name_len = inside.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(inside.len());
    let name = inside.get(..name_len).unwrap_or_default();
    let own = job.known.hints(name);
    let mut at = name_len;
    while let Some(rest) = inside.get(at..) {
        let Some(eq) = rest.find('=') else { break };
        let key = rest.get(..eq).unwrap_or_default().trim();
        let value = rest.get(eq + 1..).unwrap_or_default();
        let gap = value.len() - value.trim_start().len();
        let Some(quote) = value.trim_start().chars().next().filter(|c| matches!(c, '"' | '\'')) else {
            at += eq + 1;
            continue;
        };
        let from = at + eq + 1 + gap + 1;
        let Some(len) = inside.get(from..).and_then(|v| v.find(quote)) else { break };
        let place = Place { key: job.known.hints(key), parent: own, depth: 0 };
        piece(job, text, start + 1 + from, start + 1 + from + len, place, out);
        at = from + len + 1;
    }
    // What has no end tag must not become the parent of the rest.
    const VOID: [&str; 8] = ["br", "hr", "img", "input", "link", "meta", "source", "area"];
    if !inside.ends_with('/') && !inside.starts_with(['?', '!']) && !VOID.contains(&name) && open.len() < DEPTH {
        open.push(own);
    }
}

/// Whether a body without a type is markup.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim_start();
    let tag = tag_end(text.as_bytes()).is_some_and(|len| len < 4096);
    tag && text.trim_end().ends_with('>')
}
