//! Globs against globs: whether one takes all that another takes, or nothing of it. For those who look for mistakes, never
//! on the way of a request.
//!
//! Must not go here: matching text (`glob`).

use super::{Glob, Segment};

impl Glob {
    /// Does everything that `other` matches fit this one too? `false` also where it is not known.
    pub fn covers(&self, other: &Glob) -> bool {
        covers(&self.segments, &other.segments)
    }

    /// Is there nothing that fits both? `false` also where it is not known.
    pub fn excludes(&self, other: &Glob) -> bool {
        !overlap(&self.segments, &other.segments)
    }
}

fn covers(wide: &[Segment], narrow: &[Segment]) -> bool {
    match (wide.split_first(), narrow.split_first()) {
        (None, None) => true,
        (Some((Segment::Deep, after)), _) if covers(after, narrow) => true,
        (Some((Segment::Deep, _)), Some((_, rest))) => covers(wide, rest),
        (Some((one, after)), Some((other, rest))) => one.covers(other) && covers(after, rest),
        _ => false,
    }
}

fn overlap(one: &[Segment], other: &[Segment]) -> bool {
    match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some((Segment::Deep, after)), _) if overlap(after, other) => true,
        (_, Some((Segment::Deep, after))) if overlap(one, after) => true,
        (Some((Segment::Deep, _)), Some((_, rest))) => overlap(one, rest),
        (Some((_, rest)), Some((Segment::Deep, _))) => overlap(rest, other),
        (Some((a, after)), Some((b, rest))) => a.overlaps(b) && overlap(after, rest),
        _ => false,
    }
}

impl Segment {
    fn covers(&self, other: &Segment) -> bool {
        match (self, other) {
            (_, Segment::Deep) => false,
            (Segment::Any, Segment::Literal(text)) => !text.is_empty(),
            (Segment::Any, _) => true,
            (Segment::Mixed(glob), Segment::Literal(text)) => glob.matches(text),
            (one, other) => one == other,
        }
    }

    fn overlaps(&self, other: &Segment) -> bool {
        match (self, other) {
            (Segment::Literal(a), Segment::Literal(b)) => a == b,
            (Segment::Mixed(glob), Segment::Literal(text)) | (Segment::Literal(text), Segment::Mixed(glob)) => {
                glob.matches(text)
            }
            (Segment::Any, Segment::Literal(text)) | (Segment::Literal(text), Segment::Any) => !text.is_empty(),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn path(pattern: &str) -> Glob {
        Glob::path(pattern).unwrap()
    }

    #[test]
    fn one_glob_covers_another() {
        for (wide, narrow, covered) in [
            ("/**", "/a/b", true),
            ("/**", "/", true),
            ("/**", "/a/**/b", true),
            ("/a/**", "/a", true),
            ("/a/*", "/a/{id}", true),
            ("/a/*", "/a/b*", true),
            ("/a/b*", "/a/bc", true),
            ("/a/**/z", "/a/b/c/z", true),
            ("/a/**/z", "/a/**/y/z", true),
            ("/a", "/**", false),
            ("/a/*", "/a/**", false),
            ("/a/*", "/a", false),
            ("/a/b*", "/a/*", false),
            ("/a/b*", "/a/bc*", false),
        ] {
            assert_eq!(path(wide).covers(&path(narrow)), covered, "{wide} {narrow}");
        }
        assert!(Glob::host("**.example.com").unwrap().covers(&Glob::host("a.b.example.com").unwrap()));
    }

    #[test]
    fn globs_that_have_nothing_in_common() {
        for (one, other, excluded) in [
            ("/a", "/b", true),
            ("/a", "/a/b", true),
            ("/a/*", "/a", true),
            ("/a/**", "/b/**", true),
            ("/a/**/x", "/a/**/y", true),
            ("/a/b*", "/a/c", true),
            ("/a/**", "/**/z", false),
            ("/**", "/a", false),
            ("/a/**", "/a", false),
            ("/a/b*", "/a/*c", false),
            ("/**/export", "/v1/customers/export", false),
        ] {
            assert_eq!(path(one).excludes(&path(other)), excluded, "{one} {other}");
            assert_eq!(path(other).excludes(&path(one)), excluded, "{other} {one}");
        }
    }
}
