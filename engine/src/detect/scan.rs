//! The pass over one text: where a value may begin, and which families look there.
//!
//! It stops at digits and a few marks (`stops`), and at words that need neither (`phrases`); what begins in letters before
//! its first digit is looked for from there, backwards (`before`). Must not go here: what a value looks like (the families).

mod before;
mod rows;
mod stops;
mod times;
mod word;

use super::entity::{Entity, Set};
use super::hints::Hints;
use super::window::{Near, Window};
use super::{Match, card, crypto, date, email, iban, ids, keyed, loose, network, phone, phrases, secret, url};
use crate::sorting::sort_by;
use stops::Stops;
pub use stops::is_words;
pub(super) use word::Word;

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
    let bytes = text.as_bytes();
    let ((stops, stop), phrase) = (Stops::of(bytes), phrases::first(bytes));
    // Most strings of most bodies end here.
    if stop.is_none() && phrase.is_none() && key.is_none() {
        return;
    }
    let window = Window::new(bytes, key);
    let scan = &mut Scan { text, bytes, window, assigned: 0, endless: 0, looked: 0, wanted, out };
    keyed::whole(scan, key, parent);
    phrases::judge(scan, phrase);
    scan.assigned = 0;
    scan.run(stops, stop);
}

/// No id, number or date of one word is shorter.
const SHORTEST: usize = 5;
/// No address or other long code of one word is shorter.
const LONG: usize = 12;

/// Of a line of one mark nothing but its ends counts, and these are no longer: hyphens of a private key's begin, and what
/// stands before the tilde of a secret.
const ROW: usize = 6;

/// One text under the pass, as the families see it.
pub(super) struct Scan<'a> {
    pub text: &'a str,
    pub bytes: &'a [u8],
    window: Window<'a>,
    /// Marks before belong to a value that was judged already.
    assigned: usize,
    /// No issued token begins before: what stands there is longer than any.
    pub endless: usize,
    /// Before is nothing that was not looked at from behind.
    looked: usize,
    wanted: &'a Wanted,
    out: &'a mut Vec<Match>,
}

impl<'a> Scan<'a> {
    fn run(&mut self, mut stops: Stops, first: Option<usize>) {
        let (mut stop, mut done) = (first, 0);
        while let Some((at, mark)) = stop.and_then(|at| Some((at, self.next(at)?))) {
            done = if mark.is_ascii_digit() { self.value(at, done) } else { self.mark(mark, at, done) };
            stop = stops.next(self.bytes, done);
        }
    }

    /// At a mark, with the text before `done` judged. Answers where to go on.
    fn mark(&mut self, mark: u8, at: usize, done: usize) -> usize {
        let (before, behind) = (self.previous(at).unwrap_or(0), self.next(at + 1).unwrap_or(0));
        if before == mark && behind == mark {
            let row = self.rest(at).iter().take_while(|b| **b == mark).count();
            if row > ROW {
                return at + row - ROW;
            }
        }
        match mark {
            b'@' => email::at_sign(self, at),
            // Nothing begins inside of a row of colons.
            b':' if before != b':' => {
                if behind == b'/' {
                    url::at_colon(self, at);
                } else if behind == b':' || behind.is_ascii_hexdigit() {
                    network::at_colon(self, at);
                }
                secret::assigned::at_mark(self, at);
            }
            b'=' | b'>' => secret::assigned::at_mark(self, at),
            b'-' | b'_' if before.is_ascii_alphabetic() => {
                if let Some(word) = Word::of_letters(self.bytes, at, 16) {
                    before::tokens(self, word.start, done);
                    network::at_word(self, &word);
                }
            }
            b'-' if behind == b'-' => {
                if let Some(end) = secret::issued::private_key(self, at) {
                    return end;
                }
            }
            b'~' => secret::issued::at_tilde(self, at),
            _ => {}
        }
        at + 1
    }

