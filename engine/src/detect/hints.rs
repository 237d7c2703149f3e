//! What the words of a key or of a text announce.
//!
//! Must not go here: the words themselves (`index`), how far one reaches (`window`).

mod index;

use super::entity::{Entity, Set};
use index::INDEX;

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

/// The traits as the vocabulary calls them.
const TRAITS: [(&str, u16); 8] = [
    ("person", PERSON),
    ("people", PEOPLE),
    ("secret", SECRET),
    ("password", PASSWORD),
    ("other", OTHER),
    ("name", NAME),
    ("name part", NAME_PART),
    ("about", ABOUT),
];

impl Hints {
    pub const NONE: Hints = Hints { entities: Set::EMPTY, traits: 0 };

    /// What a key such as `dateOfBirth`, `customer[e-mail]` or `X-Api-Key` announces.
    pub fn of(key: &str) -> Hints {
        let mut all = Hints::NONE;
        each(key.as_bytes(), |_, hints| all = all.and(*hints));
        all
    }

    /// What the vocabulary calls by this name: an entity or a trait.
    fn named(name: &str) -> Option<Hints> {
        let entity = Entity::ALL.iter().find(|(_, own, _)| *own == name).map(|(entity, ..)| Set::of(*entity));
        match entity {
            Some(entities) => Some(Hints { entities, traits: 0 }),
            None => {
                TRAITS.iter().find(|(own, _)| *own == name).map(|(_, traits)| Hints { traits: *traits, ..Hints::NONE })
            }
        }
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
pub(super) fn each(text: &[u8], mut hit: impl FnMut(usize, &'static Hints)) {
    let index = &*INDEX;
    let mut phrases = Phrases::default();
    let mut at = 0;
    while let Some((start, end)) = next_word(text, at) {
        at = end;
        let word = text.get(start..end).unwrap_or_default();
        // `A1` and `1a` are codes.
        let digit = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
        let code = word.len() == 1 && (digit(Some(end)) || digit(start.checked_sub(1)));
        let begins = !code && index.may_begin(word);
        // Most words begin nothing and continue nothing.
        if begins || phrases.open > 0 {
            phrases.add(word, begins);
            phrases.retain(|phrase| {
                if let Some(hints) = index.lookup(phrase) {
                    hit(end, hints);
                }
                index.may_begin(phrase)
            });
        }
    }
}

/// The last words, joined in lower case, as far as they may begin an entry.
struct Phrases {
    joined: [u8; LONGEST],
    used: usize,
    /// Where a phrase begins, and of how many words it is.
    starts: [(usize, usize); JOINED],
    open: usize,
}

impl Default for Phrases {
    fn default() -> Self {
        Phrases { joined: [0; LONGEST], used: 0, starts: [(0, 0); JOINED], open: 0 }
    }
}

impl Phrases {
    /// Continues all phrases by a word, and begins one with it.
    fn add(&mut self, word: &[u8], begins: bool) {
        if self.open == 0 || self.used + word.len() > LONGEST {
            (self.used, self.open) = (0, 0);
        }
        let Some(slot) = self.joined.get_mut(self.used..self.used + word.len()) else { return };
        slot.copy_from_slice(word);
        slot.make_ascii_lowercase();
        // A phrase of `JOINED` words was given up, so there is room.
        if let Some(start) = self.starts.get_mut(self.open).filter(|_| begins) {
            *start = (self.used, 0);
            self.open += 1;
        }
        self.used += word.len();
    }

    /// Gives up the phrases that `may_go_on` refuses, and those that are as long as an entry can be.
    fn retain(&mut self, mut may_go_on: impl FnMut(&[u8]) -> bool) {
        let mut kept = 0;
        for i in 0..self.open {
            let Some((from, words)) = self.starts.get(i).copied() else { break };
            let phrase = self.joined.get(from..self.used).unwrap_or_default();
            if may_go_on(phrase) && words + 1 < JOINED {
                if let Some(slot) = self.starts.get_mut(kept) {
                    *slot = (from, words + 1);
                }
                kept += 1;
            }
        }
        self.open = kept;
    }
}

/// What a byte is in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// None of its letters.
    None,
    Lower,
    Upper,
    /// Part of a letter beyond ASCII.
    Other,
}

/// Of each byte.
const CASES: [Case; 256] = {
    let (mut cases, mut b) = ([Case::None; 256], 0);
    while b < 256 {
        #[expect(clippy::indexing_slicing, reason = "computed by the compiler")]
        let case = &mut cases[b];
        *case = match b as u8 {
            b'a'..=b'z' => Case::Lower,
            b'A'..=b'Z' => Case::Upper,
            0x80.. => Case::Other,
            _ => Case::None,
        };
        b += 1;
    }
    cases
};

impl Case {
    fn of(b: u8) -> Case {
        CASES.get(usize::from(b)).copied().unwrap_or(Case::None)
    }
}

/// Whether a byte is part of a word.
pub(super) fn is_letter(b: u8) -> bool {
    Case::of(b) != Case::None
}

/// The next word from `at` on: a run of letters, also split where lower case turns into upper (`dateOfBirth`, `SSNNumber`).
fn next_word(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at + text.get(at..)?.iter().position(|b| is_letter(*b))?;
    let mut rest = text.get(start..)?.iter();
    let mut before = Case::of(*rest.next()?);
    let mut len = 1;
    while let Some(case) = rest.next().map(|b| Case::of(*b)).filter(|case| *case != Case::None) {
        let follows_lower = || rest.as_slice().first().is_some_and(|b| Case::of(*b) == Case::Lower);
        // A hump, or the end of an acronym.
        if case == Case::Upper && (before == Case::Lower || before == Case::Upper && follows_lower()) {
            break;
        }
        before = case;
        len += 1;
    }
    Some((start, start + len))
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
}
