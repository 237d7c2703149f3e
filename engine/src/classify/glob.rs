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
mod tests;
