//! Whole bodies in, whole bodies out.

use super::*;
use crate::testing::test;

fn profile(entities: &[&str], style: StyleSource) -> Profile {
    let entities = entities.iter().map(|e| (*e).to_owned()).collect();
    let internal_domains = vec!["corp.example".to_owned()];
    Profile::compile(&ProfileSource { entities, style, internal_domains, ..Default::default() }, b"key").unwrap()
}

fn redacted(content_type: &str, body: &str, style: StyleSource) -> String {
    let profile = profile(&["pii", "credentials"], style);
    let done = super::body(Some(content_type.as_bytes()), body.as_bytes(), &profile, &mut Labels::new()).unwrap();
    String::from_utf8(done.body.unwrap_or_else(|| body.as_bytes().to_vec())).unwrap()
}

fn json(body: &str) -> String {
    redacted("application/json", body, StyleSource::Label)
}

#[test]
fn json_changes_values_and_nothing_else() {
    let body = "{ \"to\" : \"alice@example.com\",\n\t\"n\":1.50, \"t\":[\"x\\u00e9 bob\\u0040example.com!\", 4111111111111111 ]}";
    let expected =
        "{ \"to\" : \"<EMAIL_ADDRESS>\",\n\t\"n\":1.50, \"t\":[\"x\\u00e9 <EMAIL_ADDRESS>!\", \"<CREDIT_CARD>\" ]}";
    assert_eq!(json(body), expected);
}

