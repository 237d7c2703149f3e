//! Secrets: values under a key that announces one, judged by their randomness.
//!
//! Must not go here: credentials inside URLs.

use super::hints::Hints;

/// The score of `value` as a secret, given what its key announces.
pub(super) fn judge(value: &str, key: Hints) -> Option<u8> {
    if key.password() {
        return (value.len() >= 4 && !is_placeholder(value)).then_some(85);
    }
    (key.secret() && is_random(value)).then_some(80)
}

/// Whether `value` stands for a secret without being one.
pub(super) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let first = lower.chars().next();
    let uniform = lower.chars().all(|c| Some(c) == first || matches!(c, '-' | '_' | '.' | ' '));
    let spoken =
        ["null", "none", "undefined", "true", "false", "string", "redacted", "password", "secret", "token", "n/a"];
    let masked = lower.contains("***") || lower.contains("xxxx") || lower.contains("...") || lower.contains("…");
    let reference = ["${", "{{", "<", "$(", "%(", "process.env", "os.environ", "env.", "secrets.", "vault:"]
        .iter()
        .any(|start| lower.starts_with(start));
    let example =
        ["example", "your_", "your-", "yourp", "yourt", "yours", "changeme", "placeholder", "dummy", "insert_"]
            .iter()
            .any(|word| lower.contains(word));
    uniform || masked || reference || example || spoken.contains(&lower.as_str())
}

/// Whether `value` looks machine-made: long enough, of one piece, and mixed.
fn is_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    if !(8..=512).contains(&bytes.len()) || bytes.iter().any(|b| b.is_ascii_whitespace()) || is_placeholder(value) {
        return false;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    digits > 0 && letters > 0 && entropy(bytes) >= 2.8
}

/// Shannon entropy in bits per byte.
fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    for &b in bytes {
        if let Some(count) = counts.get_mut(usize::from(b)) {
            *count += 1;
        }
    }
    let len = bytes.len() as f32;
    counts.iter().filter(|c| **c > 0).map(|&c| c as f32 / len).map(|p| -p * p.log2()).sum()
}
