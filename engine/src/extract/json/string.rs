//! Inside a JSON string: where it ends, whether its escapes are sound, what they stand for.
//!
//! Must not go here: tokens and containers (the parent).

use std::borrow::Cow;

use super::Fault;
use crate::blocks;

/// The length up to the closing quote of a string in `bytes`, which begins behind the opening one and with `plain` bytes that
/// stand for themselves. Checks what stands before.
pub(super) fn scan(bytes: &[u8], plain: usize) -> Result<usize, (Fault, usize)> {
    let mut at = plain;
    loop {
        match bytes.get(at) {
            None => return Err((Fault::Truncated, at)),
            Some(b'"') => return Ok(at),
            Some(b'\\') => match escape(bytes.get(at..).unwrap_or_default()) {
                Ok(('\0', _)) => return Err((Fault::NulCharacter, at)),
                Ok((_, len)) => at += len,
                Err(fault) => return Err((fault, at)),
            },
            Some(0) => return Err((Fault::NulCharacter, at)),
            Some(_) => return Err((Fault::ControlCharacter, at)),
        }
        at += self::plain(bytes.get(at..).unwrap_or_default());
    }
}

/// The text that the inside of a string stands for; `None`: there is no such string.
pub fn text_of(inside: &str) -> Option<Cow<'_, str>> {
    match scan(inside.as_bytes(), plain(inside.as_bytes())) {
        // It has no quote of its own, so nothing ends it.
        Err((Fault::Truncated, at)) if at == inside.len() => {}
        _ => return None,
    }
    Some(if inside.contains('\\') { Cow::Owned(decode(inside)) } else { Cow::Borrowed(inside) })
}

/// How many bytes stand before the first quote, backslash or control character, eight at a time and then in larger blocks.
#[inline(always)]
pub(super) fn plain(bytes: &[u8]) -> usize {
    /// Most strings are shorter.
    const NEAR: usize = 64;
    let (mut at, mut far) = (0, NEAR);
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let stop = stop(u64::from_le_bytes(*word));
        if stop != 0 {
            return at + (stop.trailing_zeros() / 8) as usize;
        }
        at += 8;
        if at == far {
            at += blocks_without_stop(bytes.get(at..).unwrap_or_default());
            far = at + blocks::BLOCK;
        }
    }
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|b| !stops(**b)).count()
}

#[inline(never)]
fn blocks_without_stop(bytes: &[u8]) -> usize {
    blocks::without(bytes, stops)
}

fn stops(b: u8) -> bool {
    (b == b'"') | (b == b'\\') | (b < 0x20)
}

/// Of eight bytes, the highest bit of the first that is a quote, backslash or control character, and maybe of some above.
fn stop(word: u64) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let zero_in = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let quote = zero_in(word ^ (ONES * u64::from(b'"')));
    let backslash = zero_in(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
    // A borrow may mark bytes above a true hit, never below: the lowest mark is right.
    quote | backslash | control
}

/// The character that the escape at the start of `bytes` stands for, and the escape's length.
fn escape(bytes: &[u8]) -> Result<(char, usize), Fault> {
    let simple = match bytes.get(1) {
        None => return Err(Fault::Truncated),
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(&b @ (b'"' | b'\\' | b'/')) => char::from(b),
        Some(b'u') => return unicode(bytes),
        Some(_) => return Err(Fault::Syntax),
    };
    Ok((simple, 2))
}

/// `\uXXXX`, or a pair of them for a character beyond the basic plane.
fn unicode(bytes: &[u8]) -> Result<(char, usize), Fault> {
    let first = unit(bytes, 0)?;
    if let Some(c) = char::from_u32(first) {
        return Ok((c, 6));
    }
    let second = unit(bytes, 6).map_err(|_| Fault::LoneSurrogate)?;
    if !(0xd800..0xdc00).contains(&first) || !(0xdc00..0xe000).contains(&second) {
        return Err(Fault::LoneSurrogate);
    }
    let c = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    char::from_u32(c).map(|c| (c, 12)).ok_or(Fault::LoneSurrogate)
}

/// The value of the `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let mut value = 0;
    match bytes.get(at..at + 2) {
        Some(b"\\u") => {}
        Some(_) => return Err(Fault::Syntax),
        None => return Err(Fault::Truncated),
    }
    for i in at + 2..at + 6 {
        let byte = bytes.get(i).ok_or(Fault::Truncated)?;
        value = value << 4 | char::from(*byte).to_digit(16).ok_or(Fault::Syntax)?;
    }
    Ok(value)
}

/// A stretch of a string: plain text as it stands, or one escape with the character it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Plain(&'a str),
    Escape(char, &'a str),
}

/// The pieces of a string's inside that a [`super::Scanner`] has accepted; stops at the first unsound escape otherwise.
#[derive(Clone, Debug)]
pub struct Pieces<'a>(pub &'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let plain = memchr::memchr(b'\\', self.0.as_bytes()).unwrap_or(self.0.len());
        if plain > 0 {
            let (piece, rest) = self.0.split_at_checked(plain)?;
            self.0 = rest;
            return Some(Piece::Plain(piece));
        }
        let (c, len) = escape(self.0.as_bytes()).ok()?;
        let (piece, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(Piece::Escape(c, piece))
    }
}

/// The text that an accepted string's inside stands for.
pub(super) fn decode(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for piece in Pieces(raw) {
        match piece {
            Piece::Plain(plain) => text.push_str(plain),
            Piece::Escape(c, _) => text.push(c),
        }
    }
    text
}
