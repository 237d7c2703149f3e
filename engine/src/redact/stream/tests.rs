//! Streams give the same bytes however they are cut, and nothing that is decided waits.

use super::*;
use crate::redact::{ProfileSource, StyleSource};
use crate::testing::test;

fn profile() -> Profile {
    let entities = vec!["pii".to_owned(), "credentials".to_owned()];
    Profile::compile(&ProfileSource { entities, style: StyleSource::Numbered, ..Default::default() }, b"key").unwrap()
}

fn run(content_type: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let (profile, mut labels, mut out) = (profile(), Labels::new(), Vec::new());
    let mut stream = Stream::new(Some(content_type.as_bytes()));
    for chunk in chunks {
        stream.push(chunk, &profile, &mut labels, &mut out).unwrap();
    }
    stream.finish(&profile, &mut labels, &mut out).unwrap();
    out
}

#[track_caller]
fn every_split(content_type: &str, text: &str, expected: &str) {
    let bytes = text.as_bytes();
    assert_eq!(String::from_utf8(run(content_type, &[bytes])).unwrap(), expected);
    for at in 0..bytes.len() {
        let cut = run(content_type, &[&bytes[..at], &bytes[at..]]);
        assert_eq!(String::from_utf8_lossy(&cut), expected, "cut at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(String::from_utf8(run(content_type, &single)).unwrap(), expected);
}

#[test]
fn text_in_any_split() {
    let text = "Hi, café Ann: alice@example.com, card 4111 1111 1111 1111; born on April 16, 1957. \
                SSN 078-05-1121 IBAN GB82 WEST 1234 5698 7654 32 password: hunter2!x end.\n";
    let expected = "Hi, café Ann: <EMAIL_ADDRESS_1>, card <CREDIT_CARD_1>; born on <DATE_OF_BIRTH_1>. \
                    SSN <US_SSN_1> IBAN <IBAN_CODE_1> password: <SECRET_1> end.\n";
    every_split("text/plain", text, expected);
}

#[test]
fn base64_in_any_split() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let (plain, masked) = (encode("to alice@example.com now"), encode("to <EMAIL_ADDRESS_1> now"));
    every_split("text/plain", &format!("see {plain}, bob@x.org."), &format!("see {masked}, <EMAIL_ADDRESS_2>."));
}

#[test]
fn keys_over_several_lines_in_any_split() {
    let text = "a\n-----BEGIN PRIVATE KEY-----\nMIICdgIBADANBgkqhkiG9w0B\nAQEFAASCAmAwggJcAgEAAoGB\n-----END PRIVATE KEY-----\nb";
    every_split("text/plain", text, "a\n<SECRET_1>\nb");
}

fn chat(pieces: &[&str]) -> String {
    let piece = |p: &str| {
        format!(
            "data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":{}}},\"finish_reason\":null}}]}}\n\n",
            serde_json::Value::from(p)
        )
    };
    let mut all: String = pieces.iter().map(|p| piece(p)).collect();
    all.push_str(
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    );
    all
}

