//! Days and times as machines write them (RFC 3339): `2026-04-18`, `2026-04-18T09:12:44Z`. Where nothing is announced, no value
//! begins inside of one.
//!
//! Must not go here: dates of birth (`date`).

use super::{Scan, Word};
use crate::detect::entity::{Entity, Set};
use crate::detect::{phone, shape};

/// Where the day or time ends that begins with `word`.
pub(super) fn behind(scan: &mut Scan<'_>, word: &Word) -> Option<usize> {
    if (word.joint, word.len()) != (b'-', 4) || !word.is_number() {
        return None;
    }
    let len = len(scan.rest(word.start))?;
    let end = word.start + len;
    // A name that ends with it may have something assigned.
    let apart =
        |b: Option<u8>| b.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b'<' | b'>'));
    if !apart(scan.previous(word.start)) || !apart(scan.next(end)) {
        return None;
    }
    // Who takes any number for a phone's takes this one too.
    if scan.accepts(Entity::PhoneNumber, phone::ANY_FORM) || scan.near(word.start).said() != Set::EMPTY {
        return None;
    }
    scan.looked = end;
    Some(end)
}

fn len(rest: &[u8]) -> Option<usize> {
    let (day, _) = shape::matches("0000-00-00", rest)?;
    let behind = rest.get(day..)?;
    let Some((time, _)) = shape::matches("T00:00:00", behind).or_else(|| shape::matches(" 00:00:00", behind)) else {
        return Some(day);
    };
    let mut end = day + time;
    if rest.get(end) == Some(&b'.') {
        end += 1 + rest.get(end + 1..)?.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
    }
    match rest.get(end) {
        Some(b'Z') => Some(end + 1),
        Some(b'+' | b'-') => shape::matches("00:00", rest.get(end + 1..)?).map(|(zone, _)| end + 1 + zone),
        _ => Some(end),
    }
}
