//! Globs over paths, host names and plain text. Linear in the text for each wildcard, whatever the bytes.
//!
//! Must not go here: canonical forms (`request`), which fields take globs (`policy`).

mod overlap;

use memchr::memmem;

/// `*` any characters within one segment (a segment of its own: at least one), `{name}` the same, captured under a name,
/// `**` any number of whole segments, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    separator: char,
    segments: Vec<Segment>,
    /// Any match ends with it.
    ending: String,
    /// Any match has it in it: the longest text that a `**` lets stand anywhere.
    within: String,
    captures: Vec<Capture>,
}

/// Its segment by those before it; behind a `**`, by those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    FromStart(usize),
    FromEnd(usize),
}

/// Where the text of a `{name}` stands in whatever matches: there is one place only, and one text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Capture {
    name: String,
    place: Place,
    /// Bytes of its segment before and after it.
    around: (usize, usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Any,
    Deep,
    Literal(String),
    Mixed(TextGlob),
}

impl Glob {
    /// A glob over `/a/b`: one slash at the end makes no difference, neither here nor in what is matched.
    pub fn path(pattern: &str) -> Result<Glob, String> {
        let Some(inner) = pattern.strip_prefix('/') else {
            return Err("a path begins with `/`".into());
        };
        if let Some(wrong) = inner.chars().find(|c| matches!(c, '?' | '#' | '%') || c.is_control()) {
            return Err(match wrong {
                '?' => "a path ends before `?`: match parameters with `query`".into(),
                '%' => "write the character itself instead of a percent escape".into(),
                _ => format!("`{}` cannot stand in a path", wrong.escape_default()),
            });
        }
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if inner.split('/').any(|s| matches!(s, "." | "..")) || inner.contains("//") || inner.starts_with('/') {
            return Err("a canonical path has no `.`, `..` or empty segment".into());
        }
        Glob::new(inner, '/')
    }

    /// A glob over `api.example.com`: lower case, no port.
    pub fn host(pattern: &str) -> Result<Glob, String> {
        if pattern.contains(':') {
            return Err("a host is written without scheme and port".into());
        }
        let lower = pattern.to_lowercase();
        if lower.contains(['{', '}']) {
            return Err("only a path has captures: write `*`".into());
        }
        if lower.is_empty() || lower.split('.').any(str::is_empty) || lower.contains('/') {
            return Err("expected a host name such as `api.example.com` or `*.example.com`".into());
        }
        Glob::new(&lower, '.')
    }

    fn new(pattern: &str, separator: char) -> Result<Glob, String> {
        let mut captures: Vec<Capture> = Vec::new();
        let mut segments = Vec::new();
        let mut deep = 0;
        for (before, text) in pattern.split(separator).enumerate() {
            let after = pattern.split(separator).skip(before + 1).count();
            let place = if deep == 0 { Place::FromStart(before) } else { Place::FromEnd(after) };
            let (segment, capture) = Segment::parse(text, place)?;
            deep += usize::from(segment == Segment::Deep);
            segments.push(segment);
            if let Some(capture) = capture {
                if captures.iter().any(|known| known.name == capture.name) {
                    return Err(format!("`{{{}}}` stands twice", capture.name));
                }
                captures.push(capture);
            }
        }
        if deep > 1 && !captures.is_empty() {
            return Err("with more than one `**` it is not certain what a `{name}` stands for: write `*`".into());
        }
        let ending = segments.last().and_then(|last| last.texts().last()).map_or_else(String::new, String::clone);
        let roaming = segments.iter().skip_while(|segment| **segment != Segment::Deep).flat_map(Segment::texts);
        let within = roaming.max_by_key(|text| text.len()).filter(|text| **text != ending);
        let within = within.map_or_else(String::new, String::clone);
        Ok(Glob { separator, segments, ending, within, captures })
    }

