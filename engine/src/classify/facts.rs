//! What a request says, in the forms that rules compare: every reading of method, host and path, and its body's values.
//!
//! Must not go here: rules and what they want (`matcher`).

use std::borrow::Cow;
use std::cell::OnceCell;

use super::body::{Needs, Values};
use super::findings::{self, Counts};
use super::truth::Reason;
use crate::extract::coding::Coding;
use crate::protocol::{aws, github, kubernetes};
use crate::redact::Profile;
use crate::request::{Head, Headers, Readings, canonical_host, canonical_target, hyphenated, query};

/// A request's head, read once.
#[derive(Debug)]
pub struct Facts<'a> {
    pub head: &'a Head,
    pub host: Result<Cow<'a, str>, Reason>,
    /// In upper case, the request's own first, then what overrides ask some frameworks to run instead.
    pub methods: Result<Vec<Cow<'a, str>>, Reason>,
    pub paths: Result<Readings<'a>, Reason>,
    /// The request's own, then that of a path that overrides it.
    pub queries: Vec<Cow<'a, str>>,
    calls: Calls,
}

/// What the request asks of single APIs: read once, where a rule wants to know. `None`: in one reading it asks nothing.
#[derive(Debug, Default)]
struct Calls {
    aws: OnceCell<aws::Calls>,
    github: OnceCell<Vec<Option<github::Call>>>,
    kubernetes: OnceCell<Vec<Option<kubernetes::Call>>>,
}

/// What a request has, as bits of [`traits`].
pub type Traits = u8;

/// See [`Facts::traits`].
pub mod traits {
    use super::Traits;

    /// It is one to AWS.
    pub const AWS: Traits = 1;
    /// A body may follow.
    pub const BODY: Traits = 2;
    pub const QUERY: Traits = 4;
}

/// Headers that make some frameworks run another method than the one sent.
const METHOD_OVERRIDES: [&[u8]; 3] = [b"x-http-method-override", b"x-http-method", b"x-method-override"];
/// The parameter that does the same.
const METHOD_PARAMETER: &str = "_method";
/// Headers that make some servers serve another path than the one sent.
const PATH_OVERRIDES: [&[u8]; 2] = [b"x-original-url", b"x-rewrite-url"];

impl<'a> Facts<'a> {
    pub fn of(head: &'a Head) -> Self {
        let mut facts = Facts {
            head,
            host: canonical_host(&head.authority).map_err(Reason::Target),
            methods: Ok(vec![upper(&head.method)]),
            paths: paths(head),
            queries: head.query.as_deref().map(Cow::Borrowed).into_iter().collect(),
            calls: Calls::default(),
        };
        facts.add_overrides();
        facts
    }

    /// Which of the traits `asked` it has.
    pub fn traits(&self, asked: Traits) -> Traits {
        let has = |one, is: bool| if is { one } else { 0 };
        // Looking whether it is one to AWS costs more than the rest.
        let aws = asked & traits::AWS != 0 && self.aws().map_or(true, |calls| !calls.is_empty());
        has(traits::AWS, aws) | has(traits::BODY, !self.head.bodyless) | has(traits::QUERY, !self.queries.is_empty())
    }

    /// What every reading asks of AWS; nothing if it is no request to it.
    pub fn aws(&self) -> Result<&aws::Calls, Reason> {
        let host = self.host.as_deref().map_err(|reason| *reason)?;
        let (paths, methods) = (self.path_readings()?, self.method_readings()?);
        Ok(self.calls.aws.get_or_init(|| {
            let mut calls = aws::Calls::default();
            let services = aws::Services::of(host, &self.head.headers, &self.queries);
            for (path, method) in paths.flat_map(|path| methods.iter().map(move |method| (path, method))) {
                calls.add(
                    &services,
                    &aws::Line { host, method, path, queries: &self.queries, headers: &self.head.headers },
                );
            }
            calls
        }))
    }

    /// What every reading asks of GitHub's REST API.
    pub fn github(&self) -> Result<&[Option<github::Call>], Reason> {
        let paths = self.path_readings()?;
        Ok(self.calls.github.get_or_init(|| distinct(paths.map(github::Call::read))))
    }

    /// What every reading asks of a Kubernetes API server.
    pub fn kubernetes(&self) -> Result<&[Option<kubernetes::Call>], Reason> {
        let (paths, methods) = (self.path_readings()?, self.method_readings()?);
        Ok(self.calls.kubernetes.get_or_init(|| {
            let pairs = self.queries.iter().flat_map(|text| query::readings(text));
            let said = pairs.filter(|(name, _)| name == "watch").map(|(_, value)| kubernetes::watches(&value));
            let mut watches: Vec<bool> = distinct(said);
            if watches.is_empty() {
                watches.push(false);
            }
            let lines = paths.flat_map(|path| methods.iter().map(move |method| (path, method)));
            let read = lines.flat_map(|(path, method)| {
                watches.iter().map(move |watch| kubernetes::Call::read(method, path, *watch))
            });
            distinct(read)
        }))
    }

