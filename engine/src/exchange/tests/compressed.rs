//! Compressed bodies: read as what they say, held as what came, forwarded as either.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::testing::test;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

const GZIP: [(&str, &str); 2] = [("content-type", "application/json"), ("content-encoding", "gzip")];

impl Run {
    fn bytes(&mut self, body: &[u8]) -> Step {
        self.step(Event::RequestBody { buffered: body.len(), end: true });
        self.step(Event::RequestBytes(body))
    }

    /// The head of a response to a request that was forwarded.
    fn response(&mut self, fields: &[(&str, &str)]) -> Step {
        let fields = Headers::new(fields.iter().copied());
        self.step(Event::ResponseHead { fields, end: false })
    }
}

fn replaced(step: &Step) -> Option<String> {
    step.effects.iter().find_map(|effect| match effect {
        Effect::ReplaceRequestBody(body) | Effect::ReplaceResponseBody(body) => {
            Some(String::from_utf8(body.clone()).unwrap())
        }
        _ => None,
    })
}

#[test]
fn a_request_is_masked_and_goes_on_as_it_reads() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &GZIP, false);
    let step = run.bytes(&gzip(br#"{"to":"ann@example.com"}"#));
    assert_eq!(replaced(&step).unwrap(), r#"{"to":"<EMAIL_ADDRESS>"}"#);
    assert!(step.effects.contains(&Effect::RemoveRequestHeader("content-encoding".into())), "{step:?}");
}

#[test]
fn without_a_finding_it_goes_on_as_it_came() {
    let mut run = Run::new(policy());
    run.head("POST", "/chat", &GZIP, false);
    let step = run.bytes(&gzip(br#"{"to":"nobody"}"#));
    assert_eq!((step.flow, replaced(&step)), (Flow::Continue, None));
    assert!(!step.effects.contains(&Effect::RemoveRequestHeader("content-encoding".into())), "{step:?}");
}

#[test]
fn rules_read_what_it_says() {
    for (amount, held) in [("12000", true), ("12", false)] {
        let mut run = Run::new(policy());
        run.head("POST", "/pay", &GZIP, false);
        let step = run.bytes(&gzip(format!(r#"{{"amount":{amount}}}"#).as_bytes()));
        assert_eq!(step.flow == Flow::Pause, held, "{amount}");
    }
}

#[test]
fn a_hold_is_bound_to_the_bytes_and_shows_what_they_say() {
    let held = |body: &[u8]| -> Intake {
        let mut run = Run::new(policy());
        run.head("POST", "/pay", &GZIP, false);
        serde_json::from_slice(&call(&run.bytes(body)).body).unwrap()
    };
    let body = gzip(br#"{"amount":12000}"#);
    let (a, b) = (held(&body), held(&body));
    assert_eq!((&a.digest, &a.terms), (&b.digest, &b.terms));
    assert_eq!(a.preview.body, r#"{"amount":12000}"#);
    // The same text, written with another modification time.
    let mut other = body.clone();
    other[4] ^= 1;
    assert_ne!(held(&other).digest, a.digest);
}

#[test]
fn what_cannot_be_decoded_is_refused_where_the_body_counts() {
    let bomb = gzip(&vec![b' '; 1 << 18]);
    let long = gzip(&[b' '; 3_000]);
    let whole = gzip(b"{}");
    for (body, status, code) in [
        (bomb.as_slice(), 413, "body_too_large"),
        (&long, 413, "body_too_large"),
        (&whole[..whole.len() - 1], 400, "invalid_compression"),
    ] {
        for path in ["/chat", "/pay"] {
            let mut run = Run::new(policy());
            run.head("POST", path, &GZIP, false);
            assert!(body.len() <= 1_024, "the limit counts what was received, too");
            let step = run.bytes(body);
            assert_eq!((reply(&step).0, reply(&step).1), (status, code), "{path}");
        }
    }
    // What the head alone decides, it still decides.
    let mut run = Run::new(policy());
    run.head("DELETE", "/things/1", &[("content-encoding", "br")], false);
    assert_eq!(call(&run.bytes(b"\x1f")).kind, CallKind::Create);
}

#[test]
fn a_response_is_decoded_masked_and_passed_as_it_reads() {
    let head = [
        (":status", "200"),
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
        ("content-length", "9"),
    ];
    let answered = |body: &[u8]| {
        let mut run = Run::new(policy());
        run.head("POST", "/chat", &[], false);
        run.body("{}");
        assert_eq!(run.response(&head), Step::pause());
        run.step(Event::ResponseBody { buffered: body.len(), end: true });
        run.step(Event::ResponseBytes(body))
    };
    let step = answered(&gzip(br#"{"to":"ann@example.com"}"#));
    assert_eq!(replaced(&step).unwrap(), r#"{"to":"<EMAIL_ADDRESS>"}"#);
    assert!(step.effects.contains(&Effect::RemoveResponseHeader("content-encoding")), "{step:?}");
    assert!(step.effects.contains(&Effect::SetResponseHeader("content-length", b"24".to_vec())), "{step:?}");

    let step = answered(&gzip(br#"{"to":"nobody"}"#));
    assert_eq!(step, Step::proceed(), "untouched, it stays compressed");

    let step = answered(&gzip(&[b' '; 3_000]));
    assert_eq!((reply(&step).0, reply(&step).1), (502, "response_too_large"));
    assert_eq!(reply(&answered(b"\x1f\x8b")).1, "invalid_compression");
}
