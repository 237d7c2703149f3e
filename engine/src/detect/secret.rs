//! Secrets: tokens that show their issuer, and values under a name that announces one, judged by their randomness.
//!
//! Must not go here: credentials inside URLs (`url`).

pub(super) mod assigned;
pub(super) mod issued;
mod issuers;

use super::hints::Hints;

/// The score of `value` as a secret, given what its key announces.
pub(super) fn judge(value: &str, key: Hints) -> Option<u8> {
    if key.password() {
        return (value.len() >= 4 && value.len() <= 128 && !is_placeholder(value)).then_some(85);
    }
    (key.secret() && !key.other() && is_token(value)).then_some(80)
}

/// What stands for a secret where it is all of a value.
const SPOKEN: [&str; 14] = [
    "null",
    "none",
    "undefined",
    "true",
    "false",
    "string",
    "redacted",
    "password",
    "secret",
    "token",
    "n/a",
    "nil",
    "required",
    "optional",
];
/// What a value begins with that names a secret kept elsewhere.
const REFERENCES: [&str; 9] = ["<", "%(", "process.env", "os.environ", "env.", "secrets.", "vault:", "$", "{"];
/// What stands in no secret.
const WORDS: [&str; 12] =
    ["example", "your_", "your-", "changeme", "placeholder", "dummy", "insert_", "xxxx", "***", "...", "…", "${"];
/// The bytes that one of these words begins with, in lower case.
const FIRST: [bool; 256] = {
    let (mut first, mut i) = ([false; 256], 0);
    while i < WORDS.len() {
        #[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
        if let [b, ..] = WORDS[i].as_bytes() {
            first[*b as usize] = true;
        }
        i += 1;
    }
    first
};

/// Whether `value` stands for a secret without being one.
pub(super) fn is_placeholder(value: &str) -> bool {
    let bytes = value.as_bytes();
    let first = bytes.first().map(u8::to_ascii_lowercase);
    let begins =
        |from: &[u8], word: &str| from.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()));
    let word = |at: usize| bytes.get(at..).is_some_and(|rest| WORDS.iter().any(|word| begins(rest, word)));
    let may_begin = |b: &u8| FIRST.get(usize::from(b.to_ascii_lowercase())) == Some(&true);
    bytes.iter().all(|b| Some(b.to_ascii_lowercase()) == first || matches!(b, b'-' | b'_' | b'.' | b' '))
        || SPOKEN.iter().any(|spoken| value.eq_ignore_ascii_case(spoken))
        || REFERENCES.iter().any(|start| begins(bytes, start))
        || bytes.iter().enumerate().any(|(at, b)| may_begin(b) && word(at))
}

/// Whether `value` looks machine-made: long enough, of one piece, and mixed.
pub(super) fn is_token(value: &str) -> bool {
    let bytes = value.as_bytes();
    let of_one_piece = bytes
        .iter()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b'{' | b'}' | b'[' | b']' | b',' | b';'));
    if !(8..=2048).contains(&bytes.len()) || !of_one_piece || is_placeholder(value) {
        return false;
    }
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    // `2024-08-24T04:17:15Z`
    let date =
        digits >= 8 && matches!(bytes, [_, _, _, _, b'-', _, _, b'-', ..]) && !bytes.iter().any(u8::is_ascii_lowercase);
    let mixed = digits > 0 && letters > 0 || digits == bytes.len() && digits >= 24;
    mixed && !date && entropy(bytes) >= 2.8
}

/// Shannon entropy in bits per byte.
pub(super) fn entropy(bytes: &[u8]) -> f32 {
    let mut counts = [0u32; 256];
    for &b in bytes {
        if let Some(count) = counts.get_mut(usize::from(b)) {
            *count += 1;
        }
    }
    let len = bytes.len() as f32;
    counts.iter().filter(|c| **c > 0).map(|&c| c as f32 / len).map(|p| -p * p.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn placeholders() {
        for no in ["null", "xxxxxxxxxxxx", "${TOKEN}", "<your token>", "********", "your_api_key_123", "$1"] {
            assert!(is_placeholder(no), "{no}");
        }
        assert!(!is_placeholder("bmIR6GkdfmtoUNjegORPIG12"));
    }

    #[test]
    fn tokens() {
        for yes in [
            "bmIR6GkdfmtoUNjegORPIG12",
            "e9efce0c3dbc89ce7e5bdd4e1744dd0ed6475e23",
            "8cb5dfd6-547a-0c1e-78c7-ddc9dbd8bc22",
        ] {
            assert!(is_token(yes), "{yes}");
        }
        for no in ["short1", "onlylettershere", "1234567890123", "two words 12345", "f(x1, y2)abcd"] {
            assert!(!is_token(no), "{no}");
        }
    }
}
