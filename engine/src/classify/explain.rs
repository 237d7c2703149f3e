//! Why a rule matches a request or does not, part by part: for people, never on the way of a request.
//!
//! Must not go here: judging (`matcher`); this asks it again for every part.

use super::body::Pointers;
use super::facts::{Body, Facts};
use super::matcher::Matcher;
use super::predicate::Test;
use super::truth::Truth;

/// One part of a condition and what it says of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// As the policy names it: `path`, `header x-env`, `body /amount`, `all`.
    pub name: String,
    pub truth: Truth,
    /// What it captures of the path, where it matches.
    pub captures: Vec<(String, String)>,
    pub parts: Vec<Part>,
}

impl Part {
    pub fn of(matcher: &Matcher, facts: &Facts<'_>, body: &Body<'_>, pointers: &Pointers) -> Part {
        let of = |matcher: &Matcher| Part::of(matcher, facts, body, pointers);
        let parts = match matcher {
            Matcher::All(parts) | Matcher::Any(parts) => parts.iter().map(of).collect(),
            Matcher::Not(inner) => vec![of(inner)],
            // A path that fits, and what of it does not.
            Matcher::Path(globs, tests) if !tests.is_empty() => {
                let path = of(&Matcher::Path(globs.clone(), Vec::new()));
                let captured = |name: &str| path.captures.iter().filter(|(known, _)| known == name).cloned().collect();
                let tested = |(name, test): &(String, Test)| Part {
                    name: format!("captures {name}"),
                    truth: Matcher::Path(globs.clone(), vec![(name.clone(), test.clone())]).truth(facts, body),
                    captures: captured(name),
                    parts: Vec::new(),
                };
                let tested: Vec<Part> = tests.iter().map(tested).collect();
                std::iter::once(path).chain(tested).collect()
            }
            _ => Vec::new(),
        };
        let mut captures = Vec::new();
        if let (Matcher::Path(_, tests), Ok(paths)) = (matcher, &facts.paths)
            && tests.is_empty()
        {
            matcher.captured(&paths.usual, &mut captures);
        }
        Part { name: name(matcher, pointers), truth: matcher.truth(facts, body), captures, parts }
    }
}

/// How the policy names this part.
pub fn name(matcher: &Matcher, pointers: &Pointers) -> String {
    match matcher {
        Matcher::All(_) => "all".into(),
        Matcher::Any(_) => "any".into(),
        Matcher::Attribute(..) => "claim or metadata".into(),
        Matcher::Aws(_) => "aws".into(),
        Matcher::Body(pointer, _) => format!("body {}", pointers.name(*pointer)),
        Matcher::BodySize(..) => "body_size".into(),
        Matcher::ContentType(_) => "content_type".into(),
        Matcher::Findings(findings) => format!("findings {}", findings.entities.join(", ")),
        Matcher::GitHub(_) => "github".into(),
        Matcher::Header(name, _) => format!("header {name}"),
        Matcher::Host(_) => "host".into(),
        Matcher::Kubernetes(_) => "kubernetes".into(),
        Matcher::Mcp(_) => "mcp".into(),
        Matcher::Method(_) => "method".into(),
        Matcher::Not(_) => "not".into(),
        Matcher::OnBehalfOf(_) => "on_behalf_of".into(),
        Matcher::Path(_, tests) if tests.is_empty() => "path".into(),
        Matcher::Path(..) => "path and captures".into(),
        Matcher::Places(places) => {
            let names: Vec<&str> = places.at.iter().map(|(at, _)| pointers.name(*at)).collect();
            format!("body {}", names.join(", "))
        }
        Matcher::Principal(_) => "principal".into(),
        Matcher::Protocol(_) => "llm provider".into(),
        Matcher::Query(name, _) => format!("query {name}"),
        Matcher::Source(_) => "source".into(),
    }
}
