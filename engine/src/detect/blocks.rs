//! Looks at whole blocks of bytes, written so that the compiler makes SIMD of it where the target has any.
//!
//! Must not go here: which bytes, and what for.

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
            assert!(!any(&vec![b'x'; len], |b| b == b'7'), "{len}");
            for at in 0..len {
                let mut bytes = vec![b'x'; len];
                bytes[at] = b'7';
                assert!(any(&bytes, |b| b == b'7'), "{at} of {len}");
            }
        }
    }
}
