//! Phone numbers: international with a calling code (ITU-T E.164), and national ones that show it by their form, or by a word
//! or key that announces them. A bare run of digits is nobody's phone.

use super::entity::{Entity, Set};
use super::scan::{Scan, Word};

/// Digits behind the calling code, by code; other codes have 6 to 12.
const NATIONAL: &[(u32, usize, usize)] = &[
    (1, 10, 10),
    (7, 10, 10),
    (20, 8, 10),
    (27, 9, 9),
    (30, 10, 10),
    (31, 9, 9),
    (32, 8, 9),
    (33, 9, 9),
    (34, 9, 9),
    (36, 8, 9),
    (39, 6, 11),
    (40, 9, 9),
    (41, 9, 9),
    (43, 7, 13),
    (44, 9, 10),
    (45, 8, 8),
    (46, 7, 9),
    (47, 8, 8),
    (48, 9, 9),
    (49, 6, 12),
    (51, 8, 9),
    (52, 10, 11),
    (54, 10, 11),
    (55, 10, 11),
    (56, 9, 9),
    (57, 10, 10),
    (58, 10, 10),
    (60, 8, 10),
    (61, 9, 9),
    (62, 8, 12),
    (63, 10, 10),
    (64, 8, 10),
    (65, 8, 8),
    (66, 8, 9),
    (81, 9, 10),
    (82, 8, 10),
    (84, 9, 10),
    (86, 10, 11),
    (90, 10, 10),
    (91, 10, 10),
    (92, 10, 10),
    (93, 9, 9),
    (94, 9, 9),
    (95, 7, 10),
    (98, 10, 10),
    (351, 9, 9),
    (353, 7, 9),
    (358, 6, 11),
    (380, 9, 9),
    (420, 9, 9),
    (421, 9, 9),
    (852, 8, 8),
    (886, 8, 9),
    (966, 9, 9),
    (971, 8, 9),
    (972, 8, 9),
];

/// The score of a number that nothing but its length speaks for.
pub(super) const ANY_FORM: u8 = 15;

/// A number as written: its digits, how they are grouped, where it ends.
struct Written {
    digits: [u8; 18],
    len: usize,
    /// Sizes of the groups.
    groups: [usize; 10],
    group_ends: [usize; 10],
    count: usize,
    /// `(` among the separators.
    brackets: bool,
    spaces_only: bool,
}

pub(super) fn at_plus(scan: &mut Scan<'_>, at: usize) {
    let opens = scan.previous(at).is_none_or(|b| !b.is_ascii_alphanumeric() && b != b'+');
    if !opens || !scan.wants(Entity::PhoneNumber) {
        return;
    }
    let Some(written) = written(scan.rest(at + 1)) else { return };
    let code = value(written.digits.get(..3).unwrap_or_default());
    let other = (210..=999).contains(&code) && !single_or_double(code);
    let code = calling_code(&written.digits).or_else(|| other.then_some((3, 6, 12)));
    let Some((code_len, min, max)) = code else { return };
    // Groups behind the longest number belong to the text.
    let mut taken = 0;
    let mut fit = None;
    for (size, end) in written.groups.iter().zip(&written.group_ends).take(written.count) {
        taken += size;
        if let Some(national) = taken.checked_sub(code_len).filter(|n| *n >= min && *n <= max + 1) {
            // A trunk zero may be written after the code: +44 (0)20.
            if national <= max || written.brackets {
                fit = Some(*end);
            }
        }
    }
    let Some(end) = fit.map(|len| at + 1 + len) else { return };
    let end = end + extension(scan.rest(end));
    if scan.next(end).is_none_or(|b| !b.is_ascii_alphanumeric()) {
        let score = if scan.near(at).announces(Entity::PhoneNumber) { 95 } else { 80 };
        scan.found(Entity::PhoneNumber, at, end, score);
    }
}

/// The known calling code that `digits` begin with: its length, and how many digits are behind it at least and at most.
fn calling_code(digits: &[u8]) -> Option<(usize, usize, usize)> {
    (1..=3).rev().find_map(|len| {
        let code = value(digits.get(..len)?);
        NATIONAL.iter().find(|(known, ..)| *known == code).map(|(_, min, max)| (len, *min, *max))
    })
}

