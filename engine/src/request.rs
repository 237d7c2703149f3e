//! The head of a request as Envoy received it: bytes, before any judgement.
//!
//! Must not go here: what a policy thinks of it (`classify`), bodies (`extract`).

mod fields;
pub mod query;
mod target;

use std::fmt;
use std::ops::Range;

pub use target::{Canonical, Readings, TargetError, canonical_host, canonical_target, decode_percent};

/// Header fields in the order received, names in lower case as HTTP/2 has them; values are bytes (RFC 9110, 5.5). One
/// buffer for all of them, since most requests are looked at and let go.
#[derive(Clone, Default)]
pub struct Headers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

/// Where name and value stand in the buffer.
#[derive(Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl Headers {
    pub fn new<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut headers = Headers::default();
        for (name, value) in fields {
            let name = headers.append(name.as_ref());
            let value = headers.append(value.as_ref());
            headers.fields.push(Field { name, value });
        }
        headers
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let part = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        self.fields.iter().map(move |field| (part(&field.name), part(&field.value)))
    }

    /// Keeps the fields whose name and value are wanted.
    fn retain(&mut self, mut wanted: impl FnMut(&[u8], &[u8]) -> bool) {
        let Headers { bytes, fields } = self;
        let part = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        fields.retain(|field| wanted(part(&field.name), part(&field.value)));
    }

    /// All values of `name` (lower case).
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| *n == name.as_bytes()).map(|(_, value)| value)
    }

    /// All values of names that CGI, WSGI and Rack take for `name` and that are not `name`: with underscores for hyphens.
    pub fn alike<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let alike = move |n: &[u8]| n != name.as_bytes() && hyphenated(n).eq(hyphenated(name.as_bytes()));
        self.iter().filter(move |(n, _)| alike(n)).map(|(_, value)| value)
    }

    /// Is `name` one that only this gateway may set, or what CGI, WSGI and Rack take for it?
    pub fn is_ours(name: &[u8]) -> bool {
        let [b'x', b'-' | b'_', rest @ ..] = name else { return false };
        matches!(rest.strip_prefix(b"privyseal"), Some([b'-' | b'_', ..]))
    }

    /// The value of `name` if it stands exactly once.
    pub fn only<'a>(&'a self, name: &'a str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        let first = values.next();
        if values.next().is_some() { None } else { first }
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Headers {}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |bytes| String::from_utf8_lossy(bytes);
        f.debug_list().entries(self.iter().map(|(name, value)| (text(name), text(value)))).finish()
    }
}

/// A header's name with hyphens for underscores.
pub fn hyphenated(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(|b| if *b == b'_' { b'-' } else { *b })
}

/// One request's head with what is known about who sent it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub method: Vec<u8>,
    pub scheme: Vec<u8>,
    pub authority: Vec<u8>,
    /// `:path` as received: path and query.
    pub target: Vec<u8>,
    /// `target` in canonical form, made once by [`canonical_target`]; what is matched and forwarded. Empty if that failed.
    pub path: String,
    /// Query without `?`, as received.
    pub query: Option<String>,
    /// All but the pseudo-headers.
    pub headers: Headers,
    /// The request ended with it. False where a body may follow, or something that is no request any more.
    pub bodyless: bool,
    /// `source.address` without its port, where the policy asks for it.
    pub peer: Option<String>,
    /// Envoy's attributes that the policy asks for, in its order, as the host serialises them.
    pub attributes: Vec<Option<Vec<u8>>>,
    /// From a verified source only.
    pub principal: Option<String>,
    pub on_behalf_of: Option<String>,
}

impl Head {
    /// The W3C `traceparent`, if it has the form of one; whether it names a trace is for its reader to say.
    pub fn traceparent(&self) -> Option<String> {
        let value = self.headers.only("traceparent")?;
        let fits = value.len() == 55 && value.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-');
        if fits { String::from_utf8(value.to_vec()).ok() } else { None }
    }
}
