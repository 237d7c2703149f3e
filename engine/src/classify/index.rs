//! Which rules can match at all: by host, method and the first path segments, so that a thousand rules do not cost a
//! thousand comparisons. It may name too many, never too few.
//!
//! Must not go here: whether they do match (`matcher`).

use super::facts::Facts;
use super::glob::{Glob, inner_path};
use super::matcher::Matcher;
use crate::protocol::{github, kubernetes};

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
    segments: usize,
    /// Only for requests to AWS, which are told by headers.
    aws: bool,
}

/// Path segments that a key may hold.
const MAX_SEGMENTS: usize = 3;

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
            let prefixes = literals(matcher, |m| match m {
                Matcher::GitHub(_) => Some(github::ROOTS.iter().map(|root| owned(root)).collect()),
                Matcher::Kubernetes(_) => Some(kubernetes::ROOTS.iter().map(|root| owned(root)).collect()),
                Matcher::Path(globs) => Some(globs.iter().map(prefix).collect()),
                _ => None,
            });
            let aws = literals(matcher, |m| matches!(m, Matcher::Aws(_)).then(Vec::<()>::new)).is_some();
            for host in &hosts {
                for method in &methods {
                    for segments in prefixes.as_deref().unwrap_or(&[Vec::new()]) {
                        let names: Vec<&str> = segments.iter().map(String::as_str).collect();
                        index.insert(host.as_deref(), method.as_deref(), &names, aws);
                    }
                }
            }
            index.rules = index.rules.saturating_add(1);
        }
        index.entries.sort_unstable();
        index.entries.dedup();
        index
    }

    fn insert(&mut self, host: Option<&str>, method: Option<&str>, segments: &[&str], aws: bool) {
        let shape = Shape { host: host.is_some(), method: method.is_some(), segments: segments.len(), aws };
        if !self.shapes.contains(&shape) {
            self.shapes.push(shape);
        }
        self.entries.push((key(host, method, segments, aws), self.rules));
    }

    /// The rules that may match, in ascending order. Allocates only if there are some.
    pub fn candidates(&self, facts: &Facts<'_>) -> Vec<RuleIndex> {
        let (Ok(host), Ok(paths), Ok(methods)) = (&facts.host, &facts.paths, &facts.methods) else {
            return (0..self.rules).collect();
        };
        let aws = self.shapes.iter().any(|shape| shape.aws) && facts.aws().is_ok_and(|calls| !calls.is_empty());
        let possible = |shape: &&Shape, known: usize| shape.segments <= known && (aws || !shape.aws);
        let mut found = Vec::new();
        for path in std::iter::once(paths.usual.as_ref()).chain(paths.others.iter().map(String::as_str)) {
            let mut names = [""; MAX_SEGMENTS];
            let known = names.iter_mut().zip(inner_path(path).split('/')).map(|(name, s)| *name = s).count();
            for method in methods {
                for shape in self.shapes.iter().filter(|shape| possible(shape, known)) {
                    let segments = names.get(..shape.segments).unwrap_or_default();
                    let host = shape.host.then_some(host.as_ref());
                    let method = shape.method.then_some(method.as_ref());
                    self.look_up(key(host, method, segments, shape.aws), &mut found);
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn look_up(&self, key: u64, found: &mut Vec<RuleIndex>) {
        let start = self.entries.partition_point(|(k, _)| *k < key);
        let same = self.entries.iter().skip(start).take_while(|(k, _)| *k == key);
        found.extend(same.map(|(_, rule)| *rule));
    }
}

/// What `wanted` finds in a part that must hold for the whole to hold; `None` if nothing is pinned down.
fn literals<T>(matcher: &Matcher, wanted: impl Fn(&Matcher) -> Option<Vec<T>> + Copy) -> Option<Vec<T>> {
    match matcher {
        Matcher::All(parts) => parts.iter().find_map(|part| literals(part, wanted)),
        other => wanted(other),
    }
}

/// One entry for each value, or a single one for any.
fn options(values: Option<Vec<String>>) -> Vec<Option<String>> {
    values.map_or_else(|| vec![None], |values| values.into_iter().map(Some).collect())
}

fn prefix(glob: &Glob) -> Vec<String> {
    glob.literal_prefix().take(MAX_SEGMENTS).map(str::to_owned).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// FNV-1a over the parts. A collision names a rule too many, which then does not match.
fn key(host: Option<&str>, method: Option<&str>, segments: &[&str], aws: bool) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |text: &str, end: u8| {
        for byte in text.bytes().chain([end]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    add(host.unwrap_or_default(), b'\n');
    add(method.unwrap_or_default(), b'\n');
    add(if aws { "aws" } else { "" }, b'\n');
    segments.iter().for_each(|segment| add(segment, b'/'));
    hash
}