/// The text that the deltas of a chat stream spell.
fn spelled(stream: &[u8]) -> String {
    let text = std::str::from_utf8(stream).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap())
        .map(|v| v["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn values_split_over_events() {
    let out = run(
        "text/event-stream",
        &[chat(&["Write to ali", "ce@exa", "mple.com", " or call", " +1 415", "-555-0132 now"]).as_bytes()],
    );
    assert_eq!(spelled(&out), "Write to <EMAIL_ADDRESS_1> or call <PHONE_NUMBER_1> now");
    assert!(out.ends_with(b"data: [DONE]\n\n"));
}

#[test]
fn a_value_at_the_end_goes_out_before_the_finish() {
    let out = String::from_utf8(run("text/event-stream", &[chat(&["to a@", "x.org"]).as_bytes()])).unwrap();
    assert_eq!(spelled(out.as_bytes()), "to <EMAIL_ADDRESS_1>");
    assert!(out.find("EMAIL_ADDRESS").unwrap() < out.find("\"stop\"").unwrap());
}

#[test]
fn events_in_any_split_of_the_bytes() {
    let text = chat(&["card 4111 ", "1111 1111 11", "11 ok"]);
    let whole = String::from_utf8(run("text/event-stream", &[text.as_bytes()])).unwrap();
    assert_eq!(spelled(whole.as_bytes()), "card <CREDIT_CARD_1> ok");
    every_split("text/event-stream", &text, &whole);
}

#[test]
fn values_are_numbered_in_the_order_of_the_events() {
    let (first, rest) = (chat(&["to ", "ann@x.org and "]), chat(&["bob@x.org"]));
    let other = "data: {\"from\":\"eve@x.org\"}\n\n";
    let events = first.split_inclusive("\n\n").take(2).chain([other, rest.as_str()]);
    let text: String = events.collect();
    let expected = text.replace("ann@x.org", "<EMAIL_ADDRESS_1>").replace("eve@x.org", "<EMAIL_ADDRESS_2>");
    every_split("text/event-stream", &text, &expected.replace("bob@x.org", "<EMAIL_ADDRESS_3>"));
}

#[test]
fn values_of_two_answers_are_numbered_in_the_order_of_the_events() {
    let piece = |index: usize, n: usize, text: &str| {
        format!("data: {{\"choices\":[{{\"index\":{index},\"delta\":{{\"content\":\"{text}\"}}}}],\"n\":{n}}}\n\n")
    };
    let text =
        [piece(1, 0, "to ann@"), piece(1, 1, "x.org and "), piece(0, 2, "eve@x.org, "), piece(1, 3, "bob@x.org, ")];
    let expected = [
        piece(1, 0, "to <EMAIL_ADDRESS_1>"),
        piece(1, 1, " and "),
        piece(0, 2, "<EMAIL_ADDRESS_2>, "),
        piece(1, 3, "<EMAIL_ADDRESS_3>, "),
    ];
    every_split("text/event-stream", &text.concat(), &expected.concat());
}

#[test]
fn events_that_differ_in_the_text_of_a_delta_alone() {
    let piece = |raw: &str| format!("event: x\r\ndata: {{\"delta\":{{\"text\":\"{raw}\"}},\"n\":1}}\r\n\r\n");
    let text = ["to a", r"nn\u0040x.org", "", r"\n\u00e9 ", "ok"].map(piece).concat();
    let expected = ["to <EMAIL_ADDRESS_1>", "", "", r"\n\u00e9 ", "ok"].map(piece).concat();
    every_split("text/event-stream", &text, &expected);
    // What only begins and ends like the others is read for what it is.
    let other =
        "event: x\r\ndata: {\"delta\":{\"text\":\"\"},\"to\":\"b@x.org\",\"y\":{\"text\":\"\"},\"n\":1}\r\n\r\n";
    let masked = other.replace("b@x.org", "<EMAIL_ADDRESS_1>");
    every_split("text/event-stream", &(piece("a") + other + other), &(piece("a") + &masked + &masked));
}

#[test]
fn decided_text_does_not_wait() {
    let (profile, mut labels, mut out) = (profile(), Labels::new(), Vec::new());
    let mut stream = Stream::new(Some(b"text/event-stream"));
    let text = chat(&["The weather is", " nice and"]);
    stream
        .push(
            text.as_bytes().get(..text.find("{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},").unwrap()).unwrap(),
            &profile,
            &mut labels,
            &mut out,
        )
        .unwrap();
    assert_eq!(spelled(&out), "The weather is");
}

#[test]
fn arguments_of_tools_stay_json() {
    let piece = |p: &str| {
        format!(
            "data: {{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{{\"type\":\"input_json_delta\",\"partial_json\":{}}}}}\n\n",
            serde_json::Value::from(p)
        )
    };
    let text = ["{\"ssn\": 0780", "51121, \"to\": \"a@x", ".org\"}"].map(piece).concat()
        + "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n";
    let out = run("text/event-stream", &[text.as_bytes()]);
    let spelled: String = std::str::from_utf8(&out)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line.strip_prefix("data: ")?).ok())
        .map(|v| v["delta"]["partial_json"].as_str().unwrap_or_default().to_owned())
        .collect();
    let arguments: serde_json::Value = serde_json::from_str(&spelled).unwrap();
    assert_eq!(arguments, serde_json::json!({"ssn": "<US_SSN_1>", "to": "<EMAIL_ADDRESS_1>"}));
}