    /// `text` without its first separator, for a path also without its last.
    pub fn matches(&self, text: &str) -> bool {
        let text = if self.separator == '/' { inner_path(text) } else { text };
        // Rules often share how their paths begin, and the index has seen that: most part ways at the end.
        if !text.ends_with(self.ending.as_str()) || memmem::find(text.as_bytes(), self.within.as_bytes()).is_none() {
            return false;
        }
        let mut pattern = self.segments.as_slice();
        let mut rest = Some(text);
        // Where the last `**` stood, and what it has not swallowed yet. Going back further can never help.
        let mut deep: Option<(&[Segment], Option<&str>)> = None;
        loop {
            let next = rest.map(|r| r.split_once(self.separator).map_or((r, None), |(first, r)| (first, Some(r))));
            match (pattern.split_first(), next) {
                (None, None) => return true,
                (Some((Segment::Deep, after)), _) => {
                    deep = Some((after, rest));
                    pattern = after;
                    continue;
                }
                (Some((segment, after)), Some((first, others))) if segment.matches(first) => {
                    pattern = after;
                    rest = others;
                    continue;
                }
                _ => {}
            }
            let Some((after, Some(unswallowed))) = deep else {
                return false;
            };
            rest = unswallowed.split_once(self.separator).map(|(_, r)| r);
            deep = Some((after, rest));
            pattern = after;
        }
    }

    /// The names that it captures and what they stand for in a text that matches.
    pub fn all_captured<'g>(&'g self, text: &'g str) -> impl Iterator<Item = (&'g str, &'g str)> {
        let captured = |capture: &'g Capture| Some((capture.name.as_str(), self.text_of(capture, text)?));
        self.captures.iter().filter_map(captured)
    }

    pub fn captures(&self, name: &str) -> bool {
        self.captures.iter().any(|capture| capture.name == name)
    }

    /// What a `{name}` stands for in a text that matches.
    pub fn captured<'t>(&self, name: &str, text: &'t str) -> Option<&'t str> {
        let capture = self.captures.iter().find(|capture| capture.name == name)?;
        self.text_of(capture, text)
    }

    fn text_of<'t>(&self, capture: &Capture, text: &'t str) -> Option<&'t str> {
        let mut segments = inner_path(text).split(self.separator);
        let segment = match capture.place {
            Place::FromStart(before) => segments.nth(before),
            Place::FromEnd(after) => segments.nth_back(after),
        }?;
        let (before, after) = capture.around;
        segment.get(before..segment.len().checked_sub(after)?)
    }

    /// The segments that stand at the same place in any match: those before the first `**`. `None` for one that is open.
    pub fn fixed_segments(&self) -> impl Iterator<Item = Option<&str>> {
        self.segments.iter().take_while(|segment| **segment != Segment::Deep).map(|segment| match segment {
            Segment::Literal(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// The whole text, if there is only one that matches.
    pub fn literal(&self) -> Option<String> {
        let literals: Option<Vec<&str>> = self.fixed_segments().collect();
        let literals = literals.filter(|literals| literals.len() == self.segments.len())?;
        Some(literals.join(&self.separator.to_string()))
    }
}

/// A path without its leading slash and without one at its end: what [`Glob::path`] splits.
pub fn inner_path(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path)
}

impl Segment {
    /// The segment, and what it captures.
    fn parse(text: &str, place: Place) -> Result<(Segment, Option<Capture>), String> {
        if text == "**" {
            return Ok((Segment::Deep, None));
        }
        if text.contains("**") {
            return Err("`**` stands for whole segments: put a separator on both sides".into());
        }
        let Some((before, rest)) = text.split_once('{') else {
            return if text.contains('}') { Err("`}` without `{`".into()) } else { Ok((Segment::of(text), None)) };
        };
        let (name, after) = rest.split_once('}').ok_or("`{` without `}`")?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(format!("`{{{name}}}`: a name has letters, digits and `_`"));
        }
        if [before, after].iter().any(|text| text.contains(['*', '{', '}'])) {
            return Err(format!(
                "it is not certain what `{{{name}}}` stands for beside another wildcard in its segment"
            ));
        }
        let capture = Capture { name: name.to_owned(), place, around: (before.len(), after.len()) };
        Ok((Segment::of(&format!("{before}*{after}")), Some(capture)))
    }

    /// A segment in which `*` is the only wildcard.
    fn of(pattern: &str) -> Segment {
        match pattern {
            "*" => Segment::Any,
            plain if !plain.contains('*') => Segment::Literal(plain.to_owned()),
            mixed => Segment::Mixed(TextGlob::new(mixed)),
        }
    }

    /// What is written in it, in order: any match has all of it.
    fn texts(&self) -> &[String] {
        match self {
            Segment::Any | Segment::Deep => &[],
            Segment::Literal(text) => std::slice::from_ref(text),
            Segment::Mixed(glob) => &glob.parts,
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Segment::Any => !text.is_empty(),
            // Handled where it may take several segments.
            Segment::Deep => false,
            Segment::Literal(literal) => literal == text,
            Segment::Mixed(glob) => glob.matches(text),
        }
    }
}

/// A glob over text without structure: `*` stands for any characters, none included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextGlob {
    /// What stands between the stars; one more than there are stars.
    parts: Vec<String>,
}

