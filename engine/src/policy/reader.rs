//! Reads a policy's JSON with the path of every value at hand, so that each mistake is named with its place and all of
//! them are found in one run.
//!
//! Must not go here: what a field means (`compile`).

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::error::Error;
use crate::extract::json::{JsonError, Kind, Limits, Scanner};

/// The mistakes found so far.
pub type Errors = Vec<Error>;

/// Digits that survive a control plane which turns numbers into doubles.
const MAX_DIGITS: usize = 15;

/// Reads the text strictly (no key twice, no number that a double would change) into a tree.
pub fn tree(json: &[u8], errors: &mut Errors) -> Option<Value> {
    if let Err(error) = check(&mut Scanner::new(json, Limits::default()), "", errors) {
        errors.push(Error::new("", error.to_string()).with_hint("expected the policy as one JSON object"));
        return None;
    }
    let tree = serde_json::from_slice(json);
    tree.map_err(|error| errors.push(Error::new("", format!("the policy is not JSON: {error}")))).ok()
}

/// Runs to the end of the container at `path`, or of the text. The scanner limits the depth.
fn check(scanner: &mut Scanner<'_>, path: &str, errors: &mut Errors) -> Result<(), JsonError> {
    let mut key: Option<Cow<'_, str>> = None;
    let mut index = 0;
    while let Some(token) = scanner.next()? {
        let inner = match (&key, scanner.depth()) {
            (Some(key), _) => field_path(path, key),
            (None, 0) => path.to_owned(),
            (None, _) => item_path(path, index),
        };
        match token.kind {
            Kind::Key => {
                key = Some(token.text());
                continue;
            }
            Kind::ArrayStart | Kind::ObjectStart if scanner.depth() == 1 => continue,
            Kind::ArrayStart | Kind::ObjectStart => check(scanner, &inner, errors)?,
            Kind::ArrayEnd | Kind::ObjectEnd if scanner.depth() > 0 => return Ok(()),
            Kind::Number => {
                let digits = token.raw().bytes().filter(u8::is_ascii_digit).count();
                if digits > MAX_DIGITS || token.raw().contains(['e', 'E']) {
                    let message = format!("the number `{}` may change on its way through a control plane", token.raw());
                    errors.push(Error::new(inner, message).with_hint("write it in quotes: it is compared exactly"));
                }
            }
            _ => {}
        }
        index += 1;
    }
    Ok(())
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node<'v> {
    pub value: &'v Value,
    pub path: String,
}

impl<'v> Node<'v> {
    pub fn root(value: &'v Value) -> Self {
        Node { value, path: String::new() }
    }

    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::new(&self.path, message)
    }

    /// The value is of the wrong kind.
    pub fn expected(&self, what: &str) -> Error {
        let found = match self.value {
            Value::Array(_) => "a list".to_owned(),
            Value::Null => "nothing".to_owned(),
            Value::Object(_) => "fields".to_owned(),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => format!("`{}`", shown(self.value)),
        };
        self.error(format!("expected {what}, found {found}"))
    }

    pub fn fields(&self, errors: &mut Errors) -> Option<Fields<'v>> {
        match self.value {
            Value::Object(map) => Some(Fields { map, path: self.path.clone(), known: Vec::new() }),
            _ => {
                errors.push(self.expected("fields"));
                None
            }
        }
    }

    /// The members of a map whose keys the user chooses.
    pub fn entries(&self, errors: &mut Errors) -> Vec<(&'v str, Node<'v>)> {
        let Value::Object(map) = self.value else {
            errors.push(self.expected("fields"));
            return Vec::new();
        };
        map.iter().map(|(key, value)| (key.as_str(), Node { value, path: field_path(&self.path, key) })).collect()
    }

    pub fn items(&self, errors: &mut Errors) -> Vec<Node<'v>> {
        match self.value {
            Value::Array(items) => {
                let node = |(i, value)| Node { value, path: item_path(&self.path, i) };
                items.iter().enumerate().map(node).collect()
            }
            _ => {
                errors.push(self.expected("a list"));
                Vec::new()
            }
        }
    }

    /// A list's items, or the value alone. An empty list is a mistake: it would never match.
    pub fn one_or_many(&self, errors: &mut Errors) -> Vec<Node<'v>> {
        match self.value {
            Value::Array(items) if items.is_empty() => {
                errors.push(self.error("the list is empty").with_hint("leave the field out, or name a value"));
                Vec::new()
            }
            Value::Array(_) => self.items(errors),
            _ => vec![self.clone()],
        }
    }

    pub fn text(&self, errors: &mut Errors) -> Option<&'v str> {
        match self.value {
            Value::String(text) if !text.is_empty() => Some(text),
            _ => {
                errors.push(self.expected("text"));
                None
            }
        }
    }

    pub fn number(&self, errors: &mut Errors) -> Option<u64> {
        // Control planes turn integers into doubles: 20 may arrive as 20.0.
        let number = match self.value {
            Value::Number(n) => n.as_u64().or_else(|| n.to_string().strip_suffix(".0").and_then(|n| n.parse().ok())),
            _ => None,
        };
        if number.is_none() {
            let quoted = self.value.as_str().is_some_and(|text| text.parse::<u64>().is_ok());
            let error = self.expected("a whole number");
            errors.push(if quoted { error.with_hint("write it without quotes") } else { error });
        }
        number
    }

    pub fn flag(&self, errors: &mut Errors) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            errors.push(self.expected("`true` or `false`"));
        }
        flag
    }

    /// One of a fixed set of words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)], errors: &mut Errors) -> Option<T> {
        let found = self.value.as_str().and_then(|text| words.iter().find(|(word, _)| *word == text));
        if found.is_none() {
            let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            errors.push(self.expected(&any_of(&names)));
        }
        found.map(|(_, value)| *value)
    }

    /// Text that `parse` understands; its `Err` says what is wrong.
    pub fn parsed<T, E: Into<String>>(
        &self,
        parse: impl FnOnce(&'v str) -> Result<T, E>,
        errors: &mut Errors,
    ) -> Option<T> {
        let text = self.text(errors)?;
        parse(text)
            .map_err(|why| errors.push(self.error(format!("bad value `{}`", shown(self.value))).with_hint(why)))
            .ok()
    }
}

