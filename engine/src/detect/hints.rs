//! What the words of a key or of a text announce.
//!
//! Must not go here: the words themselves (`vocabulary`), how far one reaches (`window`).

use std::sync::LazyLock;

use super::entity::{Entity, Set};
use super::vocabulary;

/// What was announced: entities, and traits of the value to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    pub(super) entities: Set,
    traits: u16,
}

/// The value is a person's name.
const PERSON: u16 = 1;
/// The object is a person: its `name` is one.
const PEOPLE: u16 = 2;
/// The value is a machine-made secret.
const SECRET: u16 = 4;
/// The value is a password.
const PASSWORD: u16 = 8;
/// The number is nobody's.
const OTHER: u16 = 16;
/// The value is the name of whatever the object is.
const NAME: u16 = 32;

/// The value is a part of the name that the object is.
const NAME_PART: u16 = 64;
/// The value says something about a secret.
const ABOUT: u16 = 128;

impl Hints {
    pub const NONE: Hints = Hints { entities: Set::EMPTY, traits: 0 };

    /// What a key such as `dateOfBirth`, `customer[e-mail]` or `X-Api-Key` announces.
    pub fn of(key: &str) -> Hints {
        let mut all = Hints::NONE;
        each(key.as_bytes(), |_, hints| all = all.and(hints));
        all
    }

    pub fn and(self, other: Hints) -> Hints {
        Hints { entities: self.entities.union(other.entities), traits: self.traits | other.traits }
    }

    pub fn is_none(self) -> bool {
        self == Hints::NONE
    }

    pub(super) fn suggests(self, entity: Entity) -> bool {
        self.entities.contains(entity)
    }

    pub(super) fn person(self) -> bool {
        self.traits & PERSON != 0
    }

    pub(super) fn people(self) -> bool {
        self.traits & PEOPLE != 0
    }

    pub(super) fn name(self) -> bool {
        self.traits & NAME != 0
    }

    pub(super) fn name_part(self) -> bool {
        self.traits & NAME_PART != 0
    }

    /// Whether a field with this key makes the object around it one about a person.
    pub fn shows_person(self) -> bool {
        const PERSONAL: Set = Set::of(Entity::EmailAddress)
            .with(Entity::PhoneNumber)
            .with(Entity::DateOfBirth)
            .with(Entity::UsSsn)
            .with(Entity::Passport);
        self.person() || self.entities.meets(PERSONAL)
    }

    /// Whether the value is the name of whatever the object around it is.
    pub fn is_name(self) -> bool {
        self.name() && !self.other()
    }

    /// Of an object about a person.
    pub fn of_person(self) -> Hints {
        Hints { traits: self.traits | PEOPLE, ..self }
    }

    pub(super) fn secret(self) -> bool {
        self.traits & (SECRET | ABOUT) == SECRET
    }

    pub(super) fn password(self) -> bool {
        self.traits & PASSWORD != 0
    }

    pub(super) fn other(self) -> bool {
        self.traits & OTHER != 0
    }
}

/// Words joined for one entry at most.
const JOINED: usize = 4;
/// Longest entry in bytes.
const LONGEST: usize = 64;

/// Calls `hit` with the offset behind each announcing phrase of `text`, and what it announces.
pub(super) fn each(text: &[u8], mut hit: impl FnMut(usize, Hints)) {
    // The last words, lower case and joined, and where each begins in the buffer.
    let mut joined = [0u8; LONGEST];
    let mut starts = [0usize; JOINED];
    let (mut used, mut words) = (0, 0);
    for (start, end) in (Words { text, at: 0 }) {
        let word = text.get(start..end).unwrap_or_default();
        if words == JOINED || used + word.len() > LONGEST {
            // Drop the oldest word, or all if the new one is too long to join any.
            let drop = if used + word.len() > LONGEST { used } else { starts[1] };
            joined.copy_within(drop..used, 0);
            used -= drop;
            words = if used == 0 { 0 } else { words - 1 };
            starts.rotate_left(1);
            starts.iter_mut().for_each(|s| *s = s.saturating_sub(drop));
        }
        let Some(slot) = joined.get_mut(used..used + word.len()) else { continue };
        slot.copy_from_slice(word);
        slot.make_ascii_lowercase();
        if let Some(first) = starts.get_mut(words) {
            *first = used;
        }
        used += word.len();
        words += 1;
        for from in starts.iter().take(words) {
            if let Some(hints) = joined.get(*from..used).and_then(lookup) {
                hit(end, hints);
            }
        }
    }
}

