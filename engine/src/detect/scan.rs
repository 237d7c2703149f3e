//! The pass over one text: where a value may begin, and which families look there.
//!
//! Must not go here: what a value looks like (the families).

use super::entity::{Entity, Set};
use super::hints::Hints;
use super::window::{Near, Window};
use super::{Match, card, crypto, date, email, iban, ids, keyed, loose, network, phone, secret, url};

/// What is looked for, and how sure a match must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub entities: Set,
    /// Lowest score that counts, by entity.
    pub min_score: [u8; Entity::ALL.len()],
}

impl Wanted {
    pub fn accepts(&self, entity: Entity, score: u8) -> bool {
        self.entities.contains(entity) && self.min_score.get(entity as usize).is_some_and(|min| score >= *min)
    }
}

/// Appends the matches in the value of a field, in order and without overlaps; its key and the key of the object around it
/// announce something, or nothing.
pub fn field(text: &str, key: Hints, parent: Hints, wanted: &Wanted, out: &mut Vec<Match>) {
    let from = out.len();
    let mut scan = Scan { text, bytes: text.as_bytes(), window: Window::new(text.as_bytes(), key), wanted, out };
    keyed::whole(&mut scan, key, parent);
    scan.run();
    resolve(out, from);
}

/// One text under the pass, as the families see it.
pub(super) struct Scan<'a> {
    pub text: &'a str,
    pub bytes: &'a [u8],
    window: Window<'a>,
    wanted: &'a Wanted,
    out: &'a mut Vec<Match>,
}

impl<'a> Scan<'a> {
    fn run(&mut self) {
        let mut at = 0;
        while let Some(&byte) = self.bytes.get(at) {
            if byte.is_ascii_alphanumeric() {
                let word = Word::at(self.bytes, at);
                self.word(&word);
                at = word.end;
            } else {
                match byte {
                    b'@' => email::at_sign(self, at),
                    b'+' => phone::at_plus(self, at),
                    b'(' => phone::at_bracket(self, at),
                    b':' => {
                        network::at_colon(self, at);
                        url::at_colon(self, at);
                        secret::assigned::at_mark(self, at);
                    }
                    b'=' | b'>' => secret::assigned::at_mark(self, at),
                    b',' if matches!(self.previous(at), Some(b'"' | b'\'')) => secret::assigned::at_mark(self, at),
                    b'-' => secret::issued::pem(self, at),
                    b'~' => secret::issued::at_tilde(self, at),
                    _ => {}
                }
                at += 1;
            }
        }
    }

    fn word(&mut self, word: &Word) {
        secret::issued::at_word(self, word);
        secret::issued::jwt(self, word);
        secret::assigned::at_word(self, word);
        if word.digits > 0 {
            card::at_word(self, word);
            iban::at_word(self, word);
            crypto::at_word(self, word);
            date::at_word(self, word);
            phone::at_word(self, word);
            loose::at_word(self, word);
            ids::at_word(self, word);
            network::at_word(self, word);
        } else if word.end - word.start <= 12 {
            if matches!(word.end - word.start, 2 | 4) {
                ids::at_word(self, word);
                network::at_word(self, word);
            }
            date::at_word(self, word);
        }
    }

    /// Bytes from `at` on.
    pub fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..).unwrap_or_default()
    }

    /// The byte before `at`.
    pub fn previous(&self, at: usize) -> Option<u8> {
        self.bytes.get(at.checked_sub(1)?).copied()
    }

    pub fn next(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// The announcements before `at`. Places must be asked for in ascending order.
    pub fn near(&mut self, at: usize) -> Near<'_> {
        self.window.before(at)
    }

    pub fn wants(&self, entity: Entity) -> bool {
        self.wanted.entities.contains(entity)
    }

    pub fn found(&mut self, entity: Entity, start: usize, end: usize, score: u8) {
        if self.wanted.accepts(entity, score) && self.text.get(start..end).is_some_and(|t| !t.is_empty()) {
            self.out.push(Match { entity, start, end, score });
        }
    }

    /// Whether an id may begin at `start`: not inside a longer number or code.
    pub fn opens(&self, start: usize) -> bool {
        match self.previous(start) {
            Some(b'-' | b'.' | b'+') => {
                !start.checked_sub(2).and_then(|i| self.bytes.get(i)).is_some_and(u8::is_ascii_digit)
            }
            Some(b) => !b.is_ascii_alphanumeric(),
            None => true,
        }
    }

    /// Whether an id may end at `end`: not inside a longer number or code.
    pub fn closes(&self, end: usize) -> bool {
        match self.next(end) {
            Some(b'-' | b'.' | b'/') => !self.next(end + 1).is_some_and(|b| b.is_ascii_digit()),
            Some(b) => !b.is_ascii_alphanumeric(),
            None => true,
        }
    }
}

/// A run of ASCII letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub start: usize,
    pub end: usize,
    pub digits: usize,
    /// Length of the run of digits, or of letters, that it begins with.
    pub lead: usize,
}

impl Word {
    fn at(bytes: &[u8], start: usize) -> Word {
        let rest = bytes.get(start..).unwrap_or_default();
        let len = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let word = rest.get(..len).unwrap_or_default();
        let first = word.first().is_some_and(u8::is_ascii_digit);
        let lead = word.iter().take_while(|b| b.is_ascii_digit() == first).count();
        let digits = word.iter().filter(|b| b.is_ascii_digit()).count();
        Word { start, end: start + len, digits, lead }
    }
}

/// Of overlapping matches behind `from` the surest, then the longest stays; leaves them in order.
fn resolve(out: &mut Vec<Match>, from: usize) {
    let Some(new) = out.get_mut(from..).filter(|new| new.len() > 1) else { return };
    new.sort_by_key(|m| (m.start, m.end));
    let mut kept: usize = from;
    for i in from + 1..out.len() {
        let (Some(&last), Some(&next)) = (out.get(kept), out.get(i)) else { return };
        let slot = if next.start >= last.end {
            kept += 1;
            kept
        } else if (next.score, next.end - next.start) > (last.score, last.end - last.start) {
            kept
        } else {
            continue;
        };
        if let Some(place) = out.get_mut(slot) {
            *place = next;
        }
    }
    out.truncate(kept + 1);
}