/// The fields of an object; those never asked for are mistakes.
#[derive(Debug)]
pub struct Fields<'v> {
    map: &'v Map<String, Value>,
    path: String,
    known: Vec<&'static str>,
}

impl<'v> Fields<'v> {
    /// A field that may be left out.
    pub fn take(&mut self, name: &'static str) -> Option<Node<'v>> {
        self.known.push(name);
        self.map.get(name).map(|value| Node { value, path: field_path(&self.path, name) })
    }

    /// A field that must be there.
    pub fn require(&mut self, name: &'static str, hint: &str, errors: &mut Errors) -> Option<Node<'v>> {
        let node = self.take(name);
        if node.is_none() {
            errors.push(Error::new(&self.path, format!("`{name}` is missing")).with_hint(hint));
        }
        node
    }

    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Reports what was never asked for.
    pub fn finish(self, errors: &mut Errors) {
        for unknown in self.map.keys().filter(|key| !self.known.contains(&key.as_str())) {
            let error = Error::new(field_path(&self.path, unknown), format!("unknown field `{unknown}`"));
            let near = self.known.iter().map(|known| (distance(known, unknown), known)).min();
            errors.push(match near {
                Some((distance, known)) if distance <= 2 => error.with_hint(format!("did you mean `{known}`?")),
                _ => {
                    let names: Vec<String> = self.known.iter().map(|known| format!("`{known}`")).collect();
                    error.with_hint(format!("expected {}", any_of(&names)))
                }
            });
        }
    }
}

/// The path of a field: `rules`, `approver.cluster`, `match.body["/amount"]`.
pub fn field_path(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match (path, plain) {
        ("", true) => name.to_owned(),
        (_, true) => format!("{path}.{name}"),
        (_, false) => format!("{path}[\"{name}\"]"),
    }
}

/// The path of a list's item: `rules[2]`.
pub fn item_path(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}

fn any_of(names: &[String]) -> String {
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

/// A scalar for a message, never long.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if text.chars().count() > 60 { text.chars().take(60).chain("…".chars()).collect() } else { text }
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        row.first_mut().into_iter().for_each(|cell| *cell = i + 1);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::test;

    #[test]
    fn unknown_fields_name_their_place_and_the_likely_word() {
        let value = json!({"outer": {"methdo": 1, "zzz": 2}});
        let mut errors = Vec::new();
        let mut outer = Node::root(&value).fields(&mut errors).unwrap();
        let mut inner = outer.take("outer").unwrap().fields(&mut errors).unwrap();
        assert!(inner.take("method").is_none());
        inner.take("path");
        inner.finish(&mut errors);
        outer.finish(&mut errors);
        let shown: Vec<String> = errors.iter().map(Error::to_string).collect();
        assert_eq!(
            shown,
            [
                "outer.methdo: unknown field `methdo` (did you mean `method`?)",
                "outer.zzz: unknown field `zzz` (expected `method` or `path`)",
            ]
        );
    }

    #[test]
    fn wrong_types_say_what_was_expected() {
        let value = json!({"a": 1, "b": "x", "c": [], "d": null});
        let mut errors = Vec::new();
        let mut fields = Node::root(&value).fields(&mut errors).unwrap();
        fields.take("a").unwrap().text(&mut errors);
        fields.take("b").unwrap().number(&mut errors);
        fields.take("b").unwrap().word(&[("on", 1), ("off", 2)], &mut errors);
        fields.take("c").unwrap().one_or_many(&mut errors);
        fields.take("d").unwrap().fields(&mut errors);
        let shown: Vec<String> = errors.iter().map(Error::to_string).collect();
        assert_eq!(
            shown,
            [
                "a: expected text, found `1`",
                "b: expected a whole number, found `x`",
                "b: expected `on` or `off`, found `x`",
                "c: the list is empty (leave the field out, or name a value)",
                "d: expected fields, found nothing",
            ]
        );
    }

    #[test]
    fn texts_that_change_on_the_way_are_refused() {
        let mut errors = Vec::new();
        assert!(tree(br#"{"a": 1, "a": 2}"#, &mut errors).is_none());
        tree(br#"{"a": 12345678901234567890, "b": 1e4, "c": 100000.25}"#, &mut errors);
        let shown: Vec<String> = errors.iter().map(|e| e.message.clone()).collect();
        assert_eq!(
            shown,
            [
                "key stands twice in one object, at byte 9",
                "the number `12345678901234567890` may change on its way through a control plane",
                "the number `1e4` may change on its way through a control plane",
            ]
        );
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("a", "", 1), ("method", "methdo", 2), ("path", "paths", 1)] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