#[test]
fn words_of_the_policy_in_any_split() {
    let source =
        ProfileSource { entities: vec!["pii".into()], deny: vec!["Project Falcon".into()], ..Default::default() };
    let profile = Profile::compile(&source, b"key").unwrap();
    let text = "About project falcon and a@x.org now";
    for at in 0..text.len() {
        let (mut labels, mut out) = (Labels::new(), Vec::new());
        let mut stream = Stream::new(Some(b"text/plain"));
        for chunk in [&text.as_bytes()[..at], &text.as_bytes()[at..]] {
            stream.push(chunk, &profile, &mut labels, &mut out).unwrap();
        }
        stream.finish(&profile, &mut labels, &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "About <DENIED> and <EMAIL_ADDRESS> now", "{at}");
    }
}

#[test]
fn values_behind_long_words_in_any_split() {
    for row in [".".repeat(80), format!("https://x.example/{}/", "ab1".repeat(25))] {
        let text = format!("Card {row}4111 1111 1111 1111, IBAN {row}GB82 WEST 1234 5698 7654 32 end\n");
        let expected = format!("Card {row}<CREDIT_CARD_1>, IBAN {row}<IBAN_CODE_1> end\n");
        every_split("text/plain", &text, &expected);
    }
}

#[test]
fn passwords_that_a_lenient_reader_sees_in_any_split() {
    for name in ["password\u{a0}:", "pass\u{200b}word:", "passw&#111;rd:", "\u{200b}password:"] {
        every_split("text/plain", &format!("{name} été2024! end"), &format!("{name} <SECRET_1> end"));
    }
    every_split("text/plain", "pass: é&#64;été4 end", "pass: <SECRET_1> end");
}

/// What the arguments of a tool say behind the filter, streamed `size` bytes at a time.
fn arguments(text: &str, size: usize) -> serde_json::Value {
    let piece = |p: &[char]| {
        let p = serde_json::Value::from(p.iter().collect::<String>());
        format!("data: {{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{{\"partial_json\":{p}}}}}\n\n")
    };
    let letters: Vec<char> = text.chars().collect();
    let out = run("text/event-stream", &[letters.chunks(size).map(piece).collect::<String>().as_bytes()]);
    let events = std::str::from_utf8(&out).unwrap().lines().filter_map(|line| line.strip_prefix("data: "));
    let events = events.map(|event| serde_json::from_str::<serde_json::Value>(event).unwrap());
    let spelled: String = events.map(|v| v["delta"]["partial_json"].as_str().unwrap().to_owned()).collect();
    serde_json::from_str(&spelled).unwrap_or_else(|e| panic!("{e} in {spelled}"))
}

