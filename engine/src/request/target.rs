//! `:path` and `:authority` in canonical form, and the other ways in which an upstream may read a path.
//!
//! The canonical path is what is forwarded: RFC 3986 normalisation and nothing more (unreserved characters decoded, hex
//! in upper case, dot segments resolved, slashes merged), so that every server reads it as it read the original. What
//! servers disagree on (`;params`, `\`, `%2F`, double encoding) stays as it is; [`Readings`] lists what it may mean.
//!
//! Must not go here: which reading matters to a policy (`classify`).

use std::borrow::Cow;
use std::fmt;

/// The two halves of `:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Canonical {
    pub path: String,
    /// Without `?`, as received.
    pub query: Option<String>,
}

/// A target that no two servers need read alike. [`crate::request::Head::path`] stays empty for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetError {
    /// `http://host/path` where Envoy leaves it (HTTP/2), or no leading slash.
    AbsoluteForm,
    /// A control character, space or DEL, raw or encoded.
    ControlCharacter,
    /// `#`, which some servers cut off and others keep.
    Fragment,
    /// Not a host: empty, user information, a second colon, characters outside a host name.
    Host,
    /// No path at all, as in CONNECT.
    Missing,
    /// A byte over 0x7f that is not encoded.
    NonAscii,
    /// `%` without two hex digits.
    PercentEncoding,
    /// A path beyond [`MAX_PATH`].
    TooLong,
    /// Encoded bytes that are not UTF-8 (overlong forms among them).
    Utf8,
}

impl TargetError {
    /// The stable reason code.
    pub const fn code(self) -> &'static str {
        match self {
            TargetError::Host => "ambiguous_authority",
            _ => "ambiguous_path",
        }
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TargetError::AbsoluteForm => "the path does not start with `/`",
            TargetError::ControlCharacter => "the path holds a control character or a space",
            TargetError::Fragment => "the path holds `#`",
            TargetError::Host => "the authority is not a host name or address",
            TargetError::Missing => "the request has no path",
            TargetError::NonAscii => "the path holds a byte that is not ASCII; percent-encode it",
            TargetError::PercentEncoding => "the path holds `%` without two hex digits",
            TargetError::TooLong => "the path is longer than 8 KiB",
            TargetError::Utf8 => "the path holds encoded bytes that are not UTF-8",
        })
    }
}

/// The canonical form of a request target. Idempotent: a canonical target is its own canonical form.
pub fn canonical_target(target: &[u8]) -> Result<Canonical, TargetError> {
    match target {
        [] => return Err(TargetError::Missing),
        b"*" => return Ok(Canonical { path: "*".to_owned(), query: None }),
        [b'/', ..] => {}
        _ => return Err(TargetError::AbsoluteForm),
    }
    if target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
        return Err(TargetError::ControlCharacter);
    }
    let fragment = target.contains(&b'#');
    let target = std::str::from_utf8(target).ok().filter(|t| t.is_ascii()).ok_or(TargetError::NonAscii)?;
    if fragment {
        return Err(TargetError::Fragment);
    }
    let (path, query) = split_query(target);
    if path.len() > MAX_PATH {
        return Err(TargetError::TooLong);
    }
    let path = if path.as_bytes().contains(&b'%') { Cow::Owned(decode_unreserved(path)?) } else { Cow::Borrowed(path) };
    let path = if is_plain(&path) { path.into_owned() } else { resolve(&path) };
    Ok(Canonical { path, query: query.map(str::to_owned) })
}

/// The host of an authority: lower case, without port and trailing dot. Borrowed where that is how it came.
pub fn canonical_host(authority: &[u8]) -> Result<Cow<'_, str>, TargetError> {
    let text = std::str::from_utf8(authority).map_err(|_| TargetError::Host)?;
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        // An IPv6 address keeps its colons; what follows the bracket is a port or nothing.
        Some((address, after)) => (address, after.strip_prefix(':').or(after.is_empty().then_some(""))),
        None => match text.split_once(':') {
            Some((host, port)) => (host.strip_suffix('.').unwrap_or(host), Some(port)),
            None => (text.strip_suffix('.').unwrap_or(text), Some("")),
        },
    };
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':') || b >= 0x80;
    let sound = port.is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()))
        && !host.is_empty()
        && host.bytes().all(named)
        && !host.as_bytes().split(|b| *b == b'.').any(<[u8]>::is_empty);
    if !sound {
        return Err(TargetError::Host);
    }
    Ok(if host.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

/// What a path may mean to whoever reads it: decoded text, the common reading first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings<'a> {
    pub usual: Cow<'a, str>,
    /// Empty for nearly every request.
    pub others: Vec<String>,
}

