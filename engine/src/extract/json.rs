//! A strict, pull-style JSON scanner (RFC 8259) that keeps the place of every token in the bytes as received.
//!
//! What two parsers could read differently is refused with the offset and a stable code: invalid UTF-8, lone surrogates,
//! duplicate keys (also when they differ only by escapes), trailing data, a byte order mark, comments, control characters,
//! NUL, depth beyond the limit. Numbers stay text. Every container is checked once, when it ends: **nothing counts before
//! [`Scanner::next`] has answered `Ok(None)`.**
//!
//! To walk JSON pointers, keep a stack with one entry per open container: at `Key` the name for the value that follows, in
//! an array the index of the next value. At each `ObjectStart`, `ArrayStart` or scalar the stack is the pointer of that
//! value; at `ObjectEnd` and `ArrayEnd` pop one entry. Compare keys by [`Token::text`], never by [`Token::raw`]: the raw
//! form may carry escapes. [`Scanner::skip`] runs to the end of the container just opened, still checking it. All pointers
//! of all rules can be matched in the same pass, each keeping the number of leading segments that agree with the stack.
//!
//! Must not go here: values as a tree, any meaning of keys.

mod fault;
mod keys;
mod number;
mod string;

use std::borrow::Cow;
use std::ops::Range;

pub use fault::{Fault, JsonError};
use keys::Keys;
pub use keys::same_key;
pub use string::{Piece, Pieces, text_of};

/// What the scanner accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Containers open at once.
    pub depth: usize,
    /// Refuse two keys of one object that differ only by case: some parsers take them for the same.
    pub refuse_key_case: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 64, refuse_key_case: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    ArrayEnd,
    ArrayStart,
    Bool(bool),
    Key,
    Null,
    Number,
    ObjectEnd,
    ObjectStart,
    String,
}

/// One token and the bytes it takes, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub kind: Kind,
    pub range: Range<usize>,
    raw: &'a str,
    escaped: bool,
}

impl<'a> Token<'a> {
    /// The value of a key or string, borrowed unless it carries escapes; any other token as it stands.
    pub fn text(&self) -> Cow<'a, str> {
        if self.escaped { Cow::Owned(string::decode(self.raw)) } else { Cow::Borrowed(self.raw) }
    }

    /// The token as it stands in the body; a key or string without its quotes.
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// Whether [`Token::raw`] carries escapes, so that it differs from [`Token::text`].
    pub fn escaped(&self) -> bool {
        self.escaped
    }

    /// A scalar, or the start of a container.
    pub fn begins_value(&self) -> bool {
        !matches!(self.kind, Kind::Key | Kind::ArrayEnd | Kind::ObjectEnd)
    }

    /// Where [`Token::raw`] stands: without the quotes.
    pub fn inner(&self) -> Range<usize> {
        match self.kind {
            Kind::Key | Kind::String => self.range.start + 1..self.range.end.saturating_sub(1),
            _ => self.range.clone(),
        }
    }
}

/// What may stand next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// The one value of the text.
    Document,
    /// A value in an array, or the array's end.
    FirstElement,
    Element,
    /// A key, or the object's end.
    FirstKey,
    Key,
    Colon,
    /// The value of a key.
    Member,
    /// A comma or the array's end.
    MoreElements,
    /// A comma or the object's end.
    MoreMembers,
    /// Only white space.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Frame {
    Array,
    /// With the number of keys that belong to outer objects.
    Object(usize),
}

