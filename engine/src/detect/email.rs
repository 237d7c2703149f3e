//! E-mail addresses (RFC 5321 as written in practice: ASCII, a dotted domain, a top-level domain of letters).

use super::entity::Entity;
use super::scan::Scan;

/// Endings that make `logo@2x.png` a file, not an address; none is a top-level domain.
const FILES: &[&str] = &["css", "gif", "html", "ico", "jpeg", "jpg", "js", "json", "png", "svg", "ts", "tsx", "webp"];

pub(super) fn at_sign(scan: &mut Scan<'_>, at: usize) {
    // Most marks stand beside no address.
    let joins = scan.previous(at).is_some_and(|b| is_local(b) && b != b'.')
        && scan.next(at + 1).is_some_and(|b| b.is_ascii_alphanumeric());
    if !joins || !scan.wants(Entity::EmailAddress) {
        return;
    }
    let (Some(start), Some(end)) = (local_start(scan.bytes, at), domain_end(scan.rest(at + 1)).map(|len| at + 1 + len))
    else {
        return;
    };
    scan.found(Entity::EmailAddress, start, end, 95);
}

fn is_local(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-' | b'\'')
}

/// Where the local part before `at` begins.
fn local_start(bytes: &[u8], at: usize) -> Option<usize> {
    let before = bytes.get(at.saturating_sub(64)..at)?;
    let len = before.iter().rev().take_while(|b| is_local(**b)).count();
    let local = before.get(before.len() - len..)?;
    // Marks around an address are not part of it: `_alice@example.com_`, `'alice@example.com'`.
    let skipped = local.iter().take_while(|b| !b.is_ascii_alphanumeric()).count();
    let local = local.get(skipped..)?;
    let sound = !local.is_empty() && local.last() != Some(&b'.') && !local.windows(2).any(|two| two == b"..");
    sound.then(|| at - local.len())
}

/// The length of the domain that `rest` begins with.
fn domain_end(rest: &[u8]) -> Option<usize> {
    let mut end = None;
    let mut at = 0;
    while at <= 253 {
        let label = rest.get(at..)?;
        let label = label.get(..label.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count())?;
        let trimmed = label.len() - label.iter().rev().take_while(|b| **b == b'-').count();
        if trimmed == 0 || trimmed > 63 || label.first() == Some(&b'-') {
            break;
        }
        let letters = label.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        if at > 0 && letters == trimmed && (2..=24).contains(&letters) {
            end = Some((at, at + letters));
        } else if at > 0 && label.starts_with(b"xn--") && trimmed > 4 {
            end = Some((at, at + trimmed));
        }
        at += label.len();
        if rest.get(at) != Some(&b'.') || trimmed < label.len() {
            break;
        }
        at += 1;
    }
    let (tld, end) = end?;
    let tld = rest.get(tld..end)?;
    (!FILES.iter().any(|file| file.as_bytes().eq_ignore_ascii_case(tld))).then_some(end)
}
