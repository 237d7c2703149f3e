//! Up to where a text that goes on is decided: what comes later can no longer change what is found before.
//!
//! A value is a word, or words that may be groups of one number; its evidence stands before it. So all but the last word, and
//! the groups it may belong to, is decided. Must not go here: finding anything.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::secret::assigned::open_value;
use super::secret::issued::{PEM, PEM_LABEL, is_private, pem_label};

/// A chain of groups is no longer than this: an IBAN in groups of four has 42 bytes.
const CHAIN: usize = 96;
/// No group of a chain is longer.
const GROUP: usize = CHAIN / 2;
/// A private key or token is no longer than this.
const LONGEST: usize = 16_384;

static BEGIN: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("-----BEGIN"));

/// The length of the part of `text` that is decided, whatever follows.
pub fn settled(text: &str) -> usize {
    let mut start = word_start(text);
    // Words before it that may be groups of the same value.
    loop {
        let before = text.get(..start).unwrap_or_default().trim_end_matches(is_space);
        let word = last_code(before.get(word_start(before)..).unwrap_or_default());
        let (gap, begin) = (start - before.len(), before.len() - word.len());
        if gap == 0 || gap > 2 || !may_be_group(word) || text.len() - begin > CHAIN {
            break;
        }
        start = begin;
    }
    let open = [private_key(text.as_bytes()), open_value(text)];
    start = open.into_iter().flatten().fold(start, usize::min);
    // A single endless word is cut where no value is long enough to reach.
    if text.len() - start > 2 * LONGEST {
        start += LONGEST;
    }
    (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Where the last word begins: behind a space, or behind a letter that stands in no value.
fn word_start(text: &str) -> usize {
    let stops = |c: char| is_space(c) || !c.is_ascii() && c.is_alphabetic();
    text.char_indices().rev().find(|(_, c)| stops(*c)).map_or(0, |(at, c)| at + c.len_utf8())
}

/// Of a word too long for a group, the last code in it, with the marks that numbers are written with, as far as a group goes:
/// a row of dots, or a path, may stand right before one.
fn last_code(word: &str) -> &str {
    let Some(least) = word.len().checked_sub(GROUP) else { return word };
    let mark = |c: char| c.is_alphanumeric() || matches!(c, '(' | ')' | '+' | '-' | '.' | '/');
    let group = word.char_indices().rev().take_while(|(at, c)| *at >= least && mark(*c));
    word.get(group.last().map_or(word.len(), |(at, _)| at)..).unwrap_or(word)
}

/// Whether a word may be a group of a number, code or date: it has a digit, or is a short code, or names a month.
fn may_be_group(word: &str) -> bool {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    // Any mark may stand before a code.
    let tail = word.rsplit(|c: char| c.is_ascii_punctuation()).next().unwrap_or_default();
    let code = (1..=5).contains(&tail.len()) && tail.bytes().all(|b| b.is_ascii_uppercase())
        || word.len() <= 5 && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_punctuation());
    // Its last letters: any mark may stand before a month.
    let last = word.rsplit(|c: char| !c.is_ascii_alphabetic()).find(|part| !part.is_empty());
    let month =
        last.and_then(|last| last.get(..3)).is_some_and(|head| MONTHS.contains(&head.to_ascii_lowercase().as_str()));
    !word.is_empty() && (word.contains(|c: char| c.is_numeric() || !c.is_ascii()) || code || month)
}

/// Where the first private key begins that may go on.
fn private_key(bytes: &[u8]) -> Option<usize> {
    BEGIN.find_iter(bytes).find(|begin| {
        let body = bytes.get(*begin..).unwrap_or_default();
        let other = match pem_label(body) {
            Some(begin) => !is_private(body, begin),
            // It may be written with escapes, and these are several bytes for one.
            None => body.len() >= PEM.len() + 8 * PEM_LABEL,
        };
        let ended = memchr::memmem::find(body, b"-----END ")
            .and_then(|end| body.get(end + 9..))
            .is_some_and(|tail| memchr::memmem::find(tail, b"-----").is_some() || tail.len() > 64);
        !other && !ended && body.len() <= LONGEST + 64
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn the_last_word_and_its_groups_are_open() {
        let table = [
            ("mail to alice@exa", 8),
            ("mail to bob ", 12),
            ("card 4111 1111 ", 5),
            ("card 4111 1111 11", 5),
            ("born April 16, 19", 5),
            ("born on`April 16, 19", 5),
            ("in GB22 PLYC 99", 3),
            ("in x\"LT 25", 3),
            ("call +49 ", 5),
            ("no value here, ", 15),
        ];
        for (text, decided) in table {
            assert_eq!(settled(text), decided, "{text}");
        }
    }

    #[test]
    fn private_keys_are_open_until_their_end() {
        let open = "see -----BEGIN RSA PRIVATE KEY-----\nMIIC\nabcd\n";
        assert_eq!(settled(open), 4);
        let closed = format!("{open}-----END RSA PRIVATE KEY-----\nnow ");
        assert_eq!(settled(&closed), closed.len());
        // What stands in the label decides, not what stands behind it.
        let other = "-----BEGIN TRIVATE KEY-----\nMIIC\n-----END PRIVATE KEY-----\na b ";
        assert_eq!(settled(other), other.len());
        let escaped = "a -----BEGIN%20PRIVATE%20KEY-----\nMIIC\nab ";
        assert_eq!(settled(escaped), 2);
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{}\nword ", "abcd".repeat(20));
        assert_eq!(settled(&certificate), certificate.len());
    }

    #[test]
    fn memory_is_bounded() {
        let endless = "a".repeat(100_000);
        assert!(endless.len() - settled(&endless) < 100_000);
    }
}
