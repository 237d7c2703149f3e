//! Text from requests, made fit for a person's eyes: nothing hidden, nothing reordered, what was masked stands out.
//!
//! Must not go here: HTML (the templates escape), masking itself (the gateway did it).

use crate::auth::identity::is_invisible;

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    /// Stands for a value that was masked.
    pub is_label: bool,
}

/// A text in pieces, and how many characters were taken out of it because nobody could have seen them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    pub pieces: Vec<Piece>,
    pub hidden: usize,
}

impl Shown {
    /// `text` on one line.
    pub fn line(text: &str) -> Shown {
        Shown::of(text, |_| false)
    }

    /// A body: its lines stay; JSON without any is set out in lines.
    pub fn body(text: &str) -> Shown {
        let is_json = text.trim_start().starts_with(['{', '[']);
        let keeps = |c| matches!(c, '\n' | '\t');
        if is_json && !text.contains('\n') { Shown::of(&set_out(text), keeps) } else { Shown::of(text, keeps) }
    }

    fn of(text: &str, keeps: impl Fn(char) -> bool) -> Shown {
        let is_seen = |c: &char| keeps(*c) || !(c.is_control() || is_invisible(*c));
        let visible: String = text.chars().filter(is_seen).collect();
        Shown { hidden: text.chars().count() - visible.chars().count(), pieces: pieces(&visible) }
    }

    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
}

/// Cuts labels such as `<EMAIL_ADDRESS_1 internal>` out of the text around them.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = vec![];
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        match after.split_once('>') {
            Some((inside, behind)) if is_label(inside) => {
                push(&mut pieces, std::mem::take(&mut plain), false);
                push(&mut pieces, format!("<{inside}>"), true);
                rest = behind;
            }
            _ => {
                plain.push('<');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    push(&mut pieces, plain, false);
    pieces
}

fn push(pieces: &mut Vec<Piece>, text: String, is_label: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text, is_label });
    }
}

/// `EMAIL_ADDRESS`, `EMAIL_ADDRESS_1 external`, `EMAIL_ADDRESS_2f6b0c`
fn is_label(inside: &str) -> bool {
    let name = inside.strip_suffix(" internal").or_else(|| inside.strip_suffix(" external")).unwrap_or(inside);
    name.len() <= 80
        && name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_' || (b'a'..=b'f').contains(&b))
}

/// JSON with a line per member. Only white space is added, outside of strings: every token stays, in its order, twice if
/// it stands there twice.
fn set_out(json: &str) -> String {
    const MOST: usize = 32;
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth.min(MOST)));
    };
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        if in_string {
            out.push(c);
            in_string = escaped || c != '"';
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '"' => {
                in_string = true;
                out.push(c);
            }
            '{' | '[' => {
                out.push(c);
                // An empty one stays on its line.
                while chars.next_if_eq(&' ').is_some() {}
                if !matches!(chars.peek(), Some('}' | ']')) {
                    depth += 1;
                    line(&mut out, depth);
                } else if let Some(close) = chars.next() {
                    out.push(close);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(c);
            }
            ',' => {
                out.push(c);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            ' ' | '\t' | '\r' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(shown: &Shown) -> String {
        shown.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    #[test]
    fn labels_stand_out_and_nothing_else_does() {
        let shown = Shown::line("to <EMAIL_ADDRESS_1 internal>, <b>x</b> <CREDIT_CARD> < >");
        let labels: Vec<_> = shown.pieces.iter().filter(|p| p.is_label).map(|p| p.text.as_str()).collect();
        assert_eq!(labels, ["<EMAIL_ADDRESS_1 internal>", "<CREDIT_CARD>"]);
        assert_eq!(text(&shown), "to <EMAIL_ADDRESS_1 internal>, <b>x</b> <CREDIT_CARD> < >");
        assert!(Shown::line("").is_empty());
    }

    #[test]
    fn what_nobody_sees_is_taken_out_and_counted() {
        let shown = Shown::line("pay\u{202E}lap\u{200B} now\u{1b}[2J\n");
        assert_eq!((text(&shown).as_str(), shown.hidden), ("paylap now[2J", 4));
        let body = Shown::body("a\n\tb\u{7}");
        assert_eq!((text(&body).as_str(), body.hidden), ("a\n\tb", 1));
    }

    #[test]
    fn json_is_set_out_without_losing_a_token() {
        let json = r#"{"a":1,"a":1e400,"b":[],"c":[{"d":"x, {\"y\":1}"}],"e":{ }}"#;
        let expected = "{\n  \"a\": 1,\n  \"a\": 1e400,\n  \"b\": [],\n  \"c\": [\n    {\n      \"d\": \"x, {\\\"y\\\":1}\"\n    }\n  ],\n  \"e\": {}\n}";
        assert_eq!(set_out(json), expected);
        for cut in 0..json.len() {
            let part = json.get(..cut).unwrap();
            let squeeze = |text: &str| text.replace([' ', '\n'], "");
            assert_eq!(squeeze(&set_out(part)), squeeze(part), "cut at {cut}");
        }
        assert_eq!(text(&Shown::body("[1,\n2]")), "[1,\n2]", "lines of its own stay");
    }
}
