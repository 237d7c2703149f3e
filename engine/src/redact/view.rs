//! A text decoded from another, with the way back from each place to the bytes it came from.
//!
//! Must not go here: which texts are decoded (`value`), writing back (`edit`).

use std::borrow::Cow;
use std::ops::Range;

use crate::extract::json::{Piece, Pieces};

/// Decoded text. Borrowed when it is the source itself.
#[derive(Clone, Debug)]
pub(super) struct View<'a> {
    pub text: Cow<'a, str>,
    /// Where pieces begin: offset here, range in the source. A piece as long here as there maps byte for byte.
    /// In order; source bytes between pieces stand for nothing.
    pieces: Vec<(usize, Range<usize>)>,
}

impl<'a> View<'a> {
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
pub(super) struct Builder {
    text: String,
    pieces: Vec<(usize, Range<usize>)>,
    read: usize,
}

impl Builder {
    pub fn new(capacity: usize) -> Self {
        Builder { text: String::with_capacity(capacity), pieces: Vec::new(), read: 0 }
    }

    /// The next source bytes stand for themselves.
    pub fn plain(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push((self.text.len(), self.read..self.read + text.len()));
            self.text.push_str(text);
            self.read += text.len();
        }
    }

    /// The next `len` source bytes stand for `c`.
    pub fn put(&mut self, c: char, len: usize) {
        self.pieces.push((self.text.len(), self.read..self.read + len));
        self.text.push(c);
        self.read += len;
    }

    pub fn finish<'a>(self) -> View<'a> {
        View { text: Cow::Owned(self.text), pieces: self.pieces }
    }
}

/// Writes `text` as the inside of a JSON string.
pub(super) fn to_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                out.push_str("\\u00");
                out.extend([u32::from(c) >> 4, u32::from(c) & 15].iter().filter_map(|d| char::from_digit(*d, 16)));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn ranges_lead_back_to_the_source() {
        let raw = r"caf\u00e9 a\u0040b.c";
        let view = View::json_string(raw);
        assert_eq!(view.text, "café a@b.c");
        let at = view.text.find("a@b.c").unwrap();
        assert_eq!(raw.get(view.source(&(at..at + 5))).unwrap(), r"a\u0040b.c");
        assert_eq!(raw.get(view.source(&(3..5))).unwrap(), r"\u00e9");
    }
}
