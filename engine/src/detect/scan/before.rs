//! What stands before the first digit of a word and may begin a value with it: an issuer's prefix, letters of a code, a month,
//! `Bearer`.
//!
//! Every look back ends where an earlier one began, so that all of them together read a text once.
//! Must not go here: what a value looks like (the families).

use super::{Scan, Word};
use crate::detect::entity::Set;
use crate::detect::{date, ids, network, secret};

/// How far before its first digit a token begins at most.
const TOKEN: usize = 64;

/// Judges what begins before `word`, which is the first with a digit behind `done`; `opens`: an id may begin with it.
pub(super) fn judge(scan: &mut Scan<'_>, word: &Word, done: usize, opens: bool) {
    let before = scan.previous(word.start).unwrap_or(0);
    if joins_token(before) && word.start > done + 1 {
        tokens(scan, word.start, done);
    } else if scan.next(word.start).is_some_and(|b| b.is_ascii_alphabetic()) {
        // No issuer's prefix begins with a digit.
        secret::issued::at(scan, word.start);
    }
    let seen = std::mem::replace(&mut scan.looked, word.end);
    // One mark behind a word with a digit: no letters stand between the two, and nothing quoted.
    if seen == 0 || word.start > seen + 1 {
        words(scan, word, seen, opens);
    }
}

/// Judges what words of only letters begin before `word`, behind `seen`.
fn words(scan: &mut Scan<'_>, word: &Word, seen: usize, opens: bool) {
    if opens && matches!(scan.previous(word.start), Some(b' ' | b'-' | b'.' | b'/' | b',')) {
        codes(scan, word);
    }
    announced(scan, word, seen);
}

/// What the text between `seen` and `word` says of the run or quoted text that the word stands in: of white space and quotes
/// only the last counts, and each byte is looked at once.
fn announced(scan: &mut Scan<'_>, word: &Word, seen: usize) {
    let unseen = scan.bytes.get(seen..word.start).unwrap_or_default();
    let (space, quote) = (unseen.iter().rposition(u8::is_ascii_whitespace), unseen.iter().rposition(is_quote));
    if let Some(space) = space {
        secret::assigned::before_run(scan, seen + space + 1);
    }
    if let Some(quote) = quote {
        after_comma(scan, seen + quote + 1);
    }
}

fn is_quote(b: &u8) -> bool {
    matches!(b, b'"' | b'\'')
}

/// Judges each word behind `done` that may begin the token in which a word begins at `last`.
pub(super) fn tokens(scan: &mut Scan<'_>, last: usize, done: usize) {
    if scan.previous(last).is_some_and(joins_token) {
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

/// Whether a word behind it may be the end of a token's prefix.
fn joins_token(b: u8) -> bool {
    matches!(b, b'.' | b'/' | b'$')
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
    let gap = scan.bytes.get(word.start.saturating_sub(3)..word.start).unwrap_or_default();
    let gap = gap.iter().rev().take_while(|b| date::is_gap(**b)).count();
    let Some(mut letters) = Word::of_letters(scan.bytes, word.start - gap, 9) else { return };
    date::at_month(scan, &letters);
    if gap != 1 {
        return;
    }
    network::behind_letters(scan, word, &letters);
    for _ in 0..2 {
        if letters.len() > 6 {
            return;
        }
        // A stream is held back for groups of capitals, as such ids are written, and not for each short word.
        let mut value = scan.rest(letters.start).iter().take(letters.len());
        if scan.opens(letters.start) && value.all(u8::is_ascii_uppercase) {
            // What is announced is asked for last: words are read up to there, and these letters may go on a phrase.
            ids::at_word(scan, &letters, letters.second(scan.bytes), Set::ALL);
        }
        match letters.start.checked_sub(1).and_then(|end| Word::of_letters(scan.bytes, end, 6)) {
            Some(before) => letters = before,
            None => return,
        }
    }
}
