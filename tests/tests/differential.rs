//! Requests as other readers take them: what we read as harmless none of them may read as harmful.
//!
//! The requests are put together from what readers are known to differ on, by a generator with a fixed seed. The readers
//! are serde_json, Python's json and urllib, and an MCP server with the real SDK.

use std::io::Write;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::agents::McpServer;
use e2e::artefacts;
use e2e::client::Request;
use privyseal_engine::classify::Verdict;
use privyseal_engine::policy::Policy;
use privyseal_engine::request::{Head, Headers};
use serde_json::{Value, json};

/// Xorshift: the same requests in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }
}

struct Case {
    kind: &'static str,
    content_type: Option<&'static str>,
    text: Vec<u8>,
}

const KEYS: &[&str] = &[
    "action",
    "amount",
    "\\u0061ction",
    "amoun\\u0074",
    "act\\u0069on",
    "Action",
    "AMOUNT",
    "amount ",
    "\\u0000amount",
    "note",
    "amount\\u200b",
    "act\u{131}on",
];

const VALUES: &[&str] = &[
    r#""delete""#,
    r#""read""#,
    r#""del\u0065te""#,
    r#""DELETE""#,
    r#""delete\u0000""#,
    r#""\ud834delete""#,
    r#"["delete"]"#,
    r#""\/delete""#,
    "1000",
    "999",
    "1e3",
    "1E+3",
    "1000.0",
    "9.99e2",
    "999.99999999999999999999",
    "0.1e4",
    "10e2",
    "1e400",
    "-1e400",
    "1e-400",
    "NaN",
    "Infinity",
    "-Infinity",
    "01000",
    "+1000",
    "0x3e8",
    "1_000",
    "true",
    "null",
    "[1000]",
    "1000.",
    "1000000000000000000000000",
    r#""1000""#,
    r#"" 1000 ""#,
    r#""1_000""#,
    r#""1e3""#,
    r#""Infinity""#,
    r#""+1000""#,
    r#""١٠٠٠""#,
    r#""999.99999999999999999999""#,
    r#"{"action":"delete"}"#,
    r#""\u0031000""#,
    r#""1000\n""#,
    r#""\u00a01000""#,
];

fn object(dice: &mut Dice) -> String {
    let mut members = Vec::new();
    for _ in 0..=dice.roll(4) {
        let space = dice.pick(&["", " ", "\n", "\t", "\u{b}", "\u{a0}", "/**/"]);
        members.push(format!("{space}\"{}\":{space}{}", dice.pick(KEYS), dice.pick(VALUES)));
    }
    format!("{{{}}}", members.join(dice.pick(&[",", ",", ",", ",", ",", ",,"])))
}

