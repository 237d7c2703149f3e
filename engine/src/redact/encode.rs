//! How a replacement is written in the syntax around it.
//!
//! Must not go here: reading (`view`).

/// As the inside of a JSON string.
pub(super) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' => {
                out.push_str("\\u00");
                out.extend([u32::from(c) >> 4, u32::from(c) & 15].iter().filter_map(|d| char::from_digit(*d, 16)));
            }
            c => out.push(c),
        }
    }
    out
}

/// As the value of a form field or query parameter.
pub(super) fn form(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'*') {
            out.push(char::from(b));
        } else {
            out.push('%');
            let digits = [u32::from(b >> 4), u32::from(b & 15)];
            out.extend(digits.iter().filter_map(|d| char::from_digit(*d, 16)).map(|c| c.to_ascii_uppercase()));
        }
    }
    out
}

/// As text or an attribute's value in XML and HTML.
pub(super) fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As the inside of a quoted cell.
pub(super) fn quoted_cell(text: &str) -> String {
    text.replace('"', "\"\"")
}
