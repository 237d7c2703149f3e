//! Values and words that are base64 or base64url of a text: decoded, redacted, and encoded again the same way.
//!
//! Must not go here: tokens that only look like it (`detect`).

use std::ops::Range;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Found, Place, field};
use crate::blocks;
use crate::detect::Entity;
use crate::redact::edit::{Edit, Job, apply};
use crate::redact::{Finding, Labels};

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
    let Some((instead, finding)) = redacted(job, encoded, place) else { return false };
    let range = start..text.len();
    out.push(Edit { range: range.clone(), text: instead, finding: Finding { range, ..finding }, drops: false });
    true
}

/// The base64 of what is left of a text, and what was found in it; `None`: nothing, or it is none.
pub(in crate::redact) fn redacted(job: &mut Job<'_>, encoded: &str, place: Place) -> Option<(String, Finding)> {
    let (decoded, engine) = decode(encoded)?;
    let mut edits = Vec::new();
    field(job, &decoded, place, &mut edits);
    let redacted = apply(&decoded, edits);
    let finding = redacted.findings.into_iter().max_by_key(|f| f.score)?;
    Some((engine.encode(redacted.body?), finding))
}

/// Words in a text that are the base64 of a text in which something is found.
pub(super) fn words(job: &Job<'_>, text: &str, place: Place) -> Vec<Found> {
    let mut all = Vec::new();
    for range in runs(text.as_bytes()) {
        let word = text.get(range.clone()).unwrap_or_default();
        // Whether, and not what: labels are given in the order in which values are replaced.
        let mut labels = Labels::new();
        let Some((_, finding)) = redacted(&mut Job::new(job.profile, &mut labels), word, place) else { continue };
        all.push(Found {
            entity: Entity::Custom,
            name: finding.entity,
            range,
            value: word.to_owned(),
            score: finding.score,
            inside: Some(place),
        });
    }
    all
}

/// Where letters of base64 stand in a row, with the padding behind; parts of dotted tokens are not among them, because a
/// signature would no longer fit.
fn runs(bytes: &[u8]) -> Vec<Range<usize>> {
    /// Shorter words say little, and most words are shorter.
    const LEAST: usize = 24;
    let mut all = Vec::new();
    // Behind the last run.
    let mut behind = 0;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        // So long a run holds eight bytes at a multiple of sixteen.
        if eight.iter().fold(false, |other, b| other | !is_digit(b)) {
            at += 16;
            continue;
        }
        let before = bytes.get(behind..at).unwrap_or_default();
        let start = at - before.iter().rev().take_while(|b| is_digit(b)).count();
        let mut end = at + 8;
        end += blocks::without(bytes.get(end..).unwrap_or_default(), |b| !is_digit(&b));
        end += bytes.get(end..).unwrap_or_default().iter().take_while(|b| is_digit(b)).count();
        let padding = bytes.get(end..).unwrap_or_default().iter().take(2).take_while(|b| **b == b'=').count();
        let dotted = |at: Option<usize>, beyond: Option<usize>| {
            let byte = |at: Option<usize>| at.and_then(|at| bytes.get(at));
            byte(at) == Some(&b'.') && byte(beyond).is_some_and(is_digit)
        };
        let part = dotted(start.checked_sub(1), start.checked_sub(2)) || dotted(Some(end), Some(end + 1));
        if end - start >= LEAST && !part {
            all.push(start..end + padding);
        }
        behind = end;
        at = end.next_multiple_of(16);
    }
    all
}

fn is_digit(b: &u8) -> bool {
    b.is_ascii_alphanumeric() | (*b == b'+') | (*b == b'/') | (*b == b'-') | (*b == b'_')
}

