//! A policy file: YAML in, the JSON that Envoy carries out, and the place of every value for those who look for mistakes.
//!
//! Must not go here: what the values mean (the engine).

use std::collections::HashMap;
use std::fmt;

use privyseal_engine::policy::{Error, field_path, item_path};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

/// Line and column, both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: u64,
    pub column: u64,
}

/// A YAML text, understood.
#[derive(Debug)]
pub struct Source {
    pub value: Value,
    places: HashMap<String, Place>,
}

/// Text that is no YAML.
#[derive(Debug)]
pub struct SyntaxError {
    pub place: Option<Place>,
    pub message: String,
}

impl Source {
    pub fn parse(text: &str) -> Result<Source, SyntaxError> {
        let root: Spanned<Node> = serde_saphyr::from_str(text).map_err(|error| {
            let place = error.location().map(|at| Place { line: at.line(), column: at.column() });
            // The library's message goes on with the place, advice for programmers and a picture.
            let full = error.without_snippet().to_string();
            let cut = [" at line ", ", set ", "\n"].iter().filter_map(|end| full.find(end)).min();
            SyntaxError { place, message: full.get(..cut.unwrap_or(full.len())).unwrap_or_default().to_owned() }
        })?;
        let mut places = HashMap::new();
        let place = place_of(&root);
        let value = flatten(root.value, "", place, &mut places);
        Ok(Source { value, places })
    }

    /// The policy as JSON, as the engine and Envoy take it.
    pub fn to_json(&self) -> String {
        self.value.to_string()
    }

    /// What is written out at `path` stands where `origin` does.
    pub fn stands_at(&mut self, path: &str, origin: &str) {
        if let Some(place) = self.places.get(origin).copied() {
            self.places.insert(path.to_owned(), place);
        }
    }

    /// Where a mistake stands: at its path, or at the nearest thing around it.
    pub fn place(&self, error: &Error) -> Option<Place> {
        let mut path = error.path.as_str();
        loop {
            if let Some(place) = self.places.get(path) {
                return Some(*place);
            }
            // A path without a separator stands in the whole.
            path = path.get(..path.rfind(['.', '[']).unwrap_or(0)).filter(|shorter| *shorter != path)?;
        }
    }
}

/// YAML as a tree with places.
#[derive(Debug)]
enum Node {
    List(Vec<Spanned<Node>>),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    Scalar(Value),
}

fn place_of<T>(spanned: &Spanned<T>) -> Place {
    Place { line: spanned.referenced.line(), column: spanned.referenced.column() }
}

fn flatten(node: Node, path: &str, place: Place, places: &mut HashMap<String, Place>) -> Value {
    places.insert(path.to_owned(), place);
    match node {
        Node::Scalar(value) => value,
        Node::List(items) => {
            let value = |(i, item): (usize, Spanned<Node>)| {
                let place = place_of(&item);
                flatten(item.value, &item_path(path, i), place, places)
            };
            Value::Array(items.into_iter().enumerate().map(value).collect())
        }
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, item) in entries {
                let value = flatten(item.value, &field_path(path, &key.value), place_of(&key), places);
                map.insert(key.value, value);
            }
            Value::Object(map)
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a policy")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("not a number that JSON knows"))?;
        Ok(Node::Scalar(Value::Number(number)))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_becomes_json() {
        let source = Source::parse("a: 1\nb: [x, true, null, 1.5, \"2\"]\nc:\n  d/e: {}\n  'f': -3\n").unwrap();
        assert_eq!(source.value, json!({"a": 1, "b": ["x", true, null, 1.5, "2"], "c": {"d/e": {}, "f": -3}}));
    }

    #[test]
    fn every_value_has_a_place() {
        let text = "rules:\n  - id: a\n    match:\n      body:\n        /x: {gte: 1}\n  - id: b\n";
        let source = Source::parse(text).unwrap();
        for (path, line, column) in [
            ("rules", 1, 1),
            ("rules[0]", 2, 5),
            ("rules[0].id", 2, 5),
            ("rules[0].match.body[\"/x\"].gte", 5, 14),
            ("rules[1].nothing.here", 6, 5),
            ("", 1, 1),
        ] {
            let place = source.place(&Error::new(path, ""));
            assert_eq!(place, Some(Place { line, column }), "{path}");
        }
    }

    #[test]
    fn syntax_errors_have_a_place() {
        for (text, line) in [("a: 1\na: 2\n", 2), ("a: [1, 2\n", 1), ("a: b: c\n", 1), ("a: \"x\nb: 1\n", 1)] {
            let error = Source::parse(text).unwrap_err();
            assert!(error.place.is_some_and(|place| place.line >= line), "{text}: {error:?}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
        }
    }
}
