//! Errors as AWS puts them, in the form of each of its protocols (Smithy, "AWS protocols"), for its SDKs to raise. The error's code is
//! AWS's word, since programs branch on it and SDKs retry by it; ours stands beside it and in the text.
//!
//! Must not go here: other protocols (`reply`), which form a request expects (`protocol::aws::Wire`).

use serde_json::Value;

use super::{Members, Notice, Shape, Status, object, text};
use crate::protocol::aws::Wire;

pub(super) fn shape(notice: &Notice, wire: Wire) -> Shape {
    let code = code(notice, wire);
    let mut shape = match wire {
        Wire::Cbor => {
            let (content_type, headers) = ("application/cbor", vec![("smithy-protocol", "rpc-v2-cbor".to_owned())]);
            Shape { content_type, headers, body: cbor(&members(notice, code)) }
        }
        Wire::Ec2 => xml(&format!("<Response><Errors>{}</Errors></Response>", error(notice, code))),
        Wire::Json => {
            let headers = vec![("x-amzn-errortype", code.to_owned())];
            Shape { headers, ..Shape::json(&object(members(notice, code))) }
        }
        Wire::Query => xml(&format!("<ErrorResponse>{}</ErrorResponse>", error(notice, code))),
        Wire::S3 => xml(&error(notice, code)),
    };
    // SDKs show it with the error.
    shape.headers.extend(notice.hold.iter().map(|hold| ("x-amzn-requestid", hold.clone())));
    shape
}

/// The nearest of the codes that all services share ("Common Error Types"); SDKs retry what is throttled, and what is 503.
const fn code(notice: &Notice, wire: Wire) -> &'static str {
    let xml = matches!(wire, Wire::Ec2 | Wire::Query | Wire::S3);
    match (notice.status, notice.http) {
        (Status::Pending, _) => "TooManyRequestsException",
        (Status::Denied, _) if xml => "AccessDenied",
        (Status::Denied, _) => "AccessDeniedException",
        (Status::Released, _) => "ConflictException",
        (Status::Refused, 500..) => "ServiceUnavailable",
        (Status::Refused, _) => "ValidationError",
    }
}

fn members(notice: &Notice, code: &str) -> Members {
    let mut members = vec![("__type", text(code)), ("message", Value::String(notice.text()))];
    members.extend(notice.members());
    members
}

fn xml(body: &str) -> Shape {
    let body = format!(r#"<?xml version="1.0" encoding="UTF-8"?>{body}"#).into_bytes();
    Shape { content_type: "text/xml", headers: Vec::new(), body }
}

/// `<Error>` with our members as further elements: `status_url` as `StatusUrl`, the reason code as `ReasonCode`.
fn error(notice: &Notice, code: &str) -> String {
    let fault = if notice.http < 500 { "Sender" } else { "Receiver" };
    let mut text = format!("<Error><Type>{fault}</Type>");
    element(&mut text, "Code", code);
    element(&mut text, "Message", &notice.text());
    for (name, value) in notice.members() {
        let name = if name == "code" { "ReasonCode".to_owned() } else { camel(name) };
        element(&mut text, &name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    text + "</Error>"
}

fn element(text: &mut String, name: &str, value: &str) {
    text.extend(["<", name, ">"]);
    for c in value.chars() {
        match c {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            // XML 1.0 has no other control characters, not even escaped.
            c if c < ' ' && !matches!(c, '\t' | '\n' | '\r') => text.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => text.push('\u{fffd}'),
            c => text.push(c),
        }
    }
    text.extend(["</", name, ">"]);
}

fn camel(name: &str) -> String {
    let capital =
        |word: &str| word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1)).collect();
    name.split('_').map(|word| -> String { capital(word) }).collect()
}

/// An object of texts and flags in CBOR (RFC 8949).
fn cbor(members: &Members) -> Vec<u8> {
    const TEXT: u8 = 3 << 5;
    const MAP: u8 = 5 << 5;
    let mut out = Vec::new();
    head(&mut out, MAP, members.len());
    for (name, value) in members {
        for text in [Some(*name), value.as_str()] {
            match text {
                Some(text) => {
                    head(&mut out, TEXT, text.len());
                    out.extend(text.as_bytes());
                }
                None => out.push(if value == &Value::Bool(true) { 0xf5 } else { 0xf4 }),
            }
        }
    }
    out
}

/// A type with its length.
fn head(out: &mut Vec<u8>, kind: u8, length: usize) {
    match u8::try_from(length) {
        Ok(short @ ..24) => out.push(kind | short),
        Ok(byte) => out.extend([kind | 24, byte]),
        Err(_) => {
            out.push(kind | 26);
            out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pending;
    use super::*;
    use crate::testing::test;

    fn body(notice: &Notice, wire: Wire) -> String {
        String::from_utf8(shape(notice, wire).body).unwrap()
    }

    #[test]
    fn xml_carries_the_members_escaped() {
        let mut notice = pending();
        notice.detail = "a <b> & \"c\"\u{7}".into();
        let found = body(&notice, Wire::Query);
        assert!(found.contains("<ErrorResponse><Error><Type>Sender</Type>"), "{found}");
        for part in [
            "<Message>a &lt;b&gt; &amp; \"c\"\u{fffd} (approval_pending, hold h1)</Message>",
            "<ReasonCode>approval_pending</ReasonCode>",
            "<StatusUrl>/.well-known/privyseal/holds/h1</StatusUrl>",
        ] {
            assert!(found.contains(part), "{found}");
        }
        assert!(body(&notice, Wire::S3).contains("?><Error>"));
        assert!(body(&notice, Wire::Ec2).contains("<Response><Errors><Error>"));
    }

    #[test]
    fn cbor_is_a_map_of_texts_and_flags() {
        let members = vec![("a", text("b")), ("c", Value::Bool(false)), ("d", Value::Bool(true))];
        assert_eq!(cbor(&members), b"\xa3\x61a\x61b\x61c\xf4\x61d\xf5");
        let of = |length: usize| cbor(&vec![("a", Value::String("x".repeat(length)))]);
        assert_eq!(of(30).get(3..5), Some(b"\x78\x1e".as_slice()));
        assert_eq!(of(300).get(3..8), Some(b"\x7a\0\0\x01\x2c".as_slice()));
        let reply = shape(&pending(), Wire::Cbor);
        assert!(reply.headers.contains(&("smithy-protocol", "rpc-v2-cbor".into())));
    }

    #[test]
    fn codes_are_those_that_sdks_know() {
        let refused = |http| Notice::refused(http, "x", "y");
        let denied = Notice { status: Status::Denied, ..refused(403) };
        for (notice, wire, expected) in [
            (pending(), Wire::Json, "TooManyRequestsException"),
            (denied.clone(), Wire::Json, "AccessDeniedException"),
            (denied, Wire::S3, "AccessDenied"),
            (refused(503), Wire::Query, "ServiceUnavailable"),
            (refused(400), Wire::Query, "ValidationError"),
        ] {
            assert_eq!(code(&notice, wire), expected);
        }
    }
}
