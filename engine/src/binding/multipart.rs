//! Multipart bodies without their boundary (RFC 2046, 5.1), which clients choose at random for each sending.
//!
//! Must not go here: reading the parts (`extract`).

use std::ops::Range;

/// The boundary of a `multipart/…; boundary=…` that names it once, last, and so that every parser reads the same. Of any
/// other content type the boundary counts like the rest.
pub fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    content_type.get(boundary_at(content_type)?..).map(unquoted)
}

/// The content type up to its boundary, with a quote before it.
pub fn without_boundary(content_type: &[u8]) -> &[u8] {
    let Some(start) = boundary_at(content_type) else { return content_type };
    let quoted = content_type.get(start) == Some(&b'"');
    content_type.get(..start + usize::from(quoted)).unwrap_or(content_type)
}

fn boundary_at(content_type: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"boundary=";
    let lower = content_type.to_ascii_lowercase();
    let start = memchr::memmem::find(&lower, NAME)?;
    let (media, parameter) = lower.get(..start)?.split_at_checked(memchr::memchr(b';', &lower)?)?;
    let plain = media.starts_with(b"multipart/")
        && media.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'+' | b'.'))
        && parameter.split_first().is_some_and(|(_, space)| space.iter().all(|b| *b == b' '))
        && is_plain(unquoted(content_type.get(start + NAME.len()..)?));
    plain.then_some(start + NAME.len())
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

/// Letters that no parser ends a boundary at: those of RFC 2046 without space and punctuation that headers give a meaning.
fn is_plain(boundary: &[u8]) -> bool {
    let letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'\'' | b'+' | b'_' | b'-' | b'.');
    !boundary.is_empty() && boundary.len() <= 70 && boundary.iter().all(letter)
}

/// Where `--boundary` stands, at the start of a line or not: what ends a line is not the same for all parsers.
pub fn delimiters(body: &[u8], boundary: &[u8]) -> Vec<Range<usize>> {
    let delimiter = [b"--", boundary].concat();
    memchr::memmem::find_iter(body, &delimiter).map(|at| at..at + delimiter.len()).collect()
}