/// See the module's documentation.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    /// Everything before is consumed; always at a character boundary.
    at: usize,
    expect: Expect,
    /// Of the last token: where it begins (it ends at `at`), and whether it carries escapes. They stand here and not in what
    /// the steps return, which is small enough for a register then.
    start: usize,
    escaped: bool,
    open: Vec<Frame>,
    keys: Keys,
    limits: Limits,
    failed: Option<JsonError>,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8], limits: Limits) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Scanner::of(text, limits),
            Err(e) => {
                let failed = Some(JsonError { kind: Fault::InvalidUtf8, at: e.valid_up_to() });
                Scanner { failed, ..Scanner::of("", limits) }
            }
        }
    }

    /// Of what is known to be UTF-8.
    pub fn of(text: &'a str, limits: Limits) -> Self {
        let failed = text.starts_with('\u{feff}').then_some(JsonError { kind: Fault::ByteOrderMark, at: 0 });
        let (open, keys) = (Vec::new(), Keys::default());
        Scanner { text, at: 0, expect: Expect::Document, start: 0, escaped: false, open, keys, limits, failed }
    }

    /// All tokens of a text that is sound.
    pub fn tokens(mut self) -> Result<Vec<Token<'a>>, JsonError> {
        let mut all = Vec::with_capacity(32);
        while let Some(token) = self.next()? {
            all.push(token);
        }
        Ok(all)
    }

    /// The next token; `None` when the text is complete and sound. An error is final.
    #[expect(clippy::should_implement_trait, reason = "fallible: an iterator would invite reading past an error")]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        let Some(kind) = self.one() else { return self.stopped().map(|()| None) };
        // A token is put together in one place: it is large, and every step it is handed through copies it.
        let range = self.start..self.at;
        let quote = usize::from(matches!(kind, Kind::Key | Kind::String));
        let raw = self.text.get(range.start + quote..range.end - quote).unwrap_or_default();
        Ok(Some(Token { kind, range, raw, escaped: self.escaped }))
    }

    /// Runs to the end of the container whose start was the last token, or does nothing behind any other token.
    pub fn skip(&mut self, opened: &Token<'a>) -> Result<(), JsonError> {
        if !matches!(opened.kind, Kind::ArrayStart | Kind::ObjectStart) {
            return Ok(());
        }
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            if self.advance().is_none() {
                return self.stopped();
            }
        }
        Ok(())
    }

    /// Whether the text ended where it may.
    fn stopped(&self) -> Result<(), JsonError> {
        self.failed.map_or(Ok(()), Err)
    }

    /// How many containers are open: behind a start token its own is counted, behind an end token no longer.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// [`Scanner::advance`] for those who go token by token: one call for each.
    #[inline(never)]
    fn one(&mut self) -> Option<Kind> {
        self.advance()
    }

    /// Goes behind the next token; `None`: there is none, or a fault before it, which [`Scanner::stopped`] tells.
    #[inline(always)]
    fn advance(&mut self) -> Option<Kind> {
        if self.failed.is_some() {
            return None;
        }
        let mut byte = self.white_space();
        let expect = match (self.expect, byte) {
            (Expect::Colon, Some(b':')) => Expect::Member,
            (Expect::MoreElements, Some(b',')) => Expect::Element,
            (Expect::MoreMembers, Some(b',')) => Expect::Key,
            (expect, _) => expect,
        };
        if expect != self.expect {
            self.at += 1;
            byte = self.white_space();
        }
        let Some(byte) = byte else {
            return if expect == Expect::End { None } else { self.fail(Fault::Truncated) };
        };
        self.start = self.at;
        let next = match expect {
            Expect::Document => Expect::End,
            Expect::FirstElement | Expect::Element => Expect::MoreElements,
            Expect::Member => Expect::MoreMembers,
            Expect::FirstKey | Expect::Key if byte == b'"' => Expect::Colon,
            Expect::FirstKey | Expect::MoreMembers if byte == b'}' => return self.leave(),
            Expect::MoreElements if byte == b']' => return self.leave(),
            Expect::End => return self.fail(Fault::TrailingData),
            _ => return self.unexpected(byte),
        };
        match byte {
            b'"' => {
                self.string()?;
                self.expect = next;
                if next != Expect::Colon {
                    return Some(Kind::String);
                }
                let inside = self.start + 1..self.at - 1;
                self.keys.add(self.text, inside, self.escaped);
                return Some(Kind::Key);
            }
            b'{' => return self.enter(Frame::Object(self.keys.len()), Expect::FirstKey, Kind::ObjectStart),
            b'[' => return self.enter(Frame::Array, Expect::FirstElement, Kind::ArrayStart),
            b']' if expect == Expect::FirstElement => return self.leave(),
            _ => {}
        }
        self.escaped = false;
        self.expect = next;
        match byte {
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word("true", Kind::Bool(true)),
            b'f' => self.word("false", Kind::Bool(false)),
            b'n' => self.word("null", Kind::Null),
            _ => self.unexpected(byte),
        }
    }

    /// Goes on to the next byte that is no white space.
    #[inline]
    fn white_space(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn enter(&mut self, frame: Frame, next: Expect, kind: Kind) -> Option<Kind> {
        if self.open.len() >= self.limits.depth {
            return self.fail(Fault::TooDeep);
        }
        self.open.push(frame);
        self.escaped = false;
        self.expect = next;
        self.at += 1;
        Some(kind)
    }

    /// Goes behind the end of the innermost container, which is of the right kind.
    fn leave(&mut self) -> Option<Kind> {
        let kind = match self.open.pop()? {
            Frame::Object(outer) => {
                if let Err(error) = self.keys.close(self.text, outer, self.limits.refuse_key_case) {
                    self.failed = Some(error);
                    return None;
                }
                Kind::ObjectEnd
            }
            Frame::Array => Kind::ArrayEnd,
        };
        self.escaped = false;
        self.expect = match self.open.last() {
            None => Expect::End,
            Some(Frame::Array) => Expect::MoreElements,
            Some(Frame::Object(_)) => Expect::MoreMembers,
        };
        self.at += 1;
        Some(kind)
    }

    /// Goes behind the string that begins here.
    #[inline(always)]
    fn string(&mut self) -> Option<()> {
        let inside = self.at + 1;
        let rest = self.rest_from(inside);
        let plain = string::plain(rest);
        if rest.get(plain) == Some(&b'"') {
            self.escaped = false;
            self.at = inside + plain + 1;
            return Some(());
        }
        self.odd_string(rest, plain)
    }

    /// The same of one that does not end behind what is `plain` in it.
    #[inline(never)]
    fn odd_string(&mut self, rest: &[u8], plain: usize) -> Option<()> {
        match string::scan(rest, plain) {
            Ok(len) => {
                self.escaped = true;
                self.at += len + 2;
                Some(())
            }
            Err((kind, at)) => {
                self.failed = Some(JsonError { kind, at: self.at + 1 + at });
                None
            }
        }
    }

    fn number(&mut self) -> Option<Kind> {
        let rest = self.rest_from(self.at);
        match number::scan(rest) {
            Ok(len) => {
                self.at += len;
                Some(Kind::Number)
            }
            Err(at) => {
                let kind = if at == rest.len() { Fault::Truncated } else { Fault::Syntax };
                self.failed = Some(JsonError { kind, at: self.at + at });
                None
            }
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Option<Kind> {
        let rest = self.rest_from(self.at);
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Some(kind);
        }
        self.fail(if word.as_bytes().starts_with(rest) { Fault::Truncated } else { Fault::Syntax })
    }

    fn rest_from(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    fn unexpected(&mut self, byte: u8) -> Option<Kind> {
        self.fail(if byte == 0 { Fault::NulCharacter } else { Fault::Syntax })
    }

    /// Notes a fault at the byte that comes next.
    #[cold]
    fn fail(&mut self, kind: Fault) -> Option<Kind> {
        self.failed = Some(JsonError { kind, at: self.at });
        None
    }
}

#[cfg(test)]
mod tests;
