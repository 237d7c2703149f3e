//! The pass over one text: where a value may begin, and which families look there.
//!
//! Must not go here: what a value looks like (the families).

use super::entity::{Entity, Set};
use super::hints::Hints;
use super::window::{Near, Window};
use super::{Match, card, crypto, date, email, iban, ids, keyed, loose, network, phone, plain, secret, url};

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

/// Appends all matches in the value of a field, those that overlap too; its key and the key of the object around it
/// announce something, or nothing.
pub fn field(text: &str, key: Hints, parent: Hints, wanted: &Wanted, out: &mut Vec<Match>) {
    let mut scan =
        Scan { text, bytes: text.as_bytes(), window: Window::new(text.as_bytes(), key), assigned: 0, wanted, out };
    keyed::whole(&mut scan, key, parent);
    if !plain::is_plain(scan.bytes) {
        scan.run();
    }
}

/// One text under the pass, as the families see it.
pub(super) struct Scan<'a> {
    pub text: &'a str,
    pub bytes: &'a [u8],
    window: Window<'a>,
    /// Marks before belong to a value that was judged already.
    assigned: usize,
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
        let len = word.end - word.start;
        if word.digits > 0 {
            secret::issued::at_word(self, word);
            secret::issued::jwt(self, word);
            card::at_word(self, word);
            iban::at_word(self, word);
            crypto::at_word(self, word);
            date::at_word(self, word);
            phone::at_word(self, word);
            loose::at_word(self, word);
            ids::at_word(self, word);
            network::at_word(self, word);
            return;
        }
        // Most words of most texts are letters before a space or a mark: nearly all of them end here.
        match self.next(word.end) {
            Some(b' ') if len <= 11 => {
                secret::assigned::at_word(self, word);
                date::at_word(self, word);
                if matches!(len, 2 | 4) && self.next(word.end + 1).is_some_and(|b| b.is_ascii_digit()) {
                    ids::at_word(self, word);
                }
            }
            Some(b'_' | b'-' | b'.' | b'$' | b'/') => {
                secret::issued::at_word(self, word);
                secret::issued::jwt(self, word);
                date::at_word(self, word);
                ids::at_word(self, word);
                network::at_word(self, word);
            }
            Some(b':') if len <= 4 => network::at_word(self, word),
            Some(b',') if len <= 11 => date::at_word(self, word),
            _ if len >= 16 => {
                secret::issued::at_word(self, word);
                secret::issued::jwt(self, word);
            }
            _ => {}
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

    /// Whether a mark at `at` may assign a value: not inside of one.
    pub fn may_assign(&self, at: usize) -> bool {
        at >= self.assigned && !matches!(self.previous(at), Some(b'=' | b':' | b'>'))
    }

    /// The text up to `end` is the value of an assignment.
    pub fn assigned(&mut self, end: usize) {
        self.assigned = end;
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
}

/// Of overlapping matches the surest, then the longest stays; leaves them in order.
pub fn resolve(out: &mut Vec<Match>) {
    if out.len() < 2 {
        return;
    }
    out.sort_by_key(|m| (m.start, m.end));
    let mut kept: usize = 0;
    for i in 1..out.len() {
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
