//! Bodies by kind, made from a seed: the same bytes on every machine.
//!
//! Must not go here: inputs made to be slow (`worst`).

use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

pub struct Corpus {
    pub name: String,
    pub bodies: Vec<Body>,
    /// Megabytes a second that bodies of this kind shall be read with at least.
    pub budget: Option<u32>,
}

pub struct Body {
    pub content_type: Option<&'static str>,
    pub bytes: Vec<u8>,
}

impl Body {
    fn new(content_type: &'static str, text: impl Into<Vec<u8>>) -> Body {
        Body { content_type: Some(content_type), bytes: text.into() }
    }

    fn json(value: &Value) -> Body {
        Body::new("application/json", value.to_string())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }
}

impl Corpus {
    fn new(name: &str, bodies: Vec<Body>) -> Corpus {
        Corpus { name: name.into(), bodies, budget: None }
    }

    fn with_budget(self, mb_per_s: u32) -> Corpus {
        Corpus { budget: Some(mb_per_s), ..self }
    }

    /// The texts of a file with a JSON object for each line.
    pub fn of_lines(file: &Path) -> Result<Corpus, String> {
        let place = |e: &dyn std::fmt::Display| format!("`{}`: {e}", file.display());
        let lines = std::fs::read_to_string(file).map_err(|e| place(&e))?;
        let text = |line: &str| -> Result<Body, String> {
            let value: Value = serde_json::from_str(line).map_err(|e| place(&e))?;
            let text = value["text"].as_str().ok_or_else(|| place(&"a line without `text`"))?;
            Ok(Body { content_type: None, bytes: text.into() })
        };
        let bodies = lines.lines().map(text).collect::<Result<_, _>>()?;
        Ok(Corpus { budget: None, name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(), bodies })
    }
}

pub fn all() -> Vec<Corpus> {
    let random = &mut Random(7);
    let mut all = vec![
        Corpus::new("prose, 256 KB", vec![chat(random, 256 << 10)]).with_budget(1000),
        Corpus::new("prose, 1 KB", (0..64).map(|_| chat(random, 1 << 10)).collect()),
        Corpus::new("short fields", vec![notes(256 << 10)]),
        Corpus::new("embeddings", vec![embeddings(random, 256 << 10)]).with_budget(500),
        Corpus::new("base64", vec![attachments(random, 256 << 10)]).with_budget(1000),
        Corpus::new("http mix", mix(random, false)).with_budget(250),
        Corpus::new("http mix, 1 % values", mix(random, true)),
    ];
    for format in ["json", "form", "event-stream", "xml", "csv", "plain"] {
        let of_format = |body: &Body| body.content_type.is_some_and(|name| name.contains(format));
        all.push(Corpus::new(&format!("mix: {format}"), mix(random, false).into_iter().filter(of_format).collect()));
    }
    all
}

/// A small generator (xorshift64*), so that nothing depends on a crate's version.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.below(256) as u8).collect()
    }
}

const WORDS: &[&str] = &[
    "the",
    "contract",
    "was",
    "renewed",
    "after",
    "a",
    "long",
    "talk",
    "with",
    "our",
    "team",
    "in",
    "spring",
    "and",
    "we",
    "agreed",
    "on",
    "new",
    "terms",
    "for",
    "delivery",
    "please",
    "summarise",
    "what",
    "changed",
    "between",
    "both",
    "versions",
    "of",
    "this",
    "document",
    "then",
    "list",
    "open",
    "questions",
    "about",
    "pricing",
    "support",
    "hours",
    "it",
    "seems",
    "that",
    "nobody",
    "checked",
    "whether",
    "users",
    "can",
    "export",
    "their",
    "reports",
    "before",
];

fn prose(random: &mut Random, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        let first = text.len();
        for i in 0..8 + random.below(10) {
            let comma = if i > 3 && random.below(9) == 0 { "," } else { "" };
            let space = if i > 0 { " " } else { "" };
            let _ = write!(text, "{comma}{space}{}", random.of(WORDS));
        }
        let head = text[first..=first].to_uppercase();
        text.replace_range(first..=first, &head);
        text.push_str(if random.below(6) == 0 { ".\n\n" } else { ". " });
    }
    text
}

/// A conversation as language models are sent it.
fn chat(random: &mut Random, bytes: usize) -> Body {
    let each = 600.min(bytes / 2);
    let messages = (0..bytes / (each + 32).max(1))
        .map(|i| json!({ "role": if i % 2 == 0 { "user" } else { "assistant" }, "content": prose(random, each) }));
    Body::json(&json!({ "model": "large-model", "temperature": 0.2, "messages": messages.collect::<Vec<_>>() }))
}

/// Notes of a CRM: many short fields.
fn notes(bytes: usize) -> Body {
    let note = json!({ "id": 1207, "text": "Called about the renewal, will decide after the summer.", "tags": ["renewal", "q3"] });
    Body::json(&json!({ "notes": vec![note.clone(); bytes / note.to_string().len()] }))
}