impl<'a> Readings<'a> {
    /// `path` is canonical, `target` is what was received.
    pub fn of(path: &'a str, target: &[u8]) -> Self {
        let received = target.split(|b| *b == b'?').next().unwrap_or_default();
        let doubtful = |b: u8| matches!(b, b'%' | b';' | b'\\');
        if received == path.as_bytes() && !path.bytes().any(doubtful) {
            return Readings { usual: Cow::Borrowed(path), others: Vec::new() };
        }
        let usual = decode_text(path);
        let mut others = Vec::new();
        let mut add = |reading: String| {
            if reading != usual && !others.contains(&reading) {
                others.push(reading);
            }
        };
        // A server that resolves nothing sees what was sent.
        let received = String::from_utf8_lossy(received);
        add(decode_text(&received));
        // One that does not merge slashes lets `..` remove an empty segment.
        let unmerged = decode_unreserved(&received).map(|text| resolve_unmerged(&text)).unwrap_or_default();
        add(decode_text(&unmerged));
        add(decode_text(&resolve(&unmerged)));
        if path.bytes().any(doubtful) {
            for text in [path, &unmerged] {
                for decoded in [text.to_owned(), decode_all(text, 1), decode_all(text, MAX_DECODINGS)] {
                    for slashed in [decoded.clone(), decoded.replace('\\', "/")] {
                        for segments in [without_params(&slashed), slashed] {
                            add(decode_text(&resolve(&segments)));
                            add(decode_text(&resolve(&resolve_unmerged(&segments))));
                        }
                    }
                }
            }
        }
        Readings { usual: Cow::Owned(usual), others }
    }
}

/// The longest path, without its query: servers take about as much (RFC 9110, 4.1), and each reading is matched on its own.
const MAX_PATH: usize = 8 * 1024;

/// How often a path may be decoded on its way through gateways and frameworks.
const MAX_DECODINGS: usize = 4;

fn split_query(target: &str) -> (&str, Option<&str>) {
    target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
}

/// True if there is no empty segment (but the last) and no dot segment.
fn is_plain(path: &str) -> bool {
    let mut segments = path.as_bytes().split(|b| *b == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        if matches!(segment, b"." | b"..") || (segment.is_empty() && !last) {
            return false;
        }
    }
    true
}

/// Merges slashes and resolves dot segments (RFC 3986, 5.2.4); `..` at the root stays at the root.
fn resolve(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut directory = true;
    for segment in path.split('/') {
        directory = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    let mut resolved = String::with_capacity(path.len() + 1);
    for segment in &kept {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if directory || kept.is_empty() {
        resolved.push('/');
    }
    resolved
}

/// Resolves dot segments as RFC 3986, 5.2.4 has it: an empty segment is one like any other.
fn resolve_unmerged(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Decodes unreserved characters, writes other escapes in upper case, refuses what no server should get.
fn decode_unreserved(path: &str) -> Result<String, TargetError> {
    let mut text = String::with_capacity(path.len());
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            text.push(char::from(*first));
            decoded.push(*first);
            continue;
        }
        let (byte, after) = escape(after).ok_or(TargetError::PercentEncoding)?;
        rest = after;
        decoded.push(byte);
        match byte {
            0..0x20 | 0x7f => return Err(TargetError::ControlCharacter),
            b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            _ => push_escape(&mut text, byte),
        }
    }
    std::str::from_utf8(&decoded).map_err(|_| TargetError::Utf8)?;
    Ok(text)
}

/// The text of a path: escapes decoded but for those that would change its structure (`/`, `\`, `;`, `%`).
fn decode_text(path: &str) -> String {
    decode_where(path, |byte| !matches!(byte, b'/' | b'\\' | b';' | b'%'))
}

/// Decodes every escape once; broken ones stay as they are.
pub fn decode_percent(text: &str) -> String {
    decode_where(text, |_| true)
}

fn decode_all(path: &str, times: usize) -> String {
    let mut text = path.to_owned();
    for _ in 0..times {
        let decoded = decode_percent(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    text
}

fn decode_where(text: &str, wanted: impl Fn(u8) -> bool) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (*first == b'%').then(|| escape(after)).flatten() {
            Some((byte, after)) if wanted(byte) => {
                decoded.push(byte);
                rest = after;
            }
            _ => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn without_params(path: &str) -> String {
    let bare: Vec<&str> = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    bare.join("/")
}

/// The byte behind two hex digits, and what follows them.
fn escape(after_percent: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match after_percent {
        [high, low, rest @ ..] => Some((digit(high)? << 4 | digit(low)?, rest)),
        _ => None,
    }
}

fn push_escape(text: &mut String, byte: u8) {
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        text.extend(char::from_digit(u32::from(digit), 16).map(|c| c.to_ascii_uppercase()));
    }
}

#[cfg(test)]
mod tests;
