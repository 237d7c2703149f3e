//! Each covered field changes the digest, each volatile one does not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::testing::test;

fn keys() -> Keys {
    Keys::new((0..32).collect())
}

fn headers(fields: &[(&str, &str)]) -> Headers {
    Headers::new(fields.iter().copied())
}

fn head() -> Head {
    Head {
        method: b"POST".to_vec(),
        scheme: b"https".to_vec(),
        authority: b"crm.example.com".to_vec(),
        target: b"/v1/exports?format=csv".to_vec(),
        path: "/v1/exports".into(),
        query: Some("format=csv".into()),
        headers: headers(&[("content-type", "application/json"), ("x-a", "1"), ("x-api-key", "k")]),
        peer: None,
        attributes: Vec::new(),
        principal: Some("agent:7".into()),
        on_behalf_of: Some("alice".into()),
        bodyless: false,
    }
}

#[derive(Clone)]
struct Case {
    head: Head,
    trailers: Headers,
    body: Vec<u8>,
    forwarded: Vec<u8>,
    masked: Masked,
    tenant: String,
    environment: String,
    token: Option<(String, Vec<String>)>,
    volatile: Vec<String>,
}

fn case() -> Case {
    Case {
        head: head(),
        trailers: Headers::default(),
        body: br#"{"a":1}"#.to_vec(),
        forwarded: br#"{"a":1}"#.to_vec(),
        masked: Masked::default(),
        tenant: "t".into(),
        environment: "e".into(),
        token: None,
        volatile: Vec::new(),
    }
}

fn bound(case: &Case) -> Binding {
    let subject = Subject {
        head: &case.head,
        trailers: &case.trailers,
        body: &case.body,
        forwarded: &case.forwarded,
        masked: &case.masked,
        tenant: &case.tenant,
        environment: &case.environment,
        principal_token: case.token.as_ref().map(|(header, path)| (header.as_str(), path.as_slice())),
        correlated: true,
        volatile: &case.volatile,
    };
    bind(&subject, &keys())
}

fn with_headers(fields: &[(&str, &str)]) -> Case {
    let mut case = case();
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = case.head.headers.iter().map(|(n, v)| (n.to_vec(), v.to_vec())).collect();
    all.extend(fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())));
    case.head.headers = Headers::new(all);
    case
}

#[test]
fn the_encoding_is_frozen() {
    // A change here orphans every live hold and every approval: it needs a new contract version.
    assert_eq!(bound(&case()).digest, include_str!("golden.txt").trim());
}

