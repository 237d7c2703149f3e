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
    let mut end = at;
    while let Some(eight) = rest.get(end..).and_then(<[u8]>::first_chunk) {
        let count = leading(u64::from_le_bytes(*eight));
        end += count;
        if count < 8 {
            return if end == at { Err(at) } else { Ok(end) };
        }
    }
    end += rest.get(end..).unwrap_or_default().iter().take_while(|b| b.is_ascii_digit()).count();
    if end == at { Err(at) } else { Ok(end) }
}

/// How many of eight bytes, the lowest first, are digits up to the first that is none.
fn leading(eight: u64) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // Of a digit, the difference to `0` is below 10. A sum that carries marks bytes above one that is marked already.
    let value = eight ^ (ONES * u64::from(b'0'));
    let others = (value.wrapping_add(ONES * (0x80 - 10)) | value) & (ONES << 7);
    others.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn agrees_with_a_byte_by_byte_look() {
        for other in 0..=255u8 {
            for behind in [b'7', 0, 0x7f, 0xff] {
                for at in 0..8 {
                    let mut eight = [b'9'; 8];
                    eight.iter_mut().skip(at).for_each(|b| *b = behind);
                    eight[at] = other;
                    let count = eight.iter().take_while(|b| b.is_ascii_digit()).count();
                    assert_eq!(leading(u64::from_le_bytes(eight)), count, "{eight:?}");
                }
            }
        }
    }
}
