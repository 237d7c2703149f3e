//! When are two names the same human? The canonical form that requester and decider are compared in.
//!
//! It errs towards equal: a wrong match refuses a decision that somebody else can make, a missed one lets people approve
//! their own requests. Must not go here: who is known (`auth::people`), the comparison itself (a predicate in SQL).

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Case, compatibility forms (full-width letters), accents, invisible characters and the `+tag` of an address do not
/// make another human.
pub fn canonical(name: &str) -> String {
    let folded: String = name
        .nfkd()
        .filter(|c| !is_combining_mark(*c) && !c.is_control() && !is_invisible(*c))
        .flat_map(char::to_lowercase)
        .collect();
    let folded = folded.trim().strip_prefix("mailto:").unwrap_or(folded.trim());
    match folded.split_once('@') {
        Some((local, domain)) => {
            let local = local.split_once('+').map_or(local, |(local, _)| local);
            format!("{local}@{}", domain.trim_end_matches('.'))
        }
        None => folded.to_owned(),
    }
}

/// What may name the requester: the name itself, and, of an address, its local part at any domain.
pub fn of_requester(name: &str) -> Vec<String> {
    let name = canonical(name);
    let anywhere = name.split_once('@').map(|(local, _)| format!("{local}@*"));
    [name].into_iter().chain(anywhere).collect()
}

/// What names a decider. Who comes without identities of their own counts as whoever has that name at any domain: better
/// one refusal too many, which says what to configure, than people who approve their own requests.
pub fn of_decider(name: &str, identities: &[String]) -> Vec<String> {
    let name = canonical(name);
    let anywhere = (identities.is_empty() && !name.contains('@')).then(|| format!("{name}@*"));
    identities.iter().map(|identity| canonical(identity)).chain([name]).chain(anywhere).collect()
}

/// Characters that take no room or turn the direction of writing: two names that differ in them look the same.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180E}'
        | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_human_are_equal() {
        for same in [
            "Bob@Example.com",
            "bob+1@example.com",
            "bob+a+b@example.com",
            "ｂｏｂ@example.com",
            "b\u{200B}ob@example.com",
            "bób@example.com",
            " bob@example.com. ",
            "mailto:bob@example.com",
            "\u{212C}ob@example.com",
        ] {
            assert_eq!(canonical(same), "bob@example.com", "{same:?}");
        }
        assert_eq!(canonical("ALICE"), "alice");
    }

    #[test]
    fn a_bare_name_is_that_name_at_any_domain() {
        let meets = |decider: Vec<String>, requester: &str| of_requester(requester).iter().any(|r| decider.contains(r));
        let own = ["b@example.com".to_owned()];
        assert!(meets(of_decider("bob", &[]), "Bob+x@example.com"));
        assert!(meets(of_decider("bob@example.com", &[]), "bob@example.com"));
        assert!(!meets(of_decider("bob", &own), "bob@example.com"), "identities say who bob is");
        assert!(meets(of_decider("bob", &own), "b@example.com"));
        assert!(meets(of_decider("bob", &own), "bob"));
        assert!(!meets(of_decider("bob@example.com", &[]), "bob@example.org"));
        assert!(!meets(of_decider("bob", &[]), "alice@example.com"));
    }

    #[test]
    fn different_humans_stay_different() {
        let names = ["bob@example.com", "bob@example.org", "rob@example.com", "bob", "bob.b@example.com"];
        for (i, a) in names.iter().enumerate() {
            assert!(names.iter().skip(i + 1).all(|b| canonical(a) != canonical(b)), "{a}");
        }
    }
}
