//! Requests that servers read in more ways than one: nothing hides in any of them.

use serde_json::json;

use super::*;
use crate::testing::test;

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
    let head = |value| super::head("GET", "h/public", &[("x-original-url", value)]);
    assert_eq!(judge(&policy, &head("/admin/x"), b""), Ok(Hold));
    assert_eq!(judge(&policy, &head("/public"), b""), Ok(Allow));
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
fn identity_headers_stand_once() {
    let policy = compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "a"},
        "identity": {"principal": {"trusted_header": "X-Agent"}},
        "rules": [{"id": "r", "match": {"path": "/x"}, "verdict": "hold"}]}));
    let twice = [("x-agent", "a"), ("x-agent", "b")];
    assert_eq!(judge(&policy, &head("GET", "h/x", &twice), b""), Err("duplicate_identity"));
    assert_eq!(judge(&policy, &head("GET", "h/y", &twice), b""), Ok(Allow));
    assert_eq!(judge(&policy, &head("GET", "h/x", &twice[..1]), b""), Ok(Hold));
}
