//! The plugin's configuration as Envoy hands it over: the bytes of a `google.protobuf.StringValue`'s text, or, where
//! someone wrote a `google.protobuf.Struct`, that message in protobuf's encoding, which becomes JSON again here.
//!
//! Must not go here: what the JSON says (`compile`).

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::error::Error;

/// Nesting that is followed; a policy has far less.
const MAX_DEPTH: usize = 32;

/// JSON from either form. A policy never begins like a protobuf message: its first byte is `{` or white space.
pub fn decode_configuration(bytes: &[u8]) -> Result<Cow<'_, [u8]>, Error> {
    let hint = "set the plugin's `configuration` to a `google.protobuf.StringValue` with the policy as JSON";
    if bytes.trim_ascii().is_empty() {
        return Err(Error::new("", "the configuration is empty").with_hint(hint));
    }
    // A Struct begins with the tag of its only field, 0x0a, which JSON takes for a line feed: no key follows one there.
    let starts_like_json = |b: &[u8]| b.trim_ascii_start().starts_with(b"{");
    if starts_like_json(bytes) && !(bytes.starts_with(&[0x0a]) && structure(bytes, 0).is_some()) {
        return Ok(Cow::Borrowed(bytes));
    }
    let json = structure(bytes, 0).and_then(|value| serde_json::to_vec(&value).ok());
    json.map(Cow::Owned).ok_or_else(|| Error::new("", "the configuration is not JSON").with_hint(hint))
}

/// `Struct { map<string, Value> fields = 1 }`
fn structure(message: &[u8], depth: usize) -> Option<Value> {
    let mut map = Map::new();
    for entry in fields(message)? {
        let (1, Field::Bytes(entry)) = entry else { return None };
        let mut key = "";
        let mut value = Value::Null;
        for part in fields(entry)? {
            match part {
                (1, Field::Bytes(bytes)) => key = std::str::from_utf8(bytes).ok()?,
                (2, Field::Bytes(bytes)) => value = variant(bytes, depth + 1)?,
                _ => return None,
            }
        }
        map.insert(key.to_owned(), value);
    }
    Some(Value::Object(map))
}

/// `Value { oneof: null 1, number 2, string 3, bool 4, Struct 5, ListValue 6 }`
fn variant(message: &[u8], depth: usize) -> Option<Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let mut value = Value::Null;
    for field in fields(message)? {
        value = match field {
            (1, Field::Varint(_)) => Value::Null,
            (2, Field::Double(number)) => number_of(number)?,
            (3, Field::Bytes(bytes)) => Value::String(std::str::from_utf8(bytes).ok()?.to_owned()),
            (4, Field::Varint(flag)) => Value::Bool(flag != 0),
            (5, Field::Bytes(bytes)) => structure(bytes, depth + 1)?,
            (6, Field::Bytes(bytes)) => Value::Array(list(bytes, depth + 1)?),
            _ => return None,
        };
    }
    Some(value)
}

/// `ListValue { repeated Value values = 1 }`
fn list(message: &[u8], depth: usize) -> Option<Vec<Value>> {
    let item = |field| match field {
        (1, Field::Bytes(bytes)) => variant(bytes, depth),
        _ => None,
    };
    fields(message)?.into_iter().map(item).collect()
}

/// A Struct has only doubles: a whole one was written as a whole number.
fn number_of(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Some(Value::Number(Number::from(number as i64)));
    }
    Number::from_f64(number).map(Value::Number)
}

enum Field<'b> {
    Bytes(&'b [u8]),
    Double(f64),
    Varint(u64),
}

/// The fields of one message; `None` unless all of it is sound.
fn fields(mut rest: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (tag, after) = varint(rest)?;
        let (field, after) = match tag & 7 {
            0 => varint(after).map(|(value, after)| (Field::Varint(value), after))?,
            1 => {
                let (eight, after) = after.split_first_chunk::<8>()?;
                (Field::Double(f64::from_le_bytes(*eight)), after)
            }
            2 => {
                let (len, after) = varint(after)?;
                let (bytes, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
                (Field::Bytes(bytes), after)
            }
            _ => return None,
        };
        found.push((tag >> 3, field));
        rest = after;
    }
    Some(found)
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (i, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(u32::try_from(7 * i).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(i + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::test;

    /// Encodes as protobuf does, to have something to decode.
    fn encode_struct(map: &Map<String, Value>) -> Vec<u8> {
        let entries = map.iter().map(|(key, value)| [bytes(1, key.as_bytes()), bytes(2, &encode(value))].concat());
        entries.flat_map(|entry| bytes(1, &entry)).collect()
    }

    fn encode(value: &Value) -> Vec<u8> {
        match value {
            Value::Null => vec![8, 0],
            Value::Number(n) => [&[0x11][..], &n.as_f64().unwrap().to_le_bytes()].concat(),
            Value::String(text) => bytes(3, text.as_bytes()),
            Value::Bool(flag) => vec![0x20, u8::from(*flag)],
            Value::Object(map) => bytes(5, &encode_struct(map)),
            Value::Array(items) => bytes(6, &items.iter().flat_map(|item| bytes(1, &encode(item))).collect::<Vec<_>>()),
        }
    }

    fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
        let mut message = vec![field << 3 | 2];
        let mut len = content.len();
        while len >= 0x80 {
            message.push((len & 0x7f) as u8 | 0x80);
            len >>= 7;
        }
        message.push(len as u8);
        message.extend_from_slice(content);
        message
    }

    #[test]
    fn json_passes_as_it_is() {
        for text in ["{}", " \n{\"a\":1}", "\n{}", "{\"a\":1}\n"] {
            assert!(
                matches!(decode_configuration(text.as_bytes()), Ok(Cow::Borrowed(b)) if b == text.as_bytes()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_struct_becomes_json() {
        let long = "x".repeat(300);
        let value = json!({"a": {"b": [1, -2.5, true, false, null, "text", {"c": []}]}, "long": long, "version": 1});
        let encoded = encode_struct(value.as_object().unwrap());
        let decoded = decode_configuration(&encoded).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&decoded).unwrap(), value);
    }

    #[test]
    fn a_struct_whose_first_entry_is_as_long_as_a_brace_is_told_apart() {
        // The length byte 0x7b is `{`.
        let value = json!({"k": "v".repeat(0x7b - 3 - 2 - 2)});
        let encoded = encode_struct(value.as_object().unwrap());
        assert_eq!(encoded.get(..2), Some(&[0x0a, b'{'][..]));
        assert_eq!(serde_json::from_slice::<Value>(&decode_configuration(&encoded).unwrap()).unwrap(), value);
    }

    #[test]
    fn anything_else_is_refused_in_words() {
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let deep = encode_struct(json!({ "a": deep }).as_object().unwrap());
        for bytes in [&b""[..], b"  ", b"version: 1", b"\x0a\xff", b"\x0a\x05\x0a\x01a\x12\x7f", &deep] {
            let error = decode_configuration(bytes).unwrap_err();
            assert!(error.to_string().contains("google.protobuf.StringValue"), "{error}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = decode_configuration(&bytes);
        }
    }
}
