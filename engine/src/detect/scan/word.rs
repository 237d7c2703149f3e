//! Words: runs of ASCII letters and digits.

/// Where a word stands, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Word {
    pub start: usize,
    pub end: usize,
    pub digits: usize,
    /// Length of the run of digits, or of letters, that it begins with.
    pub lead: usize,
}

impl Word {
    /// The word that begins at `start`.
    pub fn at(bytes: &[u8], start: usize) -> Word {
        let rest = bytes.get(start..).unwrap_or_default();
        let first_is_digit = rest.first().is_some_and(u8::is_ascii_digit);
        let (mut len, mut digits, mut lead) = (0, 0, None);
        for b in rest {
            let digit = b.is_ascii_digit();
            if !digit && !b.is_ascii_alphabetic() {
                break;
            }
            if digit != first_is_digit && lead.is_none() {
                lead = Some(len);
            }
            digits += usize::from(digit);
            len += 1;
        }
        Word { start, end: start + len, digits, lead: lead.unwrap_or(len) }
    }

    /// The word with its first digit at `at`, as far as it stands behind `from`.
    pub fn around(bytes: &[u8], at: usize, from: usize) -> Word {
        Word::at(bytes, at - letters_before(bytes, at, from))
    }

    /// The word of only letters that ends before `end`, if it is no longer than `longest` and no part of a longer word.
    pub fn of_letters(bytes: &[u8], end: usize, longest: usize) -> Option<Word> {
        let len = letters_before(bytes, end, end.saturating_sub(longest));
        let start = end - len;
        let cut = start.checked_sub(1).and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_alphanumeric);
        (len > 0 && !cut).then_some(Word { start, end, digits: 0, lead: len })
    }

    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether it is only digits.
    pub fn is_number(&self) -> bool {
        self.digits == self.len()
    }
}

fn letters_before(bytes: &[u8], at: usize, from: usize) -> usize {
    bytes.get(from..at).unwrap_or_default().iter().rev().take_while(|b| b.is_ascii_alphabetic()).count()
}
