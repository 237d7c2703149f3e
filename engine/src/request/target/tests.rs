//! Targets, hosts and the readings that servers differ in.

use super::*;
use crate::testing::test;

fn path(target: &str) -> Result<String, TargetError> {
    canonical_target(target.as_bytes()).map(|c| c.path)
}

#[test]
fn targets_become_canonical() {
    for (target, expected) in [
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a/b/", "/a/b/"),
        ("*", "*"),
        ("/public/../admin/users", "/admin/users"),
        ("/public/%2e%2e/admin/users", "/admin/users"),
        ("/public/%2E./admin", "/admin"),
        ("/./a/./b/.", "/a/b/"),
        ("/a/..", "/"),
        ("/../../admin", "/admin"),
        ("//admin///users", "/admin/users"),
        ("/%61dmin", "/admin"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%5cb", "/a%5Cb"),
        ("/a%252e", "/a%252e"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/admin;x=y/users", "/admin;x=y/users"),
        ("/models/gemini:generateContent", "/models/gemini:generateContent"),
    ] {
        assert_eq!(path(target).as_deref(), Ok(expected), "{target}");
    }
}

#[test]
fn targets_that_servers_read_apart_are_errors() {
    for (target, error) in [
        (&b""[..], TargetError::Missing),
        (b"x:443", TargetError::AbsoluteForm),
        (b"http://internal/admin", TargetError::AbsoluteForm),
        (b"/admin/users#x", TargetError::Fragment),
        (b"/admin%00/x", TargetError::ControlCharacter),
        (b"/admin%0d%0aX:1", TargetError::ControlCharacter),
        (b"/admin\x7f", TargetError::ControlCharacter),
        (b"/a b", TargetError::ControlCharacter),
        (b"/a\tb", TargetError::ControlCharacter),
        (b"/a%", TargetError::PercentEncoding),
        (b"/a%2", TargetError::PercentEncoding),
        (b"/a%zz", TargetError::PercentEncoding),
        (b"/%c0%ae%c0%ae/admin", TargetError::Utf8),
        (b"/caf\xe9", TargetError::NonAscii),
        (b"/caf\xc3\xa9", TargetError::NonAscii),
    ] {
        assert_eq!(canonical_target(target), Err(error), "{}", String::from_utf8_lossy(target));
    }
}

#[test]
fn a_path_is_as_long_as_servers_take_it_and_a_query_is_not_counted() {
    let long = |n: usize| format!("/{}", "a".repeat(n));
    assert!(canonical_target(long(8_191).as_bytes()).is_ok());
    assert_eq!(canonical_target(long(8_192).as_bytes()), Err(TargetError::TooLong));
    assert!(canonical_target(format!("/a?{}", long(20_000)).as_bytes()).is_ok());
}

#[test]
fn the_query_is_kept_as_received() {
    let target = canonical_target(b"/a/../b?x=/../%2e&y=?z").unwrap();
    assert_eq!((target.path.as_str(), target.query.as_deref()), ("/b", Some("x=/../%2e&y=?z")));
    assert_eq!(canonical_target(b"/a?").unwrap().query.as_deref(), Some(""));
}

#[test]
fn hosts_become_canonical() {
    for (authority, expected) in [
        ("api.example.com", Some("api.example.com")),
        ("API.Example.com:8443", Some("api.example.com")),
        ("api.example.com.", Some("api.example.com")),
        ("api.example.com.:443", Some("api.example.com")),
        ("[::1]:80", Some("::1")),
        ("[2001:DB8::1]", Some("2001:db8::1")),
        ("10.0.0.1", Some("10.0.0.1")),
        ("bücher.example", Some("bücher.example")),
        ("", None),
        (":80", None),
        ("a@b", None),
        ("a b", None),
        ("a:80:90", None),
        ("a:x", None),
        ("a/b", None),
        ("a..b", None),
        ("[::1]x", None),
    ] {
        assert_eq!(canonical_host(authority.as_bytes()).ok().as_deref(), expected, "{authority}");
    }
    assert!(matches!(canonical_host(b"api.example.com:80"), Ok(Cow::Borrowed(_))));
}

#[test]
fn evasions_are_among_the_readings() {
    for target in [
        "/public/../admin/users",
        "/public/%252e%252e/admin/users",
        "/admin;x=y/users",
        "/public/..;/admin/users",
        "/public\\..\\admin\\users",
        "/public%5c..%5cadmin%5cusers",
        "/public%2f..%2fadmin%2fusers",
        "/public%252f..%252fadmin%252fusers",
        "/admin%2fusers",
        "/admin%252Fusers",
        "/admin/%75sers",
        "/%2561dmin/users",
        "//admin//users",
    ] {
        let canonical = path(target).unwrap();
        let readings = Readings::of(&canonical, target.as_bytes());
        let found = readings.usual == "/admin/users" || readings.others.iter().any(|r| r == "/admin/users");
        assert!(found, "{target}: {readings:?}");
    }
}

#[test]
fn a_plain_path_has_one_reading_and_costs_nothing() {
    let readings = Readings::of("/v1/accounts/1", b"/v1/accounts/1?x=%2e");
    assert!(matches!(readings.usual, Cow::Borrowed("/v1/accounts/1")));
    assert!(readings.others.is_empty());
}

#[cfg(not(target_family = "wasm"))]
proptest::proptest! {
    #[test]
    fn canonical_is_idempotent(target in "/[a-c./%;\\\\2eEfF5]{0,24}") {
        if let Ok(once) = canonical_target(target.as_bytes()) {
            let again = canonical_target(once.path.as_bytes()).unwrap();
            proptest::prop_assert_eq!(once.path, again.path);
        }
    }

    #[test]
    fn canonical_has_no_dot_or_empty_segment(target in "/[a./%2eE]{0,24}") {
        if let Ok(Canonical { path, .. }) = canonical_target(target.as_bytes()) {
            proptest::prop_assert!(is_plain(&path), "{}", path);
        }
    }
}