/// The words of a text: runs of letters, also split where lower case turns into upper (`dateOfBirth`, `SSNNumber`).
struct Words<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Words<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let letter = |b: &u8| b.is_ascii_alphabetic() || *b >= 0x80;
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.iter().position(letter)?;
        let word = self.text.get(start..)?;
        let mut len = 1;
        while let Some(b) = word.get(len).filter(|b| letter(b)) {
            let before = word.get(len - 1).copied().unwrap_or(0);
            let hump = b.is_ascii_uppercase() && before.is_ascii_lowercase();
            let acronym_ends = b.is_ascii_uppercase()
                && before.is_ascii_uppercase()
                && word.get(len + 1).is_some_and(u8::is_ascii_lowercase);
            if hump || acronym_ends {
                break;
            }
            len += 1;
        }
        self.at = start + len;
        Some((start, start + len))
    }
}

fn lookup(word: &[u8]) -> Option<Hints> {
    let index = &*INDEX;
    index.find(word).or_else(|| match word.split_last() {
        Some((b's', one)) if one.len() > 2 => index.find(one),
        _ => None,
    })
}

/// All words with all that each announces, by hash.
struct Index {
    words: Vec<(&'static str, Hints)>,
    /// Places in `words`, counted from 1; a word stands in the first free slot behind its hash.
    slots: Vec<u16>,
}

/// More than twice the words, and a power of two.
const SLOTS: usize = 4096;

static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let trait_words = [
        (PERSON, vocabulary::PERSON),
        (PEOPLE, vocabulary::PEOPLE),
        (NAME, vocabulary::NAME),
        (NAME_PART, vocabulary::NAME_PART),
        (SECRET, vocabulary::SECRET),
        (PASSWORD, vocabulary::PASSWORD),
        (OTHER, vocabulary::OTHER),
        (ABOUT, vocabulary::ABOUT),
    ];
    let entities = vocabulary::ENTITIES
        .iter()
        .flat_map(|(e, words)| words.iter().map(|w| (*w, Hints { entities: Set::of(*e), traits: 0 })));
    let traits = trait_words
        .into_iter()
        .flat_map(|(t, words)| words.iter().map(move |w| (*w, Hints { entities: Set::EMPTY, traits: t })));
    let mut index = Index { words: Vec::new(), slots: vec![0; SLOTS] };
    entities.chain(traits).for_each(|(word, hints)| index.add(word, hints));
    index
});

impl Index {
    fn add(&mut self, word: &'static str, hints: Hints) {
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

    fn find(&self, word: &[u8]) -> Option<Hints> {
        let at = usize::from(*self.slots.get(self.slot(word))?).checked_sub(1)?;
        self.words.get(at).map(|(_, hints)| *hints)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn keys_are_read_in_any_spelling() {
        for key in ["email", "eMail", "e-mail", "E_MAIL", "userEmail", "contact[email]", "emails", "work_email_address"]
        {
            assert!(Hints::of(key).suggests(Entity::EmailAddress), "{key}");
        }
        for key in ["dateOfBirth", "date_of_birth", "DATE OF BIRTH", "dob", "userDOB", "birthDate"] {
            assert!(Hints::of(key).suggests(Entity::DateOfBirth), "{key}");
        }
        assert!(Hints::of("SSNNumber").suggests(Entity::UsSsn));
        assert!(Hints::of("a b c d social security number").suggests(Entity::UsSsn));
    }

    #[test]
    fn words_inside_words_do_not_count() {
        for key in ["bemail", "microphone", "assn", "discard"] {
            assert!(Hints::of(key).is_none(), "{key}");
        }
    }

    #[test]
    fn long_words_do_no_harm() {
        let key = format!("{} ssn", "x".repeat(500));
        assert!(Hints::of(&key).suggests(Entity::UsSsn));
    }

    #[test]
    fn entries_are_written_as_the_reader_joins_them() {
        assert!(INDEX.words.len() * 2 < SLOTS);
        for (word, _) in &INDEX.words {
            assert!(word.len() <= LONGEST && *word == word.to_lowercase(), "{word}");
            assert!(word.bytes().all(|b| b.is_ascii_lowercase() || !b.is_ascii()), "{word}");
        }
    }
}