/// Codes of three digits whose first one or two are a code of their own do not exist.
fn single_or_double(code: u32) -> bool {
    NATIONAL.iter().any(|(known, ..)| *known == code / 10 || *known == code / 100)
}

/// At `(` before a digit.
pub(super) fn at_bracket(scan: &mut Scan<'_>, at: usize) {
    let opens = scan.previous(at).is_none_or(|b| !b.is_ascii_alphanumeric() && b != b')' && b != b'+');
    if opens && scan.wants(Entity::PhoneNumber) && scan.next(at + 1).is_some_and(|b| b.is_ascii_digit()) {
        national(scan, at);
    }
}

/// At a word of only digits that opens; `second` is the length of the word joined to it, `said` all that may be
/// announced there.
pub(super) fn at_word(scan: &mut Scan<'_>, word: &Word, second: usize, said: Set) {
    let goes_on = matches!(word.joint, b' ' | b'-' | b'.' | b'/' | b'(' | b')')
        && scan.next(word.end + 1).is_some_and(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-' | b'('));
    if !goes_on && word.len() < 7 || !scan.wants(Entity::PhoneNumber) {
        return;
    }
    let path = matches!(scan.previous(word.start), Some(b'/' | b'#'));
    if !path
        && (may_stand_alone(scan.rest(word.start), word, second)
            || said.contains(Entity::PhoneNumber)
            || scan.accepts(Entity::PhoneNumber, ANY_FORM))
    {
        national(scan, word.start);
    }
}

/// Whether the form of a number that begins with `word` may tell that it is a phone's: a quick look at what [`by_form`] asks
/// for.
fn may_stand_alone(rest: &[u8], word: &Word, second: usize) -> bool {
    let (first, next) = (rest.first(), rest.get(word.len() + 1));
    match (word.joint, next) {
        (b')' | b'(', _) | (b' ' | b'-', Some(b'(')) => true,
        (b' ' | b'-' | b'.' | b'/', Some(b'0'..=b'9')) => match word.len() {
            len if first == Some(&b'0') => len <= 5,
            1 => first == Some(&b'1') && second == 3,
            2 | 3 => second == 3,
            _ => false,
        },
        _ => word.len() == 11 && first == Some(&b'0'),
    }
}

fn national(scan: &mut Scan<'_>, start: usize) {
    let Some(written) = written(scan.rest(start)) else { return };
    let end = start + written.group_ends.get(written.count.saturating_sub(1)).copied().unwrap_or(0);
    let end = end + extension(scan.rest(end));
    if !scan.closes(end) {
        return;
    }
    // Two parts around a point are a fraction.
    if written.count == 2 && scan.rest(start).get(written.groups.first().copied().unwrap_or(0)) == Some(&b'.') {
        return;
    }
    // Four short groups joined by dots are an IP address or a version.
    let dotted = scan.rest(start).get(..end - start).unwrap_or_default().iter().filter(|b| **b == b'.').count() == 3;
    if dotted && written.count == 4 && written.groups.iter().take(4).all(|size| *size <= 3) {
        return;
    }
    let near = scan.near(start);
    let announced = near.distance(Entity::PhoneNumber).filter(|gap| *gap <= 40);
    let other = near.other();
    let score = match announced {
        Some(_) if plausible(&written) => 88,
        _ if other => 20,
        _ => by_form(&written),
    };
    scan.found(Entity::PhoneNumber, start, end, score);
}

/// Whether an announced number can be one.
fn plausible(written: &Written) -> bool {
    let digits = written.digits.get(..written.len).unwrap_or_default();
    let uniform = digits.iter().all(|d| digits.first() == Some(d));
    (7..=15).contains(&written.len) && !uniform && written.groups.iter().take(written.count).all(|size| *size <= 12)
}

/// How much the form alone says.
fn by_form(written: &Written) -> u8 {
    let groups = written.groups.get(..written.count).unwrap_or_default();
    let first = written.digits.first().copied().unwrap_or(0);
    let nanp = |at: usize| {
        // Area and exchange codes begin with 2 to 9; the second digit of neither is fixed any more.
        let digit = |i: usize| written.digits.get(at + i).copied().unwrap_or(0);
        digit(0) >= 2 && digit(3) >= 2 && !(digit(1) == 1 && digit(2) == 1)
    };
    match groups {
        [3, 3, 4] if written.brackets && nanp(0) => 80,
        [3, 3, 4] if nanp(0) => {
            if written.spaces_only {
                50
            } else {
                70
            }
        }
        [1, 3, 3, 4] if first == 1 && nanp(1) => 75,
        [3, 3, 2, 2] | [2, 3, 3, 4] if !written.spaces_only => 60,
        // An area code in brackets.
        _ if written.brackets && (8..=11).contains(&written.len) && groups.len() >= 2 => 65,
        // A trunk prefix before a range of mobile numbers, in the plans where both have eleven digits: Britain 07, Germany
        // 015 to 017, Japan 070 to 090, Korea 010, Egypt 010 to 015, Nigeria 07 to 09, Turkey 05, Pakistan 03, the Philippines 09.
        [11] if matches!(written.digits, [0, 1, 0..=2 | 5..=7, ..] | [0, 3 | 5 | 7..=9, ..]) => 55,
        [2..=5, _, ..] if is_international(written) => 65,
        [1, rest @ ..] if first == 0 && (10..=11).contains(&written.len) && rest.len() >= 3 => 60,
        [2..=5, rest @ ..]
            if first == 0
                && (10..=11).contains(&written.len)
                && !rest.is_empty()
                && rest.iter().all(|g| (2..=8).contains(g)) =>
        {
            65
        }
        _ => ANY_FORM,
    }
}

/// Whether a known calling code and a number of its length stand behind `00`, which is dialled for `+` in most countries.
fn is_international(written: &Written) -> bool {
    let [0, 0, digits @ ..] = &written.digits else { return false };
    let Some((code, min, max)) = calling_code(digits).filter(|_| digits.first() != Some(&0)) else { return false };
    // A trunk zero may be written after the code.
    (min..=max + usize::from(written.brackets)).contains(&written.len.saturating_sub(2 + code))
}

/// Reads groups of digits with the separators that phone numbers have.
fn written(rest: &[u8]) -> Option<Written> {
    let mut w = Written {
        digits: [0; 18],
        len: 0,
        groups: [0; 10],
        group_ends: [0; 10],
        count: 0,
        brackets: false,
        spaces_only: true,
    };
    let mut at = usize::from(rest.first() == Some(&b'('));
    w.brackets = at == 1;
    loop {
        let size = rest.get(at..)?.iter().take(18).take_while(|b| b.is_ascii_digit()).count();
        if size == 0 || w.len + size > 17 || w.count == 10 {
            break;
        }
        for (digit, b) in w.digits.iter_mut().skip(w.len).zip(rest.get(at..at + size)?) {
            *digit = b - b'0';
        }
        w.len += size;
        at += size;
        *w.groups.get_mut(w.count)? = size;
        *w.group_ends.get_mut(w.count)? = at;
        w.count += 1;
        let gap = match (rest.get(at), rest.get(at + 1), rest.get(at + 2)) {
            (Some(b')'), Some(b' ' | b'-' | b'.'), _) => 2,
            (Some(b' ' | b'-'), Some(b'('), _) => 2,
            (Some(b'('), _, _) => 1,
            (Some(b' ' | b'-' | b'.' | b'/' | b')'), _, _) => 1,
            _ => break,
        };
        let separator = rest.get(at..at + gap)?;
        w.brackets |= separator.iter().any(|b| matches!(b, b'(' | b')'));
        if rest.get(at + gap).is_some_and(u8::is_ascii_digit) && separator.iter().any(|b| *b != b' ') {
            w.spaces_only = false;
        }
        at += gap;
    }
    (w.len >= 7).then_some(w)
}

/// The length of an extension written right behind: `x4587`.
fn extension(rest: &[u8]) -> usize {
    let digits = rest.iter().skip(1).take(7).take_while(|b| b.is_ascii_digit()).count();
    if matches!(rest.first(), Some(b'x' | b'X')) && (1..=6).contains(&digits) { digits + 1 } else { 0 }
}

fn value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, d| value * 10 + u32::from(*d))
}
