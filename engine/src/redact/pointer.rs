//! JSON pointers with wildcards, and the place of each token in a document.
//!
//! Must not go here: what is done at a place.

use crate::extract::json::{Kind, Token};

/// A pointer (RFC 6901) in which `*` is any one key or index and `**` any number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    pub fn parse(text: &str) -> Option<Pointer> {
        let segments = text.strip_prefix('/')?.split('/');
        Some(Pointer(segments.map(|s| s.replace("~1", "/").replace("~0", "~")).collect()))
    }

    fn covers(&self, path: &[Step]) -> bool {
        // Both indices only move forward: after a mismatch, the last `**` takes one step more.
        let (mut segment, mut step, mut retry) = (0, 0, None);
        while let Some(here) = path.get(step) {
            match self.0.get(segment).map(String::as_str) {
                Some("**") => {
                    retry = Some((segment, step));
                    segment += 1;
                }
                Some(own) if own == "*" || here.is(own) => {
                    segment += 1;
                    step += 1;
                }
                _ => match retry.as_mut() {
                    Some((wide, taken)) => {
                        *taken += 1;
                        (segment, step) = (*wide + 1, *taken);
                    }
                    None => return false,
                },
            }
        }
        self.0.iter().skip(segment).all(|own| own == "**")
    }
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    fn is(&self, segment: &str) -> bool {
        match self {
            Step::Key(key) => key == segment,
            Step::Index(index) => segment.parse() == Ok(*index),
        }
    }
}

/// The place of the token at hand, kept only where somebody asks.
pub(crate) struct Path<'p> {
    pointers: &'p [Pointer],
    steps: Vec<Step>,
    /// For each open container, whether it is an array.
    open: Vec<bool>,
}

impl<'p> Path<'p> {
    pub fn of(pointers: &'p [Pointer]) -> Self {
        Path { pointers, steps: Vec::new(), open: Vec::new() }
    }

    /// Goes on to `token`; whether one of the pointers covers it.
    pub fn follow(&mut self, token: &Token<'_>) -> bool {
        if self.pointers.is_empty() {
            return false;
        }
        match token.kind {
            Kind::Key => {
                self.steps.truncate(self.open.len().saturating_sub(1));
                self.steps.push(Step::Key(token.text().into_owned()));
            }
            Kind::ObjectEnd | Kind::ArrayEnd => {
                self.open.pop();
                self.steps.truncate(self.open.len());
            }
            _ => {
                if self.open.last() == Some(&true) {
                    let next = match self.steps.get(self.open.len() - 1) {
                        Some(Step::Index(index)) => index + 1,
                        _ => 0,
                    };
                    self.steps.truncate(self.open.len() - 1);
                    self.steps.push(Step::Index(next));
                }
                match token.kind {
                    Kind::ArrayStart => self.open.push(true),
                    Kind::ObjectStart => self.open.push(false),
                    _ => {}
                }
            }
        }
        self.pointers.iter().any(|pointer| pointer.covers(&self.steps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::json::{Limits, Scanner};
    use crate::testing::test;

    fn covered(glob: &str, body: &str) -> Vec<String> {
        let pointers = [Pointer::parse(glob).unwrap()];
        let mut path = Path::of(&pointers);
        let mut scanner = Scanner::new(body.as_bytes(), Limits::default());
        let mut all = Vec::new();
        while let Some(token) = scanner.next().unwrap() {
            if path.follow(&token) && matches!(token.kind, Kind::String | Kind::Number) {
                all.push(token.text().into_owned());
            }
        }
        all
    }

    #[test]
    fn pointers_and_wildcards() {
        let body = r#"{"a":{"b":["1","2",{"c":"3"}],"d":"4"},"e/f":"5","g":[["6"],["7","8"]]}"#;
        assert_eq!(covered("/a/b/1", body), ["2"]);
        assert_eq!(covered("/a/*", body), ["4"]);
        assert_eq!(covered("/a/**", body), ["1", "2", "3", "4"]);
        assert_eq!(covered("/**/c", body), ["3"]);
        assert_eq!(covered("/e~1f", body), ["5"]);
        assert_eq!(covered("/g/*/0", body), ["6", "7"]);
        assert_eq!(covered("/**", body).len(), 8);
        assert!(covered("/x", body).is_empty());
        assert!(Pointer::parse("a/b").is_none());
    }
}