#[test]
fn arguments_stay_json_whatever_a_value_reaches_over() {
    use serde_json::json;
    for size in 1..20 {
        for (text, expected) in [
            (r#"{"a":"say \"x\" to a@x.org","n":1}"#, json!({"a": "say \"x\" to <EMAIL_ADDRESS_1>", "n": 1})),
            (r#"{"password":"é \t  >\"(+, ","n":1}"#, json!({"password": "<SECRET_1>\"(+, ", "n": 1})),
            (r#"{"password":["1\" é LT 25 96 24 D "]}"#, json!({"password": ["1\" é <UK_NINO_1> "]})),
            (r#"{"a":"password:' x","n":1}"#, json!({"a": "password:'<SECRET_1>", "": ""})),
            (
                r#"["-----BEGIN PRIVATE KEY-----","MIICdgIBADANBgkqhkiG9w0B","-----END PRIVATE KEY-----",1]"#,
                json!(["<SECRET_1>", "", "", 1]),
            ),
        ] {
            assert_eq!(arguments(text, size), expected, "{text} by {size}");
        }
    }
}

#[test]
fn lines_of_json_in_any_split() {
    every_split(
        "application/x-ndjson",
        "{\"to\":\"a@x.org\"}\n{\"n\":1}\n",
        "{\"to\":\"<EMAIL_ADDRESS_1>\"}\n{\"n\":1}\n",
    );
}

#[test]
fn memory_is_bounded() {
    let (profile, mut labels, mut out) = (profile(), Labels::new(), Vec::new());
    let mut stream = Stream::new(Some(b"text/event-stream"));
    let chunk = vec![b'x'; 64 * 1024];
    let refused = (0..100).find_map(|_| stream.push(&chunk, &profile, &mut labels, &mut out).err());
    assert_eq!(refused.unwrap().code(), "body_too_large");

    let mut stream = Stream::new(Some(b"text/plain; charset=utf-8"));
    (0..20).for_each(|_| stream.push(&chunk, &profile, &mut labels, &mut out).unwrap());
    stream.finish(&profile, &mut labels, &mut out).unwrap();
    assert_eq!(out.len(), 20 * chunk.len());
}

#[test]
fn what_seems_to_have_no_end_is_bounded() {
    let key = "-----BEGIN PRIVATE KEY-----\n";
    for (begins, goes_on) in
        [(key, "a\u{200b}"), (key, "1\u{a0}"), (key, "%40"), (key, "\u{200b}"), ("a@", "a\u{200b}")]
    {
        let (profile, mut labels, mut out) = (profile(), Labels::new(), Vec::new());
        let mut stream = Stream::new(Some(b"text/plain"));
        stream.push(begins.as_bytes(), &profile, &mut labels, &mut out).unwrap();
        let (chunk, mut read) = (goes_on.repeat(2_000), 0);
        while read < 300_000 {
            stream.push(chunk.as_bytes(), &profile, &mut labels, &mut out).unwrap();
            read += chunk.len();
        }
        // What is not kept is out, or a label stands for it.
        let Mode::Text { tail, .. } = &stream.mode else { panic!("it is text") };
        let kept = tail.kept();
        assert!(kept < 100_000, "{kept} bytes of {begins:?} and {goes_on:?}");
    }
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            "[a-zA-Z0-9@.:=+()/_-]{1,12}",
            "[0-9]{2,5}",
            Just("alice@example.com".to_owned()),
            Just("4111 1111 1111 1111".to_owned()),
            Just("078-05-1121".to_owned()),
            Just("GB82 WEST 1234 5698 7654 32".to_owned()),
            Just("password:".to_owned()),
            Just("phone".to_owned()),
            Just("born on".to_owned()),
            Just("12 May 1980".to_owned()),
            Just("ghp_0123456789abcdefghijABCDEFGHIJ012345".to_owned()),
            Just("10.20.30.40".to_owned()),
            Just("日本語".to_owned()),
            Just("a%40x.org".to_owned()),
            Just("dG8gYWxpY2VAZXhhbXBsZS5jb20gbm93".to_owned()),
        ];
        prop::collection::vec((word, prop_oneof![Just(" "), Just("\n"), Just(", "), Just("")]), 0..30)
            .prop_map(|words| words.into_iter().map(|(word, gap)| word + gap).collect())
    }

    proptest! {
        #[test]
        fn any_split_of_text(text in words(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
            let bytes = text.as_bytes();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let chunks: Vec<&[u8]> = at.windows(2).map(|two| &bytes[two[0]..two[1]]).collect();
            let whole = run("text/plain; x=y", &[bytes]);
            let cut = run("text/plain; x=y", &chunks);
            prop_assert_eq!(String::from_utf8(cut).unwrap(), String::from_utf8(whole).unwrap());
        }

        #[test]
        fn any_split_over_deltas(text in words(), size in 1usize..9) {
            let letters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = letters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let whole = run("text/event-stream", &[chat(&[&text]).as_bytes()]);
            let cut = run("text/event-stream", &[chat(&pieces).as_bytes()]);
            prop_assert_eq!(spelled(&cut), spelled(&whole));
        }

        #[test]
        fn events_alike(text in words(), size in 1usize..9, chunk in 1usize..400) {
            let letters: Vec<char> = text.chars().collect();
            let pieces: Vec<String> = letters.chunks(size).map(|piece| piece.iter().collect()).collect();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let text = chat(&pieces);
            let whole = String::from_utf8(run("text/event-stream", &[text.as_bytes()])).unwrap();
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(chunk).collect();
            prop_assert_eq!(String::from_utf8(run("text/event-stream", &chunks)).unwrap(), whole.clone());
            // Behind a comment no event is like the last one.
            let apart = text.replace("\n\n", "\n\n: x\n\n");
            let apart = String::from_utf8(run("text/event-stream", &[apart.as_bytes()])).unwrap();
            prop_assert_eq!(apart.replace(": x\n\n", ""), whole);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), events in any::<bool>()) {
            let (profile, mut labels, mut out) = (profile(), Labels::new(), Vec::new());
            let content_type: &[u8] = if events { b"text/event-stream" } else { b"text/plain" };
            let mut stream = Stream::new(Some(content_type));
            let pushed = bytes.chunks(7).try_for_each(|chunk| stream.push(chunk, &profile, &mut labels, &mut out));
            let _ = pushed.and_then(|()| stream.finish(&profile, &mut labels, &mut out));
        }
    }
}