#[test]
fn every_covered_part_counts_and_is_named() {
    type Change = (&'static str, fn(&mut Case));
    let changes: [Change; 14] = [
        ("tenant", |c| c.tenant.push('x')),
        ("environment", |c| c.environment.push('x')),
        ("principal", |c| c.head.principal = None),
        ("on_behalf_of", |c| c.head.on_behalf_of = Some(String::new())),
        ("method", |c| c.head.method = b"PUT".to_vec()),
        ("scheme", |c| c.head.scheme = b"http".to_vec()),
        ("authority", |c| c.head.authority.push(b'x')),
        ("path as received", |c| c.head.target = b"/v1/./exports?format=csv".to_vec()),
        ("path", |c| c.head.path.push('x')),
        ("query", |c| c.head.query = None),
        ("header x-a", |c| {
            c.head.headers = headers(&[("content-type", "application/json"), ("x-a", "2"), ("x-api-key", "k")])
        }),
        ("header x-api-key", |c| {
            c.head.headers = headers(&[("content-type", "application/json"), ("x-a", "1"), ("x-api-key", "l")])
        }),
        ("body", |c| c.body = br#"{"a":2}"#.to_vec()),
        ("body as forwarded", |c| c.forwarded = br#"{"a":2}"#.to_vec()),
    ];
    let original = bound(&case());
    for (name, change) in changes {
        let mut changed = case();
        change(&mut changed);
        let changed = bound(&changed);
        assert_ne!(changed.digest, original.digest, "{name}");
        let differing: Vec<&String> =
            original.fields.keys().filter(|key| original.fields.get(*key) != changed.fields.get(*key)).collect();
        assert_eq!(differing, [name]);
    }
}

#[test]
fn what_is_masked_of_the_head_counts() {
    let mut one = case();
    one.masked.query = Some("format=%3CX%3E".into());
    one.masked.headers = vec![("x-a".into(), vec![b"<X>".to_vec()]), ("x-request-id".into(), vec![b"<X>".to_vec()])];
    let mut other = case();
    other.masked.headers = vec![("x-a".into(), vec![b"<Y>".to_vec()])];
    let digests = [case(), one.clone(), other].map(|case| bound(&case).digest);
    assert!(digests[0] != digests[1] && digests[1] != digests[2] && digests[0] != digests[2], "{digests:?}");
    let target = |path: &str| crate::hold::Forwarded {
        method: "POST".into(),
        authority: "crm.example.com".into(),
        path: path.into(),
        body_sha256: String::new(),
    };
    let is_bound = |case: &Case, path: &str| is_bound_target(&bound(case).fields, &target(path), &keys().field);
    assert!(is_bound(&one, "/v1/exports?format=%3CX%3E") && !is_bound(&one, "/v1/exports?format=csv"));
    assert!(is_bound(&case(), "/v1/exports?format=csv") && !is_bound(&case(), "/v1/exports?format=%3CX%3E"));
    let names: Vec<String> = bound(&one).fields.into_keys().filter(|name| name.ends_with(" as forwarded")).collect();
    assert_eq!(names, ["body as forwarded", "header x-a as forwarded", "query as forwarded"]);
}

#[test]
fn volatile_headers_do_not_count() {
    let original = bound(&case()).digest;
    for (name, value) in [
        ("x-request-id", "7"),
        ("traceparent", "00-1-2-01"),
        ("content-length", "7"),
        ("x-stainless-retry-count", "1"),
        ("x-envoy-attempt-count", "2"),
        ("x-forwarded-for", "10.0.0.1"),
        ("mcp-session-id", "s"),
        ("amz-sdk-request", "attempt=2"),
    ] {
        assert_eq!(bound(&with_headers(&[(name, value)])).digest, original, "{name}");
    }
    let mut extended = with_headers(&[("x-sdk-clock", "1")]);
    assert_ne!(bound(&extended).digest, original);
    extended.volatile = vec!["X-SDK-Clock".into()];
    assert_eq!(bound(&extended).digest, original);
}

#[test]
fn headers_that_an_upstream_may_trust_count() {
    let original = bound(&case()).digest;
    for name in
        ["x-forwarded-host", "x-forwarded-user", "x-real-ip", "x-http-method-override", "idempotency-key", "cookie"]
    {
        assert_ne!(bound(&with_headers(&[(name, "v")])).digest, original, "{name}");
    }
}

#[test]
fn header_order_across_names_does_not_count_but_within_a_name_it_does() {
    let ab = bound(&with_headers(&[("x-b", "1"), ("x-c", "2")])).digest;
    assert_eq!(bound(&with_headers(&[("x-c", "2"), ("x-b", "1")])).digest, ab);
    let one = bound(&with_headers(&[("x-b", "1"), ("x-b", "2")])).digest;
    assert_ne!(bound(&with_headers(&[("x-b", "2"), ("x-b", "1")])).digest, one);
    assert_ne!(bound(&with_headers(&[("x-b", "1, 2")])).digest, one);
}

#[test]
fn the_principals_own_token_is_the_principal_and_any_other_token_counts() {
    let token = |claims: &str| format!("Bearer e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
    let mine = |claims: &str| {
        let mut case = with_headers(&[("authorization", &token(claims))]);
        case.token = Some(("authorization".into(), vec!["sub".into()]));
        bound(&case).digest
    };
    let first = mine(r#"{"sub":"agent:7","exp":1}"#);
    assert_eq!(mine(r#"{"sub":"agent:7","exp":2}"#), first, "a renewed token of the same principal");
    assert_ne!(mine(r#"{"sub":"agent:8","exp":1}"#), first);
    // Without a token source the header is a foreign credential.
    let live = bound(&with_headers(&[("authorization", "Bearer live")])).digest;
    assert_ne!(bound(&with_headers(&[("authorization", "Bearer test")])).digest, live);
}

#[test]
fn aws_signatures_count_by_key_and_scope() {
    let signed = |key: &str, region: &str, date: &str, signature: &str| {
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key}/20261122/{region}/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        bound(&with_headers(&[("authorization", &value), ("x-amz-date", date)])).digest
    };
    let first = signed("AKIDTEST", "eu-west-1", "20261122T020000Z", "aa");
    assert_eq!(signed("AKIDTEST", "eu-west-1", "20261122T020105Z", "bb"), first);
    assert_ne!(signed("AKIDLIVE", "eu-west-1", "20261122T020000Z", "aa"), first);
    assert_ne!(signed("AKIDTEST", "us-east-1", "20261122T020000Z", "aa"), first);
}

#[test]
fn multipart_boundaries_do_not_count_but_contents_do() {
    let upload = |boundary: &str, content: &str| {
        let mut case = case();
        case.head.headers = headers(&[("content-type", &format!("multipart/form-data; boundary={boundary}"))]);
        case.body =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=a\r\n\r\n{content}\r\n--{boundary}--\r\n")
                .into_bytes();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    let first = upload("xyz", "hello");
    assert_eq!(upload("abcdef", "hello"), first);
    assert_ne!(upload("xyz", "hello2"), first);
    assert_ne!(upload("xyz", "hello\r\n--xyz\r\n\r\nmore"), upload("xyz", "hello\r\n--abc\r\n\r\nmore"));
}

#[test]
fn json_rpc_correlation_does_not_count() {
    let call = |id: &str, token: &str, name: &str| {
        let mut case = case();
        case.body = format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{name}","_meta":{{"progressToken":{token}}},"arguments":{{"id":1}}}}}}"#
        )
        .into_bytes();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    let first = call("1", "1", "delete_repo");
    assert_eq!(call("27", "\"t\"", "delete_repo"), first);
    assert_ne!(call("1", "1", "delete_all"), first);
}

#[test]
fn an_id_that_is_no_correlation_counts() {
    let body = |json: &str| {
        let mut case = case();
        case.body = json.as_bytes().to_vec();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    assert_ne!(body(r#"{"id":1,"method":"x"}"#), body(r#"{"id":2,"method":"x"}"#));
}

#[test]
fn nothing_confuses_the_parts() {
    let named = |name: &str, value: &str| bound(&with_headers(&[(name, value)])).digest;
    assert_ne!(named("x-b", "1\u{0}x"), named("x-b\u{0}1", "x"));
    let mut absent = case();
    absent.head.query = None;
    let mut empty = case();
    empty.head.query = Some(String::new());
    assert_ne!(bound(&absent).digest, bound(&empty).digest);
}

#[test]
fn only_a_plain_boundary_is_left_out() {
    let upload = |content_type: &str, body: &str| {
        let mut case = case();
        case.head.headers = headers(&[("content-type", content_type)]);
        case.body = body.as_bytes().to_vec();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    let body = "--a\r\n\r\n1\r\n--b\r\n\r\n2\r\n--c\r\n\r\n3\r\n--a--";
    for (approved, other) in [
        ("multipart/form-data; xboundary=a; boundary=b", "multipart/form-data; xboundary=a; boundary=c"),
        ("multipart/form-data; boundary=a; boundary=b", "multipart/form-data; boundary=a; boundary=c"),
        ("multipart/form-data; boundary=a; boundary*=utf-8''b", "multipart/form-data; boundary=a; boundary*=utf-8''c"),
        ("multipart/related; boundary=a; start=b", "multipart/related; boundary=a; start=c"),
        (r#"multipart/form-data; boundary="a\"b""#, r#"multipart/form-data; boundary="a\"c""#),
        ("multipart/form-data; boundary=a,b", "multipart/form-data; boundary=a,c"),
    ] {
        assert_ne!(upload(approved, body), upload(other, body), "{approved}");
    }
    // Some parsers take a carriage return alone for the end of a line.
    let form = "multipart/form-data; boundary";
    assert_ne!(
        upload(&format!("{form}=xx"), "--xx\r\n\r\n1\r--yy\r\n\r\n2\r\n--xx--"),
        upload(&format!("{form}=yy"), "--yy\r\n\r\n1\r--yy\r\n\r\n2\r\n--yy--"),
    );
    let twice = |other: &str| {
        let mut case = case();
        case.head.headers = headers(&[
            ("content-type", "multipart/form-data; boundary=a"),
            ("content-type", &format!("multipart/form-data; boundary={other}")),
        ]);
        case.body = body.as_bytes().to_vec();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    assert_ne!(twice("b"), twice("c"));
}

#[test]
fn only_an_aws_signature_counts_by_its_scope() {
    let with = |name: &str, value: &str| bound(&with_headers(&[(name, value)])).digest;
    for (name, approved, other) in [
        ("cookie", "AWS4-=Credential=a, ; session=test", "AWS4-=Credential=a, ; session=live"),
        ("x-api-key", "AWS4-Credential=a,test", "AWS4-Credential=a,live"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 XCredential=a,Credential=test, Signature=b",
            "AWS4-HMAC-SHA256 XCredential=a,Credential=live, Signature=b",
        ),
    ] {
        assert_ne!(with(name, approved), with(name, other), "{name}");
    }
}

#[test]
fn a_second_token_of_the_same_principal_counts() {
    let token = |claims: &str| format!("Bearer e30.{}.sig", URL_SAFE_NO_PAD.encode(claims));
    let own = token(r#"{"sub":"agent:7"}"#);
    let with = |second: &str| {
        let mut case = with_headers(&[("authorization", &own), ("authorization", second)]);
        case.token = Some(("authorization".into(), vec!["sub".into()]));
        bound(&case).digest
    };
    assert_ne!(
        with(&token(r#"{"sub":"agent:7","scope":"live"}"#)),
        with(&token(r#"{"sub":"agent:7","scope":"test"}"#))
    );
}

#[test]
fn an_id_of_an_api_that_ignores_what_it_does_not_know_counts() {
    let body = |json: &str| {
        let mut case = case();
        case.body = json.as_bytes().to_vec();
        case.forwarded = case.body.clone();
        bound(&case).digest
    };
    // Not a call: an answer, or something else altogether.
    assert_ne!(body(r#"{"jsonrpc":"2.0","id":"account-1"}"#), body(r#"{"jsonrpc":"2.0","id":"account-2"}"#));
    assert_ne!(
        body(r#"{"jsonrpc":"2.0","method":"m","amount":1,"id":1}"#),
        body(r#"{"jsonrpc":"2.0","method":"m","amount":1,"id":2}"#)
    );
    assert_ne!(
        body(r#"{"jsonrpc":"2.0","method":"m","id":1}"#),
        body("{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"id\":\0correlation\0}")
    );
}

#[test]
fn a_forwarded_host_counts_however_it_is_written() {
    let with = |value: &str| bound(&with_headers(&[("forwarded", value)])).digest;
    assert_ne!(with("host=test.example.com"), with("host=live.example.com"));
}
