//! Which way a body is read: by its content type, or by a look at it where the type is absent or says nothing.
//!
//! Must not go here: reading it.

use super::{Refusal, form, markup, table};
use crate::extract::json::{Limits, Scanner};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Carries no text.
    Binary,
    EventStream,
    Form,
    Json,
    JsonLines,
    Markup,
    Multipart,
    Table,
    Text,
}

impl Format {
    pub fn of(content_type: Option<&[u8]>, body: &[u8]) -> Result<Format, Refusal> {
        Ok(match content_type.map(Format::named).transpose()?.flatten() {
            Some(format) => format,
            None => Format::look(body),
        })
    }

    /// What the header's value says; `None`: nothing of use.
    pub fn named(value: &[u8]) -> Result<Option<Format>, Refusal> {
        let value = std::str::from_utf8(value).map_err(|_| Refusal::UnsupportedType)?;
        let mut parts = value.split(';').map(str::trim);
        let media = parts.next().unwrap_or_default().to_ascii_lowercase();
        if value.contains(',') {
            return Err(Refusal::UnsupportedType);
        }
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let charset = value.trim_matches('"').to_ascii_lowercase();
            if name.trim().eq_ignore_ascii_case("charset") && !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")
            {
                return Err(Refusal::UnsupportedCharset);
            }
        }
        let (kind, subtype) = media.split_once('/').unwrap_or((&media, ""));
        Ok(match (kind, subtype) {
            (_, "json") => Some(Format::Json),
            (_, subtype) if subtype.ends_with("+json") => Some(Format::Json),
            (_, "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" | "json-seq") => Some(Format::JsonLines),
            (_, "x-www-form-urlencoded") => Some(Format::Form),
            ("multipart", _) => Some(Format::Multipart),
            (_, "event-stream") => Some(Format::EventStream),
            (_, "csv" | "tab-separated-values") => Some(Format::Table),
            (_, "xml" | "html" | "svg+xml" | "xhtml+xml") => Some(Format::Markup),
            (_, subtype) if subtype.ends_with("+xml") => Some(Format::Markup),
            ("image" | "audio" | "video" | "font", _) => Some(Format::Binary),
            (_, "pdf" | "zip" | "gzip" | "x-tar" | "wasm" | "x-protobuf" | "protobuf" | "cbor" | "msgpack") => {
                Some(Format::Binary)
            }
            (_, subtype) if subtype.starts_with("grpc") || subtype.starts_with("vnd.openxml") => Some(Format::Binary),
            _ => None,
        })
    }

    /// What the body looks like.
    pub fn look(body: &[u8]) -> Format {
        let Ok(text) = std::str::from_utf8(body) else {
            // Text in some other encoding has no control characters; it cannot be read as text either, but is no file.
            let binary = body.iter().any(|b| *b < b'\t' || matches!(b, 0x0e..=0x1a));
            return if binary { Format::Binary } else { Format::Text };
        };
        match text.trim_start().as_bytes().first() {
            Some(b'{' | b'[' | b'"') if is_json(body) => Format::Json,
            Some(b'{' | b'[')
                if text.lines().filter(|line| !line.trim().is_empty()).all(|line| is_json(line.as_bytes())) =>
            {
                Format::JsonLines
            }
            Some(b'<') if markup::looks_like(text) => Format::Markup,
            _ if text.starts_with("data:")
                || text.starts_with("event:")
                || text.starts_with(":") && text.contains("\ndata:") =>
            {
                Format::EventStream
            }
            _ if form::looks_like(text) => Format::Form,
            _ if table::looks_like(text) => Format::Table,
            _ => Format::Text,
        }
    }
}

fn is_json(body: &[u8]) -> bool {
    let mut scanner = Scanner::new(body, Limits::default());
    loop {
        match scanner.next() {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
