//! Whole policies against whole requests.

use serde_json::{Value, json};

use super::*;
use crate::classify::Verdict::{self, Allow, Deny, Hold};
use crate::redact::Parameters;
use crate::request::{Headers, canonical_target};
use crate::testing::test;

#[cfg(not(target_family = "wasm"))]
mod properties;
mod protocols;
mod workflows;

fn policy(rules: Value) -> Policy {
    compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "approver"}, "rules": rules}))
}

fn compile(source: Value) -> Policy {
    Policy::parse(source.to_string().as_bytes(), b"").unwrap_or_else(|errors| panic!("{errors:#?}"))
}

fn errors(source: Value) -> Vec<String> {
    let errors = Policy::parse(source.to_string().as_bytes(), b"").unwrap_err();
    errors.iter().map(Error::to_string).collect()
}

fn head(method: &str, url: &str, headers: &[(&str, &str)]) -> Head {
    let (host, target) = url.split_at(url.find('/').unwrap());
    let headers = headers.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec())).collect();
    let mut head = Head {
        method: method.into(),
        authority: host.into(),
        target: target.into(),
        headers: Headers::new(headers),
        ..Head::default()
    };
    if let Ok(canonical) = canonical_target(target.as_bytes()) {
        head.path = canonical.path;
        head.query = canonical.query;
    }
    head
}

/// The verdict, or the code of the refusal.
fn judge(policy: &Policy, head: &Head, body: &[u8]) -> Result<Verdict, &'static str> {
    let selection = policy.select(head);
    if let Some(doubt) = selection.refusal {
        return Err(doubt.code);
    }
    if !selection.touched {
        return Ok(Allow);
    }
    let body = selection.needs_body.then_some(body);
    policy.decide(head, &selection, body).map(|d| d.verdict).map_err(|d| d.code)
}

fn get(url: &str) -> Head {
    head("GET", url, &[])
}

/// A rule that holds what `condition` matches.
fn held(condition: Value) -> Policy {
    policy(json!([{"id": "r", "match": condition, "verdict": "hold"}]))
}

#[test]
fn heads_match_field_by_field() {
    for (condition, yes, no) in [
        (json!({"method": "DELETE"}), head("delete", "h/x", &[]), get("h/x")),
        (json!({"method": ["PUT", "POST"]}), head("POST", "h/x", &[]), head("PATCH", "h/x", &[])),
        (json!({"host": "api.example.com"}), get("API.example.com.:443/x"), get("api.example.com.evil/x")),
        (json!({"host": "*.example.com"}), get("a.example.com/"), get("example.com/")),
        (json!({"path": "/admin/**"}), get("h/admin/users?x=1"), get("h/administrators")),
        (json!({"path": "/v1/accounts/{id}/delete"}), get("h/v1/accounts/7/delete"), get("h/v1/accounts/delete")),
        (json!({"path": ["/a", "/b"]}), get("h/b/"), get("h/c")),
        (json!({"query": {"action": "delete"}}), get("h/x?a=1&action=%64elete"), get("h/x?action=read")),
        (json!({"query": {"n": {"gte": 100}}}), get("h/x?n=100.0"), get("h/x?n=99.99")),
        (json!({"query": {"all": {"exists": true}}}), get("h/x?all"), get("h/x?al")),
        (json!({"header": {"X-Env": "prod"}}), head("GET", "h/x", &[("x-env", "prod")]), get("h/x")),
        (json!({"header": {"x-a": {"exists": false}}}), get("h/x"), head("GET", "h/x", &[("x-a", "")])),
        (
            json!({"content_type": "application/json"}),
            head("POST", "h/x", &[("content-type", "Application/JSON; charset=utf-8")]),
            head("POST", "h/x", &[("content-type", "text/plain")]),
        ),
        (json!({"not": {"method": ["GET", "HEAD"]}}), head("POST", "h/x", &[]), get("h/x")),
        (json!({"any": [{"path": "/a"}, {"host": "b"}]}), get("b/x"), get("h/x")),
        (json!({"all": [{"path": "/a"}, {"host": "b"}]}), get("b/a"), get("h/a")),
        (json!({"method": "GET", "path": "/a"}), get("h/a"), head("POST", "h/a", &[])),
    ] {
        let policy = held(condition.clone());
        assert_eq!(judge(&policy, &yes, b""), Ok(Hold), "{condition} on {yes:?}");
        assert_eq!(judge(&policy, &no, b""), Ok(Allow), "{condition} on {no:?}");
        assert!(!policy.select(&no).touched, "{condition} leaves {no:?} alone");
    }
}

#[test]
fn principals_match_when_verified() {
    let policy = held(json!({"principal": {"glob": "agent-*"}, "on_behalf_of": {"exists": false}}));
    let mut who = get("h/x");
    assert_eq!(judge(&policy, &who, b""), Ok(Allow));
    who.principal = Some("agent-7".into());
    assert_eq!(judge(&policy, &who, b""), Ok(Hold));
    who.on_behalf_of = Some("alice".into());
    assert_eq!(judge(&policy, &who, b""), Ok(Allow));
}

