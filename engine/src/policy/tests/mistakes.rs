//! Policies with mistakes, and what is assumed where nothing is written.

use serde_json::json;

use super::*;
use crate::testing::test;

#[test]
fn settings_have_defaults_and_can_be_written() {
    let plain = compile(json!({"version": 1, "default": "allow"}));
    assert_eq!(plain.settings().hold, crate::policy::Hold::default());
    assert_eq!(plain.settings().body_limit, 1 << 20);
    assert_eq!(plain.clusters().count(), 0);
    let full = compile(json!({
        "version": 1, "default": "hold", "tenant": "acme", "environment": "staging", "mode": "observe",
        "approver": {"cluster": "approver", "auth": "mtls"}, "body_limit": "64KiB",
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
    let approver = settings.approver.as_ref().unwrap();
    assert_eq!((approver.authority.as_str(), approver.credential), ("approver", Credential::Certificate));
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
            {"id": "d", "match": {"path": ["/x/{a}", "/{b}"], "captures": {"a": "y"}}, "except": {"captures": {"a": "y"}}, "verdict": "deny"},
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
        "rules[1].id: `a` stands twice as a name (names are unique)",
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
        "rules[5].match.captures.a: the `path` beside it does not capture `a` (write it as a segment of each, such as `/v1/{a}/**`)",
        "rules[5].except.captures.a: the `path` beside it does not capture `a`",
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

#[test]
fn credentials_cannot_be_volatile() {
    let found = errors(json!({"version": 1, "default": "allow", "hold": {"volatile_headers": ["X-Api-Key"]}}));
    assert!(found[0].starts_with("hold.volatile_headers[0]: `x-api-key` carries a credential"), "{found:?}");
}
