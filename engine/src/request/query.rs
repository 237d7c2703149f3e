//! Name and value pairs of queries and forms (WHATWG URL, `application/x-www-form-urlencoded`).
//!
//! Must not go here: which parameters matter (`classify`), masking them (`redact`).

use std::borrow::Cow;

/// Decoded pairs in the order in which they stand; broken escapes stay as they are.
pub fn pairs(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter_map(pair)
}

/// All pairs that some server sees: those of [`pairs`], then those of [`pairs_by_semicolon`]. In one place and not inlined: with
/// the iterators everywhere the filter grows by pages.
#[inline(never)]
pub fn readings(text: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    pairs(text).chain(pairs_by_semicolon(text)).collect()
}

/// The pairs that servers see that take `;` for `&`, beside those of [`pairs`]: only where one stands.
pub fn pairs_by_semicolon(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    text.split('&').filter(|between| between.contains(';')).flat_map(|between| between.split(';').filter_map(pair))
}

fn pair(text: &str) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (!text.is_empty()).then(|| (decode(name), decode(value)))
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(crate::request::decode_percent(&text.replace('+', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn pairs_are_decoded_in_order() {
        let all: Vec<(String, String)> =
            pairs("a=1&&b=x+y%2Bz&c&=v&a=%zz%&%61=2").map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
        let expected = [("a", "1"), ("b", "x y+z"), ("c", ""), ("", "v"), ("a", "%zz%"), ("a", "2")];
        assert_eq!(all, expected.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }
}