fn json_case(dice: &mut Dice) -> Case {
    let one = object(dice);
    let text = match dice.roll(16) {
        0 => format!("[{one}]"),
        1 => format!("[{one},{}]", object(dice)),
        2 => format!("[[{one}]]"),
        3 => format!("{{\"data\":{one}}}"),
        4 => format!("{one}{}", dice.pick(&["x", "\n", " {}", "\0", ",", "//", "}"])),
        5 => format!("\u{feff}{one}"),
        6 => format!("{{\"a\":1,{}", one.get(1..).unwrap()),
        7 => one.replace('"', "'"),
        8 => one.replace('}', ",}"),
        9 => format!("x={one}"),
        _ => one,
    };
    let bytes = match dice.roll(14) {
        0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        1 => [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect(),
        2 => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
        3 => {
            let mut bytes = text.into_bytes();
            let at = dice.roll(bytes.len());
            bytes.insert(at, *dice.pick(&[&0xff, &0xc0, &0x80, &0x00, &0x1b]));
            bytes
        }
        _ => text.into_bytes(),
    };
    let types = [
        Some("application/json"),
        Some("application/json; charset=utf-8"),
        Some("application/json; charset=utf-16"),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/vnd.api+json"),
        None,
    ];
    Case { kind: "json", content_type: types[dice.roll(types.len())], text: bytes }
}

const PAIRS: &[&str] = &[
    "action=delete",
    "action=del%65te",
    "%61ction=delete",
    "action=read",
    "action=+delete",
    "action=delete+",
    "action",
    "=delete",
    "action=delete%00",
    "action%3Ddelete",
    "action%3ddelete=1",
    "Action=delete",
    "action[]=delete",
    "action=%2564elete",
    "action=delete#x",
    "a=1;action=delete",
    "action=delete;a=1",
    "amount=1000",
    "amount=%31%30%30%30",
    "amount=1e3",
    "amount=999",
    "amount=+1000",
    "amount=%2B1000",
    "amount=1_000",
    "amount=999.99999999999999999999",
    "amount=%D9%A1%D9%A0%D9%A0%D9%A0",
    "amount=Infinity",
    "amount=%201000%0A",
    "amount=1,000",
    "note=%zz",
    "note=%",
    "%=%",
    "action=del%C0%A5te",
    "&",
    "=",
    "amount=",
];

fn pairs(dice: &mut Dice) -> String {
    let pairs: Vec<&str> = (0..=dice.roll(4)).map(|_| dice.pick(PAIRS)).collect();
    pairs.join(dice.pick(&["&", "&", "&", "&&", ";", "&amp;", "%26"]))
}

fn form_case(dice: &mut Dice) -> Case {
    let types =
        [Some("application/x-www-form-urlencoded"), Some("application/x-www-form-urlencoded; charset=UTF-8"), None];
    Case { kind: "form", content_type: types[dice.roll(types.len())], text: pairs(dice).into_bytes() }
}

fn query_case(dice: &mut Dice) -> Case {
    Case { kind: "query", content_type: None, text: pairs(dice).replace('#', "%23").into_bytes() }
}

fn policy() -> Policy {
    let policy = json!({
        "version": 1, "default": "allow", "approver": { "cluster": "approver" },
        "rules": [
            { "id": "delete", "match": { "path": "/act", "body": { "/action": "delete" } }, "verdict": "hold" },
            { "id": "large", "match": { "path": "/act", "body": { "/amount": { "gte": 1000 } } }, "verdict": "hold" },
            { "id": "delete-by-query", "match": { "path": "/find", "query": { "action": "delete" } }, "verdict": "hold" },
            { "id": "large-by-query", "match": { "path": "/find", "query": { "amount": { "gte": 1000 } } }, "verdict": "hold" },
            { "id": "tool", "match": { "path": "/mcp", "mcp": { "tool": "delete_account" } }, "verdict": "hold" },
        ],
    });
    Policy::parse(policy.to_string().as_bytes(), &[]).unwrap()
}

/// Would it pass without a person having looked?
fn passes(policy: &Policy, target: &[u8], content_type: Option<&str>, body: &[u8]) -> bool {
    let field = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    let mut fields = vec![field(":method", b"POST"), field(":authority", b"api.example"), field(":path", target)];
    fields.extend(content_type.map(|kind| field("content-type", kind.as_bytes())));
    let (head, _) = Head::from_fields(Headers::new(fields));
    let selection = policy.select(&head);
    if selection.refusal.is_some() {
        return false;
    }
    policy.decide(&head, &selection, Some(body)).is_ok_and(|decision| decision.verdict == Verdict::Allow)
}

fn case_passes(policy: &Policy, case: &Case) -> bool {
    match case.kind {
        "query" => passes(policy, &[b"/find?", case.text.as_slice()].concat(), None, b""),
        _ => passes(policy, b"/act", case.content_type, &case.text),
    }
}

fn python_says_harmful(cases: &[Case]) -> Vec<bool> {
    let asked: Vec<Value> =
        cases.iter().map(|case| json!({ "kind": case.kind, "text": STANDARD.encode(&case.text) })).collect();
    let mut python = Command::new(artefacts::python())
        .arg(artefacts::root().join("tests/clients/readers.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(Value::from(asked).to_string().as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn serde_says_harmful(text: &[u8]) -> bool {
    fn number(value: &Value) -> f64 {
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or(0.0)
    }
    let harmful = |fields: &Value| fields["action"] == "delete" || number(&fields["amount"]) >= 1000.0;
    serde_json::from_slice::<Value>(text).is_ok_and(|value| match &value {
        Value::Array(members) => members.iter().any(harmful),
        fields => harmful(fields),
    })
}

#[test]
fn json_forms_and_queries() {
    let policy = policy();
    let mut dice = Dice(0x05ee_d0fc_a5e5);
    let makers: [fn(&mut Dice) -> Case; 3] = [json_case, form_case, query_case];
    let cases: Vec<Case> = (0..24_000).map(|i| makers[i % 3](&mut dice)).collect();
    let python = python_says_harmful(&cases);
    assert_eq!(python.len(), cases.len());
    let mut missed = Vec::new();
    let (mut harmful, mut passed) = (0, 0);
    for (case, python) in cases.iter().zip(&python) {
        let bad = *python || (case.kind == "json" && serde_says_harmful(&case.text));
        let passes = case_passes(&policy, case);
        harmful += usize::from(bad);
        passed += usize::from(passes);
        if bad && passes {
            missed.push(format!("{} {:?} {}", case.kind, case.content_type, case.text.escape_ascii()));
        }
    }
    assert!(missed.is_empty(), "{} of {harmful}:\n{}", missed.len(), missed[..missed.len().min(20)].join("\n"));
    // Neither side says the same of everything.
    assert!(harmful > 4_000 && passed > 2_000, "{harmful} harmful, {passed} passed");
}

const CALLS: &[(&str, &str)] = &[
    ("\"delete_account\"", "\"delete_account\""),
    ("\"method\"", "\"Method\""),
    ("\"method\"", "\"m\\u0065thod\""),
    ("\"name\"", "\"n\\u0061me\""),
    ("\"name\"", "\"name\":\"list_accounts\",\"name\""),
    ("\"params\"", "\"params\":{\"name\":\"list_accounts\",\"arguments\":{\"region\":\"eu\"}},\"params\""),
    ("\"method\"", "\"method\":\"ping\",\"method\""),
    ("tools/call", "tools\\/call"),
    ("tools/call", "Tools/Call"),
    ("delete_account\"", "delete\\u005faccount\""),
    ("delete_account\"", "delete_account \""),
    ("delete_account\"", "delete_account\\u0000\""),
    ("\"delete_account\"", "[\"delete_account\"]"),
    ("\"jsonrpc\":\"2.0\",", ""),
    ("\"id\":7", "\"id\":\"7\""),
    ("\"id\":7", "\"id\":7.0"),
    ("\"id\":7", "\"id\":null"),
    ("\"id\":7,", ""),
    ("\"arguments\"", "\"name\":\"list_accounts\",\"arguments\""),
    ("}}}", "}}} "),
    ("}}}", "}}}x"),
    ("}}}", "}},}"),
    ("{\"jsonrpc\"", "\u{feff}{\"jsonrpc\""),
];

fn mcp_case(dice: &mut Dice) -> Case {
    let mut text = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"delete_account","arguments":{"account":"1"}}}"#.to_owned();
    for _ in 0..dice.roll(4) {
        let (from, to) = CALLS[dice.roll(CALLS.len())];
        text = text.replacen(from, to, 1);
    }
    let text = match dice.roll(10) {
        0 => format!("[{text}]"),
        1 => format!("[{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}},{text}]"),
        _ => text,
    };
    let bytes = match dice.roll(12) {
        0 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        _ => text.into_bytes(),
    };
    let types = [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        "application/json;x",
    ];
    Case { kind: "mcp", content_type: Some(types[dice.roll(types.len())]), text: bytes }
}

#[tokio::test]
async fn calls_of_a_real_mcp_server() {
    let policy = policy();
    let server = McpServer::start().await.unwrap();
    let hello = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "differential", "version": "1" },
    } });
    let accept = "application/json, text/event-stream";
    let host = server.addr().to_string();
    let hello = Request::post("/mcp", &hello)
        .header("accept", accept)
        .set("host", Some(&host))
        .send(server.addr())
        .await
        .unwrap();
    let session = hello.header("mcp-session-id").unwrap_or_else(|| panic!("{hello:?}"));
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let in_session =
        |request: Request| request.header("accept", accept).header("mcp-session-id", &session).set("host", Some(&host));
    in_session(Request::post("/mcp", &ready)).send(server.addr()).await.unwrap();

    let mut dice = Dice(0x005e_ed0f_ca11);
    let (mut ran, mut missed) = (0, Vec::new());
    for _ in 0..250 {
        let case = mcp_case(&mut dice);
        let content_type = case.content_type.unwrap();
        let request = in_session(Request::new("POST", "/mcp").body(content_type, case.text.clone()));
        request.send(server.addr()).await.unwrap();
        // A call is answered after its tool has run.
        let deleted = server.ran().iter().filter(|call| call["tool"] == "delete_account").count();
        if deleted > ran && passes(&policy, b"/mcp", Some(content_type), &case.text) {
            missed.push(format!("{content_type} {}", case.text.escape_ascii()));
        }
        ran = deleted;
    }
    assert!(missed.is_empty(), "{} of {ran}:\n{}", missed.len(), missed.join("\n"));
    assert!(ran > 50, "{ran} calls ran");
}
