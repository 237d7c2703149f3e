//! The words of a name, however it is written: `deleteUser`, `users.delete` and `GMAIL_DELETE_MAIL` each have the word `delete`,
//! `get_deleted_items` does not.
//!
//! Must not go here: globs (`glob`), which fields take words (`policy`).

use super::truth::Truth;

/// The longest name that is looked at; of a longer one both outcomes count.
const MAX_NAME: usize = 1024;

/// One word, or several that must stand side by side: `run command`. In lower case.
pub fn phrase(text: &str) -> Result<String, &'static str> {
    if text.split(' ').all(|word| !word.is_empty() && split(word).as_slice() == [word]) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("expected a word such as `delete`, or several with a space between: `run command`")
    }
}

/// Does the name have one of the phrases?
pub fn name_has(name: &str, phrases: &[String]) -> Truth {
    if name.len() > MAX_NAME {
        return Truth::Either;
    }
    let words = split(name);
    let begins = |from: usize, phrase: &str| {
        let mut found = words.iter().skip(from);
        phrase.split(' ').all(|wanted| found.next().is_some_and(|word| word.eq_ignore_ascii_case(wanted)))
    };
    Truth::from(phrases.iter().any(|phrase| (0..words.len()).any(|from| begins(from, phrase))))
}

#[derive(Clone, Copy, PartialEq)]
enum Class {
    Between,
    Digit,
    Lower,
    Upper,
}

impl Class {
    /// What is not ASCII counts as letters: there is no case to split by that all languages share.
    fn of(byte: Option<&u8>) -> Class {
        match byte {
            Some(b'0'..=b'9') => Class::Digit,
            Some(b'A'..=b'Z') => Class::Upper,
            Some(b'a'..=b'z' | 0x80..) => Class::Lower,
            _ => Class::Between,
        }
    }
}

/// Runs of letters or digits; an upper-case letter after a lower-case one begins a word, and so does the last of several
/// before a lower-case one: `HTTPDelete`.
fn split(name: &str) -> Vec<&str> {
    let bytes = name.as_bytes();
    let mut words = Vec::new();
    let mut start = 0;
    let mut last = Class::Between;
    for at in 0..=bytes.len() {
        let this = Class::of(bytes.get(at));
        let goes_on = match (last, this) {
            (Class::Upper, Class::Upper) => Class::of(bytes.get(at + 1)) != Class::Lower,
            (Class::Upper, Class::Lower) => true,
            (last, this) => last == this,
        };
        if !goes_on || at == bytes.len() {
            words.extend(name.get(start..at).filter(|_| last != Class::Between));
            start = at;
        }
        last = this;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn names_have_words() {
        for (name, expected) in [
            ("delete_user", &["delete", "user"][..]),
            ("deleteUser", &["delete", "User"]),
            ("DeleteUser", &["Delete", "User"]),
            ("users.delete", &["users", "delete"]),
            ("GMAIL_DELETE_MAIL", &["GMAIL", "DELETE", "MAIL"]),
            ("HTTPDelete", &["HTTP", "Delete"]),
            ("s3-delete2Objects", &["s", "3", "delete", "2", "Objects"]),
            ("mcp__crm__delete", &["mcp", "crm", "delete"]),
            ("DELETE", &["DELETE"]),
            ("get_deleted_items", &["get", "deleted", "items"]),
            ("löscheAlle", &["lösche", "Alle"]),
            ("", &[]),
            ("__", &[]),
        ] {
            assert_eq!(split(name), expected, "{name}");
        }
    }

    #[test]
    fn phrases_are_words_side_by_side() {
        let phrases = [phrase("delete").unwrap(), phrase("Run Command").unwrap()];
        for (name, expected) in [
            ("USER_DELETE", Truth::True),
            ("runCommand", Truth::True),
            ("shell.run-command", Truth::True),
            ("run_the_command", Truth::False),
            ("commandRun", Truth::False),
            ("undelete", Truth::False),
            ("run", Truth::False),
        ] {
            assert_eq!(name_has(name, &phrases), expected, "{name}");
        }
        assert_eq!(name_has(&"x".repeat(MAX_NAME + 1), &phrases), Truth::Either);
        for wrong in ["", " ", "delete_user", "runCommand", "two  spaces", "a*"] {
            assert!(phrase(wrong).is_err(), "{wrong}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn words_stand_in_the_name_and_nothing_else_is_left_out(name in "[a-zA-Z0-9_.Ääß -]{0,30}") {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            proptest::prop_assert_eq!(split(&name).concat(), letters(&name));
        }

        #[test]
        fn a_word_is_found_in_every_style(before in "[a-z]{1,6}", after in "[A-Z][a-z]{1,6}") {
            let delete = [phrase("delete").unwrap()];
            for name in [
                format!("{before}_delete_{after}"), format!("{before}.delete.{after}").to_uppercase(),
                format!("{before}Delete{after}"), format!("delete{after}"),
            ] {
                proptest::prop_assert_eq!(name_has(&name, &delete), Truth::True, "{}", name);
            }
        }
    }
}
