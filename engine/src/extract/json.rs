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

mod keys;
mod number;
mod string;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use keys::Keys;
pub use keys::same_key;
pub use string::{Piece, Pieces};

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

/// Why a body is not JSON that everyone reads alike, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    pub kind: Fault,
    /// Offset of the byte at fault.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    AmbiguousKeyCase,
    ByteOrderMark,
    ControlCharacter,
    DuplicateKey,
    InvalidUtf8,
    LoneSurrogate,
    NulCharacter,
    Syntax,
    TooDeep,
    TrailingData,
    Truncated,
}

impl JsonError {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self.kind {
            Fault::AmbiguousKeyCase => "ambiguous_key_case",
            Fault::ByteOrderMark => "byte_order_mark",
            Fault::ControlCharacter => "control_character",
            Fault::DuplicateKey => "duplicate_key",
            Fault::InvalidUtf8 => "invalid_utf8",
            Fault::LoneSurrogate => "lone_surrogate",
            Fault::NulCharacter => "nul_character",
            Fault::Syntax => "invalid_json",
            Fault::TooDeep => "too_deep",
            Fault::TrailingData => "trailing_data",
            Fault::Truncated => "truncated_json",
        }
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            Fault::AmbiguousKeyCase => "two keys of one object differ only by case",
            Fault::ByteOrderMark => "byte order mark before the JSON text",
            Fault::ControlCharacter => "control character in a string: expected an escape",
            Fault::DuplicateKey => "key stands twice in one object",
            Fault::InvalidUtf8 => "invalid UTF-8",
            Fault::LoneSurrogate => "escape of half a surrogate pair",
            Fault::NulCharacter => "NUL character",
            Fault::Syntax => "invalid JSON",
            Fault::TooDeep => "nested too deep",
            Fault::TrailingData => "data behind the JSON text",
            Fault::Truncated => "JSON text ends early",
        };
        write!(f, "{what}, at byte {}", self.at)
    }
}

impl std::error::Error for JsonError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// A value; `true`: or the end of the array just opened.
    Value(bool),
    /// A key; `true`: or the end of the object just opened.
    Key(bool),
    Colon,
    /// A comma or the end of the container.
    More,
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
    open: Vec<Frame>,
    keys: Keys<'a>,
    limits: Limits,
    failed: Option<JsonError>,
}

