//! Keys and tokens that show by their prefix who issued them.
//!
//! Must not go here: values that only a key announces (`assigned`).

use std::sync::LazyLock;

use super::issuers::Body::{self, Base64, Hex, HexGroups, Path};
use super::issuers::{self, ISSUED, Issued, SHORTEST};
use super::{entropy, is_placeholder};
use crate::detect::entity::Entity;
use crate::detect::scan::Scan;

const BUCKETS: usize = 1024;

/// The table by what its prefixes begin with.
static INDEX: LazyLock<Vec<Vec<&'static Issued>>> = LazyLock::new(|| {
    let mut buckets = vec![Vec::new(); BUCKETS];
    for issued in ISSUED {
        if let Some(bucket) = bucket(issued.0.as_bytes()).and_then(|at| buckets.get_mut(at)) {
            bucket.push(issued);
        }
    }
    buckets
});

/// Where prefixes with the first two bytes of `text` are.
fn bucket(text: &[u8]) -> Option<usize> {
    text.first_chunk().map(|[a, b]| (usize::from(*a) << 3 ^ usize::from(*b)) % BUCKETS)
}

/// Judges the token that may begin with the word at `start`.
pub(in crate::detect) fn at(scan: &mut Scan<'_>, start: usize) {
    let rest = scan.rest(start);
    let Some(candidates) = bucket(rest).and_then(|at| INDEX.get(at)) else { return };
    let jwt = matches!(rest, [b'e', b'y', b'J', ..] | [b'Z', b'X', b'l', b'K', ..]);
    if !jwt && candidates.is_empty() || !scan.wants(Entity::Secret) {
        return;
    }
    // Most of what begins like a token is a short word.
    if !rest.get(..SHORTEST).is_some_and(|head| head.iter().all(|b| issuers::may_hold(*b))) {
        return;
    }
    prefixed(scan, start, candidates);
    if jwt {
        self::jwt(scan, start);
    }
}

fn prefixed(scan: &mut Scan<'_>, start: usize, candidates: &[&Issued]) {
    let rest = scan.rest(start);
    for (prefix, body, least, most) in candidates {
        let Some(tail) = rest.strip_prefix(prefix.as_bytes()) else { continue };
        if start < scan.endless {
            return;
        }
        let len = tail.iter().take(most + 1).take_while(|b| body.has(**b)).count();
        if len > *most {
            // Nothing that begins inside of so long a run is a token, and nobody has to read it again.
            scan.endless = start + prefix.len() + len;
            continue;
        }
        let token = tail.get(..len).unwrap_or_default();
        // A sentence may end behind the token.
        let token = token.strip_suffix(b".").unwrap_or(token);
        if token.len() < *least || !mixed(token, *body) || entropy(token) < 2.5 {
            continue;
        }
        let text = std::str::from_utf8(token).unwrap_or_default();
        let fixed =
            text.len() <= 20 && text.ends_with("EXAMPLE") || is_placeholder(text) && !matches!(body, Path | Base64);
        if !fixed {
            let scheme = match (body, scan.bytes.get(..start)) {
                (Path, Some(before)) if before.ends_with(b"https://") => 8,
                (Path, Some(before)) if before.ends_with(b"http://") => 7,
                _ => 0,
            };
            scan.found(Entity::Secret, start - scheme, start + prefix.len() + token.len(), 95);
            return;
        }
    }
}

/// Words joined by hyphens are no token: a digit is always among the characters, or both cases are.
fn mixed(token: &[u8], body: Body) -> bool {
    let digit = token.iter().any(u8::is_ascii_digit);
    let cases = token.iter().any(u8::is_ascii_uppercase) && token.iter().any(u8::is_ascii_lowercase);
    digit || cases && !matches!(body, Hex | HexGroups)
}

/// Secrets of Microsoft Entra applications: `Q~` in the fifth place of forty.
pub(in crate::detect) fn at_tilde(scan: &mut Scan<'_>, at: usize) {
    let body = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'~' | b'.' | b'-');
    let Some(start) = at.checked_sub(5).filter(|_| scan.wants(Entity::Secret)) else { return };
    let head = scan.bytes.get(start..at).unwrap_or_default();
    let opens = scan.previous(start).is_none_or(|b| !body(&b));
    if opens && head.iter().all(body) && head.get(3).is_some_and(u8::is_ascii_digit) && head.get(4) == Some(&b'Q') {
        let len = scan.rest(start).iter().take(64).take_while(|b| body(b)).count();
        let token = scan.rest(start).get(..len).unwrap_or_default();
        if (37..=41).contains(&len) && entropy(token) >= 3.0 {
            scan.found(Entity::Secret, start, start + len, 92);
        }
    }
}

/// `eyJ….eyJ….…` (RFC 7519), or such a token once more in base64.
fn jwt(scan: &mut Scan<'_>, start: usize) {
    let rest = scan.rest(start);
    // Inside of a longer token the first part was looked at.
    if scan.previous(start).is_some_and(|b| b != b'=' && Base64.has(b)) {
        return;
    }
    let len = rest.iter().take(16_384).take_while(|b| Base64.has(**b)).count();
    let token = rest.get(..len).unwrap_or_default();
    let token = token.strip_suffix(b".").unwrap_or(token);
    let mut parts = token.split(|b| *b == b'.');
    let (head, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let wrapped = rest.starts_with(b"ZXlK") && head.len() >= 60;
    if wrapped || head.len() >= 17 && payload.len() >= 10 && (payload.starts_with(b"ey") || payload.len() >= 17) {
        scan.found(Entity::Secret, start, start + token.len(), 95);
    }
}

/// The length of the `-----BEGIN … -----` that `rest` begins with, without its last hyphens.
pub(in crate::detect) fn pem_label(rest: &[u8]) -> Option<usize> {
    let label = rest.get(PEM.len()..rest.len().min(PEM.len() + PEM_LABEL))?;
    let end = label.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b' ')?;
    label.get(end..).filter(|behind| behind.starts_with(b"-----")).map(|_| PEM.len() + end)
}

/// Whether a begin of this length announces a private key.
pub(in crate::detect) fn is_private(rest: &[u8], begin: usize) -> bool {
    memchr::memmem::find(rest.get(..begin).unwrap_or_default(), b"PRIVATE KEY").is_some()
}

pub(in crate::detect) const PEM: &[u8] = b"-----BEGIN ";
/// A label and the hyphens behind it are no longer than this.
pub(in crate::detect) const PEM_LABEL: usize = 64;

/// `-----BEGIN … PRIVATE KEY-----` to its end, or as far as its lines go; answers where that is.
pub(in crate::detect) fn private_key(scan: &mut Scan<'_>, at: usize) -> Option<usize> {
    let rest = Some(scan.rest(at)).filter(|rest| rest.starts_with(PEM))?;
    let begin = pem_label(rest).filter(|begin| is_private(rest, *begin) && scan.wants(Entity::Secret))?;
    let body = rest.get(begin..)?;
    let body = body.get(..16_384.min(body.len()))?;
    let len = match memchr::memmem::find(body, b"-----END ") {
        Some(end) => {
            let tail = body.get(end + 9..).unwrap_or_default();
            let tail = tail.get(..64.min(tail.len())).unwrap_or_default();
            end + 9 + memchr::memmem::find(tail, b"-----").map_or(0, |n| n + 5)
        }
        None => body.iter().take_while(|b| Base64.has(**b) || matches!(b, b' ' | b'\n' | b'\r' | b'\\')).count(),
    };
    scan.found(Entity::Secret, at, at + begin + len, 98);
    Some(at + begin + len)
}
