//! Secrets that a text assigns to a name: `api_key = "…"`, `password: …`, `Authorization: Bearer …`, `the password is …`.
//!
//! Must not go here: tokens that show themselves (`issued`).

use super::judge;
use crate::detect::entity::Entity;
use crate::detect::hints::Hints;
use crate::detect::scan::{Scan, Word};

/// Longest name that is read back.
const NAME: usize = 64;
/// Longest value, with what stands before it.
const VALUE: usize = 600;
/// Longest escape of a character: `\u0040`, `&commat;`.
const ESCAPE: usize = 8;

/// At `=`, `:` or `>` behind a name, or at the comma behind a quoted one.
pub(in crate::detect) fn at_mark(scan: &mut Scan<'_>, at: usize) {
    if !scan.may_assign(at) || !scan.wants(Entity::Secret) {
        return;
    }
    let key = match name_before(scan.bytes, at) {
        Some(name) => Hints::of(name),
        None => return,
    };
    if !key.secret() && !key.password() {
        return;
    }
    let Some((start, end)) = value_behind(scan.rest(at + 1)).map(|(s, e)| (at + 1 + s, at + 1 + e)) else { return };
    scan.assigned(end);
    let value = scan.text.get(start..end).unwrap_or_default();
    // `Authorization: Bearer …` has its own rule.
    if value.eq_ignore_ascii_case("bearer")
        || value.eq_ignore_ascii_case("basic")
        || value.eq_ignore_ascii_case("token")
    {
        return;
    }
    if let Some(score) = judge(value, key) {
        scan.found(Entity::Secret, start, end, score);
    }
}

/// The name that ends before `at`, behind white space, quotes and the marks of an assignment.
fn name_before(bytes: &[u8], at: usize) -> Option<&str> {
    let before = bytes.get(at.saturating_sub(NAME + 16)..at)?;
    // A name has more than two letters.
    if let [.., second, last] = before
        && is_name(last)
        && *last != b'.'
        && !is_name(second)
    {
        return None;
    }
    const GAP: usize = 12;
    let skipped = before
        .iter()
        .rev()
        .take(GAP + 1)
        .take_while(|b| {
            matches!(
                b,
                b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b'=' | b':' | b'?' | b']' | b'|' | b'/' | b'.' | b','
            )
        })
        .count();
    if skipped > GAP {
        return None;
    }
    let before = before.get(..before.len() - skipped)?;
    let len = before.iter().rev().take_while(|b| is_name(b)).count();
    let word = before.get(before.len() - len..)?;
    // `var token string = "…"`: the type stands between the name and the mark.
    if matches!(word, b"string" | b"String" | b"str" | b"char" | b"value" | b"const" | b"text") {
        let rest = before.get(..before.len() - len)?;
        let rest =
            rest.get(..rest.len() - rest.iter().rev().take_while(|b| matches!(b, b' ' | b':' | b'"')).count())?;
        let len = rest.iter().rev().take_while(|b| is_name(b)).count();
        return std::str::from_utf8(rest.get(rest.len() - len..)?).ok().filter(|name| !name.is_empty());
    }
    (len > 2).then(|| std::str::from_utf8(word).ok()).flatten()
}

/// Whether a byte stands in names.
fn is_name(b: &u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.') || *b >= 0x80
}

/// What stands between a mark and the value.
fn is_gap(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'=' | b':' | b'>' | b'|' | b'\n' | b'\r' | b'(')
}

/// Where the value begins and ends behind a mark.
fn value_behind(rest: &[u8]) -> Option<(usize, usize)> {
    let rest = rest.get(..VALUE.min(rest.len()))?;
    let gap = rest.iter().take_while(|b| is_gap(**b)).count();
    if gap > 16 {
        return None;
    }
    let mut at = gap;
    let mut quote = None;
    // Escaped quotes of a string in a string count as quotes.
    while let Some(b) = rest.get(at).filter(|b| matches!(b, b'"' | b'\'' | b'`' | b'\\')) {
        if *b != b'\\' {
            quote = Some(*b);
        } else if !rest.get(at + 1).is_some_and(|b| matches!(b, b'"' | b'\'' | b'\\')) {
            break;
        }
        at += 1;
    }
    let tail = rest.get(at..)?;
    let stop = |b: &u8| match quote {
        Some(q) => *b == q || *b == b'\\' || matches!(b, b'\n' | b'\r'),
        None => b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'>' | b'&' | b',' | b';' | b'\\'),
    };
    let value = tail.get(..tail.iter().take_while(|b| !stop(b)).count())?;
    // Brackets around the assignment are not part of the value.
    let closing = |b: &&u8| quote.is_none() && matches!(b, b')' | b'}' | b']');
    let len = value.len() - value.iter().rev().take_while(closing).count();
    (len > 0).then_some((at, at + len))
}

