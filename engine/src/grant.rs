//! What a grant is for: the target that a request has in common with those that are the same to whoever granted.
//!
//! Bound is what an approval is bound to, but the body, of which only the values at the workflow's pointers count, and the
//! spelling of the path; and what the policy says of the request. The approver learns an HMAC of it. Must not go here:
//! what one approval is bound to (`binding`), who may grant (the approver).

use std::collections::BTreeMap;

use hmac::Mac;

use crate::digest::{Encoder, hex, mac};
use crate::extract::json::{Kind, Limits, Scanner};
use crate::policy::Grants;
use crate::redact::pointer::{Path, Pointer};

/// Parts of the binding that differ between requests that are the same but sent twice on purpose.
const LEFT_OUT: [&str; 4] = ["body", "body as forwarded", "header idempotency-key", "path as received"];

/// The target of a request with these bound `fields`, of which the policy says `decided`. `None` where it is not certain.
pub fn target(
    grants: &Grants,
    decided: &Encoder,
    fields: &BTreeMap<String, String>,
    body: &[u8],
    key: &[u8],
) -> Option<String> {
    let mut encoder = Encoder::new("privyseal/grant/v1");
    encoder.field("decided", decided.as_bytes());
    for (name, value) in fields.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        encoder.field(name, value.as_bytes());
    }
    for text in &grants.pointers {
        encoder.field("pointer", text.as_bytes());
        for value in values(body, &[Pointer::parse(text)?])? {
            encoder.field("value", value);
        }
    }
    Some(hex(&mac(key, encoder.as_bytes()).finalize().into_bytes()))
}

/// The scalars in `body` at `pointer`, as written. `None` for what is no JSON, and for a whole object or list.
fn values<'b>(body: &'b [u8], pointer: &[Pointer]) -> Option<Vec<&'b [u8]>> {
    let mut found = Vec::new();
    let mut scanner = Scanner::new(body, Limits::default());
    let mut path = Path::of(pointer);
    while let Some(token) = scanner.next().ok()? {
        if !path.follow(&token) {
            continue;
        }
        match token.kind {
            Kind::Bool(_) | Kind::Null | Kind::Number | Kind::String => found.push(body.get(token.range)?),
            Kind::ArrayStart | Kind::ObjectStart => return None,
            Kind::ArrayEnd | Kind::Key | Kind::ObjectEnd => {}
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn of(pointers: &[&str], body: &str) -> Option<Vec<String>> {
        let read = |text: &&str| values(body.as_bytes(), &[Pointer::parse(text).unwrap()]);
        let found: Option<Vec<_>> = pointers.iter().map(read).collect();
        Some(found?.concat().into_iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect())
    }

    #[test]
    fn scalars_are_taken_as_written_and_nothing_uncertain() {
        let body = r#"{"account":7,"to":"x","items":[{"id":1},{"id":"1"}],"deep":{"a":1e0}}"#;
        assert_eq!(of(&["/account", "/to"], body).unwrap(), ["7", "\"x\""]);
        assert_eq!(of(&["/items/*/id"], body).unwrap(), ["1", "\"1\""]);
        assert_eq!(of(&["/missing"], body).unwrap(), [""; 0]);
        assert_eq!(of(&["/deep/a"], body).unwrap(), ["1e0"]);
        assert_eq!(of(&["/deep"], body), None, "a whole object");
        assert_eq!(of(&["/account"], r#"{"account":7,"account":8}"#), None, "two readings");
        assert_eq!(of(&["/account"], "account=7"), None);
    }

    #[test]
    fn the_same_is_what_differs_only_in_the_rest_of_the_body() {
        let grants =
            Grants { max_duration: Default::default(), max_uses: 1, pointers: vec!["/to".into(), "/cc".into()] };
        let fields = |changes: &[(&str, &str)]| -> BTreeMap<String, String> {
            let usual =
                [("method", "1"), ("path", "2"), ("body", "3"), ("header authorization", "4"), ("principal", "5")];
            usual.iter().chain(changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let of = |changes: &[(&str, &str)], body: &str, decided: &str| {
            target(&grants, &Encoder::new(decided), &fields(changes), body.as_bytes(), b"key")
        };
        let first = of(&[], r#"{"to":"x","text":"a"}"#, "d").unwrap();
        assert_eq!(first.len(), 64);
        let same =
            [("body", "9"), ("body as forwarded", "9"), ("header idempotency-key", "k"), ("path as received", "%2")];
        assert_eq!(of(&same, r#"{"text":"b", "to":"x"}"#, "d").as_ref(), Some(&first));
        for (changes, body, decided) in [
            (&[("method", "9")][..], r#"{"to":"x"}"#, "d"),
            (&[("header authorization", "9")], r#"{"to":"x"}"#, "d"),
            (&[("header x-new", "9")], r#"{"to":"x"}"#, "d"),
            (&[], r#"{"to":"y"}"#, "d"),
            (&[], r#"{"cc":"x"}"#, "d"),
            (&[], r#"{}"#, "d"),
            (&[], r#"{"to":"x"}"#, "e"),
        ] {
            let other = of(changes, body, decided);
            assert!(other.is_some() && other.as_ref() != Some(&first), "{changes:?} {body} {decided}");
        }
    }
}