    /// At the first digit of a word, with the text before `done` judged: judges the word. Answers where to go on.
    fn value(&mut self, at: usize, done: usize) -> usize {
        let word = Word::around(self.bytes, at, done);
        // Most numbers stand inside of a date, a time, a version, a longer code.
        let opens = self.opens(word.start) && !self.in_time(&word);
        before::judge(self, &word, done, opens);
        if opens && self.may_begin_id(&word) {
            self.id(&word);
        }
        if word.len() >= LONG || matches!(word.joint, b'-' | b'.' | b':') {
            network::at_word(self, &word);
        }
        if word.len() < LONG {
            return times::behind(self, &word).unwrap_or_else(|| rows::behind(self, &word));
        }
        crypto::at_word(self, &word);
        self.behind_noise(&word)
    }

    /// Whether an id, a number or a date may begin with a word that opens: it is as long as one, or more of it follows.
    fn may_begin_id(&self, word: &Word) -> bool {
        let more = || match self.next(word.end + 1) {
            Some(b'0'..=b'9' | b' ' | b'(' | b',' | b'-' | b'.' | b'/') => true,
            // The day before a month, or a code of groups: `GB18 TLAM`, `1EG4-TE5-MK73`.
            Some(b) => {
                let day = || self.next(word.start).is_some_and(|b| b.is_ascii_digit());
                b.is_ascii_alphabetic() && word.len() == 4 && !word.is_number() || date::may_begin_month(b) && day()
            }
            None => false,
        };
        match word.joint {
            _ if word.len() >= SHORTEST => true,
            b'(' | b')' => true,
            b' ' | b'+' | b',' | b'-' | b'.' | b'/' => more(),
            _ => false,
        }
    }

    /// At a word that may begin an id, a number or a date.
    fn id(&mut self, word: &Word) {
        let said = self.near(word.start).said();
        let second = word.second(self.bytes);
        if word.is_number() {
            self.number(word, second, said);
        } else {
            iban::at_word(self, word);
        }
        // Few texts announce anything.
        if said != Set::EMPTY {
            date::at_word(self, word, said);
            loose::at_word(self, word, said);
        }
        ids::at_word(self, word, second, said);
    }

    fn number(&mut self, word: &Word, second: usize, said: Set) {
        match self.previous(word.start) {
            Some(b'+') => phone::at_plus(self, word.start - 1),
            Some(b'(') => {
                let bracket = word.start - 1;
                phone::at_bracket(self, bracket);
                if self.previous(bracket) == Some(b'+') {
                    phone::at_plus(self, bracket - 1);
                }
            }
            _ => phone::at_word(self, word, second, said),
        }
        card::at_word(self, word, second, said);
    }

    /// Whether a word is what follows a colon in `10:30:00`.
    fn in_time(&self, word: &Word) -> bool {
        word.len() == 2
            && self.previous(word.start) == Some(b':')
            && word.start.checked_sub(2).and_then(|i| self.next(i)).is_some_and(|b| b.is_ascii_digit())
    }

    /// Where to go on behind a word: what follows may be the bytes of a picture, in which no value stands.
    fn behind_noise(&mut self, word: &Word) -> usize {
        let noise = if word.is_number() { 0 } else { stops::noise(self.rest(word.start)) };
        if noise == 0 {
            return word.end;
        }
        let end = word.start + noise;
        // Neither white space nor a quote stands in it.
        self.looked = self.looked.max(end - 1);
        // Its last word is cut: the rest of it is no word.
        (end + self.rest(end).iter().take_while(|b| b.is_ascii_alphanumeric()).count()).max(word.end)
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

    pub fn accepts(&self, entity: Entity, score: u8) -> bool {
        self.wanted.accepts(entity, score)
    }

    pub fn found(&mut self, entity: Entity, start: usize, end: usize, score: u8) {
        if self.accepts(entity, score) && self.text.get(start..end).is_some_and(|t| !t.is_empty()) {
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

/// Of overlapping matches the surest, then the longest stays; leaves them in order.
pub fn resolve(out: &mut Vec<Match>) {
    if out.len() < 2 {
        return;
    }
    sort_by(out, |a, b| (a.start, a.end).cmp(&(b.start, b.end)));
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
