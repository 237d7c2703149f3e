//! Multipart bodies without their boundary (RFC 2046, 5.1), which clients choose at random for each sending.
//!
//! Must not go here: reading the parts (`extract`).

/// The boundary that a `multipart/…` content type names.
pub(super) fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let start = boundary_at(content_type)?;
    let value = content_type.get(start..)?;
    let value = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.get(..memchr::memchr(b'"', quoted)?)?,
        None => value.get(..memchr::memchr3(b';', b' ', b'\t', value).unwrap_or(value.len()))?,
    };
    (!value.is_empty()).then_some(value)
}

/// The content type up to its boundary.
pub(super) fn without_boundary(content_type: &[u8]) -> &[u8] {
    match boundary_at(content_type).filter(|_| boundary(content_type).is_some()) {
        Some(start) => content_type.get(..start).unwrap_or(content_type),
        None => content_type,
    }
}

fn boundary_at(content_type: &[u8]) -> Option<usize> {
    let lower = content_type.to_ascii_lowercase();
    if !lower.starts_with(b"multipart/") {
        return None;
    }
    Some(memchr::memmem::find(&lower, b"boundary=")? + b"boundary=".len())
}

/// The body with each delimiter line's boundary replaced by a NUL. The pieces between are length-prefixed, so that no
/// content can imitate a delimiter.
pub(super) fn canonical(body: &[u8], boundary: &[u8]) -> Vec<u8> {
    let mut delimiter = b"--".to_vec();
    delimiter.extend_from_slice(boundary);
    let mut encoder = crate::digest::Encoder::new("multipart");
    let mut from = 0;
    for at in memchr::memmem::find_iter(body, &delimiter) {
        let starts_a_line = at == 0 || body.get(at.wrapping_sub(1)) == Some(&b'\n');
        if starts_a_line {
            encoder.field("", body.get(from..at).unwrap_or_default());
            from = at + delimiter.len();
        }
    }
    encoder.field("", body.get(from..).unwrap_or_default());
    encoder.as_bytes().to_vec()
}