#[test]
fn keys_give_evidence() {
    assert_eq!(json(r#"{"ssn":390756333,"views":390756333}"#), r#"{"ssn":"<US_SSN>","views":390756333}"#);
    assert_eq!(json(r#"{"routing_number":"111000025"}"#), r#"{"routing_number":"<ABA_ROUTING_NUMBER>"}"#);
}

#[test]
fn nothing_found_is_nothing_allocated_back() {
    let profile = profile(&["pii"], StyleSource::Label);
    let done = body(Some(b"application/json"), br#"{"a":"b"}"#, &profile, &mut Labels::new()).unwrap();
    assert_eq!(done, Redacted::default());
}

#[test]
fn styles() {
    let body = "a@x.org B@x.org 4111 1111 1111 1111 A@X.org";
    let with = |style| redacted("text/plain", body, style);
    assert_eq!(with(StyleSource::Numbered), "<EMAIL_ADDRESS_1> <EMAIL_ADDRESS_2> <CREDIT_CARD_1> <EMAIL_ADDRESS_1>");
    assert_eq!(with(StyleSource::Mask { keep_last: 4 }), "*@*.*** *@*.*** **** **** **** 1111 *@*.***");
    assert_eq!(with(StyleSource::Drop), "   ");
    let pseudonyms = with(StyleSource::Pseudonym);
    let words: Vec<&str> = pseudonyms.split(' ').collect();
    assert_eq!(words[0], words[3]);
    assert_ne!(words[0], words[1]);
}

#[test]
fn previews_say_internal_or_external() {
    let profile = profile(&["pii"], StyleSource::Label).for_preview();
    let mut labels = Labels::new();
    let text = "ann@corp.example bob@mail.corp.example eve@notcorp.example";
    let done = super::text("", text, &profile, &mut labels);
    let expected = "<EMAIL_ADDRESS_1 internal> <EMAIL_ADDRESS_2 internal> <EMAIL_ADDRESS_3 external>";
    assert_eq!(done.body.unwrap(), expected.as_bytes());
}

#[test]
fn findings_have_the_place_in_the_input() {
    let profile = profile(&["pii"], StyleSource::Label);
    let text = r#"{"m":"caf\u00e9 a\u0040x.org"}"#;
    let done = body(None, text.as_bytes(), &profile, &mut Labels::new()).unwrap();
    assert_eq!(text.get(done.findings[0].range.clone()).unwrap(), r"a\u0040x.org");
    assert_eq!(done.findings[0].entity, "EMAIL_ADDRESS");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let profile = profile(&["pii"], StyleSource::Label);
    let code = |content_type: &str, bytes: &[u8]| {
        body(Some(content_type.as_bytes()), bytes, &profile, &mut Labels::new()).unwrap_err().code()
    };
    assert_eq!(code("application/json", b"{\"a\":1,\"a\":2}"), "duplicate_key");
    assert_eq!(code("application/json", b"{"), "truncated_json");
    assert_eq!(code("application/json; charset=utf-16", b"{}"), "unsupported_charset");
    assert_eq!(code("application/json, text/plain", b"{}"), "unsupported_type");
    assert_eq!(code("text/plain", b"\xff"), "invalid_utf8");
    assert_eq!(code("image/png", b"\x89PNG"), "binary_body");
}

#[test]
fn profiles_are_checked() {
    let source: ProfileSource =
        serde_json::from_str(r#"{"entities":["pii","nope"],"styles":{"X":"label"},"min_score":{"pii":2}}"#).unwrap();
    let paths: Vec<String> = Profile::compile(&source, b"").unwrap_err().into_iter().map(|(path, _)| path).collect();
    assert_eq!(paths, ["entities[1]", "styles.X", "min_score.pii"]);
    assert!(serde_json::from_str::<ProfileSource>(r#"{"entity":[]}"#).is_err());
}

#[test]
fn patterns_words_and_exceptions_of_the_policy() {
    let source: ProfileSource = serde_json::from_str(
        r#"{"entities":["pii"],"allow":["*@example.com"],"deny":["Project Falcon"],"exclude":["/usage/**"],
            "custom":[{"name":"EMPLOYEE_ID","pattern":"E[0-9]{6}","context":["employee"]},
                      {"name":"MEMBER","pattern":"[0-9]{8}","checksum":"luhn"}]}"#,
    )
    .unwrap();
    let profile = Profile::compile(&source, b"k").unwrap();
    let body = r#"{"a":"employee E123456, part E123456","b":"project falcon a@example.com b@x.org","m":"12345674 12345675","usage":{"to":"b@x.org"}}"#;
    let done = super::body(None, body.as_bytes(), &profile, &mut Labels::new()).unwrap();
    let expected = r#"{"a":"employee <EMPLOYEE_ID>, part E123456","b":"<DENIED> a@example.com <EMAIL_ADDRESS>","m":"<MEMBER> 12345675","usage":{"to":"b@x.org"}}"#;
    assert_eq!(
        String::from_utf8(done.body.unwrap()).unwrap(),
        expected.replace(", part E123456", ", part <EMPLOYEE_ID>")
    );
}

#[test]
fn mistakes_in_patterns_are_reported() {
    let source: ProfileSource = serde_json::from_str(
        r#"{"entities":["pii"],"allow":["*"],"exclude":["usage"],
            "custom":[{"name":"x","pattern":"(","checksum":"crc"},{"name":"Y","pattern":"a*"}]}"#,
    )
    .unwrap();
    let paths: Vec<String> = Profile::compile(&source, b"").unwrap_err().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["allow[0]", "custom[0].name", "custom[0].checksum", "custom[0].pattern", "custom[1].pattern", "exclude[0]"]
    );
}

#[test]
fn keys_stay_distinct() {
    let expected = r#"{"<EMAIL_ADDRESS_1>":"<EMAIL_ADDRESS>","<EMAIL_ADDRESS_2>":2}"#;
    assert_eq!(json(r#"{"a@x.org":"a@x.org","b@x.org":2}"#), expected);
}

#[test]
fn base64_inside_of_text() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let (plain, masked) = ("ask alice@example.com, please", "ask <EMAIL_ADDRESS_1>, please");
    let text = |inner: &str, own: &str| {
        let (a, b) = (STANDARD.encode(inner), URL_SAFE_NO_PAD.encode(inner));
        format!("see {own} or {a} or /v2?x={b}; the rest stays.")
    };
    let with = |content_type: &str, body: &str| redacted(content_type, body, StyleSource::Numbered);
    // The first value in reading order has the first number, encoded or not.
    let both = |inner: &str, own: &str| format!("{} then {own}", STANDARD.encode(inner));
    assert_eq!(with("text/plain", &both(plain, "bob@example.com")), both(masked, "<EMAIL_ADDRESS_2>"),);
    assert_eq!(with("text/plain", &text(plain, "alice@example.com")), text(masked, "<EMAIL_ADDRESS_1>"));
    let json = |inner: &str, own: &str| format!(r#"{{"m":"{}"}}"#, text(inner, own));
    assert_eq!(with("application/json", &json(plain, "alice@example.com")), json(masked, "<EMAIL_ADDRESS_1>"));
    // Twice, and of something in which nothing is.
    let twice = |inner: &str| format!("x {} y", STANDARD.encode(format!("t {}", STANDARD.encode(inner))));
    assert_eq!(with("text/plain", &twice(plain)), twice(masked));
    let nothing = format!("x {} y", STANDARD.encode("nothing to be found in here"));
    assert_eq!(with("text/plain", &nothing), nothing);
}

#[test]
fn masked_keys_are_like_no_other_key() {
    let table = [
        // A key that looks like the label already, before or behind.
        (r#"{"<EMAIL_ADDRESS_1>":1,"a@x.org":2}"#, r#"{"<EMAIL_ADDRESS_1>":1,"<EMAIL_ADDRESS_1_2>":2}"#),
        (r#"{"a@x.org":2,"\u003cEMAIL_ADDRESS_1>":1}"#, r#"{"<EMAIL_ADDRESS_1_2>":2,"\u003cEMAIL_ADDRESS_1>":1}"#),
        // The same value, written in two ways.
        (
            r#"{"a@x.org":1,"A@x.org":2,"a@X.org":3}"#,
            r#"{"<EMAIL_ADDRESS_1>":1,"<EMAIL_ADDRESS_1_2>":2,"<EMAIL_ADDRESS_1_3>":3}"#,
        ),
        (r#"{"to a@x.org":1,"to A@x.org":2}"#, r#"{"to <EMAIL_ADDRESS_1>":1,"to <EMAIL_ADDRESS_1_2>":2}"#),
        // In another object it may read the same.
        (r#"[{"a@x.org":1},{"a@x.org":2}]"#, r#"[{"<EMAIL_ADDRESS_1>":1},{"<EMAIL_ADDRESS_1>":2}]"#),
    ];
    for (body, expected) in table {
        assert_eq!(json(body), expected);
    }
}

#[test]
fn dropped_members_take_one_comma_with_them() {
    let table = [
        (r#"{"a":"x@y.org"}"#, "{}"),
        (r#"{"a":"x@y.org","b":1}"#, r#"{"b":1}"#),
        (r#"{"b":1 , "a" : "x@y.org"}"#, r#"{"b":1}"#),
        (r#"{"b":1,"a":"x@y.org","c":2}"#, r#"{"b":1,"c":2}"#),
        (r#"{"a":"x@y.org","b":"z@y.org","c":{"d":"x@y.org"}}"#, r#"{"c":{}}"#),
        (r#"{"c":[1],"a":"x@y.org","b":4111111111111111}"#, r#"{"c":[1]}"#),
        (r#"{"a":"x@y.org","b":"z@y.org"}"#, "{}"),
        (r#"{"q@y.org":"x@y.org","b":true}"#, r#"{"b":true}"#),
        // Not all of the field, or no field.
        (r#"{"a":"to x@y.org!"}"#, r#"{"a":"to !"}"#),
        (r#"["x@y.org",4111111111111111]"#, r#"["",""]"#),
        // A document in a string.
        (r#"{"s":"{\"a\":\"x@y.org\",\"b\":1}"}"#, r#"{"s":"{\"b\":1}"}"#),
        // A name that only its neighbours show to be a person's.
        (r#"{"id":1,"name":"Ann Smith","email":"x@y.org"}"#, r#"{"id":1}"#),
    ];
    for (body, expected) in table {
        assert_eq!(redacted("application/json", body, StyleSource::Drop), expected, "{body}");
    }
    let form = |body| redacted("application/x-www-form-urlencoded", body, StyleSource::Drop);
    assert_eq!(form("a=x%40y.org&b=1&c=z%40y.org&d=2"), "b=1&d=2");
    assert_eq!(form("b=to+x%40y.org"), "b=to+");
    assert_eq!(form("a=x%40y.org"), "");
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Documents of which keys and values are often found, and look like labels.
    fn documents() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            Just("a@x.org".to_owned()),
            Just("A@x.org".to_owned()),
            Just("to b@x.org".to_owned()),
            Just("<EMAIL_ADDRESS_1>".to_owned()),
            Just("<EMAIL_ADDRESS_1_2>".to_owned()),
            Just("4111111111111111".to_owned()),
            "[a-z]{0,3}",
        ];
        let leaf =
            prop_oneof![Just(Value::Null), Just(4_111_111_111_111_111_u64.into()), text.clone().prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(text.clone(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn count(value: &Value) -> usize {
        match value {
            Value::Object(members) => members.len() + members.values().map(count).sum::<usize>(),
            Value::Array(items) => items.iter().map(count).sum(),
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn json_stays_sound(value in documents(), pretty in any::<bool>()) {
            let body = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            for style in [StyleSource::Label, StyleSource::Drop, StyleSource::Mask { keep_last: 2 }] {
                let masked = redacted("application/json", &body, style);
                let mut scanner = crate::extract::json::Scanner::new(masked.as_bytes(), Default::default());
                while scanner.next().map_err(|e| TestCaseError::fail(format!("{e}: {masked}")))?.is_some() {}
                let read: Value = serde_json::from_str(&masked).unwrap();
                if style != StyleSource::Drop {
                    prop_assert_eq!(count(&read), count(&value), "{}", masked);
                }
                prop_assert!(!masked.contains("x.org") && !masked.contains("411111111"), "{}", masked);
            }
        }
    }
}