    fn path_readings(&self) -> Result<impl Iterator<Item = &str>, Reason> {
        let paths = self.paths.as_ref().map_err(|reason| *reason)?;
        Ok(std::iter::once(paths.usual.as_ref()).chain(paths.others.iter().map(String::as_str)))
    }

    fn method_readings(&self) -> Result<&[Cow<'a, str>], Reason> {
        self.methods.as_deref().map_err(|reason| *reason)
    }

    fn add_overrides(&mut self) {
        let head = self.head;
        let mut seen: Vec<&[u8]> = Vec::new();
        for (name, value) in head.headers.iter().filter(|(name, _)| name.first() == Some(&b'x')) {
            let known = |names: &[&'static [u8]]| {
                let mut same_length = names.iter().copied().filter(|known| known.len() == name.len());
                same_length.find(|known| known.iter().copied().eq(hyphenated(name)))
            };
            let (method, path) = (known(&METHOD_OVERRIDES), known(&PATH_OVERRIDES));
            let Some(name) = method.or(path) else { continue };
            // Of two, servers take either.
            let twice = seen.contains(&name);
            if !twice {
                seen.push(name);
            }
            match &mut self.methods {
                _ if path.is_some() => self.add_path(value, twice),
                Ok(methods) if !twice => methods.push(upper(value.trim_ascii())),
                methods => *methods = Err(Reason::DuplicateHeader),
            }
        }
        self.add_parameters(head.query.as_deref().unwrap_or_default());
    }

    fn add_parameters(&mut self, query: &str) {
        if !query.contains(METHOD_PARAMETER) && !query.contains('%') {
            return;
        }
        let pairs = query::readings(query).into_iter();
        let mut methods = pairs.filter(|(name, _)| name == METHOD_PARAMETER).map(|(_, method)| method);
        let Some(first) = methods.next() else { return };
        if methods.any(|other| other != first) {
            self.methods = Err(Reason::DuplicateHeader);
        } else if let Ok(known) = &mut self.methods {
            known.push(Cow::Owned(first.to_ascii_uppercase()));
        }
    }

    fn add_path(&mut self, value: &[u8], twice: bool) {
        let Ok(readings) = &mut self.paths else { return };
        match canonical_target(value.trim_ascii()) {
            _ if twice => self.paths = Err(Reason::DuplicateHeader),
            Ok(target) => {
                let other = Readings::of(&target.path, value);
                readings.others.push(other.usual.into_owned());
                readings.others.extend(other.others);
                self.queries.extend(target.query.map(Cow::Owned));
            }
            Err(error) => self.paths = Err(Reason::Target(error)),
        }
    }
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

fn upper(method: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(method) {
        text if text.bytes().any(|b| b.is_ascii_lowercase()) => Cow::Owned(text.to_ascii_uppercase()),
        text => text,
    }
}

fn paths(head: &Head) -> Result<Readings<'_>, Reason> {
    if head.path.is_empty() {
        // The caller found no canonical form: say why.
        let error = canonical_target(&head.target).err().unwrap_or(crate::request::TargetError::Missing);
        return Err(Reason::Target(error));
    }
    Ok(Readings::of(&head.path, &head.target))
}

/// A body as far as rules know it: `None` where it has not been read.
#[derive(Debug)]
pub struct Body<'a> {
    pub size: Option<Result<usize, Reason>>,
    pub values: Option<Result<Values<'a>, Reason>>,
    /// Counted where a rule asks.
    counts: Counting<'a>,
}

#[derive(Debug)]
enum Counting<'a> {
    NotRead,
    Unavailable,
    Ready {
        headers: &'a Headers,
        body: &'a [u8],
        detector: Option<&'a Profile>,
        counts: OnceCell<Result<Counts, Reason>>,
    },
}

impl<'a> Body<'a> {
    pub fn not_read() -> Self {
        Body { size: None, values: None, counts: Counting::NotRead }
    }

    /// Not read, and it will not be.
    pub fn unavailable() -> Self {
        let reason = Reason::BodyNotRead;
        Body { size: Some(Err(reason)), values: Some(Err(reason)), counts: Counting::Unavailable }
    }

