//! A text decoded from another, with the way back from each place to the bytes it came from.
//!
//! Must not go here: which texts are decoded (`value`), what is written back (`encode`).

mod lenient;

use std::borrow::Cow;
use std::ops::Range;

use crate::extract::json::{Piece, Pieces};

/// Decoded text.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub text: Cow<'a, str>,
    /// Where pieces begin: offset here, range in the source. A piece as long here as there maps byte for byte.
    /// In order; source bytes between pieces stand for nothing.
    pieces: Vec<(usize, Range<usize>)>,
}

impl<'a> View<'a> {
    /// The text itself, for where nothing is encoded.
    fn plain(text: &'a str) -> View<'a> {
        View { text: Cow::Borrowed(text), pieces: Vec::new() }
    }

    /// The value of a JSON string from its raw inside.
    pub fn json_string(raw: &'a str) -> View<'a> {
        let mut builder = Builder::new(raw.len());
        for piece in Pieces(raw) {
            match piece {
                Piece::Plain(plain) => builder.plain(plain),
                Piece::Escape(c, from) => builder.put(c, from.len()),
            }
        }
        builder.finish()
    }

    /// The value of a form field (WHATWG URL, application/x-www-form-urlencoded).
    pub fn form(raw: &'a str) -> View<'a> {
        if !raw.contains(['+', '%']) {
            return View::plain(raw);
        }
        let mut builder = Builder::new(raw.len());
        let mut rest = raw;
        while !rest.is_empty() {
            let plain = memchr::memchr2(b'+', b'%', rest.as_bytes()).unwrap_or(rest.len());
            let (plain, encoded) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            builder.plain(plain);
            let taken = match encoded.as_bytes() {
                [] => break,
                [b'+', ..] => builder.put_and(' ', 1),
                bytes => match lenient::percent(bytes) {
                    Some((c, len)) => builder.put_and(c, len),
                    None => builder.plain_and('%'),
                },
            };
            rest = encoded.get(taken..).unwrap_or_default();
        }
        builder.finish()
    }

    /// A quoted cell's inside, where `""` stands for a quote (RFC 4180).
    pub fn quoted_cell(raw: &'a str) -> View<'a> {
        if !raw.contains("\"\"") {
            return View::plain(raw);
        }
        let mut builder = Builder::new(raw.len());
        for (i, part) in raw.split("\"\"").enumerate() {
            if i > 0 {
                builder.put('"', 2);
            }
            builder.plain(part);
        }
        builder.finish()
    }

    /// What a lenient reader makes of a text: see [`lenient`]. `None` if that is the text itself.
    pub fn lenient(raw: &str) -> Option<View<'static>> {
        lenient::view(raw)
    }

    /// Where in the source the text of `range` came from.
    pub fn source(&self, range: &Range<usize>) -> Range<usize> {
        if self.pieces.is_empty() {
            return range.clone();
        }
        let start = self.piece(range.start).map_or(range.start, |(piece, len)| match piece {
            (at, from) if from.len() == len => from.start + (range.start - at),
            (_, from) => from.start,
        });
        let end = self.piece(range.end.saturating_sub(1)).map_or(start, |(piece, len)| match piece {
            (at, from) if from.len() == len => from.start + (range.end - at),
            (_, from) => from.end,
        });
        start..end.max(start)
    }

    /// The piece that `at` lies in, and its length here.
    fn piece(&self, at: usize) -> Option<(&(usize, Range<usize>), usize)> {
        let behind = self.pieces.partition_point(|(start, _)| *start <= at);
        let piece = self.pieces.get(behind.checked_sub(1)?)?;
        let end = self.pieces.get(behind).map_or(self.text.len(), |(start, _)| *start);
        Some((piece, end - piece.0))
    }
}

/// Builds a [`View`] from pieces in order.
struct Builder {
    text: String,
    pieces: Vec<(usize, Range<usize>)>,
    read: usize,
}

impl Builder {
    fn new(capacity: usize) -> Self {
        Builder { text: String::with_capacity(capacity), pieces: Vec::new(), read: 0 }
    }

    /// The next source bytes stand for themselves.
    fn plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        let read = self.read + text.len();
        match self.pieces.last_mut() {
            // Plain pieces in a row are one.
            Some((at, from)) if from.end == self.read && from.len() == self.text.len() - *at => from.end = read,
            _ => self.pieces.push((self.text.len(), self.read..read)),
        }
        self.text.push_str(text);
        self.read = read;
    }

    /// The source bytes up to `end` stand for themselves.
    fn plain_to(&mut self, source: &str, end: usize) {
        self.plain(source.get(self.read..end).unwrap_or_default());
    }

    /// The next `len` source bytes stand for `c`.
    fn put(&mut self, c: char, len: usize) {
        self.pieces.push((self.text.len(), self.read..self.read + len));
        self.text.push(c);
        self.read += len;
    }

    /// The next `len` source bytes stand for nothing.
    fn skip(&mut self, len: usize) {
        self.read += len;
    }

    fn put_and(&mut self, c: char, len: usize) -> usize {
        self.put(c, len);
        len
    }

    fn plain_and(&mut self, c: char) -> usize {
        self.plain(c.encode_utf8(&mut [0; 4]));
        c.len_utf8()
    }

    fn finish<'a>(self) -> View<'a> {
        View { text: Cow::Owned(self.text), pieces: self.pieces }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[track_caller]
    fn leads_back(raw: &str, view: &View<'_>, text: &str, source: &str) {
        let at = view.text.find(text).unwrap();
        assert_eq!(raw.get(view.source(&(at..at + text.len()))), Some(source), "{}", view.text);
    }

    #[test]
    fn ranges_lead_back_to_the_source() {
        let raw = r"caf\u00e9 a\u0040b.c";
        let view = View::json_string(raw);
        leads_back(raw, &view, "a@b.c", r"a\u0040b.c");
        leads_back(raw, &view, "é", r"\u00e9");

        let raw = "x+a%40b.c+y";
        leads_back(raw, &View::form(raw), "a@b.c", "a%40b.c");

        let raw = r#"say ""a@b.c"" now"#;
        let view = View::quoted_cell(raw);
        assert_eq!(view.text, r#"say "a@b.c" now"#);
        leads_back(raw, &view, "a@b.c", "a@b.c");
    }

    #[test]
    fn lenient_reading() {
        let table = [
            ("to a%40b.c now", "a@b.c", "a%40b.c"),
            ("to a%2540b.c now", "a@b.c", "a%2540b.c"),
            ("<td>a&#64;b.c</td>", "a@b.c", "a&#64;b.c"),
            ("a&#x40;b.c, a&commat;b.d", "a@b.d", "a&commat;b.d"),
            (r"caf\u00e9 a\u0040b.c", "a@b.c", r"a\u0040b.c"),
            ("call １２３ now", "123", "１２３"),
            ("12\u{2011}34\u{a0}56", "12-34 56", "12\u{2011}34\u{a0}56"),
            ("mail a\u{200b}@b.c now", "a@b.c", "a\u{200b}@b.c"),
            ("\u{200b}a@b.c\u{200b}, café", "a@b.c", "a@b.c"),
        ];
        for (raw, text, source) in table {
            leads_back(raw, &View::lenient(raw).unwrap(), text, source);
        }
        for same in ["plain", "100% sure", "R&D", "a\\b", "café straße", "emoji 😀"] {
            assert!(View::lenient(same).is_none(), "{same}");
        }
    }
}
