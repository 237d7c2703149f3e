//! The quick look at a text: whether anything in it can be a value at all. Most strings of most bodies end here.
//!
//! Written so that the compiler makes SIMD of it where the target has any. Must not go here: finding anything.

/// Whether `text` holds nothing that a value begins with or needs: no digit, no mark of an address or assignment.
pub(super) fn is_plain(text: &[u8]) -> bool {
    let telling = |b: u8| b.is_ascii_digit() | (b == b'@') | (b == b':') | (b == b'=') | (b == b'>') | (b == b'~');
    // `the password is …` needs none of these.
    !any(text, telling) && memchr::memmem::find(text, b"assw").is_none()
}

/// Whether a byte of `bytes` is of the class. Looks at whole blocks, without an early way out inside of one.
pub fn any(bytes: &[u8], class: impl Fn(u8) -> bool) -> bool {
    let block = |block: &[u8]| block.iter().fold(false, |found, b| found | class(*b));
    let (blocks, tail) = bytes.as_chunks::<64>();
    blocks.iter().any(|b| block(b)) || block(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn agrees_with_a_byte_by_byte_look() {
        for len in [0, 1, 63, 64, 65, 200] {
            assert!(is_plain(&vec![b'x'; len]), "{len}");
            for at in 0..len {
                for telling in [b'7', b'@', b':', b'=', b'>', b'~'] {
                    let mut text = vec![b'x'; len];
                    text[at] = telling;
                    assert!(!is_plain(&text), "{telling} at {at} of {len}");
                }
            }
        }
        assert!(!is_plain(b"the password is hunter-two"));
    }
}
