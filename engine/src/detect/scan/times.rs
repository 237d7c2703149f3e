//! Days and times as machines write them: `2026-04-18`, `2026-04-18T09:12:44Z` (RFC 3339), and in logs of web servers
//! `[18/Apr/2026:09:12:44 +0000]`. Where nothing is announced, no value begins inside of one.
//!
//! Must not go here: dates of birth (`date`).

use super::{Scan, Word};
use crate::detect::entity::{Entity, Set};
use crate::detect::{phone, shape};

/// Where the day or time ends that begins with `word`.
pub(super) fn behind(scan: &mut Scan<'_>, word: &Word) -> Option<usize> {
    let rest = Some(scan.rest(word.start)).filter(|_| word.is_number())?;
    let (len, logged) = match (word.joint, word.len()) {
        (b'-', 4) => (len(rest)?, false),
        (b'/', 2) => (logged(rest)?, true),
        _ => return None,
    };
    let end = word.start + len;
    // A name that ends with it may have something assigned.
    let apart =
        |b: Option<u8>| b.is_none_or(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b',' | b'<' | b'>'));
    let (before, behind) = (scan.previous(word.start), scan.next(end));
    let alone = if logged { (before, behind) == (Some(b'['), Some(b']')) } else { apart(before) && apart(behind) };
    if !alone {
        return None;
    }
    // Who takes any number for a phone's takes this one too.
    if scan.accepts(Entity::PhoneNumber, phone::ANY_FORM) || scan.near(word.start).said() != Set::EMPTY {
        return None;
    }
    scan.looked = end;
    Some(end)
}

/// A time in the common log format; only capitals may be a group of an id.
fn logged(rest: &[u8]) -> Option<usize> {
    let (len, _) = shape::matches("00/AAA/0000:00:00:00", rest)?;
    let month = rest.get(3..6)?;
    let (b' ', b'+' | b'-') = (rest.get(len)?, rest.get(len + 1)?) else { return None };
    let (zone, _) = shape::matches("0000", rest.get(len + 2..)?)?;
    month.iter().skip(1).all(u8::is_ascii_lowercase).then_some(len + 2 + zone)
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
