//! Where in a JSON document a piece of it ends, and what may stand there instead of a value.
//!
//! A value that reaches over the end of its string takes nothing of the document's shape with it.
//! Must not go here: what is replaced (the parent).

/// Where a document stands at a byte of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Inside {
    string: bool,
    escape: Escape,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    /// Behind the backslash.
    Begun,
    /// So many hex digits follow.
    Digits(u8),
}

impl Inside {
    /// Behind one more byte.
    fn after(self, b: u8) -> Inside {
        let Inside { string, escape } = self;
        match (escape, b) {
            (Escape::Begun, b'u') => Inside { escape: Escape::Digits(4), ..self },
            (Escape::Digits(left @ 2..), _) => Inside { escape: Escape::Digits(left - 1), ..self },
            (Escape::None, b'\\') if string => Inside { escape: Escape::Begun, ..self },
            (Escape::None, b'"') => Inside { string: !string, ..self },
            _ => Inside { escape: Escape::None, ..self },
        }
    }

    /// Behind `text`.
    pub fn behind(self, text: &str) -> Inside {
        text.bytes().fold(self, Inside::after)
    }

    /// The length of `text` without the escape that is cut at its end, and where the document stands there.
    pub fn outside_escape(self, text: &str) -> (usize, Inside) {
        let (mut whole, mut now) = ((0, self), self);
        for (b, end) in text.bytes().zip(1..) {
            now = now.after(b);
            if now.escape == Escape::None {
                whole = (end, now);
            }
        }
        whole
    }

    /// What goes out for `text`, of which all that stands in strings and all numbers become `label`, already encoded, once;
    /// and where the document stands behind it.
    pub fn instead(self, text: &str, label: &str) -> (String, Inside) {
        let (mut out, mut label, mut now, mut number) = (String::new(), Some(label), self, false);
        for b in text.bytes() {
            let next = now.after(b);
            let shape = next.string != now.string || !now.string && is_shape(b);
            if shape {
                out.push(char::from(b));
            } else if now.string {
                out.extend(label.take());
            } else if !number {
                out.extend(["\"", label.take().unwrap_or_default(), "\""]);
            }
            (now, number) = (next, !shape && !now.string);
        }
        (out, now)
    }
}

/// Whether a byte between strings is no part of a number or word.
fn is_shape(b: u8) -> bool {
    b.is_ascii_whitespace() || matches!(b, b'{' | b'}' | b'[' | b']' | b',' | b':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn an_escape_is_taken_whole_or_not_at_all() {
        let string = Inside::default().behind("{\"a");
        for (text, whole) in
            [("b\\", 1), ("b\\n", 3), ("b\\\\", 3), ("b\\u004", 1), ("b\\u0040", 7), ("\\\"", 2), ("é", 2)]
        {
            assert_eq!(string.outside_escape(text), (whole, string), "{text}");
        }
        // What the pieces before have begun ends in this one.
        assert_eq!(string.behind("\\").outside_escape("\"b"), (2, string));
        assert_eq!(string.behind("\\u00").outside_escape("40"), (2, string));
    }

    #[test]
    fn the_shape_of_the_document_stays() {
        let string = Inside::default().behind("{\"a\":\"");
        let outside = string.behind("\",");
        for (begins, text, expected, ends) in [
            (string, "a@x.org", "L", string),
            (string, "' x\"}", "L\"}", outside),
            (string, "KEY\",\"MII\", \"END", "L\",\"\", \"", string),
            (string, "\\\"x", "L", string),
            (outside, "078051121", "\"L\"", outside),
            (outside, "19, 5,\"x", "\"L\", \"\",\"", string),
            (outside, "\"x\"", "\"L\"", outside),
        ] {
            assert_eq!(begins.instead(text, "L"), (expected.to_owned(), ends), "{text}");
        }
    }
}
