//! Words: runs of ASCII letters and digits.

/// Where a word stands, and what it is made of.
#[derive(Clone, Copy, Debug)]
pub(in crate::detect) struct Word {
    pub start: usize,
    pub end: usize,
    pub digits: usize,
    /// Length of the run of digits, or of letters, that it begins with.
    pub lead: usize,
    /// The byte behind it; 0 where the text ends.
    pub joint: u8,
}

impl Word {
    /// The word that begins at `start`.
    fn at(bytes: &[u8], start: usize) -> Word {
        let rest = bytes.get(start..).unwrap_or_default();
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let joint = rest.get(digits).copied().unwrap_or(0);
        // Most words with a digit are numbers.
        if !joint.is_ascii_alphabetic() {
            return Word { start, end: start + digits, digits, lead: digits, joint };
        }
        let (mut word, mut len) = (Word { start, end: start, digits, lead: digits, joint: 0 }, digits);
        for b in rest.get(digits..).unwrap_or_default() {
            if b.is_ascii_digit() {
                word.lead = if word.lead == 0 { len } else { word.lead };
                word.digits += 1;
            } else if !b.is_ascii_alphabetic() {
                word.joint = *b;
                break;
            }
            len += 1;
        }
        Word { end: start + len, lead: if word.lead == 0 { len } else { word.lead }, ..word }
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
        let joint = bytes.get(end).copied().unwrap_or(0);
        (len > 0 && !cut).then_some(Word { start, end, digits: 0, lead: len, joint })
    }

    /// The length of the word that is joined to it, as far as any id goes.
    pub fn second(&self, bytes: &[u8]) -> usize {
        if !Word::joins(self.joint) {
            return 0;
        }
        let behind = bytes.get(self.end + 1..).unwrap_or_default();
        behind.iter().take(Word::SECOND).take_while(|b| b.is_ascii_alphanumeric()).count()
    }

    /// Longest second word that is told from a longer one.
    pub const SECOND: usize = 24;

    /// Whether the words of one id may be joined by it.
    pub fn joins(joint: u8) -> bool {
        matches!(joint, b' ' | b'+' | b'-' | b'.' | b'/')
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
