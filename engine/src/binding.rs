//! What an approval is bound to: the digest of one request as received and as forwarded.
//!
//! Bound are method, scheme, authority, path and query, every header but the volatile ones, trailers, the body before and
//! after redaction, principal, on-behalf-of, tenant and environment. A credential enters as its HMAC, but for the one that
//! the principal was derived from, which the principal represents. Of JSON-RPC, where a rule speaks of it, only the
//! correlation fields are left out, of multipart the boundary. Golden-tested: a change of this encoding is a change of the contract.
//!
//! Must not go here: the wire form of a hold (`hold`), the encoding's mechanics (`digest`).

pub mod credential;
pub mod multipart;
pub mod volatile;

use std::collections::BTreeMap;
use std::ops::Range;

use hmac::Mac;
use sha2::{Digest, Sha256};

use crate::digest::{Encoder, hex, mac};
use crate::extract::coding::Coding;
use crate::hold::Forwarded;
use crate::keys::Keys;
use crate::redact::Masked;
use crate::request::{Head, Headers};

/// Everything that the digest covers.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    pub head: &'a Head,
    pub trailers: &'a Headers,
    /// As received.
    pub body: &'a [u8],
    /// As it will be forwarded.
    pub forwarded: &'a [u8],
    /// What of the head is forwarded otherwise than received.
    pub masked: &'a Masked,
    pub tenant: &'a str,
    pub environment: &'a str,
    /// The header and the claim path that the principal was derived from, if it came from a token.
    pub principal_token: Option<(&'a str, &'a [String])>,
    /// Does a rule of the policy take requests such as this one for JSON-RPC?
    pub correlated: bool,
    /// Volatile headers that the policy adds.
    pub volatile: &'a [String],
}

/// The digest, and its parts under a key, by which near misses are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// 64 hex digits.
    pub digest: String,
    pub fields: BTreeMap<String, String>,
}

/// The part for the query where it is forwarded otherwise than received.
const MASKED_QUERY: &str = "query as forwarded";

/// Binds `subject`.
pub fn bind(subject: &Subject<'_>, keys: &Keys) -> Binding {
    let mut parts = Parts { encoder: Encoder::new("privyseal/request/v1"), fields: BTreeMap::new(), key: &keys.field };
    let head = subject.head;
    parts.add("tenant", subject.tenant.as_bytes());
    parts.add("environment", subject.environment.as_bytes());
    parts.add_optional("principal", head.principal.as_deref());
    parts.add_optional("on_behalf_of", head.on_behalf_of.as_deref());
    parts.add("method", &head.method);
    parts.add("scheme", &head.scheme);
    parts.add("authority", &head.authority);
    parts.add("path as received", &head.target);
    parts.add("path", head.path.as_bytes());
    parts.add_optional("query", head.query.as_deref());
    add_headers(&mut parts, subject, keys);
    if let Some(query) = &subject.masked.query {
        parts.add_optional(MASKED_QUERY, Some(query));
    }
    let masked = subject.masked.headers.iter();
    for (name, values) in masked.filter(|(name, _)| !volatile::is_left_out(&head.headers, name, subject.volatile)) {
        let values: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
        parts.add(&format!("header {name} as forwarded"), &list(&values));
    }
    for (name, values) in grouped(subject.trailers) {
        let name = std::str::from_utf8(name).map_or_else(|_| format!("bytes {}", hex(name)), str::to_owned);
        parts.add(&format!("trailer {name}"), &list(&values));
    }
    parts.add("body", &body_sha256(subject, subject.body));
    parts.add("body as forwarded", &body_sha256(subject, subject.forwarded));
    Binding { digest: hex(&parts.encoder.sha256()), fields: parts.fields }
}

/// Does `forwarded` name the target that is bound in `fields`, as far as they say? `key` is [`Keys::field`].
pub fn is_bound_target(fields: &BTreeMap<String, String>, forwarded: &Forwarded, key: &[u8]) -> bool {
    let (path, query) = match forwarded.path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (forwarded.path.as_str(), None),
    };
    let mut said = Parts { encoder: Encoder::new(""), fields: BTreeMap::new(), key };
    said.add("method", forwarded.method.as_bytes());
    said.add("authority", forwarded.authority.as_bytes());
    said.add("path", path.as_bytes());
    said.add_optional(if fields.contains_key(MASKED_QUERY) { MASKED_QUERY } else { "query" }, query);
    said.fields.iter().all(|(name, said)| fields.get(name).is_none_or(|bound| bound == said))
}

