//! What a policy adds of its own: patterns, values that stay, words that never do.
//!
//! Patterns run with `regex-lite`: in linear time, but far slower than the rest. Must not go here: built-in entities.

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::profile::ProfileSource;
use crate::detect::{Entity, Match, check};

/// A pattern as a policy writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomSource {
    /// What findings and labels call it: `EMPLOYEE_ID`.
    pub name: String,
    /// A regular expression (`regex-lite`: ASCII classes, no look-around).
    pub pattern: String,
    /// Words of which one must stand in the 64 bytes before, letter case aside; none: no word is needed.
    #[serde(default)]
    pub context: Vec<String>,
    /// A checksum over the digits: `luhn`, `mod97`, `verhoeff`.
    #[serde(default)]
    pub checksum: Option<String>,
    /// Confidence of its findings.
    #[serde(default = "likely")]
    pub score: f64,
}

fn likely() -> f64 {
    0.8
}

/// How far before a match its context may stand.
const REACH: usize = 64;
/// Compiled size of one pattern.
const SIZE: usize = 256 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    patterns: Vec<Pattern>,
    allow: Vec<String>,
    deny: Vec<String>,
}

#[derive(Clone, Debug)]
struct Pattern {
    name: String,
    regex: Regex,
    context: Vec<String>,
    checksum: Option<fn(&str) -> bool>,
    score: u8,
}

impl Own {
    pub fn compile(source: &ProfileSource, fail: &mut impl FnMut(String, String)) -> Own {
        let lower = |words: &[String]| words.iter().map(|word| word.to_lowercase()).collect::<Vec<String>>();
        for (list, words) in [("allow", &source.allow), ("deny", &source.deny)] {
            for (i, _) in words.iter().enumerate().filter(|(_, word)| word.trim_matches(['*', ' ']).is_empty()) {
                fail(format!("{list}[{i}]"), "matches everything: expected a value".into());
            }
        }
        let patterns = source.custom.iter().enumerate().filter_map(|(i, custom)| {
            let at = |field: &str| format!("custom[{i}].{field}");
            if custom.name.is_empty()
                || !custom.name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            {
                fail(at("name"), format!("`{}` is no name: expected one such as `EMPLOYEE_ID`", custom.name));
            }
            if !(0.0..=1.0).contains(&custom.score) {
                fail(at("score"), format!("`{}` is out of range: expected 0 to 1", custom.score));
            }
            let checksum = custom.checksum.as_ref().map(|name| (name, check(name)));
            if let Some((name, None)) = checksum {
                fail(at("checksum"), format!("no checksum is called `{name}`: expected `luhn`, `mod97` or `verhoeff`"));
            }
            match RegexBuilder::new(&custom.pattern).size_limit(SIZE).build() {
                Ok(regex) if regex.is_match("") => {
                    fail(
                        at("pattern"),
                        format!("`{}` matches nothing at all: expected at least one character", custom.pattern),
                    );
                    None
                }
                Ok(regex) => Some(Pattern {
                    name: custom.name.clone(),
                    regex,
                    context: lower(&custom.context),
                    checksum: checksum.and_then(|(_, check)| check),
                    // In range, or the profile is refused.
                    score: (custom.score * 100.0).round() as u8,
                }),
                Err(error) => {
                    fail(at("pattern"), format!("`{}`: {error}", custom.pattern));
                    None
                }
            }
        });
        Own { patterns: patterns.collect(), allow: lower(&source.allow), deny: lower(&source.deny) }
    }

    /// Whether there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty() && self.deny.is_empty()
    }

    /// In a text that goes on, how much of its end may be part of what is still to come.
    pub fn reach(&self) -> usize {
        const PATTERN: usize = 256;
        let words = self.deny.iter().map(String::len).max().unwrap_or(0);
        if self.patterns.is_empty() { words } else { words.max(PATTERN) }
    }

    /// Whether the policy says that `value` stays.
    pub fn allows(&self, value: &str) -> bool {
        !self.allow.is_empty() && {
            let value = value.to_lowercase();
            self.allow.iter().any(|glob| matches(glob, &value))
        }
    }

    /// Adds to the matches in `text` what the policy's own patterns and words find; answers where which pattern did.
    pub fn find(&self, text: &str, out: &mut Vec<Match>) -> Vec<(usize, String)> {
        let mut named = Vec::new();
        if self.is_empty() {
            return named;
        }
        for pattern in &self.patterns {
            for found in
                pattern.regex.find_iter(text).filter(|found| pattern.confirms(text, found.start(), found.as_str()))
            {
                named.push((found.start(), pattern.name.clone()));
                out.push(Match {
                    entity: Entity::Custom,
                    start: found.start(),
                    end: found.end(),
                    score: pattern.score,
                });
            }
        }
        let lower = if self.deny.is_empty() { String::new() } else { text.to_ascii_lowercase() };
        for word in &self.deny {
            for (start, _) in lower.match_indices(word.as_str()) {
                out.push(Match { entity: Entity::Denied, start, end: start + word.len(), score: 100 });
            }
        }
        named
    }
}

impl Pattern {
    fn confirms(&self, text: &str, start: usize, value: &str) -> bool {
        let from = (0..=start.saturating_sub(REACH)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let before = text.get(from..start).unwrap_or_default().to_lowercase();
        let announced = self.context.is_empty() || self.context.iter().any(|word| before.contains(word.as_str()));
        announced && self.checksum.is_none_or(|check| check(value))
    }
}

/// Whether `value` is as `glob` says, in which `*` stands for any characters.
fn matches(glob: &str, value: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| value.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn globs() {
        assert!(matches("*@example.com", "ann@example.com") && !matches("*@example.com", "ann@example.org"));
        assert!(
            matches("a*b*c", "axxbyyc")
                && !matches("a*b*c", "axxc")
                && matches("abc", "abc")
                && !matches("abc", "abcd")
        );
    }
}
