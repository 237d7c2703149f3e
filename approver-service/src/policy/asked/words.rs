//! A command line as a POSIX shell splits it, with the `$'…'` that browsers copy.
//!
//! Must not go here: what the words mean. Nothing is expanded: `$NAME` stays as it is.

use std::iter::Peekable;
use std::str::Chars;

use anyhow::{Context, bail};

pub fn split(line: &str) -> anyhow::Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => quoted(&mut chars, word.get_or_insert_default())?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '$' if chars.peek() == Some(&'\'') => {
                chars.next();
                ansi_quoted(&mut chars, word.get_or_insert_default())?;
            }
            '\\' => match chars.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some('\r') if chars.peek() == Some(&'\n') => drop(chars.next()),
                Some(escaped) => word.get_or_insert_default().push(escaped),
            },
            c @ ('|' | '<' | '>') => bail!("`{c}`: give the curl command alone, or put it into quotes"),
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(chars: &mut Peekable<Chars<'_>>, word: &mut String) -> anyhow::Result<()> {
    loop {
        match chars.next().context("a `'` is not closed")? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

fn double_quoted(chars: &mut Peekable<Chars<'_>>, word: &mut String) -> anyhow::Result<()> {
    loop {
        match chars.next().context("a `\"` is not closed")? {
            '"' => return Ok(()),
            '\\' => match chars.next().context("a `\"` is not closed")? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

fn ansi_quoted(chars: &mut Peekable<Chars<'_>>, word: &mut String) -> anyhow::Result<()> {
    loop {
        match chars.next().context("a `$'` is not closed")? {
            '\'' => return Ok(()),
            '\\' => match chars.next().context("a `$'` is not closed")? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                'u' => word.push(code_point(chars, 4)?),
                'x' => word.push(code_point(chars, 2)?),
                c @ ('\'' | '"' | '\\' | '?' | '!') => word.push(c),
                c => bail!("`\\{c}` in `$'…'` is not known here"),
            },
            c => word.push(c),
        }
    }
}

fn code_point(chars: &mut Peekable<Chars<'_>>, digits: usize) -> anyhow::Result<char> {
    let mut number = 0;
    for _ in 0..digits {
        let Some(digit) = chars.peek().and_then(|c| c.to_digit(16)) else { break };
        chars.next();
        number = number * 16 + digit;
    }
    char::from_u32(number).with_context(|| format!("`{number:x}` is no character"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (line, words) in [
            ("curl  http://a ", &["curl", "http://a"][..]),
            (r#"curl 'a b' "c \"d\" \n" e\ f"#, &["curl", "a b", r#"c "d" \n"#, "e f"]),
            ("curl \\\n  -X \\\r\n POST", &["curl", "-X", "POST"]),
            (r"-d $'it\'s\n\u0041\x42'", &["-d", "it's\nAB"]),
            ("a'b'\"c\"", &["abc"]),
            ("-d ''", &["-d", ""]),
            ("", &[]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["'a", "\"a", "$'a", r"$'\ud800'"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
