//! Globs on texts that fit and on those that nearly do.

use super::*;
use crate::testing::test;

#[test]
fn paths() {
    for (pattern, yes, no) in [
        ("/", &["/"][..], &["/a"][..]),
        ("/a/b", &["/a/b", "/a/b/"], &["/a", "/a/b/c", "/A/b", "/a/bb", "/xa/b"]),
        ("/a/b/", &["/a/b", "/a/b/"], &["/a/b/c"]),
        ("/a/*", &["/a/x", "/a/x/"], &["/a", "/a/", "/a/x/y"]),
        ("/a/{id}/c", &["/a/1/c"], &["/a//c", "/a/1/2/c", "/a/c"]),
        ("/**", &["/", "/a", "/a/b/c"], &[]),
        ("/admin/**", &["/admin", "/admin/", "/admin/a/b"], &["/administrator", "/public/admin"]),
        ("/v1/**/export", &["/v1/export", "/v1/a/export", "/v1/a/b/export/"], &["/v1/a/exports", "/export"]),
        ("/**/a/**/b", &["/a/b", "/x/a/y/z/b", "/a/a/b/b"], &["/b/a", "/a", "/x/ab"]),
        ("/models/*:generateContent", &["/models/g:generateContent"], &["/models/g:generate", "/models/a/b"]),
        ("/files/{name}.csv", &["/files/a.csv", "/files/.csv"], &["/files/a.csvx", "/files/a"]),
        ("/a b/é", &["/a b/é"], &["/a%20b/é"]),
    ] {
        let glob = Glob::path(pattern).unwrap();
        yes.iter().for_each(|path| assert!(glob.matches(path), "{pattern} matches {path}"));
        no.iter().for_each(|path| assert!(!glob.matches(path), "{pattern} does not match {path}"));
    }
}

#[test]
fn names_capture_what_they_stand_for() {
    for (pattern, path, expected) in [
        ("/a/{id}/c", "/a/1/c", &[("id", "1")][..]),
        ("/{a}/{b}", "/x/y/", &[("a", "x"), ("b", "y")]),
        ("/files/{name}.csv", "/files/a.b.csv", &[("name", "a.b")]),
        ("/v{major}.x/{id}:sign", "/v2.x/é:sign", &[("major", "2"), ("id", "é")]),
        ("/{a}/**", "/x", &[("a", "x")]),
        ("/**/{last}", "/x/y/z", &[("last", "z")]),
        ("/{a}/**/{b}/c", "/x/1/2/y/c", &[("a", "x"), ("b", "y")]),
        ("/a/*/**", "/a/b", &[]),
    ] {
        let glob = Glob::path(pattern).unwrap();
        assert!(glob.matches(path), "{pattern} matches {path}");
        assert_eq!(glob.all_captured(path).collect::<Vec<_>>(), expected, "{pattern} on {path}");
        assert!(expected.iter().all(|(name, text)| glob.captured(name, path) == Some(*text)));
    }
}

#[test]
fn hosts() {
    for (pattern, yes, no) in [
        ("API.example.com", &["api.example.com"][..], &["example.com", "x.api.example.com"][..]),
        ("*.example.com", &["a.example.com"], &["example.com", "a.b.example.com", "aexample.com"]),
        ("**.example.com", &["example.com", "a.b.example.com"], &["badexample.com", "example.com.evil"]),
        ("api-*.internal", &["api-eu.internal", "api-.internal"], &["api.internal"]),
    ] {
        let glob = Glob::host(pattern).unwrap();
        yes.iter().for_each(|host| assert!(glob.matches(host), "{pattern} matches {host}"));
        no.iter().for_each(|host| assert!(!glob.matches(host), "{pattern} does not match {host}"));
    }
}

#[test]
fn bad_patterns_say_why() {
    for (pattern, reason) in [
        ("admin/**", "a path begins with `/`"),
        ("/a**", "`**` stands for whole segments: put a separator on both sides"),
        ("/a/../b", "a canonical path has no `.`, `..` or empty segment"),
        ("/a//b", "a canonical path has no `.`, `..` or empty segment"),
        ("/a?x=1", "a path ends before `?`: match parameters with `query`"),
        ("/a%20b", "write the character itself instead of a percent escape"),
        ("/{id", "`{` without `}`"),
        ("/id}", "`}` without `{`"),
        ("/{}", "`{}`: a name has letters, digits and `_`"),
        ("/{id}/{id}", "`{id}` stands twice"),
        ("/{a}-{b}", "it is not certain what `{a}` stands for beside another wildcard in its segment"),
        ("/*-{b}", "it is not certain what `{b}` stands for beside another wildcard in its segment"),
        ("/**/{a}/**", "with more than one `**` it is not certain what a `{name}` stands for: write `*`"),
    ] {
        assert_eq!(Glob::path(pattern), Err(reason.to_owned()), "{pattern}");
    }
    for pattern in ["", "a:80", "https://a", "a..b", "a/b", "{a}.example.com"] {
        assert!(Glob::host(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn texts() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*c", "a", false),
        ("ab*ba", "aba", false),
        ("*b*", "abc", true),
        ("a*b*c*d", "axbxbxcxd", true),
        ("a*b*c*d", "axcxbxd", false),
        ("delete_*", "delete_repo", true),
        ("delete_*", "undelete_repo", false),
    ] {
        assert_eq!(TextGlob::new(pattern).matches(text), expected, "{pattern} on {text}");
    }
}

#[cfg(not(target_family = "wasm"))]
proptest::proptest! {
    /// The plain recursive definition, to compare with.
    #[test]
    fn agrees_with_the_definition(pattern in "(/(a|b|\\*|\\*\\*)){1,5}", path in "(/(a|b)){1,6}") {
        fn defined(pattern: &[&str], path: &[&str]) -> bool {
            match (pattern, path) {
                ([], []) => true,
                (["**", p @ ..], _) => (0..=path.len()).any(|n| defined(p, &path[n..])),
                ([p, ps @ ..], [t, ts @ ..]) => (*p == "*" || p == t) && defined(ps, ts),
                _ => false,
            }
        }
        let (ps, ts): (Vec<&str>, Vec<&str>) = (pattern.split('/').skip(1).collect(), path.split('/').skip(1).collect());
        proptest::prop_assert_eq!(Glob::path(&pattern).unwrap().matches(&path), defined(&ps, &ts));
    }

    /// Put back where they stand, captured texts give a path that the same glob with stars matches in the same way.
    #[test]
    fn captures_put_back_give_the_path(pattern in "(/(a|x\\{N\\}y|\\{N\\})){0,3}(/\\*\\*)?(/(b|\\{N\\})){1,2}", path in "(/(a|b|xy|xaby|xxyy)){1,7}") {
        let numbered = |(i, part): (usize, &str)| if i == 0 { part.to_owned() } else { format!("{{n{i}}}{part}") };
        let pattern: String = pattern.split("{N}").enumerate().map(numbered).collect();
        let glob = Glob::path(&pattern).unwrap();
        if glob.matches(&path) {
            let mut filled = pattern.clone();
            for (name, text) in glob.all_captured(&path) {
                filled = filled.replace(&format!("{{{name}}}"), text);
            }
            proptest::prop_assert!(Glob::path(&filled).unwrap().matches(&path), "{pattern} filled {filled} on {path}");
        }
    }
}