/// Where the value begins that is assigned to a secret's name and may go on behind the end of `text`.
pub(in crate::detect) fn open_value(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let from = bytes.len().saturating_sub(VALUE + 100);
    let assigned = |at: usize| {
        let key = Hints::of(name_before(bytes, at)?);
        let (start, end) = value_behind(bytes.get(at + 1..)?).filter(|_| key.secret() || key.password())?;
        let rest = bytes.get(at + 1 + end..)?;
        // Closing brackets at the end may yet turn out to be part of it, and what an escape stands for that is not whole.
        let may_go_on = rest.iter().all(|b| matches!(b, b')' | b'}' | b']'))
            || matches!(rest, [b'\\' | b'&', ..]) && rest.len() < ESCAPE;
        (may_go_on && end < VALUE).then_some((at, at + 1 + start))
    };
    let late = bytes.get(from..).unwrap_or_default();
    let first = memchr::memchr3_iter(b'=', b':', b'>', late).find_map(|at| assigned(from + at));
    let behind_comma = memchr::memchr_iter(b',', late).find_map(|at| assigned(from + at));
    [first, behind_comma].into_iter().flatten().min().map(|(_, start)| start)
}

/// The next word behind one space; of quotes around it only the inside.
fn word_behind(rest: &[u8]) -> Option<(usize, usize)> {
    let tail = rest.strip_prefix(b" ")?;
    let len = tail.iter().take(130).take_while(|b| !b.is_ascii_whitespace()).count();
    let quote = |b: &&u8| matches!(b, b'"' | b'\'' | b'`');
    let word = tail.get(..len)?;
    let open = word.iter().take_while(quote).count();
    let close = word.iter().rev().take_while(|b| quote(b) || **b == b',').count();
    (open + close < len).then_some((1 + open, 1 + len - close))
}

/// `Bearer …`, `Basic …` (RFC 7235), `with secret …`, `password is …`: at the first digit of what stands at `run`, behind white
/// space.
pub(in crate::detect) fn before_run(scan: &mut Scan<'_>, run: usize) {
    let before = scan.bytes.get(run.saturating_sub(16)..run).unwrap_or_default();
    let gap = before.iter().rev().take_while(|b| is_gap(**b)).count();
    if gap == 0 || scan.next(run - gap) != Some(b' ') {
        return;
    }
    let Some(word) = Word::of_letters(scan.bytes, run - gap, 11) else { return };
    match scan.bytes.get(word.start..word.end).unwrap_or_default() {
        b"is" | b"was" | b"to" if scan.near(word.start).password_within(2) => spoken(scan, word.end),
        b"secret" | b"token" | b"key" | b"password" | b"credential" | b"credentials" => {
            let value = value_at(scan, word.end);
            // `with secret gncgMd…`: a word that no language has.
            if let Some((start, end, value)) = value
                && value.len() >= 20
                && super::is_token(value)
                && super::entropy(value.as_bytes()) >= 3.5
            {
                scan.found(Entity::Secret, start, end, 75);
            }
        }
        scheme if scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"basic") => {
            if let Some((start, end, value)) = value_at(scan, word.end)
                && super::is_token(value)
            {
                scan.found(Entity::Secret, start, end, 90);
            }
        }
        _ => {}
    }
}

/// At the middle of a word such as `password`: `password is …`, `("password", "…")`.
pub(in crate::detect) fn at_password(scan: &mut Scan<'_>, at: usize) {
    let letters = scan.rest(at).iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
    let end = at + letters;
    let Some(word) = Word::of_letters(scan.bytes, end, 40) else { return };
    let name = scan.text.get(word.start..word.end).unwrap_or_default();
    if !Hints::of(name).password() {
        return;
    }
    let rest = scan.rest(end);
    let verb = [b" is ".as_slice(), b" was ", b" to "].into_iter().find(|verb| rest.starts_with(verb));
    match (verb, rest) {
        (Some(verb), _) => spoken(scan, end + verb.len() - 1),
        (None, [b'"' | b'\'', b',', ..]) => at_mark(scan, end + 1),
        _ => {}
    }
}

/// The password at the space at `at`, if what stands there is one: of words that people write after `the password is`, one that
/// is not only letters.
fn spoken(scan: &mut Scan<'_>, at: usize) {
    let Some((start, end)) = word_behind(scan.rest(at)).map(|(s, e)| (at + s, at + e)) else { return };
    let value = scan.text.get(start..end).unwrap_or_default().trim_end_matches(['.', '?']);
    let telling = value.is_ascii() && value.bytes().any(|b| !b.is_ascii_alphabetic()) && value.len() >= 6;
    if telling && scan.wants(Entity::Secret) && !super::is_placeholder(value) {
        scan.found(Entity::Secret, start, start + value.len(), 75);
    }
}

/// The value behind `at`: where it begins and ends, and the text.
fn value_at<'a>(scan: &Scan<'a>, at: usize) -> Option<(usize, usize, &'a str)> {
    let (start, end) = value_behind(scan.rest(at)).filter(|_| scan.wants(Entity::Secret))?;
    Some((at + start, at + end, scan.text.get(at + start..at + end)?))
}