/// The text that `encoded` stands for, and how to encode it again.
fn decode(encoded: &str) -> Option<(String, GeneralPurpose)> {
    let bytes = encoded.as_bytes();
    // Most values end here.
    if !bytes.first_chunk().is_some_and(begins_text) {
        return None;
    }
    // Without padding it is of URLs, unless a letter says otherwise.
    let unpadded = !bytes.len().is_multiple_of(4) && !bytes.iter().any(|b| matches!(b, b'+' | b'/'));
    let url = unpadded || bytes.iter().any(|b| matches!(b, b'-' | b'_'));
    let alphabet = if url { &base64::alphabet::URL_SAFE } else { &base64::alphabet::STANDARD };
    let config = if encoded.ends_with('=') { ANY_PADDING } else { UNPADDED };
    let engine = GeneralPurpose::new(alphabet, config);
    let decoded = engine.decode(bytes).ok().filter(|decoded| is_text(decoded))?;
    Some((String::from_utf8(decoded).ok()?, engine))
}

/// Whether the first digits, of either alphabet, stand for bytes of a text.
fn begins_text(head: &[u8; 16]) -> bool {
    let mut others = 0;
    for four in head.as_chunks::<4>().0 {
        let Some(bits) = four.iter().try_fold(0, |bits, b| Some(bits << 6 | u32::from(value(*b)?))) else {
            return false;
        };
        let [_, bytes @ ..] = bits.to_be_bytes();
        others += bytes.iter().filter(|b| !b.is_ascii()).count();
        // Of twelve bytes; what means nothing shows it early.
        if !bytes.iter().all(may_be_text) || others > 3 {
            return false;
        }
    }
    true
}

/// What a digit counts, in the alphabet that has it.
fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(may_be_text) && bytes.iter().filter(|b| b.is_ascii()).count() * 4 >= bytes.len() * 3
}

fn may_be_text(b: &u8) -> bool {
    matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn runs_wherever_they_stand() {
        let word = "QWxpY2U6IGFsaWNlQGV4YW1wbGUuY29t";
        for (before, behind) in [("", ""), ("a ", " b"), ("token=", "=="), ("(", ")."), ("x. ", ". y")] {
            for shift in 0..30 {
                let text = format!("{}{before}{word}{behind}", "x ".repeat(shift));
                let found = runs(text.as_bytes());
                let expected = text.find(word).unwrap();
                let padding = if behind == "==" { 2 } else { 0 };
                let expected = expected..expected + word.len() + padding;
                assert_eq!((found.first(), found.len()), (Some(&expected), 1), "{text}");
            }
        }
        assert!(runs(format!("eyJhbGciOiJIUzI1NiJ9.{word}.c2lnbmF0dXJl").as_bytes()).is_empty());
        for shift in 0..40 {
            let text = |len| format!("{}{}.", " ".repeat(shift), word.get(..len).unwrap());
            let expected = shift..shift + 24;
            assert_eq!(runs(text(24).as_bytes()).first(), Some(&expected), "{shift}");
            assert!(runs(text(23).as_bytes()).is_empty(), "{shift}");
        }
        let noise = "Zm9v+/-_".repeat(50);
        assert_eq!(runs(format!("x {noise}, {word}").as_bytes()), [2..402, 404..404 + word.len()]);
        assert!(runs(b"no long words in here, and none/either").is_empty());
    }

    #[test]
    fn first_digits_are_read_as_the_decoder_reads_them() {
        let engine = GeneralPurpose::new(&base64::alphabet::URL_SAFE, UNPADDED);
        for text in [
            "hello, world",
            "caf\u{e9} \t\n\r.~!",
            "\0ello, world",
            "hello, w\u{7f}rld",
            "ééééé..",
            "hello, €12",
            "hello, éé1",
            "?>?>?>??>>?~",
        ] {
            let digits = engine.encode(text.as_bytes().first_chunk::<12>().unwrap());
            for digits in [digits.replace('-', "+").replace('_', "/"), digits] {
                let head = digits.as_bytes().first_chunk().unwrap();
                assert_eq!(begins_text(head), is_text(&text.as_bytes()[..12]), "{text}");
            }
        }
        assert!(!begins_text(b"aGVsbG8gd29ybGQ="));
    }
}