#[test]
fn bodies_match_by_pointer() {
    for (condition, yes, no) in [
        (json!({"/tool": "delete_repo"}), r#"{"tool":"delete_repo"}"#, r#"{"tool":"read"}"#),
        (json!({"/tool": "delete_repo"}), r#"{"tool":"\u0064elete_repo"}"#, r#"{"x":{"tool":"delete_repo"}}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":1e4}"#, r#"{"amount":9999.99}"#),
        (json!({"/amount": {"gte": "10000"}}), r#"{"amount":"10000"}"#, r#"{"amount":"9999"}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":" 10000"}"#, r#"{}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"amount":"10_000"}"#, r#"{"amount":null}"#),
        (json!({"/amount": {"gt": 1, "lt": 5}}), r#"{"amount":3}"#, r#"{"amount":5}"#),
        (json!({"/amount": {"gte": 10000}}), r#"{"Amount":10000}"#, r#"{"Amount":1}"#),
        (json!({"/a/b": true}), r#"{"a":{"b":true}}"#, r#"{"a":{"b":false}}"#),
        (json!({"/a/0": 1}), r#"{"a":[1]}"#, r#"{"a":[2,1]}"#),
        (json!({"/a/*/b": 1}), r#"{"a":[{"b":2},{"b":1}]}"#, r#"{"a":[{"b":2}]}"#),
        (json!({"/a~1b": 1}), r#"{"a/b":1}"#, r#"{"a":{"b":1}}"#),
        (json!({"/x": {"exists": false}}), r#"{}"#, r#"{"x":null}"#),
        (json!({"/q": {"regex": "(?i)drop\\s+table"}}), r#"{"q":"DROP  TABLE x"}"#, r#"{"q":"select"}"#),
        (json!({"/q": {"glob": "*.csv"}}), r#"{"q":"a.csv"}"#, r#"{"q":"a.csv.gz"}"#),
        (json!({"/q": ["a", "b"]}), r#"{"q":"b"}"#, r#"{"q":"c"}"#),
        (json!({"/tool": "x"}), r#"[{"tool":"a"},{"tool":"x"}]"#, r#"[{"tool":"a"}]"#),
    ] {
        let policy = held(json!({ "body": condition }));
        for content_type in ["application/json", "text/plain", "application/vnd.api+json"] {
            let head = head("POST", "h/x", &[("content-type", content_type)]);
            assert!(policy.select(&head).needs_body);
            assert_eq!(judge(&policy, &head, yes.as_bytes()), Ok(Hold), "{condition} on {yes}");
            assert_eq!(judge(&policy, &head, no.as_bytes()), Ok(Allow), "{condition} on {no}");
        }
    }
}

#[test]
fn forms_are_read_as_flat_objects() {
    let policy = held(json!({"body": {"/action": "delete"}}));
    let head = head("POST", "h/x", &[("content-type", "application/x-www-form-urlencoded")]);
    assert_eq!(judge(&policy, &head, b"x=1&action=%64elete"), Ok(Hold));
    assert_eq!(judge(&policy, &head, b"action=read&action=delete"), Ok(Hold));
    assert_eq!(judge(&policy, &head, b"action=read"), Ok(Allow));
    assert_eq!(judge(&policy, &head, b""), Ok(Allow));
}

#[test]
fn bodies_that_cannot_be_read_are_refused() {
    let policy = held(json!({"path": "/x", "body": {"/a": 1}}));
    let deep = "[".repeat(100_000);
    for (headers, body, code) in [
        (&[][..], &br#"{"a":1"#[..], "truncated_json"),
        (&[], br#"{"a":1,}"#, "invalid_json"),
        (&[], br#"{"a":2,"a":1}"#, "duplicate_key"),
        (&[], br#"{"a":2}{"a":1}"#, "trailing_data"),
        (&[], b"{\"a\":\"\xff\"}", "invalid_utf8"),
        (&[], br#"{"b":"\ud800"}"#, "lone_surrogate"),
        (&[], b"\xef\xbb\xbf{\"a\":1}", "byte_order_mark"),
        (&[], b"{\0\"\0a\0\"\0", "unsupported_charset"),
        (&[], deep.as_bytes(), "too_deep"),
        (&[("content-type", "application/json")], b"// {}", "invalid_json"),
        (&[("content-type", "application/json")], b")]}'\n{\"a\":1}", "invalid_json"),
        (&[("content-type", "application/json; charset=utf-16")], b"{}", "unsupported_charset"),
        (&[("content-type", "application/json;charset=utf-8;charset=utf-7")], b"{}", "unsupported_charset"),
        (&[("content-type", "application/json"), ("content-type", "text/plain")], b"{}", "duplicate_header"),
        (&[("content-type", "multipart/form-data; boundary=x")], b"--x", "unsupported_body"),
        (&[("content-encoding", "br")], b"\x1f\x8b", "unsupported_encoding"),
        (&[("content-encoding", "identity, gzip")], b"{}", "unsupported_encoding"),
    ] {
        let (selected, other) = (head("POST", "h/x", headers), head("POST", "h/y", headers));
        assert_eq!(judge(&policy, &selected, body), Err(code));
        assert_eq!(judge(&policy, &other, body), Ok(Allow), "{code}");
    }
    let selected = head("POST", "h/x", &[]);
    assert_eq!(policy.decide(&selected, &policy.select(&selected), None).unwrap_err().code, "body_not_read");
}

#[test]
fn large_batches_cost_little() {
    let policy = held(json!({"mcp": {"tool": "x"}, "body": {"/a/*": {"gt": 5}}}));
    let post = head("POST", "h/x", &[]);
    let batch = |member: &str, count: usize| format!("[{}]", vec![member; count].join(","));
    assert_eq!(judge(&policy, &post, batch(r#"{"method":"a"}"#, 9_000).as_bytes()), Ok(Allow));
    assert_eq!(judge(&policy, &post, batch("{}", 20_000).as_bytes()), Ok(Allow));
    let values = format!(r#"{{"a":{}}}"#, batch("1", 20_000));
    assert_eq!(judge(&policy, &post, values.as_bytes()), Err("too_many_values"));
}

#[test]
fn harmless_bodies_are_not_refused() {
    let policy = held(json!({"body": {"/a": 1}}));
    for (content_type, body) in [
        ("text/plain", &b"hello"[..]),
        ("application/octet-stream", b"\x01\x02\x03\x04\xff"),
        ("application/json; charset=\"UTF-8\"", b"{\"a\":2}"),
        ("application/json", b"\"text\""),
        ("", b""),
    ] {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, body), Ok(Allow), "{content_type}");
    }
}

#[test]
fn paths_cannot_be_hidden() {
    let policy = policy(json!([
        {"id": "admin", "match": {"path": "/admin/**"}, "verdict": "hold"},
        {"id": "public", "match": {"path": "/public/**"}, "verdict": "allow"},
    ]));
    for (target, expected) in [
        ("/public/../admin/users", Ok(Hold)),
        ("/public/%2e%2e/admin/users", Ok(Hold)),
        ("/public/%252e%252e/admin/users", Ok(Hold)),
        ("/%61dmin/users", Ok(Hold)),
        ("//admin/users", Ok(Hold)),
        ("/admin;x=y/users", Ok(Hold)),
        ("/public/..;/admin/users", Ok(Hold)),
        ("/public\\..\\admin\\users", Ok(Hold)),
        ("/public%5c..%5cadmin", Ok(Hold)),
        ("/public%2f..%2fadmin", Ok(Hold)),
        ("/admin%2fusers", Ok(Hold)),
        ("/admin/../public", Ok(Hold)),
        ("/admin/users#x", Err("ambiguous_path")),
        ("/app1/admin#foo", Err("ambiguous_path")),
        ("/admin%00/x", Err("ambiguous_path")),
        ("/admin%0d%0aX:1", Err("ambiguous_path")),
        ("/admin\x7f", Err("ambiguous_path")),
        ("/public/a;b", Ok(Allow)),
        ("/files/a;v=1", Ok(Allow)),
        ("/files/100%25", Ok(Allow)),
        ("/files/a%2Fb", Ok(Allow)),
        ("/other//x/../y", Ok(Allow)),
    ] {
        assert_eq!(judge(&policy, &get(&format!("h{target}")), b""), expected, "{target}");
    }
}

#[test]
fn a_broken_path_passes_where_no_rule_can_select_it() {
    let policy = held(json!({"host": "guarded", "path": "/admin/**"}));
    assert_eq!(judge(&policy, &get("other/admin#x"), b""), Ok(Allow));
    assert_eq!(judge(&policy, &get("guarded/admin#x"), b""), Err("ambiguous_path"));
    assert_eq!(judge(&policy, &get("a@guarded/admin/x"), b""), Err("ambiguous_authority"));
    assert_eq!(judge(&policy, &get("a@guarded/public"), b""), Ok(Allow));
}

#[test]
fn overrides_of_method_and_path_count() {
    let policy = held(json!({"method": "DELETE", "path": "/admin/**"}));
    let head = |headers: &[(&str, &str)]| head("POST", "h/admin/x", headers);
    assert_eq!(judge(&policy, &head(&[]), b""), Ok(Allow));
    assert_eq!(judge(&policy, &head(&[("x-http-method-override", "delete")]), b""), Ok(Hold));
    let policy = held(json!({"path": "/admin/**"}));
    let head = |value| super::tests::head("GET", "h/public", &[("x-original-url", value)]);
    assert_eq!(judge(&policy, &head("/admin/x"), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("/public"), b""), Ok(Allow));
}

#[test]
fn severity_wins_whatever_the_order() {
    let rules = [
        json!({"id": "a", "match": {"path": "/**"}, "verdict": "allow"}),
        json!({"id": "h", "match": {"path": "/**"}, "verdict": "hold", "risk": "high", "why": "w1", "category": "c"}),
        json!({"id": "h2", "match": {"path": "/x"}, "verdict": "hold", "risk": "low", "workflow": "w", "why": "w2"}),
        json!({"id": "d", "match": {"path": "/x/y"}, "verdict": "deny", "reason": "no"}),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let policy = policy(Value::Array(order.iter().map(|i| rules[*i].clone()).collect()));
        let decide = |url| {
            let head = get(url);
            policy.decide(&head, &policy.select(&head), None).unwrap()
        };
        let both = decide("h/x");
        assert_eq!((both.verdict, both.risk, both.workflow.as_str()), (Hold, crate::hold::Risk::High, "default"));
        assert_eq!(both.category.as_deref(), Some("c"));
        let mut rules = both.rules.clone();
        rules.sort();
        assert_eq!(rules, ["h", "h2"]);
        assert!(both.why == "w1; w2" || both.why == "w2; w1");
        let denied = decide("h/x/y");
        assert_eq!((denied.verdict, denied.agent_reason.as_deref()), (Deny, Some("no")));
        assert_eq!(denied.rules, ["d"]);
    }
}

#[test]
fn explanations_say_which_part_failed() {
    let policy = policy(json!([{"id": "r", "match": {"method": "POST", "path": "/a", "body": {"/x": 1}},
        "except": {"header": {"x-ok": "1"}}, "verdict": "hold"}]));
    let explained = policy.explain(&head("POST", "h/a", &[("x-ok", "1")]), br#"{"x":1}"#);
    let [(rule, whole)] = explained.as_slice() else { panic!("{explained:?}") };
    assert_eq!((rule.id.as_str(), whole.truth), ("r", Truth::False));
    let [condition, exception] = whole.parts.as_slice() else { panic!("{whole:?}") };
    let parts: Vec<_> = condition.parts.iter().map(|part| (part.name.as_str(), part.truth)).collect();
    assert_eq!(parts, [("method", Truth::True), ("path", Truth::True), ("body /x", Truth::True)]);
    assert_eq!((exception.name.as_str(), exception.truth), ("not", Truth::False));
}

#[test]
fn exceptions_narrow_a_rule() {
    let rule = json!([{"id": "r", "match": {"path": "/a/**"}, "except": [{"path": "/a/ok"}, {"method": "HEAD"}],
        "verdict": "deny"}]);
    let policy = policy(rule);
    assert_eq!(judge(&policy, &get("h/a/x"), b""), Ok(Deny));
    assert_eq!(judge(&policy, &get("h/a/ok"), b""), Ok(Allow));
    assert_eq!(judge(&policy, &head("HEAD", "h/a/x", &[]), b""), Ok(Allow));
    // What may be an exception in one reading only is none.
    assert_eq!(judge(&policy, &get("h/a/ok;x"), b""), Ok(Deny));
}

#[test]
fn the_default_applies_where_no_rule_matches() {
    let policy = compile(json!({
        "version": 1, "default": {"reads": "allow", "writes": "hold"}, "approver": {"cluster": "a"},
        "rules": [
            {"id": "open", "match": {"path": "/open/**"}, "verdict": "allow"},
            {"id": "read-only", "match": {"path": "/q", "body": {"/op": "read"}}, "verdict": "allow"},
        ],
    }));
    assert_eq!(judge(&policy, &get("h/x"), b""), Ok(Allow));
    assert!(!policy.select(&get("h/x")).touched);
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("FOO", "h/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("GET", "h/x", &[("x-http-method-override", "PUT")]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/open/x", &[]), b""), Ok(Allow));
    // Allow needs every reading and every member of a batch.
    assert_eq!(judge(&policy, &head("POST", "h/open/..;/x", &[]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"[{"op":"read"}]"#), Ok(Allow));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"[{"op":"read"},{"op":"write"}]"#), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/q", &[]), br#"{"op":"write","Op":"read"}"#), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/x#y", &[]), b""), Err("ambiguous_path"));
}

#[test]
fn mcp_calls_match_by_method_and_tool() {
    let policy = held(json!({"mcp": {"tool": "delete_*"}}));
    let call = |tool: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{tool}}}}}"#);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let post = |headers| head("POST", "h/mcp", headers);
    for (headers, body, expected) in [
        (&[][..], call(r#""delete_repo""#), Ok(Hold)),
        (&[], call(r#""delete\u005frepo""#), Ok(Hold)),
        (&[], call(r#""read""#), Ok(Allow)),
        (&[], ping.to_owned(), Ok(Allow)),
        (&[], format!("[{ping},{}]", call(r#""delete_repo""#)), Ok(Hold)),
        (&[], call(r#""delete_repo""#).replace(r#""id":1,"#, ""), Ok(Hold)),
        (&[], call("null"), Err("invalid_mcp")),
        (&[], call(r#""x""#).replace("name", "nome"), Err("invalid_mcp")),
        (&[], r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["delete_repo"]}"#.into(), Err("invalid_mcp")),
        (&[], r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.into(), Ok(Allow)),
        (&[("mcp-name", "read")], call(r#""delete_repo""#), Err("mcp_header_mismatch")),
        (
            &[("mcp-name", "delete_repo"), ("mcp-name", "delete_repo")],
            call(r#""delete_repo""#),
            Err("mcp_header_mismatch"),
        ),
        (&[("mcp-name", "delete_repo"), ("mcp-method", "tools/call")], call(r#""delete_repo""#), Ok(Hold)),
        (&[("mcp-method", "ping")], call(r#""delete_repo""#), Err("mcp_header_mismatch")),
    ] {
        assert_eq!(judge(&policy, &post(headers), body.as_bytes()), expected, "{headers:?} {body}");
    }
    let policy = held(json!({"mcp": {"tool": "pay", "arguments": {"/amount": {"gt": 100}}}}));
    let pay = |amount| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pay","arguments":{{"amount":{amount}}}}}}}"#
        )
    };
    assert_eq!(judge(&policy, &post(&[]), pay("100.01").as_bytes()), Ok(Hold));
    assert_eq!(judge(&policy, &post(&[]), pay("100").as_bytes()), Ok(Allow));
    // Each member of a batch is judged with its own arguments.
    let other = pay("5000").replace("pay", "read");
    assert_eq!(judge(&policy, &post(&[]), format!("[{other},{}]", pay("1")).as_bytes()), Ok(Allow));
    assert_eq!(judge(&policy, &post(&[]), format!("[{other},{}]", pay("101")).as_bytes()), Ok(Hold));
    for shape in [r#"["pay",5000]"#, r#"{"name":"pay","arguments":[5000]}"#, r#"{"name":"pay","arguments":null}"#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{shape}}}"#);
        assert_eq!(judge(&policy, &post(&[]), body.as_bytes()), Err("invalid_mcp"), "{shape}");
    }
}

#[test]
fn llm_requests_match_by_provider_model_and_tool() {
    let chat = |body: &'static str| ("h/v1/chat/completions", body);
    let gemini = |body: &'static str| ("h/v1beta/models/gemini-2.5-pro:streamGenerateContent", body);
    for (condition, (url, body), expected) in [
        (json!({"provider": "openai"}), chat("{}"), Ok(Hold)),
        (json!({"provider": "openai"}), ("h/v1/responses", "{}"), Ok(Hold)),
        (json!({"provider": "openai"}), ("h/v1/chat/completions;x", "{}"), Ok(Hold)),
        (json!({"provider": "openai"}), ("h/v1/chat%2fcompletions", "{}"), Ok(Hold)),
        (json!({"provider": "openai"}), ("h/v1/messages", "{}"), Ok(Allow)),
        (json!({"provider": ["anthropic", "gemini"]}), ("h/v1/messages", "{}"), Ok(Hold)),
        (json!({"provider": ["anthropic", "gemini"]}), gemini("{}"), Ok(Hold)),
        (json!({"model": "gpt-5*"}), chat(r#"{"model":"gpt-5-mini"}"#), Ok(Hold)),
        (json!({"model": "gpt-5*"}), chat(r#"{"model":"gpt-4o"}"#), Ok(Allow)),
        (json!({"model": "gpt-5*"}), chat(r#"{"model":"gpt-5","model":"gpt-4o"}"#), Err("duplicate_key")),
        (json!({"model": "gpt-5*"}), ("h/other", r#"{"model":"gpt-5"}"#), Ok(Allow)),
        (json!({"model": "gemini-2.5-*"}), gemini("{}"), Ok(Hold)),
        (json!({"model": "gemini-1*"}), gemini("{}"), Ok(Allow)),
        (
            json!({"tool": "shell*"}),
            chat(r#"{"tools":[{"function":{"name":"a"}},{"function":{"name":"shell_run"}}]}"#),
            Ok(Hold),
        ),
        (json!({"tool": "shell*"}), ("h/v1/messages", r#"{"tools":[{"name":"shell"}]}"#), Ok(Hold)),
        (json!({"tool": "shell*"}), gemini(r#"{"tools":[{"functionDeclarations":[{"name":"shell"}]}]}"#), Ok(Hold)),
        (json!({"tool": "shell*"}), gemini(r#"{"tools":[{"function_declarations":[{"name":"shell"}]}]}"#), Ok(Hold)),
        (json!({"tool": "shell*"}), chat(r#"{"tools":[{"function":{"name":"search"}}]}"#), Ok(Allow)),
        (json!({"tool": "shell*"}), chat(r#"{"messages":[{"content":"shell"}]}"#), Ok(Allow)),
    ] {
        let policy = held(json!({ "llm": condition }));
        assert_eq!(judge(&policy, &head("POST", url, &[]), body.as_bytes()), expected, "{condition} {url} {body}");
    }
}

#[test]
fn sizes_and_sources_match() {
    let policy = held(json!({"body_size": {"gt": "4B", "lte": "1KiB"}}));
    let post = head("POST", "h/x", &[("content-encoding", "gzip")]);
    for (body, expected) in [("", Ok(Allow)), ("1234", Ok(Allow)), ("12345", Ok(Hold))] {
        assert_eq!(judge(&policy, &post, body.as_bytes()), expected, "{body}");
    }
    assert_eq!(judge(&policy, &post, &[b'x'; 1025]), Ok(Allow));

    assert!(!policy.settings().reads_source);
    let policy = held(json!({"not": {"source": ["10.0.0.0/8", "2001:db8::/32"]}}));
    assert!(policy.settings().reads_source);
    for (peer, expected) in [
        (Some("10.1.2.3"), Allow),
        (Some("2001:db8::7"), Allow),
        (Some("192.168.0.1"), Hold),
        (Some("nonsense"), Hold),
        (None, Hold),
    ] {
        let mut head = get("h/x");
        head.peer = peer.map(str::to_owned);
        assert_eq!(judge(&policy, &head, b""), Ok(expected), "{peer:?}");
    }
}

#[test]
fn claims_and_metadata_match() {
    let policy = held(json!({
        "claims": {"role": "admin", "act.kind": {"exists": true}},
        "metadata": {"envoy.filters.http.ext_authz": {"verdict": "hold"}},
    }));
    let jwt = ["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "payload"];
    let expected = [
        [&jwt[..], &["act", "kind"]].concat(),
        [&jwt[..], &["role"]].concat(),
        vec!["metadata", "filter_metadata", "envoy.filters.http.ext_authz", "verdict"],
    ];
    assert_eq!(policy.settings().attributes, expected);
    let mut head = get("h/x");
    let some = |text: &str| Some(text.as_bytes().to_vec());
    for (attributes, expected) in [
        (vec![some("bot"), some("admin"), some("hold")], Hold),
        (vec![None, some("admin"), some("hold")], Allow),
        (vec![some("bot"), some("user"), some("hold")], Allow),
        (vec![some("bot"), some("admin"), None], Allow),
        (vec![], Allow),
    ] {
        head.attributes.clone_from(&attributes);
        assert_eq!(judge(&policy, &head, b""), Ok(expected), "{attributes:?}");
    }
}

#[test]
fn observed_rules_change_nothing_and_tell() {
    let rules = json!([
        {"id": "o", "match": {"path": "/x", "body": {"/a": 1}}, "verdict": "deny", "mode": "observe", "category": "c"},
        {"id": "e", "match": {"path": "/x/**"}, "verdict": "hold"},
    ]);
    let policy = policy(rules.clone());
    let post = head("POST", "h/x", &[]);
    let selection = policy.select(&post);
    assert!(selection.enforced);
    let decision = policy.decide(&post, &selection, Some(br#"{"a":1}"#)).unwrap();
    assert_eq!(decision.verdict, Hold);
    assert_eq!(decision.observed.len(), 1);
    assert_eq!((decision.observed[0].rule.as_str(), &decision.observed[0].outcome), ("o", &Ok(Deny)));
    let decision = policy.decide(&post, &selection, Some(b"{")).unwrap();
    assert_eq!(decision.observed[0].outcome.as_ref().unwrap_err().code, "truncated_json");

    let observing = compile(json!({"version": 1, "default": "deny", "mode": "observe", "rules": rules,
        "approver": {"cluster": "a"}}));
    for url in ["h/x", "h/y", "h/x#broken"] {
        let post = head("POST", url, &[]);
        let selection = observing.select(&post);
        assert!(selection.touched && !selection.enforced && selection.refusal.is_none(), "{url}");
        let decision = observing.decide(&post, &selection, Some(b"{")).unwrap();
        assert_eq!(decision.verdict, Allow);
        assert!(!decision.observed.is_empty(), "{url}");
    }
}

#[test]
fn identity_headers_stand_once() {
    let policy = compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "a"},
        "identity": {"principal": {"trusted_header": "X-Agent"}},
        "rules": [{"id": "r", "match": {"path": "/x"}, "verdict": "hold"}]}));
    let twice = [("x-agent", "a"), ("x-agent", "b")];
    assert_eq!(judge(&policy, &head("GET", "h/x", &twice), b""), Err("duplicate_identity"));
    assert_eq!(judge(&policy, &head("GET", "h/y", &twice), b""), Ok(Allow));
    assert_eq!(judge(&policy, &head("GET", "h/x", &twice[..1]), b""), Ok(Hold));
}

#[test]
fn redaction_selects_by_head() {
    let policy = compile(json!({"version": 1, "default": "allow",
    "profiles": {"llm": {"entities": ["pii"]}},
    "redact": [
        {"match": {"path": "/v1/chat/**"}, "direction": "request", "profile": "llm"},
        {"match": {"path": "/v1/**"}, "direction": "both", "profile": {"entities": ["credentials"]}},
    ]}));
    let chat = policy.select(&get("h/v1/chat/completions"));
    assert!(chat.touched && chat.enforced && !chat.needs_body);
    assert_eq!((chat.redact_request, chat.redact_response), (Some(ProfileId(0)), Some(ProfileId(1))));
    assert!(policy.profile(ProfileId(1)).is_some());
    assert_eq!(policy.select(&get("h/v1/x")).redact_request, Some(ProfileId(1)));
    let default = json!([{"match": {"path": "/a"}, "direction": "both", "profile": "default"},
        {"match": {"path": "/b"}, "direction": "both", "profile": "default"}]);
    let (head, query) = (json!(["X-User", "referer", "x-user"]), json!("q"));
    let chosen = compile(json!({"version": 1, "default": "allow", "redact": [
        {"match": {"path": "/**"}, "direction": "both", "profile": "default", "headers": head, "query": query},
    ]}));
    let selected = chosen.select(&get("h/b"));
    let headers = vec!["x-user".to_owned(), "referer".to_owned()];
    assert_eq!(selected.response_head, Chosen { headers: headers.clone(), query: Parameters::None });
    assert_eq!(selected.request_head, Chosen { headers, query: Parameters::Named(vec!["q".into()]) });
    let built_in = compile(json!({"version": 1, "default": "allow", "redact": default}));
    assert_eq!(built_in.select(&get("h/b")).redact_response, Some(ProfileId(0)));
    assert!(!policy.select(&get("h/x")).touched);
    assert_eq!(policy.select(&get("h/v1/x#y")).refusal.unwrap().code, "ambiguous_path");
}

#[test]
fn settings_have_defaults_and_can_be_written() {
    let plain = compile(json!({"version": 1, "default": "allow"}));
    assert_eq!(plain.settings().hold, super::Hold::default());
    assert_eq!(plain.settings().body_limit, 1 << 20);
    assert_eq!(plain.clusters().count(), 0);
    let full = compile(json!({
        "version": 1, "default": "hold", "tenant": "acme", "environment": "staging", "mode": "observe",
        "approver": {"cluster": "approver"}, "body_limit": "64KiB",
        "identity": {
            "principal": [{"jwt": "act.sub"}, {"trusted_header": "X-Agent"}],
            "on_behalf_of": {"jwt": {"claim": ["https://x.y/user"], "payload": "p"}},
        },
        "hold": {"wait": {"http": "20s"}, "deadline": "2h", "approval_ttl": "5m", "rejoin": "1m", "max_live": 5,
            "volatile_headers": ["X-Request-Signature"]},
        "preview": {"allowlist": ["/amount"]},
    }));
    let settings = full.settings();
    assert_eq!((settings.tenant.as_str(), settings.environment.as_str(), settings.observe), ("acme", "staging", true));
    assert_eq!(settings.approver.as_ref().unwrap().authority, "approver");
    assert_eq!(full.clusters().collect::<Vec<_>>(), ["approver"]);
    let claim = |key: &str, claim: &[&str]| IdentitySource::JwtClaim {
        metadata_key: key.into(),
        claim: claim.iter().map(|part| (*part).to_owned()).collect(),
    };
    assert_eq!(
        settings.identity.principal,
        [claim("payload", &["act", "sub"]), IdentitySource::TrustedHeader("x-agent".into())]
    );
    assert_eq!(settings.identity.on_behalf_of, [claim("p", &["https://x.y/user"])]);
    assert_eq!(settings.hold.wait.http.as_secs(), 20);
    assert_eq!(settings.hold.wait.mcp.as_secs(), 45);
    assert_eq!((settings.hold.deadline.as_secs(), settings.hold.max_live), (7200, 5));
    assert_eq!(settings.hold.volatile_headers, ["x-request-signature"]);
    assert_eq!(settings.preview, Preview::Allowlist(vec!["/amount".into()]));
    assert_eq!(settings.body_limit, 65_536);
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let found = errors(json!({
        "versoin": 1, "version": 2, "default": "alow", "body_limit": "0B",
        "identity": {"principal": [{"header": "x"}]},
        "hold": {"wait": "50"},
        "rules": [
            {"id": "a", "match": {"path": "admin"}, "verdict": "hold"},
            {"id": "a", "match": {}, "verdict": "hold"},
            {"match": {"bdoy": {}}, "verdict": "maybe", "risk": "huge"},
            {"id": "b", "match": {"body": {"amount": 1, "/x": {"regex": "("}, "/y": {"gte": "lots"}, "/z": {}}},
                "verdict": "deny"},
            {"id": "c", "match": {"path": "/x"}, "except": {"hots": "x"}, "verdict": "deny"},
        ],
        "redact": [
            {"match": {"body": {"/a": 1}}, "direction": "up", "profile": "none"},
            {"match": {"path": "/**"}, "direction": "response", "profile": "default", "query": true, "headers": ["Host", "a b"]},
        ],
    }));
    let expected = [
        "version: this version is unknown (write `version: 1`)",
        "default: expected `allow`, `deny` or `hold`, found `alow`",
        "rules[0].match.path: bad value `admin` (a path begins with `/`)",
        "rules[1].id: another rule is named `a` (names are unique)",
        "rules[1].match: the condition is empty (to match everything write `path: /**`)",
        "rules[2]: `id` is missing (each rule has a name of its own, such as `bulk-export`)",
        "rules[2].match.bdoy: unknown field `bdoy` (did you mean `body`?)",
        "rules[2].verdict: expected `allow`, `deny` or `hold`, found `maybe`",
        "rules[2].risk: expected `low`, `medium`, `high` or `critical`, found `huge`",
        "rules[3].match.body.amount: bad JSON pointer `amount` (a JSON pointer begins with `/`, such as `/order/total`)",
        "rules[3].match.body[\"/x\"].regex: bad value `(`",
        "rules[3].match.body[\"/y\"].gte: expected a number, found `lots`",
        "rules[3].match.body[\"/z\"]: the test is empty",
        "rules[4].except.hots: unknown field `hots` (did you mean `host`?)",
        "redact[0].match: what is masked cannot depend on the body",
        "redact[0].direction: expected `request`, `response` or `both`, found `up`",
        "redact[0].profile: no profile is named `none`",
        "redact[1].headers[0]: `host` says how a message is read; it cannot be masked",
        "redact[1].headers[1]: `a b` is no header's name",
        "redact[1].query: a response has no query",
        "body_limit: a body limit is between 1 B and 64 MiB",
        "identity.principal[0].header: unknown field `header`",
        "identity.principal[0]: expected one source of identity",
        "hold.wait: bad value `50`",
        "versoin: unknown field `versoin` (did you mean `version`?)",
    ];
    for text in expected {
        assert!(found.iter().any(|e| e.starts_with(text)), "{text}\nin {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn what_must_be_written_is_missed() {
    let found = errors(json!({}));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(errors(json!({"version": 1, "default": "hold"}))[0].contains("`approver` is missing"));
    assert!(Policy::parse(b"[1", b"").unwrap_err()[0].message.contains("at byte 2"));
}

/// Envoy joins a header that comes twice with a comma.
#[test]
fn a_host_that_cannot_be_one_is_refused_where_a_rule_selects() {
    let policy = held(json!({"path": "/held"}));
    for host in ["a.example,b.example", "a b", ""] {
        assert_eq!(judge(&policy, &get(&format!("{host}/held")), b""), Err("ambiguous_authority"), "{host}");
        assert_eq!(judge(&policy, &get(&format!("{host}/free")), b""), Ok(Allow), "{host}");
    }
    assert_eq!(judge(&policy, &get("a.example:8080/held"), b""), Ok(Hold));
}

#[test]
fn a_body_that_is_json_and_a_form_counts_as_both() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    let form = head("POST", "h/x", &[("content-type", "application/x-www-form-urlencoded")]);
    assert_eq!(judge(&policy, &form, br#"{"x":"&amount=99999&"}"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"["&amount=99999&"]"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"{"amount":99999}"#), Ok(Hold));
    assert_eq!(judge(&policy, &form, br#"{"x":"&amount=1&"}"#), Ok(Allow));
}

#[test]
fn a_form_that_is_not_called_one_is_read_as_one() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    // Rack reads a body without a content type as a form; PHP ends the media type at a comma or a space.
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), b"amount=99999"), Ok(Hold));
    for content_type in ["application/x-www-form-urlencoded, text/plain", "application/x-www-form-urlencoded x"] {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, b"amount=99999"), Err("unsupported_body"), "{content_type}");
    }
}

#[test]
fn formats_with_fields_that_cannot_be_read_are_refused() {
    let policy = held(json!({"body": {"/amount": {"gte": 10000}}}));
    for content_type in
        ["application/xml", "text/xml", "application/soap+xml", "application/yaml", "application/msgpack"]
    {
        let head = head("POST", "h/x", &[("content-type", content_type)]);
        assert_eq!(judge(&policy, &head, b"<amount>99999</amount>"), Err("unsupported_body"), "{content_type}");
        // Of YAML this is `{amount: 99999}`.
        assert_eq!(judge(&policy, &head, br#"{"<<":{"amount":99999}}"#), Err("unsupported_body"), "{content_type}");
    }
}

#[test]
fn keys_fold_as_parsers_that_ignore_case_fold_them() {
    let policy = held(json!({"body": {"/task": "delete"}}));
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), "{\"ta\u{17f}k\":\"delete\"}".as_bytes()), Ok(Hold));
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), "{\"tas\u{212a}\":\"delete\"}".as_bytes()), Ok(Hold));
}

// There is no clock under wasm32-unknown-unknown.
#[cfg(not(target_family = "wasm"))]
#[test]
fn a_batch_of_many_messages_is_judged_in_linear_time() {
    let policy = held(json!({"mcp": {"tool": "delete_*"}}));
    let calls = vec![r#"{"method":"x"}"#; 5_000].join(",");
    let body = format!("[{calls}{}]", ",0".repeat(200_000));
    let start = std::time::Instant::now();
    assert_eq!(judge(&policy, &head("POST", "h/x", &[]), body.as_bytes()), Ok(Allow));
    assert!(start.elapsed().as_secs() < 3, "{:?}", start.elapsed());
}

#[test]
fn parameters_cannot_be_hidden() {
    let policy = held(json!({"path": "/x", "query": {"action": "delete"}}));
    for target in
        ["h/x?Action=delete", "h/x?a=1;action=delete", "h/x?%2561ction=delete", "h/x?action=read&action=delete"]
    {
        assert_eq!(judge(&policy, &get(target), b""), Ok(Hold), "{target}");
    }
    assert_eq!(judge(&policy, &get("h/x?action=read&b=delete"), b""), Ok(Allow));
    let rewritten = head("GET", "h/y", &[("x-original-url", "/x?action=delete")]);
    assert_eq!(judge(&policy, &rewritten, b""), Ok(Hold));
}

#[test]
fn override_headers_stand_once() {
    let policy = held(json!({"method": "DELETE"}));
    let twice = head("POST", "h/x", &[("x-http-method-override", "GET"), ("x-http-method-override", "DELETE")]);
    assert_eq!(judge(&policy, &twice, b""), Err("duplicate_header"));
    for target in ["h/x?_method=delete", "h/x?a&%5fm%65thod=DELETE", "h/x?a;_method=DELETE"] {
        assert_eq!(judge(&policy, &head("POST", target, &[]), b""), Ok(Hold), "{target}");
    }
    let twice = head("POST", "h/x?_method=put&_method=delete", &[]);
    assert_eq!(judge(&policy, &twice, b""), Err("duplicate_header"));
    let policy = held(json!({"path": "/admin"}));
    let overrides = [("x-http-method", "GET"), ("x-http-method", "GET"), ("x-original-url", "/admin")];
    assert_eq!(judge(&policy, &head("GET", "h/x", &overrides), b""), Ok(Hold));
}

#[test]
fn headers_of_another_protocol_hide_no_llm_request() {
    let policy = held(json!({"llm": {"provider": ["openai", "gemini"]}}));
    for header in ["mcp-session-id", "mcp-method", "mcp-protocol-version", "anthropic-version"] {
        for url in ["h/v1/chat/completions", "h/v1beta/models/g:generateContent"] {
            assert_eq!(judge(&policy, &head("POST", url, &[(header, "x")]), b"{}"), Ok(Hold), "{header} {url}");
        }
    }
}

#[test]
fn a_sender_of_unknown_address_may_be_the_one_meant() {
    let policy = held(json!({"source": "10.0.0.0/8"}));
    assert_eq!(judge(&policy, &get("h/x"), b""), Ok(Hold));
}

#[test]
fn an_empty_segment_before_dots_hides_nothing() {
    let policy = held(json!({"path": "/a/x/admin"}));
    // RFC 3986 lets `..` remove the empty segment; a server that merges slashes first reads `/a/admin`.
    for target in ["h/a/x//../admin", "h/a/x//%2e%2e/admin", "h/a/x/%2f..%2fadmin", "h/a/x//..;/admin"] {
        assert_eq!(judge(&policy, &get(target), b""), Ok(Hold), "{target}");
    }
    assert_eq!(judge(&held(json!({"path": "/a/admin"})), &get("h/a/x//../admin"), b""), Ok(Hold));
}

#[test]
fn underscores_hide_no_header() {
    // CGI, WSGI and Rack know `x_a` and `x-a` as `HTTP_X_A`.
    let policy = held(json!({"method": "DELETE"}));
    assert_eq!(judge(&policy, &head("POST", "h/x", &[("x_http_method_override", "DELETE")]), b""), Ok(Hold));
    let twice = [("x-http-method-override", "GET"), ("x_http_method_override", "DELETE")];
    assert_eq!(judge(&policy, &head("POST", "h/x", &twice), b""), Err("duplicate_header"));
    let policy = held(json!({"path": "/admin"}));
    assert_eq!(judge(&policy, &head("GET", "h/x", &[("x_original-url", "/admin")]), b""), Ok(Hold));
    let policy = held(json!({"header": {"x-target-env": "live"}}));
    assert_eq!(judge(&policy, &head("GET", "h/x", &[("x_target_env", "live")]), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("GET", "h/x", &[("x_target_env", "test")]), b""), Ok(Allow));
}

#[test]
fn credentials_cannot_be_volatile() {
    let found = errors(json!({"version": 1, "default": "allow", "hold": {"volatile_headers": ["X-Api-Key"]}}));
    assert!(found[0].starts_with("hold.volatile_headers[0]: `x-api-key` carries a credential"), "{found:?}");
}
