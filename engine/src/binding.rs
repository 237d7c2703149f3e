//! What an approval is bound to: the digest of one request as received and as forwarded.
//!
//! Bound are method, scheme, authority, path and query, every header but the volatile ones, trailers, the body before and
//! after redaction, principal, on-behalf-of, tenant and environment. A credential enters as its HMAC, but for the one that
//! the principal was derived from, which the principal represents. Of JSON-RPC only the correlation fields are left out, of
//! multipart the boundary. Golden-tested: a change of this encoding is a change of the contract.
//!
//! Must not go here: the wire form of a hold (`hold`), the encoding's mechanics (`digest`).

pub mod credential;
mod multipart;
pub mod volatile;

use std::collections::BTreeMap;

use hmac::Mac;
use sha2::{Digest, Sha256};

use crate::digest::{Encoder, hex, mac};
use crate::keys::Keys;
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
    pub tenant: &'a str,
    pub environment: &'a str,
    /// The header and the claim path that the principal was derived from, if it came from a token.
    pub principal_token: Option<(&'a str, &'a [String])>,
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
    for (name, values) in grouped(subject.trailers) {
        parts.add(&format!("trailer {}", String::from_utf8_lossy(name)), &list(&values));
    }
    parts.add("body", &body_sha256(head, subject.body));
    parts.add("body as forwarded", &body_sha256(head, subject.forwarded));
    Binding { digest: hex(&parts.encoder.sha256()), fields: parts.fields }
}

fn add_headers(parts: &mut Parts<'_>, subject: &Subject<'_>, keys: &Keys) {
    let headers = &subject.head.headers;
    let signed_by_aws = headers.all("authorization").any(|value| credential::aws_scope(value).is_some());
    for (name, values) in grouped(headers) {
        let Ok(text) = std::str::from_utf8(name) else {
            parts.add(&format!("header {}", hex(name)), &list(&values));
            continue;
        };
        if volatile::is_volatile(text, subject.volatile) || (signed_by_aws && volatile::is_part_of_aws_signature(text))
        {
            continue;
        }
        let name = format!("header {text}");
        if credential::is_credential(text) {
            let stands_for_itself: Vec<Vec<u8>> = values
                .iter()
                .filter(|value| !credential::is_principal_token(subject, text, value))
                .map(|value| match credential::aws_scope(value) {
                    Some(scope) => scope.to_vec(),
                    None => mac(&keys.credential, value).finalize().into_bytes().to_vec(),
                })
                .collect();
            let stands_for_itself: Vec<&[u8]> = stands_for_itself.iter().map(Vec::as_slice).collect();
            parts.add(&name, &list(&stands_for_itself));
        } else if text == "content-type" {
            let values: Vec<&[u8]> = values.iter().map(|value| multipart::without_boundary(value)).collect();
            parts.add(&name, &list(&values));
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

/// SHA-256 of a body without what differs from one sending to the next by protocol: JSON-RPC's correlation fields and
/// multipart's boundary.
fn body_sha256(head: &Head, body: &[u8]) -> [u8; 32] {
    if let Some(boundary) = head.headers.only("content-type").and_then(multipart::boundary) {
        return Sha256::digest(multipart::canonical(body, boundary)).into();
    }
    let mut hash = Sha256::new();
    let mut from = 0;
    for range in crate::protocol::correlation_ranges(body) {
        hash.update(body.get(from..range.start).unwrap_or_default());
        // A place holder, so that a field left out and a field absent differ.
        hash.update(b"\0correlation\0");
        from = range.end;
    }
    hash.update(body.get(from..).unwrap_or_default());
    hash.finalize().into()
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
