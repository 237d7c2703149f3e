//! Findings become replacements, replacements become bytes; every byte outside of a finding stays as it was.
//!
//! ```text
//! body ─► format ─► json | form | … (fields with keys) ─► value (decoders) ─► detect ─► style, labels ─► edits ─► bytes
//! ```
//! A body that cannot be understood is refused with a stable code, never passed on unread: what selects a body for
//! redaction relies on it. Must not go here: what is personal (`detect`), which route is redacted (`policy`).

mod edit;
mod encode;
mod form;
mod format;
mod head;
mod json;
mod labels;
mod markup;
mod members;
mod multipart;
mod own;
pub(crate) mod pointer;
mod profile;
mod stream;
mod style;
mod table;
mod value;
mod view;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use edit::Job;
use format::Format;
pub use head::{Chosen, Masked, Parameters, head};
pub use labels::Labels;
pub use own::CustomSource;
pub use profile::{Binary, Profile, ProfileSource, entities};
pub use stream::{Stream, streams};
pub use style::{Style, StyleSource};
use value::Place;

use crate::extract::json::JsonError;

/// One redacted value: its type, its place in the bytes as received, how sure we are (0 to 100).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub entity: Cow<'static, str>,
    pub range: Range<usize>,
    pub score: u8,
}

/// What became of some bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redacted {
    /// `None`: nothing was found, the bytes received are the bytes to send.
    pub body: Option<Vec<u8>>,
    pub findings: Vec<Finding>,
}

/// Why a body cannot be redacted, and so must not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A type that carries no text, where the profile does not let such pass.
    BinaryBody,
    InvalidUtf8 {
        at: usize,
    },
    Json(JsonError),
    /// Parts that parsers cut differently, or a part that is not sent as it is.
    Multipart,
    /// A line, event or document is longer than may be kept in memory.
    TooLarge {
        limit: usize,
    },
    UnsupportedCharset,
    /// More than one `Content-Type`, or one that cannot be read.
    UnsupportedType,
}

impl Refusal {
    /// The stable reason code.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::BinaryBody => "binary_body",
            Refusal::InvalidUtf8 { .. } => "invalid_utf8",
            Refusal::Json(error) => error.code(),
            Refusal::Multipart => "invalid_multipart",
            Refusal::TooLarge { .. } => "body_too_large",
            Refusal::UnsupportedCharset => "unsupported_charset",
            Refusal::UnsupportedType => "unsupported_type",
        }
    }

    /// The same of a text that stands at `start` in a larger one.
    fn moved(self, start: usize) -> Refusal {
        match self {
            Refusal::InvalidUtf8 { at } => Refusal::InvalidUtf8 { at: at + start },
            Refusal::Json(error) => Refusal::Json(JsonError { at: error.at + start, ..error }),
            other => other,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BinaryBody => {
                write!(f, "a body of this type cannot be redacted: expected text, or `binary: pass`")
            }
            Refusal::InvalidUtf8 { at } => write!(f, "invalid UTF-8, at byte {at}"),
            Refusal::Json(error) => error.fmt(f),
            Refusal::Multipart => write!(f, "the parts of the body cannot be told apart, or one is encoded"),
            Refusal::TooLarge { limit } => {
                write!(f, "more than {limit} bytes would have to be kept to redact the body")
            }
            Refusal::UnsupportedCharset => write!(f, "unsupported charset: expected UTF-8"),
            Refusal::UnsupportedType => write!(f, "content type cannot be read: expected one media type"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Redacts a complete body. Without a content type, or with one that says nothing, the body is looked at.
pub fn body(
    content_type: Option<&[u8]>,
    body: &[u8],
    profile: &Profile,
    labels: &mut Labels,
) -> Result<Redacted, Refusal> {
    match Format::of(content_type, body)? {
        Format::Multipart => multipart::parts(content_type, body, profile, labels),
        format => content(format, content_type, body, Place::default(), profile, labels),
    }
}

/// Redacts a body that is no multipart, or one part of such.
fn content(
    format: Format,
    content_type: Option<&[u8]>,
    body: &[u8],
    place: Place,
    profile: &Profile,
    labels: &mut Labels,
) -> Result<Redacted, Refusal> {
    if format == Format::Binary {
        return if profile.passes_binary() { Ok(Redacted::default()) } else { Err(Refusal::BinaryBody) };
    }
    let text = std::str::from_utf8(body).map_err(|e| Refusal::InvalidUtf8 { at: e.valid_up_to() })?;
    let mut job = Job::new(profile, labels);
    let mut edits = Vec::new();
    match format {
        Format::Json => json::document(&mut job, text, place, &mut edits).map_err(Refusal::Json)?,
        Format::JsonLines => lines(&mut job, text, &mut edits)?,
        Format::Form => form::fields(&mut job, text, &mut edits),
        Format::Markup => markup::fields(&mut job, text, &mut edits),
        Format::Table => table::fields(&mut job, text, &mut edits),
        Format::EventStream => return events(content_type, body, profile, labels),
        Format::Text | Format::Binary => value::field(&mut job, text, place, &mut edits),
        // Parts within parts are read by few, and by these differently.
        Format::Multipart => return Err(Refusal::UnsupportedType),
    }
    Ok(edit::apply(text, edits))
}

/// A complete stream of events.
fn events(
    content_type: Option<&[u8]>,
    body: &[u8],
    profile: &Profile,
    labels: &mut Labels,
) -> Result<Redacted, Refusal> {
    let content_type = content_type.or(Some(b"text/event-stream"));
    let mut out = Vec::with_capacity(body.len());
    let mut stream = Stream::new(content_type);
    stream.push(body, profile, labels, &mut out)?;
    stream.finish(profile, labels, &mut out)?;
    let findings = stream.findings().to_vec();
    Ok(Redacted { body: (out != body).then_some(out), findings })
}

/// One JSON document per line.
fn lines(job: &mut Job<'_>, text: &str, out: &mut Vec<edit::Edit>) -> Result<(), Refusal> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let from = out.len();
        if !line.trim().is_empty() {
            let fault = |error: JsonError| Refusal::Json(error).moved(start);
            json::document(job, line, Place::default(), out).map_err(fault)?;
        }
        let new = out.get_mut(from..).unwrap_or_default();
        edit::lift(new, |range| range.start + start..range.end + start, str::to_owned);
        start += line.len();
    }
    Ok(())
}

/// Redacts a query string, without its `?`.
pub fn query(query: &str, profile: &Profile, labels: &mut Labels) -> Redacted {
    let mut edits = Vec::new();
    form::fields(&mut Job::new(profile, labels), query, &mut edits);
    edit::apply(query, edits)
}

/// Redacts a text on its own: a header value, a path segment, a reason. `key` is the name it goes by, or empty.
pub fn text(key: &str, text: &str, profile: &Profile, labels: &mut Labels) -> Redacted {
    let mut job = Job::new(profile, labels);
    let mut edits = Vec::new();
    value::field(&mut job, text, Place::of(key), &mut edits);
    edit::apply(text, edits)
}

#[cfg(test)]
mod tests;
