//! Where in a text a value may begin: at digits and at a few marks, found eight bytes at a time.
//!
//! Plain arithmetic on `u64`, so that it runs alike natively and in wasm. Must not go here: what stands there (`scan`).

use crate::blocks;

/// The stops of one text, asked for in ascending order: digits, and marks that are one of `:;<=>?@`, `-`, `_` or `~`.
pub(super) struct Stops {
    /// The eight bytes that were looked at last, and the stops among them.
    at: usize,
    found: u64,
}

impl Stops {
    /// With the first one.
    pub fn of(bytes: &[u8]) -> (Stops, Option<usize>) {
        let mut stops = Stops { at: 0, found: 0 };
        let first = stops.search(bytes, 0);
        (stops, first)
    }

    /// The first one from `from` on.
    #[inline(always)]
    pub fn next(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        // Of those before `from` nobody asks again.
        let seen = from.saturating_sub(self.at);
        if seen >= 8 {
            return self.search(bytes, from);
        }
        match self.found >> (8 * seen) {
            0 => self.search(bytes, self.at + 8),
            found => Some(self.at + seen + found.trailing_zeros() as usize / 8),
        }
    }

    #[inline(never)]
    fn search(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        /// So near is the next one in most texts that have any.
        const NEAR: usize = 32;
        let (mut at, mut far) = (from, from + NEAR);
        while let Some(block) = bytes.get(at..)?.first_chunk::<8>() {
            let found = stops(u64::from_le_bytes(*block));
            if found != 0 {
                (self.at, self.found) = (at, found);
                return Some(at + found.trailing_zeros() as usize / 8);
            }
            at += 8;
            if at == far {
                at += blocks::without(bytes.get(at..)?, is_stop);
                far = at + blocks::BLOCK;
            }
        }
        // Less than eight bytes are left.
        let rest = bytes.get(at..)?;
        self.found = rest.iter().rev().fold(0, |found, b| found << 8 | if is_stop(*b) { 0x80 } else { 0 });
        self.at = at;
        (self.found != 0).then(|| at + self.found.trailing_zeros() as usize / 8)
    }
}

const fn is_stop(b: u8) -> bool {
    (b >= b'0') & (b <= b'@') | (b == b'-') | (b == b'_') | (b == b'~')
}

/// Whether nothing stands in a text where a value may begin, nor anything that may stand for another character.
pub fn is_words(text: &str) -> bool {
    const WORDS: [bool; 256] = {
        let (mut words, mut b) = ([false; 256], 0);
        while b < 128 {
            #[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
            let slot = &mut words[b];
            *slot = !is_stop(b as u8) && !matches!(b as u8, b'%' | b'&' | b'\\');
            b += 1;
        }
        words
    };
    text.bytes().all(|b| WORDS.get(usize::from(b)) == Some(&true))
}

const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
const HIGH: u64 = 0x80 * ONES;

/// The same for eight bytes: the highest bit of those that are stops. No sum carries into the next byte, as the bytes of each
/// lie below 128.
fn stops(block: u64) -> u64 {
    let low = block & !HIGH;
    let from_zero = low + ONES * (0x80 - b'0' as u64);
    let behind_at = low + ONES * (0x7f - b'@' as u64);
    let other_than = |mark: u8| (low ^ (ONES * u64::from(mark))) + ONES * 0x7f;
    (from_zero & !behind_at | !(other_than(b'-') & other_than(b'_') & other_than(b'~'))) & !block & HIGH
}

/// How many bytes of `rest`, in whole blocks of 64, are base64 of bytes that mean nothing: letters of both cases and digits in
/// each block, and no digits in such a row that they may be a number.
pub(super) fn noise(rest: &[u8]) -> usize {
    let (blocks, _) = rest.as_chunks::<64>();
    64 * blocks.iter().take_while(|block| is_noise(block)).count()
}

fn is_noise(block: &[u8; 64]) -> bool {
    let all = |class: fn(u8) -> bool| block.iter().fold(true, |all, b| all & class(*b));
    let any = |class: fn(u8) -> bool| block.iter().fold(false, |any, b| any | class(*b));
    let base64 = |b: u8| b.is_ascii_alphanumeric() | (b == b'+') | (b == b'/') | (b == b'=');
    // Seven digits in a row fill one of these places.
    let (fours, _) = block.as_chunks::<4>();
    let number = fours.iter().fold(false, |any, four| any | four.iter().fold(true, |all, b| all & b.is_ascii_digit()));
    all(base64)
        && any(|b| b.is_ascii_uppercase())
        && any(|b| b.is_ascii_lowercase())
        && any(|b| b.is_ascii_digit())
        && !number
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn agrees_with_a_byte_by_byte_look() {
        for b in 0..=255u8 {
            for other in [b'a', 0, 0x7f, 0x80, 0xff] {
                for at in 0..8 {
                    let mut block = [other; 8];
                    block[at] = b;
                    let found = (0..8).filter(|i| is_stop(block[*i])).fold(0, |all, i| all | 0x80u64 << (8 * i));
                    assert_eq!(stops(u64::from_le_bytes(block)), found, "{b} at {at} among {other}");
                }
            }
        }
    }

    #[test]
    fn every_place_is_looked_at() {
        for len in [0, 1, 7, 8, 9, 64, 100] {
            assert_eq!(Stops::of(&vec![b'x'; len]).1, None, "{len}");
            for at in 0..len {
                for other in [at, at + 1, at + 5, at + 40].into_iter().filter(|other| *other < len) {
                    let mut text = vec![b'x'; len];
                    (text[at], text[other]) = (b'7', b'@');
                    let (mut stops, first) = Stops::of(&text);
                    assert_eq!(first, Some(at), "{at} of {len}");
                    for from in at + 1..=len {
                        let expected = (from <= other && other > at).then_some(other);
                        assert_eq!(stops.next(&text, from), expected, "{from} to {at} and {other} of {len}");
                    }
                }
            }
        }
    }

    #[test]
    fn noise_is_what_no_text_looks_like() {
        let noise_of_96 =
            "iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4Q8w38GIAXDIBKE0DHxgljNBAAO9TXL0Y";
        assert_eq!(noise(noise_of_96.as_bytes()), 64);
        for text in ["users/anna/photos/archive/summer/", "0123456789abcdef", "4111111111111111AbC/"] {
            assert_eq!(noise(text.repeat(10).as_bytes()), 0, "{text}");
        }
    }
}
