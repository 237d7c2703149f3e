//! Inputs made to be slow: 1 MiB of what some recogniser has to look at again and again.
//!
//! Must not go here: bodies as they occur (`corpora`).

use std::hint::black_box;

use privyseal_engine::redact::{Labels, Profile, body};

use crate::subjects::profile;

pub struct Worst {
    pub name: String,
    content_type: &'static str,
    bytes: Vec<u8>,
    profile: Profile,
}

impl Worst {
    pub fn run(&self) {
        black_box(body(Some(self.content_type.as_bytes()), black_box(&self.bytes), &self.profile, &mut Labels::new()))
            .ok();
    }
}

/// What is repeated, as a text.
const TEXTS: &[&str] = &[
    "7",
    "1 ",
    "12 ",
    "123456789 ",
    "1234567890",
    "078-05-1120 ",
    "12345678901234 ",
    "4111 1111 1111 1112 ",
    "411111111111111 2",
    "@",
    "a@",
    "a@b.",
    "ghp_a ",
    "AKIA",
    "AKIA1 ",
    "eyJ",
    "eyJ.",
    "eyJ. ",
    "eyJa1",
    "xoxb-1",
    "sk-a1 ",
    "a",
    "a1",
    "1a ",
    "A1B2 ",
    "f",
    "0x",
    ":",
    "::",
    "f::",
    "ff:",
    "ff-",
    "1.",
    "1.1.1.1 ",
    "1:",
    "://",
    "a://b:c@",
    "://@",
    "https://x:y@z ",
    "=",
    "a=",
    "key=",
    "key='",
    "key=1a",
    "password=",
    "password: ",
    "the password is ",
    "token ",
    "token",
    "bearer ",
    "secret \"",
    "+",
    "+1",
    "+1 ",
    "+49 30 1 ",
    "(",
    "(1",
    "(415) ",
    "-",
    "-1",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "~",
    "aaa1Q~",
    "may ",
    "May 1, ",
    "1-1-1 ",
    "born ",
    "born 1 ",
    "phone 1 ",
    "mrn 1 ",
    "account number 12 ",
    "GB82 WEST ",
    "GB82WEST12345698765433 ",
    "DE12",
    "%",
    "%2",
    "%25",
    "%40",
    "&",
    "&#",
    "&#64;",
    "\\",
    "\\u",
    "\\u0040",
    "é",
    "\u{200b}",
    "１",
    "<a>",
    "<",
    ",",
    ",\"",
    "\n",
    "\t",
    " ",
    "\"",
    "card ",
    "id ",
    "order 1 ",
    "x\n1\n",
];

pub fn all() -> Vec<Worst> {
    const SIZE: usize = 1 << 20;
    let fill = |text: &str| text.repeat(SIZE.div_ceil(text.len()));
    let worst = |name: String, content_type, bytes: String| Worst {
        name,
        content_type,
        bytes: bytes.into(),
        profile: profile(),
    };
    let mut all: Vec<Worst> =
        TEXTS.iter().map(|text| worst(format!("text: {text:?}"), "text/plain", fill(text))).collect();
    let json = |name: &str, text: String| worst(format!("json: {name}"), "application/json", text);
    all.push(json("one string of \\u0040", format!("\"{}\"", fill("\\u0040"))));
    all.push(json("one string of \\\\u0040", format!("\"{}\"", fill("\\\\u0040"))));
    all.push(json("one string of \\\"", format!("\"{}\"", fill("\\\""))));
    all.push(json(
        "arrays in arrays",
        format!("{}{}", "[".repeat(60), fill("[],").trim_end_matches(',')) + &"]".repeat(60),
    ));
    all.push(json("small numbers", format!("[{}1]", fill("1,"))));
    all.push(json("nine digits", format!("[{}1]", fill("123456789,"))));
    all.push(json("empty strings", format!("[{}1]", fill("\"\","))));
    all.push(json("digits as strings", format!("[{}1]", fill("\"123456789\","))));
    all.push(json("keys", format!("[{}1]", fill("{\"phone\":1},"))));
    all.push(json("one object of names", format!("[{}1]", fill("{\"name\":\"a\",\"email\":1},"))));
    all.push(json("JSON in JSON in JSON", format!("[{}1]", fill(r#""{\"a\":\"{\\\"b\\\":1}\"}","#))));
    all.push(json("all that looks like JSON", format!("[{}1]", fill("\"[[[[[[\","))));
    all.push(json("base64 of text", format!("[{}1]", fill("\"aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91IHRvZGF5\","))));
    all
}
