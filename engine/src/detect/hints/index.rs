//! The words that announce a value, by hash. Must not go here: what a text's words are (the parent).

use std::sync::LazyLock;

use super::Hints;

/// All words with all that each announces, by hash.
pub(super) struct Index {
    words: Vec<(&'static str, Hints)>,
    /// Places in `words`, counted from 1; a word stands in the first free slot behind its hash.
    slots: Vec<u16>,
    /// A bit for each three letters that a word begins with: most words of most texts begin none.
    begins: Vec<u32>,
}

/// More than twice the words, and a power of two.
const SLOTS: usize = 4096;

/// Under each name of an entity or trait, in the first column, stand its words.
const VOCABULARY: &str = include_str!("vocabulary.txt");

pub(super) static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let mut index = Index { words: Vec::new(), slots: vec![0; SLOTS], begins: vec![0; 1024] };
    let mut hints = Hints::NONE;
    for line in VOCABULARY.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("  ") {
            Some(words) => words.split(' ').for_each(|word| index.add(word, hints)),
            None => hints = Hints::named(line).unwrap_or(Hints::NONE),
        }
    }
    index
});

impl Index {
    /// What `phrase` announces, in lower case; it may be a plural.
    pub fn lookup(&self, phrase: &[u8]) -> Option<&Hints> {
        self.find(phrase).or_else(|| match phrase.split_last() {
            Some((b's', one)) if one.len() > 2 => self.find(one),
            _ => None,
        })
    }

    /// Whether a word of the index may begin with `phrase`, in any case, or `phrase` with it.
    pub fn may_begin(&self, phrase: &[u8]) -> bool {
        let third = |a: u8, b: u8| self.begins.get(two_letters(a, b)).copied().unwrap_or(0);
        match phrase {
            [a, b, c, ..] => third(*a, *b) >> (c & 31) & 1 == 1,
            [a, b] => third(*a, *b) != 0,
            _ => true,
        }
    }

    fn add(&mut self, word: &'static str, hints: Hints) {
        let (pair, third) = match word.as_bytes() {
            [a, b, c, ..] => (two_letters(*a, *b), 1 << (c & 31)),
            // Whatever stands behind a word so short.
            [a, b] => (two_letters(*a, *b), u32::MAX),
            _ => return,
        };
        if let Some(all) = self.begins.get_mut(pair) {
            *all |= third;
        }
        let slot = self.slot(word.as_bytes());
        match self.slots.get(slot).and_then(|at| usize::from(*at).checked_sub(1)) {
            Some(known) => {
                if let Some((_, all)) = self.words.get_mut(known) {
                    *all = all.and(hints);
                }
            }
            None => {
                self.words.push((word, hints));
                if let (Some(free), Ok(at)) = (self.slots.get_mut(slot), u16::try_from(self.words.len())) {
                    *free = at;
                }
            }
        }
    }

    fn find(&self, word: &[u8]) -> Option<&Hints> {
        let at = usize::from(*self.slots.get(self.slot(word))?).checked_sub(1)?;
        self.words.get(at).map(|(_, hints)| hints)
    }

    /// The slot of `word`, or the free one where it would stand.
    fn slot(&self, word: &[u8]) -> usize {
        // FNV-1a; the table is never full, so the search ends.
        let hash = word.iter().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(*b)).wrapping_mul(0x0100_0193));
        let start = (hash ^ hash >> 15) as usize;
        let here = |at: usize| match self.slots.get(at).and_then(|n| usize::from(*n).checked_sub(1)) {
            Some(known) => self.words.get(known).is_some_and(|(own, _)| own.as_bytes() == word),
            None => true,
        };
        (start..start + SLOTS).map(|at| at % SLOTS).find(|at| here(*at)).unwrap_or(0)
    }
}

/// Five bits of each letter, the same for both cases.
fn two_letters(a: u8, b: u8) -> usize {
    usize::from(a & 31) << 5 | usize::from(b & 31)
}

#[cfg(test)]
mod tests {
    use super::super::LONGEST;
    use super::*;
    use crate::testing::test;

    #[test]
    fn entries_are_written_as_the_reader_joins_them() {
        assert!(INDEX.words.len() * 2 < SLOTS);
        for line in VOCABULARY.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', ' '])) {
            assert!(Hints::named(line).is_some(), "{line}");
        }
        for (word, hints) in &INDEX.words {
            assert!(!hints.is_none(), "{word}");
            assert!((2..=LONGEST).contains(&word.len()) && *word == word.to_lowercase(), "{word}");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || !b.is_ascii()), "{word}");
        }
    }
}