impl TextGlob {
    pub fn new(pattern: &str) -> TextGlob {
        TextGlob { parts: pattern.split('*').map(str::to_owned).collect() }
    }

    pub fn matches(&self, text: &str) -> bool {
        let (first, middle, last) = match self.parts.as_slice() {
            [] => return text.is_empty(),
            [only] => return only == text,
            [first, middle @ .., last] => (first, middle, last),
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|t| t.strip_suffix(last.as_str())) else {
            return false;
        };
        // The leftmost place of each part leaves the most room for the others.
        for part in middle {
            // Not `str::find`, which prepares itself for texts far longer than these.
            let found = memmem::find(rest.as_bytes(), part.as_bytes());
            match found.and_then(|at| rest.get(at + part.len()..)) {
                Some(after) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn paths() {
        for (pattern, yes, no) in [
            ("/", &["/"][..], &["/a"][..]),
            ("/a/b", &["/a/b", "/a/b/"], &["/a", "/a/b/c", "/A/b", "/a/bb", "/xa/b"]),
            ("/a/b/", &["/a/b", "/a/b/"], &["/a/b/c"]),
            ("/a/*", &["/a/x", "/a/x/"], &["/a", "/a/", "/a/x/y"]),
            ("/a/{id}/c", &["/a/1/c"], &["/a//c", "/a/1/2/c", "/a/c"]),
            ("/**", &["/", "/a", "/a/b/c"], &[]),
            ("/admin/**", &["/admin", "/admin/", "/admin/a/b"], &["/administrator", "/public/admin"]),
            ("/v1/**/export", &["/v1/export", "/v1/a/export", "/v1/a/b/export/"], &["/v1/a/exports", "/export"]),
            ("/**/a/**/b", &["/a/b", "/x/a/y/z/b", "/a/a/b/b"], &["/b/a", "/a", "/x/ab"]),
            ("/models/*:generateContent", &["/models/g:generateContent"], &["/models/g:generate", "/models/a/b"]),
            ("/files/{name}.csv", &["/files/a.csv", "/files/.csv"], &["/files/a.csvx", "/files/a"]),
            ("/a b/é", &["/a b/é"], &["/a%20b/é"]),
        ] {
            let glob = Glob::path(pattern).unwrap();
            yes.iter().for_each(|path| assert!(glob.matches(path), "{pattern} matches {path}"));
            no.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} does not match {path}"));
        }
    }

    #[test]
    fn names_capture_what_they_stand_for() {
        for (pattern, path, expected) in [
            ("/a/{id}/c", "/a/1/c", &[("id", "1")][..]),
            ("/{a}/{b}", "/x/y/", &[("a", "x"), ("b", "y")]),
            ("/files/{name}.csv", "/files/a.b.csv", &[("name", "a.b")]),
            ("/v{major}.x/{id}:sign", "/v2.x/é:sign", &[("major", "2"), ("id", "é")]),
            ("/{a}/**", "/x", &[("a", "x")]),
            ("/**/{last}", "/x/y/z", &[("last", "z")]),
            ("/{a}/**/{b}/c", "/x/1/2/y/c", &[("a", "x"), ("b", "y")]),
            ("/a/*/**", "/a/b", &[]),
        ] {
            let glob = Glob::path(pattern).unwrap();
            assert!(glob.matches(path), "{pattern} matches {path}");
            assert_eq!(glob.all_captured(path).collect::<Vec<_>>(), expected, "{pattern} on {path}");
            assert!(expected.iter().all(|(name, text)| glob.captured(name, path) == Some(*text)));
        }
    }

    #[test]
    fn hosts() {
        for (pattern, yes, no) in [
            ("API.example.com", &["api.example.com"][..], &["example.com", "x.api.example.com"][..]),
            ("*.example.com", &["a.example.com"], &["example.com", "a.b.example.com", "aexample.com"]),
            ("**.example.com", &["example.com", "a.b.example.com"], &["badexample.com", "example.com.evil"]),
            ("api-*.internal", &["api-eu.internal", "api-.internal"], &["api.internal"]),
        ] {
            let glob = Glob::host(pattern).unwrap();
            yes.iter().for_each(|host| assert!(glob.matches(host), "{pattern} matches {host}"));
            no.iter().for_each(|host| assert!(!glob.matches(host), "{pattern} does not match {host}"));
        }
    }

    #[test]
    fn bad_patterns_say_why() {
        for (pattern, reason) in [
            ("admin/**", "a path begins with `/`"),
            ("/a**", "`**` stands for whole segments: put a separator on both sides"),
            ("/a/../b", "a canonical path has no `.`, `..` or empty segment"),
            ("/a//b", "a canonical path has no `.`, `..` or empty segment"),
            ("/a?x=1", "a path ends before `?`: match parameters with `query`"),
            ("/a%20b", "write the character itself instead of a percent escape"),
            ("/{id", "`{` without `}`"),
            ("/id}", "`}` without `{`"),
            ("/{}", "`{}`: a name has letters, digits and `_`"),
            ("/{id}/{id}", "`{id}` stands twice"),
            ("/{a}-{b}", "it is not certain what `{a}` stands for beside another wildcard in its segment"),
            ("/*-{b}", "it is not certain what `{b}` stands for beside another wildcard in its segment"),
            ("/**/{a}/**", "with more than one `**` it is not certain what a `{name}` stands for: write `*`"),
        ] {
            assert_eq!(Glob::path(pattern), Err(reason.to_owned()), "{pattern}");
        }
        for pattern in ["", "a:80", "https://a", "a..b", "a/b", "{a}.example.com"] {
            assert!(Glob::host(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn texts() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "a", false),
            ("ab*ba", "aba", false),
            ("*b*", "abc", true),
            ("a*b*c*d", "axbxbxcxd", true),
            ("a*b*c*d", "axcxbxd", false),
            ("delete_*", "delete_repo", true),
            ("delete_*", "undelete_repo", false),
        ] {
            assert_eq!(TextGlob::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        /// The plain recursive definition, to compare with.
        #[test]
        fn agrees_with_the_definition(pattern in "(/(a|b|\\*|\\*\\*)){1,5}", path in "(/(a|b)){1,6}") {
            fn defined(pattern: &[&str], path: &[&str]) -> bool {
                match (pattern, path) {
                    ([], []) => true,
                    (["**", p @ ..], _) => (0..=path.len()).any(|n| defined(p, &path[n..])),
                    ([p, ps @ ..], [t, ts @ ..]) => (*p == "*" || p == t) && defined(ps, ts),
                    _ => false,
                }
            }
            let (ps, ts): (Vec<&str>, Vec<&str>) = (pattern.split('/').skip(1).collect(), path.split('/').skip(1).collect());
            proptest::prop_assert_eq!(Glob::path(&pattern).unwrap().matches(&path), defined(&ps, &ts));
        }

        /// Put back where they stand, captured texts give a path that the same glob with stars matches in the same way.
        #[test]
        fn captures_put_back_give_the_path(pattern in "(/(a|x\\{N\\}y|\\{N\\})){0,3}(/\\*\\*)?(/(b|\\{N\\})){1,2}", path in "(/(a|b|xy|xaby|xxyy)){1,7}") {
            let numbered = |(i, part): (usize, &str)| if i == 0 { part.to_owned() } else { format!("{{n{i}}}{part}") };
            let pattern: String = pattern.split("{N}").enumerate().map(numbered).collect();
            let glob = Glob::path(&pattern).unwrap();
            if glob.matches(&path) {
                let mut filled = pattern.clone();
                for (name, text) in glob.all_captured(&path) {
                    filled = filled.replace(&format!("{{{name}}}"), text);
                }
                proptest::prop_assert!(Glob::path(&filled).unwrap().matches(&path), "{pattern} filled {filled} on {path}");
            }
        }
    }
}
