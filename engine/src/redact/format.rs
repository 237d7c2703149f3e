//! Which way a body is read: by its content type, or by a look at it where the type is absent or says nothing.
//!
//! Must not go here: reading it.

use super::Refusal;
use crate::extract::json::{Limits, Scanner};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Carries no text.
    Binary,
    Json,
    Text,
}

impl Format {
    pub fn of(content_type: Option<&[u8]>, body: &[u8]) -> Result<Format, Refusal> {
        match content_type.map(parse).transpose()?.flatten() {
            Some(format) => Ok(format),
            None => Ok(look(body)),
        }
    }
}

/// What the header's value says; `None`: nothing of use.
fn parse(value: &[u8]) -> Result<Option<Format>, Refusal> {
    let value = std::str::from_utf8(value).map_err(|_| Refusal::UnsupportedType)?;
    let mut parts = value.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    if value.contains(',') {
        return Err(Refusal::UnsupportedType);
    }
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let charset = value.trim_matches('"').to_ascii_lowercase();
        if name.trim().eq_ignore_ascii_case("charset") && !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii") {
            return Err(Refusal::UnsupportedCharset);
        }
    }
    let (kind, subtype) = media.split_once('/').unwrap_or((&media, ""));
    Ok(match (kind, subtype) {
        ("application", "json") => Some(Format::Json),
        (_, subtype) if subtype.ends_with("+json") => Some(Format::Json),
        ("image" | "audio" | "video" | "font", subtype) if subtype != "svg+xml" => Some(Format::Binary),
        ("application", "pdf" | "zip" | "gzip" | "x-tar" | "wasm" | "x-protobuf" | "protobuf" | "cbor") => {
            Some(Format::Binary)
        }
        ("application", subtype) if subtype.starts_with("grpc") || subtype.starts_with("vnd.openxml") => {
            Some(Format::Binary)
        }
        _ => None,
    })
}

/// What the body looks like.
fn look(body: &[u8]) -> Format {
    let start = body.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(body.len());
    match body.get(start) {
        Some(b'{' | b'[') if is_json(body) => Format::Json,
        _ if std::str::from_utf8(body).is_err() && body.contains(&0) => Format::Binary,
        _ => Format::Text,
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
