//! What stands before the first digit of a word and may begin a value with it: an issuer's prefix, letters of a code, a month,
//! `Bearer`.
//!
//! Every look back ends where an earlier one began, so that all of them together read a text once.
//! Must not go here: what a value looks like (the families).

use super::{Scan, Word};
use crate::detect::{date, ids, network, secret};

/// How far before its first digit a token begins at most.
const TOKEN: usize = 64;

/// What was looked at before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    spaces: Last,
    quotes: Last,
}

/// The last byte of a class, found by looking back.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    /// The text before was searched.
    searched: usize,
    /// Behind the last one.
    behind: usize,
    judged: Option<usize>,
}

impl Last {
    /// Where the text behind the last such byte before `word` begins, the first time it is asked for; in `word` is none.
    fn anew(&mut self, bytes: &[u8], word: &Word, class: impl Fn(&u8) -> bool) -> Option<usize> {
        if let Some(last) = bytes.get(self.searched..word.start).and_then(|before| before.iter().rposition(class)) {
            self.behind = self.searched + last + 1;
        }
        self.searched = word.end;
        let behind = self.behind;
        (self.judged.replace(behind) != Some(behind)).then_some(behind)
    }
}

/// Judges what begins before `word`, which is the first with a digit behind `done`; `opens`: an id may begin with it.
pub(super) fn judge(scan: &mut Scan<'_>, word: &Word, done: usize, opens: bool) {
    // No issuer's prefix begins with a digit.
    let prefix = scan.next(word.start).is_some_and(|b| b.is_ascii_alphabetic());
    if prefix || matches!(scan.previous(word.start), Some(b'.' | b'/' | b'$')) {
        tokens(scan, word.start, done);
    }
    if opens && matches!(scan.previous(word.start), Some(b' ' | b'-' | b'.' | b'/' | b',')) {
        codes(scan, word);
    }
    if let Some(run) = scan.looked.spaces.anew(scan.bytes, word, u8::is_ascii_whitespace) {
        secret::assigned::before_run(scan, run);
    }
    if let Some(inside) = scan.looked.quotes.anew(scan.bytes, word, is_quote) {
        after_comma(scan, inside);
    }
}

fn is_quote(b: &u8) -> bool {
    matches!(b, b'"' | b'\'')
}

/// Judges each word behind `done` that may begin the token in which a word begins at `last`.
pub(super) fn tokens(scan: &mut Scan<'_>, last: usize, done: usize) {
    if matches!(scan.previous(last), Some(b'.' | b'/' | b'$')) {
        let from = done.max(last.saturating_sub(TOKEN));
        let joins = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'$');
        let before = scan.bytes.get(from..last).unwrap_or_default();
        let start = last - before.iter().rev().take_while(|b| joins(b)).count();
        let mut inside = scan.previous(start).is_some_and(|b| b.is_ascii_alphanumeric());
        for at in start..last {
            let opens = scan.next(at).is_some_and(|b| b.is_ascii_alphanumeric());
            if opens && !inside {
                secret::issued::at(scan, at);
            }
            inside = opens;
        }
    }
    secret::issued::at(scan, last);
}

/// `"password", "…"`: a comma between quotes assigns what is inside of the second.
fn after_comma(scan: &mut Scan<'_>, inside: usize) {
    let before = scan.bytes.get(inside.saturating_sub(5)..inside.saturating_sub(1)).unwrap_or_default();
    let spaces = before.iter().rev().take_while(|b| **b == b' ').count();
    if let Some([.., closing, b',']) = before.get(..before.len() - spaces)
        && is_quote(closing)
    {
        secret::assigned::at_mark(scan, inside - 2 - spaces);
    }
}

/// Codes that begin with words of letters only: `LT 25 96 24 D`, `RSS MRA 85T10 A562S`, `May 1, 1990`.
fn codes(scan: &mut Scan<'_>, word: &Word) {
    date::behind_month(scan, word);
    network::behind_letters(scan, word);
    let mut end = word.start;
    for _ in 0..2 {
        let Some(letters) = end.checked_sub(1).and_then(|end| Word::of_letters(scan.bytes, end, 6)) else { return };
        if scan.opens(letters.start) {
            ids::at_word(scan, &letters);
        }
        end = letters.start;
    }
}
