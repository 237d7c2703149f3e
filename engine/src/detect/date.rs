//! Dates of birth: dates in any common notation, where a word or the key announces a birth.

use super::entity::{Entity, Set};
use super::ids;
use super::scan::{Scan, Word};

/// At a word that opens; `said` is all that may be announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, said: Set) {
    if !said.contains(Entity::DateOfBirth) {
        return;
    }
    let joined = is_gap(word.joint);
    let may_begin = match (word.is_number(), word.len()) {
        (true, 1 | 2 | 4) => joined,
        (true, len) => len == 8,
        // `28th of …`, `19900228T…`
        (false, len) => matches!(word.lead, 1 | 2) && len <= 4 && joined || word.lead == 8,
    };
    if may_begin {
        judge(scan, word.start);
    }
}

/// At a word of letters before a number: it may be the name of a month.
pub(super) fn at_month(scan: &mut Scan<'_>, letters: &Word) {
    if is_month(scan.bytes.get(letters.start..letters.end).unwrap_or_default())
        && scan.near(letters.start).said().contains(Entity::DateOfBirth)
    {
        judge(scan, letters.start);
    }
}

fn judge(scan: &mut Scan<'_>, start: usize) {
    if !scan.wants(Entity::DateOfBirth) {
        return;
    }
    let rest = scan.rest(start);
    let Some(len) = numeric(rest).or_else(|| spelled(rest)) else { return };
    // The reach of `born` is short: a letter often has other dates behind.
    if scan.near(start).distance(Entity::DateOfBirth).is_some_and(|gap| gap <= 24) {
        scan.found(Entity::DateOfBirth, start, start + len, 90);
    }
}

/// `1990-02-28`, `28.02.1990`, `2/28/90`, `19900228`.
fn numeric(rest: &[u8]) -> Option<usize> {
    let mut parts = [(0u32, 0usize); 3];
    let mut at = 0;
    let mut separator = None;
    for (i, part) in parts.iter_mut().enumerate() {
        if i > 0 {
            let b = *rest.get(at)?;
            if !matches!(b, b'-' | b'/' | b'.' | b' ') || *separator.get_or_insert(b) != b {
                return None;
            }
            at += 1;
        }
        let digits = rest.get(at..)?.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        let text = rest.get(at..at + digits)?;
        let value = text.iter().fold(0, |v: u32, b| v * 10 + u32::from(b - b'0'));
        at += digits;
        if i == 0 && digits == 8 {
            let (year, month, day) = (value / 10_000, value / 100 % 100, value % 100);
            return is_date(year, month, day).then_some(at).filter(|_| !more(rest, at));
        }
        *part = (value, digits);
    }
    let [(a, a_len), (b, b_len), (c, c_len)] = parts;
    if a_len == 0 || b_len == 0 || c_len == 0 || more(rest, at) {
        return None;
    }
    let year = |value: u32, len: usize| if len == 2 { Some(1900 + value) } else { (len == 4).then_some(value) };
    let sound = match (a_len, c_len) {
        (4, 1..=2) => is_date(a, b, c),
        (1..=2, 2 | 4) if b_len <= 2 => year(c, c_len).is_some_and(|y| is_date(y, a, b) || is_date(y, b, a)),
        _ => false,
    };
    sound.then_some(at)
}

/// `28 February 1990`, `February 28th, 1990`, `28-Feb-1990`.
fn spelled(rest: &[u8]) -> Option<usize> {
    let (mut at, mut month, mut day, mut year) = (0, false, 0, 0);
    for _ in 0..3 {
        let word = rest.get(at..)?;
        let len = word.iter().take(10).take_while(|b| b.is_ascii_alphanumeric()).count();
        let text = word.get(..len)?;
        let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
        let value = text.iter().take(digits.min(4)).fold(0, |v: u32, b| v * 10 + u32::from(b - b'0'));
        match (digits, len - digits) {
            (0, 3..) if !month && is_month(text) => month = true,
            (1..=2, 0 | 2)
                if day == 0 && (digits == len || matches!(text.get(digits..)?, b"st" | b"nd" | b"rd" | b"th")) =>
            {
                day = value
            }
            (4, 0) if year == 0 => year = value,
            _ => return None,
        }
        at += len;
        if month && day > 0 && year > 0 {
            return (is_date(year, 1, day) && !more(rest, at)).then_some(at);
        }
        let gap = rest.get(at..)?.iter().take(3).take_while(|b| is_gap(**b)).count();
        if gap == 0 {
            return None;
        }
        at += gap;
    }
    None
}

/// What may stand between the parts of a date.
pub(super) fn is_gap(b: u8) -> bool {
    matches!(b, b' ' | b',' | b'-' | b'.' | b'/')
}

fn more(rest: &[u8], at: usize) -> bool {
    rest.get(at).is_some_and(|b| b.is_ascii_alphanumeric() && *b != b'T')
}

fn is_date(year: u32, month: u32, day: u32) -> bool {
    (1880..=2100).contains(&year) && ids::is_date(month, day)
}

/// Whether the name of a month may begin with it.
pub(super) fn may_begin_month(b: u8) -> bool {
    matches!(b | 0x20, b'a' | b'd' | b'f' | b'j' | b'm' | b'n' | b'o' | b's')
}

fn is_month(word: &[u8]) -> bool {
    let [a, b, c, rest @ ..] = word else { return false };
    let ending: &[u8] = match &[a | 0x20, b | 0x20, c | 0x20] {
        b"jan" => b"uary",
        b"feb" => b"ruary",
        b"mar" => b"ch",
        b"apr" => b"il",
        b"may" => b"",
        b"jun" => b"e",
        b"jul" => b"y",
        b"aug" => b"ust",
        b"sep" => b"tember",
        b"oct" => b"ober",
        b"nov" | b"dec" => b"ember",
        _ => return false,
    };
    rest.is_empty() || rest.eq_ignore_ascii_case(ending) || word.eq_ignore_ascii_case(b"sept")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn notations() {
        for good in ["1990-02-28", "28.02.1990", "2/28/90", "19900228", "1990/2/8", "02 28 1990"] {
            assert_eq!(numeric(good.as_bytes()), Some(good.len()), "{good}");
        }
        for good in ["28 February 1990", "February 28th, 1990", "28-Feb-1990", "Sept. 1, 1990", "April 16, 1957"] {
            assert_eq!(spelled(good.as_bytes()), Some(good.len()), "{good}");
        }
        for month in ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"] {
            assert!(is_month(month.as_bytes()) && month.bytes().next().is_some_and(may_begin_month), "{month}");
        }
        for bad in ["1990-13-28", "1.2.3", "12:30:45", "2024", "123456789", "40/40/1990"] {
            assert!(numeric(bad.as_bytes()).is_none() && spelled(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
