//! Credentials in headers: which they are, and what of them enters the digest.
//!
//! Must not go here: finding secrets in bodies (`detect`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Subject;
use crate::request::Headers;

const NAMES: [&str; 18] = [
    "api-key",
    "apikey",
    "authorization",
    "cf-access-client-secret",
    "cookie",
    "dd-api-key",
    "dd-application-key",
    "ocp-apim-subscription-key",
    "private-token",
    "proxy-authorization",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-github-token",
    "x-goog-api-key",
    "x-vault-token",
    "x-csrf-token",
];

/// Does header `name` (lower case) carry a credential?
pub fn is_credential(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Is the one `authorization` an AWS signature?
pub fn is_signed_by_aws(headers: &Headers) -> bool {
    headers.only("authorization").and_then(aws_scope).is_some()
}

/// Access key id and scope of an AWS signature (SigV4 and SigV4A: `AWS4-… Credential=AKID/date/region/service/aws4_request,
/// SignedHeaders=…, Signature=…`): what stays the same when the same request is signed again. `None` where another reader
/// could find another one.
pub fn aws_scope(value: &[u8]) -> Option<&[u8]> {
    const START: &[u8] = b"Credential=";
    if !value.starts_with(b"AWS4-") || memchr::memmem::find_iter(value, START).count() != 1 {
        return None;
    }
    let start = memchr::memmem::find(value, START)?;
    if !matches!(value.get(start.checked_sub(1)?), Some(b' ' | b',')) {
        return None;
    }
    let scope = value.get(start..)?;
    let end = memchr::memchr2(b',', b' ', scope).unwrap_or(scope.len());
    scope.get(..end)
}

/// Is this the token that the principal was derived from? It is if the policy takes the principal from this header's token
/// and the token claims that very principal: Envoy's `jwt_authn` has verified it.
pub(super) fn is_principal_token(subject: &Subject<'_>, name: &str, value: &[u8]) -> bool {
    let (Some((header, path)), Some(principal)) = (subject.principal_token, subject.head.principal.as_deref()) else {
        return false;
    };
    name == header && claim(value, path).is_some_and(|claimed| claimed == principal)
}

/// A string claim of a bearer JWT (RFC 7519), unverified.
fn claim(value: &[u8], path: &[String]) -> Option<String> {
    let (scheme, token) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let payload = URL_SAFE_NO_PAD.decode(token.trim().split('.').nth(1)?).ok()?;
    let mut value: &Value = &serde_json::from_slice(&payload).ok()?;
    for name in path {
        value = value.get(name)?;
    }
    value.as_str().map(str::to_owned)
}
