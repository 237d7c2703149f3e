//! Values that only their key reveals: names of people, health, passwords and secrets in a field of their own.
//!
//! Must not go here: values that show what they are in any text (the other families).

use super::entity::Entity;
use super::hints::Hints;
use super::scan::Scan;
use super::{loose, secret};

/// Judges the whole of a field's value; `parent` is what the key of the object around it announces.
pub(super) fn whole(scan: &mut Scan<'_>, key: Hints, parent: Hints) {
    if key.is_none() {
        return;
    }
    let start = scan.text.len() - scan.text.trim_start().len();
    let value = scan.text.trim();
    let end = start + value.len();
    if value.is_empty() || value.len() > 512 {
        return;
    }
    if key.person() && is_name(value, 1) {
        scan.found(Entity::PersonKeyed, start, end, 85);
    } else if key.is_name() && (parent.people() || key.people()) && is_name(value, 2) {
        scan.found(Entity::PersonKeyed, start, end, 70);
    } else if key.name_part() && parent.name() && is_name(value, 1) {
        scan.found(Entity::PersonKeyed, start, end, 80);
    }
    loose::whole(scan, key, start, end);
    if key.suggests(Entity::HealthKeyed) && value.chars().any(char::is_alphabetic) {
        scan.found(Entity::HealthKeyed, start, end, 60);
    }
    if let Some(score) = secret::judge(value, key) {
        scan.found(Entity::Secret, start, end, score);
    }
}

/// Small words inside of names.
const PARTICLES: &[&str] = &[
    "al", "ap", "bin", "da", "das", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "la", "le", "van", "von",
    "y", "zu",
];

/// Whether `value` looks like a person's name of at least `least` words.
fn is_name(value: &str, least: usize) -> bool {
    let mut words = 0;
    for word in value.split_whitespace() {
        let mut letters = word.chars().filter(|c| c.is_alphabetic());
        let Some(first) = letters.next() else { return false };
        let sound = word
            .chars()
            .all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-' | '.' | ',' | '\u{300}'..='\u{36f}'));
        if !sound || first.is_lowercase() && least > 1 && !PARTICLES.contains(&word) {
            return false;
        }
        words += 1;
        // Scripts without spaces between names.
        if first >= '\u{3040}' && word.chars().count() >= 2 {
            words += 1;
        }
    }
    (least..=6).contains(&words) && value.len() <= 80
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn names_and_others() {
        for name in ["Elizabeth Griffin", "José Luis de la Cruz", "O'Neil-Smith, Ann", "GIESELA RÖRRICHT", "山田太郎"]
        {
            assert!(is_name(name, 2), "{name}");
        }
        for other in ["nginx", "main", "web-server 2", "User 17", "", "not found", "a b c d e f g h"] {
            assert!(!is_name(other, 2), "{other}");
        }
        assert!(is_name("maria", 1));
    }
}
