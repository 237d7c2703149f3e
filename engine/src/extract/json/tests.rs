//! What the scanner accepts, refuses and reports.

use super::*;
use crate::testing::test;

fn tokens(text: &[u8], limits: Limits) -> Result<Vec<Token<'_>>, JsonError> {
    let mut scanner = Scanner::new(text, limits);
    let mut all = Vec::new();
    while let Some(token) = scanner.next()? {
        all.push(token);
    }
    Ok(all)
}

fn code(text: &[u8]) -> (&'static str, usize) {
    match tokens(text, Limits::default()) {
        Ok(_) => ("ok", 0),
        Err(e) => (e.code(), e.at),
    }
}

#[test]
fn tokens_carry_kind_place_and_text() {
    let body = br#" {"a\u0062" : [1.50, "x\ny", true, null, {}]}"#;
    let found: Vec<(Kind, &str, String)> = tokens(body, Limits::default())
        .unwrap()
        .into_iter()
        .map(|t| (t.kind, std::str::from_utf8(&body[t.range.clone()]).unwrap(), t.text().into_owned()))
        .collect();
    let expected = [
        (Kind::ObjectStart, "{", "{"),
        (Kind::Key, r#""a\u0062""#, "ab"),
        (Kind::ArrayStart, "[", "["),
        (Kind::Number, "1.50", "1.50"),
        (Kind::String, r#""x\ny""#, "x\ny"),
        (Kind::Bool(true), "true", "true"),
        (Kind::Null, "null", "null"),
        (Kind::ObjectStart, "{", "{"),
        (Kind::ObjectEnd, "}", "}"),
        (Kind::ArrayEnd, "]", "]"),
        (Kind::ObjectEnd, "}", "}"),
    ];
    assert_eq!(found, expected.map(|(kind, raw, text)| (kind, raw, text.to_owned())));
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let all = tokens(br#"["plain", "esc\"aped"]"#, Limits::default()).unwrap();
    assert!(matches!(all[1].text(), Cow::Borrowed("plain")));
    assert!(matches!(all[2].text(), Cow::Owned(text) if text == "esc\"aped"));
    assert_eq!(all[2].inner(), 11..20);
}

#[test]
fn refuses_what_parsers_read_differently() {
    let table: &[(&[u8], &str, usize)] = &[
        (b"", "truncated_json", 0),
        (b"{\"a\":1", "truncated_json", 6),
        (b"[1,", "truncated_json", 3),
        (b"\"abc", "truncated_json", 4),
        (b"tru", "truncated_json", 0),
        (b"{\"a\":1,\"a\":2}", "duplicate_key", 7),
        (b"{\"a\":1,\"b\":{},\"\\u0061\":2}", "duplicate_key", 14),
        (b"{}{}", "trailing_data", 2),
        (b"1\0", "trailing_data", 1),
        (b"\0", "nul_character", 0),
        (b"[\"a\0\"]", "nul_character", 3),
        (b"[\"a\\u0000\"]", "nul_character", 3),
        (b"[\"a\tb\"]", "control_character", 3),
        (b"\xef\xbb\xbf{}", "byte_order_mark", 0),
        (b"// x\n{}", "invalid_json", 0),
        (b"[1,]", "invalid_json", 3),
        (b"{\"a\":1,}", "invalid_json", 7),
        (b"{a:1}", "invalid_json", 1),
        (b"{'a':1}", "invalid_json", 1),
        (b"[1}", "invalid_json", 2),
        (b"[1 2]", "invalid_json", 3),
        (b"[01]", "invalid_json", 2),
        (b"[1.]", "invalid_json", 3),
        (b"[.5]", "invalid_json", 1),
        (b"[+1]", "invalid_json", 1),
        (b"[1e]", "invalid_json", 3),
        (b"[NaN]", "invalid_json", 1),
        (b"[\"\\x41\"]", "invalid_json", 2),
        (b"[\"\\ud800\"]", "lone_surrogate", 2),
        (b"[\"\\ud800\\u0041\"]", "lone_surrogate", 2),
        (b"[\"\\udc00\"]", "lone_surrogate", 2),
        (b"[\"\xff\"]", "invalid_utf8", 2),
        (b"[\"\xed\xa0\x80\"]", "invalid_utf8", 2),
    ];
    for &(text, expected, at) in table {
        assert_eq!(code(text), (expected, at), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn accepts_the_odd_but_sound() {
    for text in
        ["0", "-0", "1e999999", "\"\\ud83d\\ude00\"", " [ ] ", "{\"a\":{\"a\":1},\"A\":2}", "[\"\u{7f}\u{e9}\"]"]
    {
        assert_eq!(code(text.as_bytes()), ("ok", 0), "{text}");
    }
    let digits = "7".repeat(5_000);
    assert_eq!(tokens(digits.as_bytes(), Limits::default()).unwrap()[0].raw(), digits);
}

#[test]
fn keys_that_differ_by_case_are_refused_on_request() {
    let strict = Limits { refuse_key_case: true, ..Limits::default() };
    for text in [r#"{"tool":1,"x":2,"Tool":3}"#, "{\"mask\":1,\"ma\u{17f}k\":2}", r#"{"a":1,"\u0041":2}"#] {
        assert_eq!(tokens(text.as_bytes(), strict).unwrap_err().code(), "ambiguous_key_case", "{text}");
        assert_eq!(code(text.as_bytes()), ("ok", 0), "{text}");
    }
    assert_eq!(tokens(br#"{"a":1,"A":2,"a":3}"#, strict).unwrap_err().kind, Fault::DuplicateKey);
}

#[test]
fn keys_of_every_length_are_compared_whole() {
    let strict = Limits { refuse_key_case: true, ..Limits::default() };
    for len in 1..20 {
        let key: String = ('a'..).take(len).collect();
        let with = |other: &str| code(format!(r#"{{"{key}":1,"{other}":2}}"#).as_bytes()).0;
        assert_eq!(with(&key), "duplicate_key", "{key}");
        for at in 0..len {
            let mut other = key.clone().into_bytes();
            other[at] = b'-';
            assert_eq!(with(&String::from_utf8(other.clone()).unwrap()), "ok", "{key}");
            other[at] = key.as_bytes()[at].to_ascii_uppercase();
            let other = String::from_utf8(other).unwrap();
            let both = format!(r#"{{"{key}":1,"{other}":2}}"#);
            assert_eq!(tokens(both.as_bytes(), strict).unwrap_err().code(), "ambiguous_key_case", "{both}");
        }
    }
}

#[test]
fn depth_is_limited() {
    let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert_eq!(code(nested(64).as_bytes()), ("ok", 0));
    assert_eq!(code(nested(65).as_bytes()), ("too_deep", 64));
    assert_eq!(code("{\"a\":".repeat(100_000).as_bytes()).0, "too_deep");
}

#[test]
fn an_error_is_final() {
    let mut scanner = Scanner::new(b"[1,]", Limits::default());
    while scanner.next().is_ok() {}
    assert_eq!(scanner.next().unwrap_err().code(), "invalid_json");
}

#[test]
fn skip_leaves_the_container_and_still_checks_it() {
    let mut scanner = Scanner::new(br#"{"a":{"b":[1,{"c":2}]},"d":3}"#, Limits::default());
    scanner.next().unwrap();
    scanner.next().unwrap();
    let inner = scanner.next().unwrap().unwrap();
    scanner.skip(&inner).unwrap();
    assert_eq!(scanner.depth(), 1);
    assert_eq!(scanner.next().unwrap().unwrap().text(), "d");

    let mut scanner = Scanner::new(br#"[{"b":1,"b":2}]"#, Limits::default());
    let outer = scanner.next().unwrap().unwrap();
    assert_eq!(scanner.skip(&outer).unwrap_err().kind, Fault::DuplicateKey);
}

#[test]
fn stops_at_the_same_byte_wherever_it_stands_in_a_word() {
    for stop in [b'"', b'\\', 0x1f, 0] {
        for at in 0..20 {
            let mut inside = [0xc3, 0xa9].repeat(20);
            inside[at * 2] = stop;
            inside[at * 2 + 1] = b'x';
            let text = [b"\"", inside.as_slice(), b"\""].concat();
            let (found, place) = code(&text);
            assert_ne!(found, "ok");
            let first = if stop == b'"' { at * 2 + 2 } else { at * 2 + 1 };
            assert_eq!(place, first, "{stop}");
        }
    }
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// The tree that the tokens spell.
    fn build(text: &[u8]) -> Result<Value, JsonError> {
        let mut scanner = Scanner::new(text, Limits { depth: 100, refuse_key_case: false });
        let mut open: Vec<(Value, Option<String>)> = Vec::new();
        let mut root = Value::Null;
        while let Some(token) = scanner.next()? {
            let value = match token.kind {
                Kind::ObjectStart => {
                    open.push((Value::Object(Default::default()), None));
                    continue;
                }
                Kind::ArrayStart => {
                    open.push((Value::Array(Vec::new()), None));
                    continue;
                }
                Kind::Key => {
                    open.last_mut().unwrap().1 = Some(token.text().into_owned());
                    continue;
                }
                Kind::ObjectEnd | Kind::ArrayEnd => open.pop().unwrap().0,
                Kind::String => Value::String(token.text().into_owned()),
                Kind::Number => serde_json::from_str(token.raw()).unwrap_or(Value::Null),
                Kind::Bool(b) => Value::Bool(b),
                Kind::Null => Value::Null,
            };
            match open.last_mut() {
                None => root = value,
                Some((Value::Array(items), _)) => items.push(value),
                Some((Value::Object(members), key)) => {
                    members.insert(key.take().unwrap(), value);
                }
                Some(_) => panic!("only containers are open"),
            }
        }
        Ok(root)
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            "(?s)[^\0]*".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::btree_map("(?s)[^\0]{0,12}", inner, 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_serde_json_writes(value in json(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) }.unwrap();
            prop_assert_eq!(build(&text).unwrap(), value);
        }

        #[test]
        fn agrees_with_serde_json_on_mutations(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut text = serde_json::to_vec(&value).unwrap();
            let at = at.index(text.len());
            text[at] = byte;
            match (build(&text), serde_json::from_slice::<Value>(&text)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Err(_), Err(_)) => {}
                // Stricter than serde_json only where it is said.
                (Err(e), Ok(_)) => prop_assert!(
                    matches!(e.kind, Fault::DuplicateKey | Fault::NulCharacter | Fault::TooDeep), "{}", e
                ),
                // More lenient only with numbers that do not fit a float.
                (Ok(_), Err(e)) => prop_assert!(e.to_string().contains("number out of range"), "{}", e),
            }
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = build(&bytes);
        }
    }
}
