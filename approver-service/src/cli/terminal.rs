//! What the terminal shows. Text from requests goes through [`safe`] first.
//!
//! Must not go here: what is shown.

use std::io::{self, IsTerminal, Write};

use crate::auth::identity::is_invisible;

/// One line to stdout. A reader that went away is no reason to fail.
pub fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _reader_is_gone = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// One line to stderr.
pub fn complain(line: &str) {
    let _reader_is_gone = writeln!(io::stderr().lock(), "error: {line}");
}

/// Text that moves no cursor, changes no colour and hides nothing: control and invisible characters are written out.
pub fn safe(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if c.is_control() || is_invisible(c) {
            safe.extend(c.escape_default())
        } else {
            safe.push(c)
        }
        safe
    })
}

/// [`safe`], line by line.
pub fn safe_lines(text: &str) -> String {
    text.lines().map(safe).collect::<Vec<_>>().join("\n")
}

/// How a word stands out, where the terminal can show it.
#[derive(Clone, Copy)]
pub enum Tone {
    Bad,
    Bold,
    Dim,
    Good,
    Warn,
}

pub fn paint(text: &str, tone: Tone) -> String {
    if !io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Bad => "31;1",
        Tone::Bold => "1",
        Tone::Dim => "2",
        Tone::Good => "32",
        Tone::Warn => "33",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_request_reaches_the_terminal_as_a_command() {
        assert_eq!(safe("a\u{1b}[2Jb\rc\u{202E}d\u{200B}é"), "a\\u{1b}[2Jb\\rc\\u{202e}d\\u{200b}é");
        assert_eq!(safe_lines("a\nb\u{7}"), "a\nb\\u{7}");
    }
}