fn add_headers(parts: &mut Parts<'_>, subject: &Subject<'_>, keys: &Keys) {
    let headers = &subject.head.headers;
    for (name, values) in grouped(headers) {
        let Ok(text) = std::str::from_utf8(name) else {
            // No name has a space in it.
            parts.add(&format!("header bytes {}", hex(name)), &list(&values));
            continue;
        };
        if volatile::is_left_out(headers, text, subject.volatile) {
            continue;
        }
        let name = format!("header {text}");
        if credential::is_credential(text) {
            // Of two values nobody knows which one the upstream takes: both stand for themselves.
            let stands_for_itself: Vec<Vec<u8>> = match values.as_slice() {
                [own] if credential::is_principal_token(subject, text, own) => Vec::new(),
                [signature] if text == "authorization" && credential::aws_scope(signature).is_some() => {
                    credential::aws_scope(signature).into_iter().map(<[u8]>::to_vec).collect()
                }
                values => values.iter().map(|v| mac(&keys.credential, v).finalize().into_bytes().to_vec()).collect(),
            };
            let stands_for_itself: Vec<&[u8]> = stands_for_itself.iter().map(Vec::as_slice).collect();
            parts.add(&name, &list(&stands_for_itself));
        } else if text == "content-type" {
            match values.as_slice() {
                [value] => parts.add(&name, &list(&[multipart::without_boundary(value)])),
                values => parts.add(&name, &list(values)),
            }
        } else {
            parts.add(&name, &list(&values));
        }
    }
}

/// Header values by name, names sorted, values in order.
fn grouped(headers: &Headers) -> BTreeMap<&[u8], Vec<&[u8]>> {
    let mut grouped: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in headers.iter() {
        grouped.entry(name).or_default().push(value);
    }
    grouped
}

fn list(values: &[&[u8]]) -> Vec<u8> {
    let mut encoder = Encoder::new("list");
    values.iter().for_each(|value| encoder.field("", value));
    encoder.as_bytes().to_vec()
}

/// SHA-256 of a body; behind a letter, of a body without what differs from one sending to the next by protocol.
fn body_sha256(subject: &Subject<'_>, body: &[u8]) -> Vec<u8> {
    let (letter, pieces) = match volatile_pieces(&subject.head.headers, subject.correlated, body) {
        Volatile::Nothing => return Sha256::digest(body).to_vec(),
        Volatile::Boundaries(ranges) => (b'm', ranges),
        Volatile::Correlation(ranges) => (b'c', ranges),
    };
    // Each stretch between is length-prefixed: nothing in it can imitate what is left out.
    let mut encoder = Encoder::new("body");
    let mut from = 0;
    for range in pieces {
        encoder.field("", body.get(from..range.start).unwrap_or_default());
        from = range.end;
    }
    encoder.field("", body.get(from..).unwrap_or_default());
    [&[letter][..], &encoder.sha256()].concat()
}

/// What of a body is left out of the digest, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volatile {
    Nothing,
    /// Multipart's delimiters.
    Boundaries(Vec<Range<usize>>),
    /// JSON-RPC's correlation fields.
    Correlation(Vec<Range<usize>>),
}

/// Finds it. `correlated`: the policy takes such bodies for JSON-RPC. Any other API may act on its `id`.
pub fn volatile_pieces(headers: &Headers, correlated: bool, body: &[u8]) -> Volatile {
    // A compressed body is bound byte for byte.
    if Coding::of(headers) != Ok(None) {
        return Volatile::Nothing;
    }
    if let Some(boundary) = headers.only("content-type").and_then(multipart::boundary) {
        return Volatile::Boundaries(multipart::delimiters(body, boundary));
    }
    let ranges = if correlated { crate::protocol::correlation_ranges(body) } else { Vec::new() };
    if ranges.is_empty() { Volatile::Nothing } else { Volatile::Correlation(ranges) }
}

struct Parts<'a> {
    encoder: Encoder,
    fields: BTreeMap<String, String>,
    key: &'a [u8],
}

impl Parts<'_> {
    fn add(&mut self, name: &str, value: &[u8]) {
        self.encoder.field(name, value);
        let mut short = hex(&mac(self.key, value).finalize().into_bytes());
        short.truncate(16);
        self.fields.insert(name.to_owned(), short);
    }

    fn add_optional(&mut self, name: &str, value: Option<&str>) {
        match value {
            // The first byte tells an empty value from none.
            Some(value) => self.add(name, &[b"\x01", value.as_bytes()].concat()),
            None => self.add(name, b"\0"),
        }
    }
}

#[cfg(test)]
mod tests;