fn embeddings(random: &mut Random, bytes: usize) -> Body {
    let vector = |random: &mut Random| -> Vec<f64> {
        (0..1536).map(|_| (random.below(2_000_000_000) as f64 / 1e9 - 1.0) / 10.0).collect()
    };
    let rows =
        (0..bytes / (1536 * 14)).map(|i| json!({ "object": "embedding", "index": i, "embedding": vector(random) }));
    Body::json(&json!({ "object": "list", "data": rows.collect::<Vec<_>>() }))
}

/// A picture and some files as base64.
fn attachments(random: &mut Random, bytes: usize) -> Body {
    let mut encoded = |n: usize| base64::engine::general_purpose::STANDARD.encode(random.bytes(n));
    let image = format!("data:image/png;base64,{}", encoded(bytes / 2));
    let files: Vec<Value> =
        (0..bytes / 4 / 8000).map(|i| json!({ "name": format!("part-{i}"), "data": encoded(6000) })).collect();
    Body::json(
        &json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": { "url": image } }] }],
        "files": files }),
    )
}

/// Bodies of many formats without anything to find, ids, times and hashes among them; or with some values.
fn mix(random: &mut Random, values: bool) -> Vec<Body> {
    (0..40).flat_map(|_| formats(random, values)).collect()
}

fn formats(random: &mut Random, values: bool) -> Vec<Body> {
    let hex = |random: &mut Random, n: usize| random.bytes(n).iter().map(|b| format!("{b:02x}")).collect::<String>();
    let uuid = |random: &mut Random| {
        let all = hex(random, 16);
        format!("{}-{}-4{}-a{}-{}", &all[..8], &all[8..12], &all[13..16], &all[17..20], &all[20..])
    };
    let item = |random: &mut Random| {
        json!({ "sku": format!("SKU-{}", random.below(90000) + 10000), "title": random.of(WORDS), "qty": random.below(9),
            "price": random.below(9999) as f64 / 100.0, "url": format!("https://shop.example/items/{}?v={}", random.below(99999), random.below(9)) })
    };
    let order = json!({
        "id": uuid(random), "created": 1_700_000_000 + random.below(99_999_999), "status": "open", "version": "4.12.0-rc1",
        "created_at": "2026-04-18T09:12:44Z", "etag": hex(random, 20), "note": prose(random, 300), "total": 1284.5,
        "contact": if values { "ann.smith@example.com" } else { "see above" },
        "items": (0..6).map(|_| item(random)).collect::<Vec<_>>(),
        "trace": { "trace_id": hex(random, 16), "span_id": hex(random, 8), "duration_us": random.below(900_000) },
    });
    let form = format!(
        "grant_type=client_credentials&scope=read%3Aorders+write%3Aorders&state={}&redirect=https%3A%2F%2Fapp.example%2Fcb&page={}&q={}",
        hex(random, 8),
        random.below(99),
        prose(random, 200).replace(' ', "+").replace('\n', "%0A")
    );
    let mut events = String::new();
    for word in prose(random, 160).split(' ') {
        let event = json!({ "id": "chatcmpl-9f2", "object": "chat.completion.chunk", "created": 1_751_000_000, "model": "large-model",
            "choices": [{ "index": 0, "delta": { "content": format!("{word} ") }, "finish_reason": null }] });
        let _ = write!(events, "data: {event}\n\n");
    }
    events.push_str("data: [DONE]\n\n");
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<orders>\n");
    for _ in 0..8 {
        let _ = writeln!(
            xml,
            "  <order number=\"{}\"><date>2026-04-18</date><title>{}</title><total currency=\"EUR\">{}.50</total></order>",
            random.below(999_999),
            random.of(WORDS),
            random.below(999)
        );
    }
    xml.push_str("</orders>\n");
    let mut csv = String::from("sku,title,qty,price,updated\n");
    for _ in 0..20 {
        let _ = writeln!(
            csv,
            "SKU-{},{},{},{}.99,2026-04-{:02}T10:00:00Z",
            random.below(99999),
            random.of(WORDS),
            random.below(99),
            random.below(99),
            1 + random.below(28)
        );
    }
    let mut log = String::new();
    for _ in 0..12 {
        let host = if values { format!("198.51.100.{}", random.below(250)) } else { "edge-7".into() };
        let _ = writeln!(
            log,
            "{host} - - [18/Apr/2026:09:12:{:02} +0000] \"GET /v2/orders/{}?page={} HTTP/1.1\" 200 {} \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/127.0\" {}",
            random.below(60),
            random.below(99999),
            random.below(40),
            random.below(90000),
            hex(random, 8)
        );
    }
    vec![
        Body::json(&order),
        Body::new("application/x-www-form-urlencoded", form),
        Body::new("text/event-stream", events),
        Body::new("application/xml", xml),
        Body::new("text/csv", csv),
        Body::new("text/plain", log),
    ]
}
