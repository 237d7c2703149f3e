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

/// What the next token is, and where it begins; it ends where the scanner stands.
struct Step {
    kind: Kind,
    start: usize,
    escaped: bool,
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
        Scanner { text, at: 0, expect: Expect::Value(false), open, keys, limits, failed }
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
        // A token is put together in one place: it is large, and every step it is handed through copies it.
        let Some(Step { kind, start, escaped }) = self.advance()? else { return Ok(None) };
        Ok(Some(Token { kind, range: start..self.at, raw: self.raw(kind, start), escaped }))
    }

    /// Runs to the end of the container whose start was the last token, or does nothing behind any other token.
    pub fn skip(&mut self, opened: &Token<'a>) -> Result<(), JsonError> {
        if !matches!(opened.kind, Kind::ArrayStart | Kind::ObjectStart) {
            return Ok(());
        }
        let outside = self.open.len().saturating_sub(1);
        while self.open.len() > outside {
            if self.advance()?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Goes behind the next token.
    fn advance(&mut self) -> Result<Option<Step>, JsonError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let step = self.step();
        match &step {
            Ok(Some(Step { kind: Kind::Key, start, escaped })) => {
                self.keys.add(self.raw(Kind::Key, *start), *escaped, *start);
            }
            Ok(_) => {}
            Err(error) => self.failed = Some(*error),
        }
        step
    }

    /// The token that begins at `start` and ends here, without quotes.
    fn raw(&self, kind: Kind, start: usize) -> &'a str {
        let quote = usize::from(matches!(kind, Kind::Key | Kind::String));
        self.text.get(start + quote..self.at - quote).unwrap_or_default()
    }

    /// How many containers are open: behind a start token its own is counted, behind an end token no longer.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    fn step(&mut self) -> Result<Option<Step>, JsonError> {
        let byte = self.white_space();
        let byte = match (self.expect, byte) {
            (Expect::Colon, Some(b':')) => {
                self.go_on(1, Expect::Value(false));
                self.white_space()
            }
            (Expect::More, Some(b',')) => {
                let object = matches!(self.open.last(), Some(Frame::Object(_)));
                self.go_on(1, if object { Expect::Key(false) } else { Expect::Value(false) });
                self.white_space()
            }
            (_, byte) => byte,
        };
        let Some(byte) = byte else {
            return if self.expect == Expect::End { Ok(None) } else { Err(self.fault(Fault::Truncated)) };
        };
        let start = self.at;
        let mut escaped = false;
        let kind = match self.expect {
            Expect::Value(first) => match byte {
                b'"' => {
                    escaped = self.string(self.behind_value())?;
                    Kind::String
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b'{' => self.enter(Frame::Object(self.keys.len()))?,
                b'[' => self.enter(Frame::Array)?,
                b']' if first => self.leave(byte)?,
                b't' => self.word("true", Kind::Bool(true))?,
                b'f' => self.word("false", Kind::Bool(false))?,
                b'n' => self.word("null", Kind::Null)?,
                _ => return Err(self.unexpected(byte)),
            },
            Expect::Key(first) => match byte {
                b'"' => {
                    escaped = self.string(Expect::Colon)?;
                    Kind::Key
                }
                b'}' if first => self.leave(byte)?,
                _ => return Err(self.unexpected(byte)),
            },
            Expect::More if matches!(byte, b']' | b'}') => self.leave(byte)?,
            Expect::Colon | Expect::More => return Err(self.unexpected(byte)),
            Expect::End => return Err(self.fault(Fault::TrailingData)),
        };
        Ok(Some(Step { kind, start, escaped }))
    }

    fn unexpected(&self, byte: u8) -> JsonError {
        self.fault(if byte == 0 { Fault::NulCharacter } else { Fault::Syntax })
    }

    /// Goes on to the next byte that is no white space.
    fn white_space(&mut self) -> Option<u8> {
        loop {
            match self.text.as_bytes().get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                byte => return byte.copied(),
            }
        }
    }

    fn enter(&mut self, frame: Frame) -> Result<Kind, JsonError> {
        if self.open.len() >= self.limits.depth {
            return Err(self.fault(Fault::TooDeep));
        }
        self.open.push(frame);
        let (kind, next) = match frame {
            Frame::Array => (Kind::ArrayStart, Expect::Value(true)),
            Frame::Object(_) => (Kind::ObjectStart, Expect::Key(true)),
        };
        self.go_on(1, next);
        Ok(kind)
    }

    fn leave(&mut self, byte: u8) -> Result<Kind, JsonError> {
        let kind = match (self.open.last(), byte) {
            (Some(&Frame::Object(outer)), b'}') => {
                self.keys.close(outer, self.limits.refuse_key_case)?;
                Kind::ObjectEnd
            }
            (Some(Frame::Array), b']') => Kind::ArrayEnd,
            _ => return Err(self.fault(Fault::Syntax)),
        };
        self.open.pop();
        let next = self.behind_value();
        self.go_on(1, next);
        Ok(kind)
    }

    /// Goes behind the string that begins here; whether it carries escapes.
    fn string(&mut self, next: Expect) -> Result<bool, JsonError> {
        let inside = self.at + 1;
        let found = string::scan(self.rest_from(inside));
        let found = found.map_err(|(kind, at)| JsonError { kind, at: inside + at })?;
        self.go_on(found.len + 2, next);
        Ok(found.escaped)
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        let rest = self.rest_from(self.at);
        match number::scan(rest) {
            Ok(len) => {
                let next = self.behind_value();
                self.go_on(len, next);
                Ok(Kind::Number)
            }
            Err(at) => {
                let kind = if at == rest.len() { Fault::Truncated } else { Fault::Syntax };
                Err(JsonError { kind, at: self.at + at })
            }
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        let rest = self.rest_from(self.at);
        if rest.starts_with(word.as_bytes()) {
            let next = self.behind_value();
            self.go_on(word.len(), next);
            return Ok(kind);
        }
        Err(self.fault(if word.as_bytes().starts_with(rest) { Fault::Truncated } else { Fault::Syntax }))
    }

    fn go_on(&mut self, len: usize, next: Expect) {
        self.at += len;
        self.expect = next;
    }

    fn behind_value(&self) -> Expect {
        if self.open.is_empty() { Expect::End } else { Expect::More }
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