impl<'a> Scanner<'a> {
    pub fn new(bytes: &'a [u8], limits: Limits) -> Self {
        let (text, failed) = match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with('\u{feff}') => (text, Some(JsonError { kind: Fault::ByteOrderMark, at: 0 })),
            Ok(text) => (text, None),
            Err(e) => ("", Some(JsonError { kind: Fault::InvalidUtf8, at: e.valid_up_to() })),
        };
        let (open, keys) = (Vec::new(), Keys::default());
        Scanner { text, at: 0, expect: Expect::Value(false), open, keys, limits, failed }
    }

    /// The next token; `None` when the text is complete and sound. An error is final.
    #[expect(clippy::should_implement_trait, reason = "fallible: an iterator would invite reading past an error")]
    pub fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.step().inspect_err(|error| self.failed = Some(*error))
    }

    /// Runs to the end of the container whose start was the last token, or does nothing behind any other token.
    pub fn skip(&mut self, opened: &Token<'a>) -> Result<(), JsonError> {
        if !matches!(opened.kind, Kind::ArrayStart | Kind::ObjectStart) {
            return Ok(());
        }
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            if self.next()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// How many containers are open: behind a start token its own is counted, behind an end token no longer.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    fn step(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        loop {
            self.white_space();
            let Some(byte) = self.peek() else {
                return if self.expect == Expect::End { Ok(None) } else { Err(self.fault(Fault::Truncated)) };
            };
            match (self.expect, byte) {
                (Expect::End, _) => return Err(self.fault(Fault::TrailingData)),
                (Expect::Value(_), b'{') => return self.enter(Frame::Object(self.keys.len())).map(Some),
                (Expect::Value(_), b'[') => return self.enter(Frame::Array).map(Some),
                (Expect::Value(true), b']') | (Expect::Key(true), b'}') => return self.leave(byte).map(Some),
                (Expect::Value(_), b'"') => return self.string(Kind::String).map(Some),
                (Expect::Value(_), b't') => return self.word("true", Kind::Bool(true)).map(Some),
                (Expect::Value(_), b'f') => return self.word("false", Kind::Bool(false)).map(Some),
                (Expect::Value(_), b'n') => return self.word("null", Kind::Null).map(Some),
                (Expect::Value(_), b'-' | b'0'..=b'9') => return self.number().map(Some),
                (Expect::Key(_), b'"') => return self.string(Kind::Key).map(Some),
                (Expect::Colon, b':') => self.advance(1, Expect::Value(false)),
                (Expect::More, b',') => {
                    let object = matches!(self.open.last(), Some(Frame::Object(_)));
                    self.advance(1, if object { Expect::Key(false) } else { Expect::Value(false) });
                }
                (Expect::More, b']' | b'}') => return self.leave(byte).map(Some),
                (_, 0) => return Err(self.fault(Fault::NulCharacter)),
                _ => return Err(self.fault(Fault::Syntax)),
            }
        }
    }

    fn enter(&mut self, frame: Frame) -> Result<Token<'a>, JsonError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.fault(Fault::TooDeep));
        }
        self.open.push(frame);
        Ok(match frame {
            Frame::Array => self.token(Kind::ArrayStart, 1, Expect::Value(true)),
            Frame::Object(_) => self.token(Kind::ObjectStart, 1, Expect::Key(true)),
        })
    }

    fn leave(&mut self, byte: u8) -> Result<Token<'a>, JsonError> {
        match (self.open.last(), byte) {
            (Some(&Frame::Object(outer)), b'}') => {
                self.keys.close(outer, self.limits.refuse_key_case)?;
                self.open.pop();
                let next = self.behind_value();
                Ok(self.token(Kind::ObjectEnd, 1, next))
            }
            (Some(Frame::Array), b']') => {
                self.open.pop();
                let next = self.behind_value();
                Ok(self.token(Kind::ArrayEnd, 1, next))
            }
            _ => Err(self.fault(Fault::Syntax)),
        }
    }

    fn string(&mut self, kind: Kind) -> Result<Token<'a>, JsonError> {
        let start = self.at;
        let found = string::scan(self.rest_from(start + 1));
        let found = found.map_err(|(kind, at)| JsonError { kind, at: start + 1 + at })?;
        let range = start..start + found.len + 2;
        let raw = self.text.get(range.start + 1..range.end - 1).unwrap_or_default();
        let next = if kind == Kind::Key { Expect::Colon } else { self.behind_value() };
        self.advance(found.len + 2, next);
        let token = Token { kind, range, raw, escaped: found.escaped };
        if kind == Kind::Key {
            self.keys.add(raw, found.escaped, start);
        }
        Ok(token)
    }

    fn number(&mut self) -> Result<Token<'a>, JsonError> {
        let rest = self.rest_from(self.at);
        match number::scan(rest) {
            Ok(len) => {
                let next = self.behind_value();
                Ok(self.token(Kind::Number, len, next))
            }
            Err(at) => {
                let kind = if at == rest.len() { Fault::Truncated } else { Fault::Syntax };
                Err(JsonError { kind, at: self.at + at })
            }
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Token<'a>, JsonError> {
        let rest = self.rest_from(self.at);
        if rest.starts_with(word.as_bytes()) {
            let next = self.behind_value();
            return Ok(self.token(kind, word.len(), next));
        }
        Err(self.fault(if word.as_bytes().starts_with(rest) { Fault::Truncated } else { Fault::Syntax }))
    }

    /// The token of the next `len` bytes.
    fn token(&mut self, kind: Kind, len: usize, next: Expect) -> Token<'a> {
        let range = self.at..self.at + len;
        let raw = self.text.get(range.clone()).unwrap_or_default();
        self.advance(len, next);
        Token { kind, range, raw, escaped: false }
    }

    fn advance(&mut self, len: usize, next: Expect) {
        self.at += len;
        self.expect = next;
    }

    fn behind_value(&self) -> Expect {
        if self.open.is_empty() { Expect::End } else { Expect::More }
    }

    fn white_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest_from(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..).unwrap_or_default()
    }

    fn fault(&self, kind: Fault) -> JsonError {
        JsonError { kind, at: self.at }
    }
}

#[cfg(test)]
mod tests;
