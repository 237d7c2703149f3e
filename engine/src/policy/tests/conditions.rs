//! Each kind of condition, on requests that fit and on those that nearly do.

use serde_json::json;

use super::*;
use crate::testing::test;

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
        (
            json!({"path": "/projects/{project}/**", "captures": {"project": {"glob": "prod-*"}}}),
            get("h/projects/prod-eu/x"),
            get("h/projects/test-prod-/x"),
        ),
        (json!({"path": ["/a/{n}", "/b/{n}/c"], "captures": {"n": {"gt": 9}}}), get("h/b/10/c"), get("h/a/9")),
        (
            json!({"path": "/u/{u}/{v}.csv", "captures": {"u": ["a", "b"], "v": "c"}}),
            get("h/u/b/%63.csv"),
            get("h/u/b/b.csv"),
        ),
        (json!({"path": "/u/{u}", "not": {"path": "/u/{u}", "captures": {"u": "me"}}}), get("h/u/you"), get("h/u/me")),
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
fn a_hold_knows_what_the_paths_of_its_rules_capture() {
    let policy = compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "a"}, "rules": [
        {"id": "a", "match": {"any": [{"path": "/none/{x}"}, {"path": "/p/{project}/**"}]}, "verdict": "hold"},
        {"id": "b", "match": {"path": "/**/{user}.json"}, "verdict": "hold"},
        {"id": "c", "match": {"path": "/p/{other}/**"}, "verdict": "allow"},
    ]}));
    let head = get("h/p/%70rod/members/bob.json");
    let decision = policy.decide(&head, &policy.select(&head), None).unwrap();
    let captures: Vec<_> = decision.captures.iter().map(|(name, text)| format!("{name}={text}")).collect();
    assert_eq!(captures, ["project=prod", "user=bob"]);
}

