//! A text as a lenient reader takes it: percent, HTML and backslash escapes decoded wherever they stand, look-alikes of
//! ASCII as ASCII, invisible characters gone.
//!
//! Must not go here: strict decodings of a format (the parent).

use super::{Builder, View};
use crate::blocks;

/// The view of `raw`, or `None` if it is `raw` itself.
pub(super) fn view(raw: &str) -> Option<View<'static>> {
    let bytes = raw.as_bytes();
    if !blocks::any(bytes, |b| is_mark(b) | !b.is_ascii()) {
        return None;
    }
    // Most such texts stand for themselves.
    let mut changed: Option<Builder> = None;
    let mut at = 0;
    let special = |b: u8| is_mark(b) | begins_alike(b);
    while let Some(here) = bytes.get(at) {
        // Many stand side by side.
        if !special(*here) {
            let Some(next) = blocks::position(bytes.get(at..)?, special) else { break };
            at += next;
        }
        let rest = raw.get(at..)?;
        let read = match rest.as_bytes() {
            [b'%', ..] => percent(rest.as_bytes()).map(|(c, len)| (Some(c), len)),
            [b'&', ..] => entity(rest).map(|(c, len)| (Some(c), len)),
            [b'\\', ..] => backslash(rest.as_bytes()).map(|(c, len)| (Some(c), len)),
            _ => rest.chars().next().and_then(|c| Some((alike(c)?, c.len_utf8()))),
        };
        match read {
            Some((c, len)) => {
                let builder = changed.get_or_insert_with(|| Builder::new(raw.len()));
                builder.plain_to(raw, at);
                match c {
                    Some(c) => builder.put(c, len),
                    None => builder.skip(len),
                }
                at += len;
            }
            // What is left of a character begins none.
            None => at += 1,
        }
    }
    let mut builder = changed?;
    builder.plain_to(raw, raw.len());
    Some(builder.finish())
}

/// Whether an escape may begin with it.
fn is_mark(b: u8) -> bool {
    (b == b'%') | (b == b'&') | (b == b'\\')
}

/// Whether the UTF-8 of what [`alike`] knows may begin with it: that of most letters beyond ASCII does not.
fn begins_alike(b: u8) -> bool {
    (b == 0xc2) | (b & 0xfd == 0xd9) | (b & 0xfc == 0xe0) | (b == 0xef)
}

/// `%40`, also encoded again: `%2540`. Only what is text in the end, one to four bytes of UTF-8.
pub(super) fn percent(rest: &[u8]) -> Option<(char, usize)> {
    let (first, mut at) = percent_byte(rest)?;
    let width = match first {
        0x20..0x7f => return Some((char::from(first), at)),
        b'\t' | b'\n' | b'\r' => return Some((char::from(first), at)),
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    let mut bytes = [first, 0, 0, 0];
    for slot in bytes.iter_mut().take(width).skip(1) {
        let (byte, len) = percent_byte(rest.get(at..)?)?;
        *slot = byte;
        at += len;
    }
    let c = std::str::from_utf8(bytes.get(..width)?).ok()?.chars().next()?;
    Some((alike(c).unwrap_or(Some(c))?, at))
}

fn percent_byte(rest: &[u8]) -> Option<(u8, usize)> {
    let hex = |at: usize| rest.get(at).and_then(|b| char::from(*b).to_digit(16));
    if rest.first() != Some(&b'%') {
        return None;
    }
    let mut at = 1;
    // An encoded percent sign before two more digits was encoded again; nobody does it often.
    while at < 9 && rest.get(at..at + 2) == Some(b"25") && hex(at + 2).is_some() && hex(at + 3).is_some() {
        at += 2;
    }
    let value = hex(at)? << 4 | hex(at + 1)?;
    Some((u8::try_from(value).ok()?, at + 2))
}

/// `&#64;`, `&#x40;`, `&commat;` and the other names of ASCII marks.
fn entity(rest: &str) -> Option<(char, usize)> {
    const NAMES: [(&str, char); 14] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", ' '),
        ("commat", '@'),
        ("period", '.'),
        ("lowbar", '_'),
        ("plus", '+'),
        ("hyphen", '-'),
        ("dash", '-'),
        ("colon", ':'),
        ("sol", '/'),
    ];
    // Most such marks stand in a text or between the pairs of a query.
    if !rest.as_bytes().get(1).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'#') {
        return None;
    }
    let end = rest.as_bytes().iter().take(12).position(|b| *b == b';')?;
    let name = rest.get(1..end)?;
    let c = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            let c = char::from_u32(code).filter(|c| !c.is_control())?;
            alike(c).unwrap_or(Some(c))?
        }
        None => NAMES.iter().find(|(own, _)| *own == name)?.1,
    };
    Some((c, end + 1))
}

/// `\u0040`, and the escapes that end a word: `\"`, `\n`, `\/`.
fn backslash(rest: &[u8]) -> Option<(char, usize)> {
    match rest.get(1)? {
        b'u' => {
            let hex = rest.get(2..6)?.iter().try_fold(0, |v, b| Some(v << 4 | char::from(*b).to_digit(16)?))?;
            let c = char::from_u32(hex).filter(|c| !c.is_control())?;
            Some((alike(c).unwrap_or(Some(c))?, 6))
        }
        b'"' => Some(('"', 2)),
        b'/' => Some(('/', 2)),
        b'n' => Some(('\n', 2)),
        b'r' => Some(('\r', 2)),
        b't' => Some(('\t', 2)),
        _ => None,
    }
}

/// The ASCII that `c` looks like; `Some(None)`: nothing, it is invisible.
fn alike(c: char) -> Option<Option<char>> {
    let code = u32::from(c);
    let digit = |zero: u32| char::from_digit(code - zero, 10).map(Some);
    match code {
        0xa0 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Some(Some(' ')),
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Some(Some('-')),
        0xad | 0x200b..=0x200f | 0x2060..=0x2064 | 0xfeff => Some(None),
        0xff01..=0xff5e => Some(char::from_u32(code - 0xfee0)),
        0x660..=0x669 => digit(0x660),
        0x6f0..=0x6f9 => digit(0x6f0),
        0x966..=0x96f => digit(0x966),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn every_look_alike_is_looked_at() {
        let known: Vec<char> = (char::MIN..=char::MAX).filter(|c| !c.is_ascii() && alike(*c).is_some()).collect();
        assert!(known.len() > 100);
        for c in known {
            assert!(begins_alike(c.to_string().as_bytes()[0]), "{c:?}");
        }
    }
}