    /// Reads a complete, decoded body by what it is rather than by what it is called: JSON under any content type counts as JSON.
    pub fn read(headers: &'a Headers, body: &'a [u8], needs: &'a Needs) -> Self {
        let pointers = &needs.pointers;
        let values = match format(headers, body) {
            Ok(Format::Json) => Values::of_json(body, pointers),
            Ok(Format::Form) => Values::of_form(body, pointers),
            Ok(Format::FormOrJson) => Values::of_form_or_json(body, pointers),
            Ok(Format::Other) => Ok(Values::none()),
            Err(reason) => Err(reason),
        };
        let counts = Counting::Ready { headers, body, detector: needs.detector.as_ref(), counts: OnceCell::new() };
        Body { size: Some(Ok(body.len())), values: Some(values), counts }
    }

    /// What is found in it; `None` where it has not been read.
    pub fn counts(&self) -> Option<Result<&Counts, Reason>> {
        match &self.counts {
            Counting::NotRead => None,
            Counting::Unavailable => Some(Err(Reason::BodyNotRead)),
            Counting::Ready { headers, body, detector, counts } => {
                let count = || detector.map_or(Ok(Counts::new()), |profile| findings::count(headers, body, profile));
                Some(counts.get_or_init(count).as_ref().map_err(|reason| *reason))
            }
        }
    }
}

/// Can a body with these headers be read by everyone alike? One content type, a known encoding and charset.
pub fn readable(headers: &Headers, body: &[u8]) -> Result<(), Reason> {
    if body.is_empty() { Ok(()) } else { media(headers, body).map(drop) }
}

enum Format {
    Form,
    /// Called a form, and looks like JSON.
    FormOrJson,
    Json,
    /// Holds no values that a pointer could name.
    Other,
}

fn format(headers: &Headers, body: &[u8]) -> Result<Format, Reason> {
    if body.is_empty() {
        return Ok(Format::Other);
    }
    let media = media(headers, body)?;
    let first = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().first();
    let looks_like_json = matches!(first, Some(b'{' | b'['));
    Ok(match media.as_str() {
        media if has_fields(media) => return Err(Reason::UnsupportedBody),
        "application/x-www-form-urlencoded" if looks_like_json => Format::FormOrJson,
        _ if looks_like_json => Format::Json,
        "application/json" | "text/json" | "application/jsonrequest" => Format::Json,
        media if media.ends_with("+json") => Format::Json,
        "application/x-www-form-urlencoded" => Format::Form,
        // Rack takes a body of no type for a form.
        "" if std::str::from_utf8(body).is_ok() => Format::Form,
        _ => Format::Other,
    })
}

/// The media type in lower case, empty if there is none, of a body in a known coding and in UTF-8.
fn media(headers: &Headers, body: &[u8]) -> Result<String, Reason> {
    Coding::of(headers).map_err(|_| Reason::UnsupportedEncoding)?;
    let mut types = headers.all("content-type");
    let content_type = types.next().unwrap_or_default();
    if types.any(|other| other != content_type) {
        return Err(Reason::DuplicateHeader);
    }
    let content_type = String::from_utf8_lossy(content_type).to_ascii_lowercase();
    let (media, parameters) = content_type.split_once(';').unwrap_or((&content_type, ""));
    charset(parameters)?;
    // UTF-16 and UTF-32 show themselves by a NUL beside the first character of any JSON or form.
    if body.iter().take(4).any(|b| *b == 0) || body.starts_with(&[0xfe, 0xff]) || body.starts_with(&[0xff, 0xfe]) {
        return Err(Reason::UnsupportedCharset);
    }
    let media = media.trim();
    // Some servers end a media type at a comma or a space, others do not.
    if media.contains([',', ' ', '\t']) {
        return Err(Reason::UnsupportedBody);
    }
    Ok(media.to_owned())
}

/// Formats that carry the same fields as JSON would, and that are not read here.
fn has_fields(media: &str) -> bool {
    const NAMES: [&str; 9] = ["avro", "bson", "cbor", "ion", "msgpack", "protobuf", "smile", "xml", "yaml"];
    let subtype = media.split_once('/').map_or("", |(_, subtype)| subtype);
    let mut words = subtype.split(['+', '-', '.']);
    media.starts_with("multipart/")
        || (!media.starts_with("image/") && words.any(|word| NAMES.contains(&word)))
        || subtype.starts_with("grpc")
}

fn charset(parameters: &str) -> Result<(), Reason> {
    let mut charsets = parameters.split(';').filter_map(|parameter| parameter.trim().strip_prefix("charset"));
    let utf8 = |rest: &str| {
        let name = rest.trim_start().strip_prefix('=').map(|value| value.trim().trim_matches('"'));
        matches!(name, Some("utf-8" | "utf8" | "us-ascii"))
    };
    if charsets.all(utf8) { Ok(()) } else { Err(Reason::UnsupportedCharset) }
}
