//! A JSON body of which only named fields are shown; of the rest only type and length.
//!
//! Must not go here: masking (`redact`); what is shown was masked before.

use crate::extract::json::{JsonError, Kind, Limits, Scanner, Token};

/// Rewrites `body`: scalars under one of `pointers` (RFC 6901; `*` stands for any key or index) stay, any other becomes a
/// string such as `<string, 12 bytes>`. Keys stay.
pub(super) fn apply(body: &[u8], pointers: &[String]) -> Result<String, JsonError> {
    let shown: Vec<Vec<String>> = pointers.iter().map(|pointer| segments(pointer)).collect();
    let text = String::from_utf8_lossy(body);
    let mut scanner = Scanner::new(text.as_bytes(), Limits::default());
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    let mut path = Path::default();
    while let Some(token) = scanner.next()? {
        match token.kind {
            Kind::Key => path.key(token.text().into_owned()),
            Kind::ObjectStart => path.open(None),
            Kind::ArrayStart => path.open(Some(0)),
            Kind::ObjectEnd | Kind::ArrayEnd => path.close(),
            Kind::Bool(_) | Kind::Null | Kind::Number | Kind::String => {
                if !shown.iter().any(|pointer| path.is_under(pointer)) {
                    out.push_str(text.get(copied..token.range.start).unwrap_or_default());
                    out.push_str(&placeholder(&token));
                    copied = token.range.end;
                }
                path.next();
            }
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    Ok(out)
}

fn placeholder(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Number => r#""<number>""#.to_owned(),
        Kind::Bool(_) => r#""<boolean>""#.to_owned(),
        Kind::Null => "null".to_owned(),
        _ => format!(r#""<string, {} bytes>""#, token.text().len()),
    }
}

fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

/// Where the next value stands: one entry for each open container.
#[derive(Default)]
struct Path(Vec<Entry>);

struct Entry {
    name: String,
    /// The next index, in an array.
    index: Option<usize>,
}

impl Path {
    fn open(&mut self, index: Option<usize>) {
        self.0.push(Entry { name: index.map(|index| index.to_string()).unwrap_or_default(), index });
    }

    fn close(&mut self) {
        self.0.pop();
        self.next();
    }

    fn key(&mut self, name: String) {
        if let Some(entry) = self.0.last_mut() {
            entry.name = name;
        }
    }

    /// A value has ended.
    fn next(&mut self) {
        if let Some(Entry { name, index: Some(index) }) = self.0.last_mut() {
            *index += 1;
            *name = index.to_string();
        }
    }

    fn is_under(&self, pointer: &[String]) -> bool {
        pointer.len() <= self.0.len()
            && pointer.iter().zip(&self.0).all(|(wanted, entry)| wanted == "*" || *wanted == entry.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn shows_only_what_is_named() {
        let body =
            br#"{"amount": 12, "to": {"name": "Ann", "tags": ["a", "bc"]}, "note": "hi", "ok": true, "x": null}"#;
        let shown =
            |pointers: &[&str]| apply(body, &pointers.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).unwrap();
        assert_eq!(
            shown(&["/amount", "/to/tags/1"]),
            r#"{"amount": 12, "to": {"name": "<string, 3 bytes>", "tags": ["<string, 1 bytes>", "bc"]}, "note": "<string, 2 bytes>", "ok": "<boolean>", "x": null}"#
        );
        assert!(shown(&["/to"]).contains(r#""to": {"name": "Ann", "tags": ["a", "bc"]}"#));
        assert!(shown(&["/to/*/0"]).contains(r#"["a", "<string, 2 bytes>"]"#));
        assert!(shown(&[]).contains(r#""amount": "<number>""#));
    }

    #[test]
    fn escaped_keys_and_pointers_meet() {
        let shown = apply(br#"{"a/b": 1, "\u0063": 2}"#, &["/a~1b".into(), "/c".into()]).unwrap();
        assert_eq!(shown, r#"{"a/b": 1, "\u0063": 2}"#);
    }

    #[test]
    fn what_is_no_json_is_not_shown() {
        assert!(apply(b"name=Ann", &["/name".into()]).is_err());
        assert!(apply(br#"{"a":1"#, &["/a".into()]).is_err());
    }
}
