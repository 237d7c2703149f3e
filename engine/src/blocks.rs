//! Looks at whole blocks of bytes, written so that the compiler makes SIMD of it where the target has any.
//!
//! Must not go here: which bytes, and what for.

/// Bytes that are looked at together.
pub const BLOCK: usize = 64;

/// Whether a byte of `bytes` is of the class. Looks at whole blocks, without an early way out inside of one. What is shorter
/// is looked at byte by byte: parts of 16 are faster natively, but V8 takes 7 % longer for a body then.
pub fn any(bytes: &[u8], class: impl Fn(u8) -> bool) -> bool {
    let (blocks, tail) = bytes.as_chunks::<BLOCK>();
    !blocks.iter().all(|block| none(block, &class)) || !none(tail, &class)
}

/// Where the first byte of the class stands.
pub fn position(bytes: &[u8], class: impl Fn(u8) -> bool) -> Option<usize> {
    /// So near it is in many texts that have any.
    const NEAR: usize = 16;
    let near = bytes.get(..NEAR).unwrap_or(bytes).iter().position(|b| class(*b));
    near.or_else(|| {
        let far = bytes.get(NEAR..)?;
        let clean = without(far, &class);
        let found = far.get(clean..)?.iter().position(|b| class(*b))?;
        Some(NEAR + clean + found)
    })
}

/// How many bytes `bytes` begins with, in whole blocks, of which none is of the class.
pub fn without(bytes: &[u8], class: impl Fn(u8) -> bool) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    BLOCK * blocks.iter().take_while(|block| none(*block, &class)).count()
}

fn none(bytes: &[u8], class: impl Fn(u8) -> bool) -> bool {
    !bytes.iter().fold(false, |found, b| found | class(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn agrees_with_a_byte_by_byte_look() {
        for len in [0, 1, 15, 16, 17, 40, 63, 64, 65, 200] {
            assert!(!any(&vec![b'x'; len], |b| b == b'7'), "{len}");
            assert_eq!(position(&vec![b'x'; len], |b| b == b'7'), None, "{len}");
            for at in 0..len {
                let mut bytes = vec![b'x'; len];
                bytes[at] = b'7';
                assert!(any(&bytes, |b| b == b'7'), "{at} of {len}");
                assert_eq!(position(&bytes, |b| b == b'7'), Some(at), "{at} of {len}");
                let before = if at / BLOCK < len / BLOCK { at } else { len };
                assert_eq!(without(&bytes, |b| b == b'7'), before / BLOCK * BLOCK, "{at} of {len}");
            }
        }
    }
}
