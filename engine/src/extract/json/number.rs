//! The grammar of a JSON number. Must not go here: its value; numbers stay text.

/// Length of the number that `rest` begins with; `Err` has the offset of the byte that breaks the grammar.
pub(super) fn scan(rest: &[u8]) -> Result<usize, usize> {
    let mut at = usize::from(rest.first() == Some(&b'-'));
    at = match rest.get(at) {
        Some(b'0') => at + 1,
        _ => digits(rest, at)?,
    };
    if rest.get(at) == Some(&b'.') {
        at = digits(rest, at + 1)?;
    }
    if matches!(rest.get(at), Some(b'e' | b'E')) {
        at += 1;
        at = digits(rest, at + usize::from(matches!(rest.get(at), Some(b'+' | b'-'))))?;
    }
    match rest.get(at) {
        // `01`, `1.2.3` and `12a` would otherwise end as a number followed by something else.
        Some(b) if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-') => Err(at),
        _ => Ok(at),
    }
}

/// The end of the digits at `at`, of which there must be one.
fn digits(rest: &[u8], at: usize) -> Result<usize, usize> {
    let count = rest.get(at..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 { Err(at) } else { Ok(at + count) }
}