#[test]
fn what_is_captured_in_two_readings_counts_as_either() {
    // A server that decodes once more sees `admin`.
    let head = get("h/u/%2561dmin");
    for (verdict, expected) in [("hold", Hold), ("allow", Hold)] {
        let policy = compile(json!({"version": 1, "default": "hold", "approver": {"cluster": "a"}, "rules": [
            {"id": "a", "match": {"path": "/u/{u}", "captures": {"u": "admin"}}, "verdict": verdict}]}));
        assert_eq!(judge(&policy, &head, b""), Ok(expected), "{verdict}");
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
fn facts_of_llm_requests_have_one_name_wherever_they_stand() {
    let (chat, responses, anthropic) = ("h/v1/chat/completions", "h/v1/responses", "h/v1/messages");
    let gemini = "h/v1beta/models/gemini-2.5-pro:generateContent";
    for (condition, url, body, expected) in [
        (json!({"role": "system"}), chat, r#"{"messages":[{"role":"user"},{"role":"system"}]}"#, Ok(Hold)),
        (json!({"role": "system"}), chat, r#"{"messages":[{"role":"user"}]}"#, Ok(Allow)),
        (json!({"role": "system"}), anthropic, r#"{"system":"x","messages":[{"role":"user"}]}"#, Ok(Hold)),
        (json!({"role": "system"}), anthropic, r#"{"system":null,"messages":[{"role":"user"}]}"#, Ok(Allow)),
        (json!({"role": "system"}), responses, r#"{"instructions":"x","input":"y"}"#, Ok(Hold)),
        (json!({"role": "system"}), gemini, r#"{"system_instruction":{"parts":[]}}"#, Ok(Hold)),
        (json!({"role": ["model", "assistant"]}), gemini, r#"{"contents":[{"role":"model"}]}"#, Ok(Hold)),
        (json!({"messages": {"gt": 1}}), responses, r#"{"input":[{"role":"user"},{"role":"user"}]}"#, Ok(Hold)),
        (json!({"messages": {"gt": 1}}), gemini, r#"{"contents":[{}]}"#, Ok(Allow)),
        // A parser that does not tell case sees two.
        (json!({"messages": {"gt": 1}}), chat, r#"{"messages":[{}],"Messages":[{}]}"#, Ok(Hold)),
        (json!({"messages": {"gt": 1}}), chat, r#"{"Messages":[{},{}]}"#, Ok(Hold)),
        (json!({"tools": {"gte": 2}}), chat, r#"{"tools":[{},{}]}"#, Ok(Hold)),
        (json!({"tools": {"gte": 2}}), gemini, r#"{"tools":[{"functionDeclarations":[{},{}]}]}"#, Ok(Hold)),
        (json!({"tools": {"gte": 2}}), gemini, r#"{"tools":[{"functionDeclarations":[{}]},{}]}"#, Ok(Allow)),
        (json!({"tools": 0}), chat, "{}", Ok(Hold)),
        (json!({"tool_type": "code_*"}), responses, r#"{"tools":[{"type":"code_interpreter"}]}"#, Ok(Hold)),
        (json!({"tool_type": "code_*"}), gemini, r#"{"tools":[{"codeExecution":{}}]}"#, Ok(Hold)),
        (json!({"tool_type": "mcp"}), anthropic, r#"{"mcp_servers":[{"url":"x"}]}"#, Ok(Hold)),
        (json!({"tool_type": "mcp"}), anthropic, r#"{"tools":[{"type":"custom"}]}"#, Ok(Allow)),
        (
            json!({"characters": {"gt": 4}}),
            chat,
            r#"{"messages":[{"content":"äöü"},{"content":[{"text":"xy"}]}]}"#,
            Ok(Hold),
        ),
        (json!({"characters": {"gt": 4}}), chat, r#"{"messages":[{"content":"äöü"}],"user":"longer"}"#, Ok(Allow)),
        (json!({"characters": {"gt": 4}}), responses, r#"{"input":[{"output":"12345"}]}"#, Ok(Hold)),
        (
            json!({"characters": {"gt": 4}}),
            anthropic,
            r#"{"messages":[{"content":[{"type":"tool_result","content":[{"text":"12345"}]}]}]}"#,
            Ok(Hold),
        ),
        (
            json!({"characters": {"gt": 4}}),
            gemini,
            r#"{"contents":[{"parts":[{"text":"123"},{"text":"45"}]}]}"#,
            Ok(Hold),
        ),
        (json!({"max_tokens": {"gt": 1000}}), chat, r#"{"max_completion_tokens":2000}"#, Ok(Hold)),
        (json!({"max_tokens": {"gt": 1000}}), gemini, r#"{"generationConfig":{"maxOutputTokens":"2000"}}"#, Ok(Hold)),
        (json!({"max_tokens": {"gt": 1000}}), anthropic, r#"{"max_tokens":1000}"#, Ok(Allow)),
        (json!({"max_tokens": {"exists": false}}), responses, "{}", Ok(Hold)),
        (json!({"max_tokens": {"exists": false}}), responses, r#"{"max_output_tokens":5}"#, Ok(Allow)),
    ] {
        let policy = held(json!({ "llm": condition }));
        assert_eq!(judge(&policy, &head("POST", url, &[]), body.as_bytes()), expected, "{condition} {url} {body}");
    }
    // An allow rule speaks only where every value fits.
    let users = compile(json!({"version": 1, "default": "deny",
        "rules": [{"id": "u", "match": {"llm": {"role": "user"}}, "verdict": "allow"}]}));
    let of = |body: &str| judge(&users, &head("POST", chat, &[]), body.as_bytes());
    assert_eq!(of(r#"{"messages":[{"role":"user"}]}"#), Ok(Allow));
    assert_eq!(of(r#"{"messages":[{"role":"user"},{"role":"system"}]}"#), Ok(Deny));
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
fn a_sender_of_unknown_address_may_be_the_one_meant() {
    let policy = held(json!({"source": "10.0.0.0/8"}));
    assert_eq!(judge(&policy, &get("h/x"), b""), Ok(Hold));
}
