//! Which rules can match at all: by host, method, the path segments that a rule writes out and what else a request must
//! have, so that a thousand rules do not cost a thousand comparisons. It may name too many, never too few.
//!
//! Must not go here: whether they do match (`matcher`).

use super::facts::{Facts, Traits};
use super::glob::{Glob, inner_path};
use super::matcher::Matcher;
use crate::protocol::{github, kubernetes};
use crate::sorting::sort;

pub type RuleIndex = u16;

/// A key made of those parts that a rule pins down → the rule; sorted by key.
#[derive(Clone, Debug, Default)]
pub struct Index {
    entries: Vec<(u64, RuleIndex)>,
    /// The combinations of parts that occur: one look-up each.
    shapes: Vec<Shape>,
    rules: RuleIndex,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    host: bool,
    method: bool,
    /// Which of the first path segments, the lowest bit being the first.
    segments: u8,
    /// What else a request must have, as [`Matcher::needs`] says it.
    needs: Traits,
}

/// Path segments that a key may hold.
const MAX_SEGMENTS: usize = 6;

/// The hashes of a path's first segments; `None` for those that a rule leaves open.
type Segments = [Option<u64>; MAX_SEGMENTS];

impl Index {
    pub fn new<'m>(matchers: impl Iterator<Item = &'m Matcher>) -> Self {
        let mut index = Index::default();
        for matcher in matchers {
            let hosts = options(literals(matcher, |m| match m {
                Matcher::Host(globs) => globs.iter().map(Glob::literal).collect(),
                _ => None,
            }));
            let methods = options(literals(matcher, |m| match m {
                Matcher::Method(methods) => Some(methods.clone()),
                _ => None,
            }));
            let paths = literals(matcher, |m| match m {
                Matcher::GitHub(_) => Some(github::ROOTS.iter().map(|root| written(root)).collect()),
                Matcher::Kubernetes(_) => Some(kubernetes::ROOTS.iter().map(|root| written(root)).collect()),
                Matcher::Path(globs, _) => Some(globs.iter().map(|glob| hashed(glob.fixed_segments())).collect()),
                _ => None,
            });
            let needs = matcher.needs();
            for host in &hosts {
                for method in &methods {
                    for segments in paths.as_deref().unwrap_or(&[Segments::default()]) {
                        index.insert(host.as_deref(), method.as_deref(), segments, needs);
                    }
                }
            }
            index.rules = index.rules.saturating_add(1);
        }
        sort(&mut index.entries);
        index.entries.dedup();
        index
    }

    fn insert(&mut self, host: Option<&str>, method: Option<&str>, segments: &Segments, needs: Traits) {
        let written = segments.iter().rev().fold(0, |bits, segment| bits << 1 | u8::from(segment.is_some()));
        let shape = Shape { host: host.is_some(), method: method.is_some(), segments: written, needs };
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        let (host, method) = (host.map_or(0, hash), method.map_or(0, hash));
        self.entries.push((shape.key(host, method, segments), self.rules));
    }

    /// The rules that may match, in ascending order. Allocates only if there are some.
    pub fn candidates(&self, facts: &Facts<'_>) -> Vec<RuleIndex> {
        let (Ok(host), Ok(paths), Ok(methods)) = (&facts.host, &facts.paths, &facts.methods) else {
            return (0..self.rules).collect();
        };
        let traits = facts.traits(self.shapes.iter().fold(0, |asked, shape| asked | shape.needs));
        let host = hash(host);
        let mut found = Vec::new();
        for path in std::iter::once(paths.usual.as_ref()).chain(paths.others.iter().map(String::as_str)) {
            let segments = hashed(inner_path(path).split('/').map(Some));
            // A rule that writes out a segment beyond the last one cannot match.
            let beyond = segments.iter().rev().fold(0u8, |bits, segment| bits << 1 | u8::from(segment.is_none()));
            for method in methods {
                let method = hash(method);
                for shape in
                    self.shapes.iter().filter(|shape| shape.needs & !traits == 0 && shape.segments & beyond == 0)
                {
                    self.look_up(shape.key(host, method, &segments), &mut found);
                }
            }
        }
        sort(&mut found);
        found.dedup();
        found
    }

    fn look_up(&self, key: u64, found: &mut Vec<RuleIndex>) {
        let start = self.entries.partition_point(|(k, _)| *k < key);
        let same = self.entries.iter().skip(start).take_while(|(k, _)| *k == key);
        found.extend(same.map(|(_, rule)| *rule));
    }
}

/// What `wanted` finds in a part that must hold for the whole to hold, or in each of those of which one must; `None` if nothing
/// is pinned down.
fn literals<T>(matcher: &Matcher, wanted: impl Fn(&Matcher) -> Option<Vec<T>> + Copy) -> Option<Vec<T>> {
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| literals(part, wanted)),
        Matcher::Any(parts) => {
            let each: Option<Vec<Vec<T>>> = parts.iter().map(|part| literals(part, wanted)).collect();
            each.map(|found| found.into_iter().flatten().collect())
        }
        other => wanted(other),
    }
}

/// One entry for each value, or a single one for any.
fn options(values: Option<Vec<String>>) -> Vec<Option<String>> {
    values.map_or_else(|| vec![None], |values| values.into_iter().map(Some).collect())
}

fn written(names: &[&str]) -> Segments {
    hashed(names.iter().copied().map(Some))
}

fn hashed<'s>(names: impl Iterator<Item = Option<&'s str>>) -> Segments {
    let mut segments = Segments::default();
    segments.iter_mut().zip(names).for_each(|(segment, name)| *segment = name.map(hash));
    segments
}

impl Shape {
    /// What a request shares with every rule of this shape that may match it. A collision names a rule too many, which
    /// then does not match.
    fn key(&self, host: u64, method: u64, segments: &Segments) -> u64 {
        let mut key = u64::from(self.segments) | u64::from(self.needs) << 8;
        let mut add = |part: u64| key = (key.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        add(if self.host { host } else { 1 });
        add(if self.method { method } else { 1 });
        for (place, segment) in segments.iter().enumerate().filter(|(place, _)| self.segments >> place & 1 == 1) {
            add(segment.unwrap_or(place as u64));
        }
        key
    }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
