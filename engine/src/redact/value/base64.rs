//! Values that are base64 or base64url of a text: decoded, redacted, and encoded again the same way.
//!
//! Must not go here: tokens that only look like it (`detect`).

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Place, field};
use crate::redact::Finding;
use crate::redact::edit::{Edit, Job, apply};

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const UNPADDED: GeneralPurposeConfig = ANY_PADDING.with_encode_padding(false);

/// Redacts inside of `text` if all of it is the base64 of a text; `false`: it is not, or nothing was found there.
pub(super) fn whole(job: &mut Job<'_>, text: &str, place: Place, out: &mut Vec<Edit>) -> bool {
    // A data URL carries its base64 behind a comma.
    let start = match text.strip_prefix("data:") {
        Some(_) => text.find(";base64,").map_or(text.len(), |at| at + 8),
        None => 0,
    };
    let Some(encoded) = text.get(start..).filter(|e| e.len() >= 16) else { return false };
    let Some((decoded, engine)) = decode(encoded) else { return false };
    let mut edits = Vec::new();
    field(job, &decoded, place, &mut edits);
    let redacted = apply(&decoded, edits);
    let Some(body) = redacted.body else { return false };
    let range = start..text.len();
    let Some(first) = redacted.findings.into_iter().max_by_key(|f| f.score) else { return false };
    let finding = Finding { range: range.clone(), ..first };
    out.push(Edit { range, text: engine.encode(body), finding, drops: false });
    true
}

/// The text that `encoded` stands for, and how to encode it again.
fn decode(encoded: &str) -> Option<(String, GeneralPurpose)> {
    let bytes = encoded.as_bytes();
    let digit = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_');
    if !bytes.iter().take(16).all(digit) {
        return None;
    }
    let url = bytes.iter().any(|b| matches!(b, b'-' | b'_'));
    let alphabet = if url { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    let config = if encoded.ends_with('=') { ANY_PADDING } else { UNPADDED };
    let engine = GeneralPurpose::new(alphabet, config);
    // Most values end here: the first bytes do not decode to text.
    let head = engine.decode(bytes.get(..16)?).ok()?;
    if !is_text(&head) {
        return None;
    }
    let decoded = engine.decode(bytes).ok().filter(|decoded| is_text(decoded))?;
    Some((String::from_utf8(decoded).ok()?, engine))
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..))
        && bytes.iter().filter(|b| b.is_ascii()).count() * 4 >= bytes.len() * 3
}
