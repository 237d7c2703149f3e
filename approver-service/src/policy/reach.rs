//! Rules that do nothing, and exceptions that let nothing go: doubts about a policy that no request is needed for.
//!
//! Must not go here: how conditions compare (the engine's `classify::reach`), doubts about one rule alone (`check`).

use privyseal_engine::classify::matcher::Matcher;
use privyseal_engine::classify::reach::{covers, excludes};
use privyseal_engine::classify::{DEFAULT_WORKFLOW, Rule, Verdict};
use privyseal_engine::policy::{Error, Policy};

/// Everything that is doubtful, at the rules' places in the file; `place` knows where a rule stands by its id.
pub fn doubts(policy: &Policy, place: impl Fn(&str) -> String) -> Vec<Error> {
    let rules: Vec<&Rule> = policy.rules().iter().collect();
    let mut doubts = Vec::new();
    for rule in &rules {
        let at = place(&rule.id);
        if let Some((one, other)) = policy.contradiction(rule) {
            doubts.push(never(rule, &at, &one, &other));
            continue;
        }
        // What only observes decides nothing, and takes nothing from others.
        let others = || rules.iter().copied().filter(|other| other.id != rule.id && !other.observe);
        if !rule.observe {
            doubts.extend(others().find_map(|other| overruled(rule, other, &at)));
        }
        for (i, except) in exceptions(rule).enumerate() {
            doubts.extend(idle_exception(rule, except, others(), format!("{at}.except[{i}]")));
        }
        if policy.workflows().is_empty() && rule.workflow != DEFAULT_WORKFLOW {
            let message = format!("no workflow of this file is called `{}`", rule.workflow);
            let hint = "the approver refuses holds for a workflow that it does not have: define it under `workflows`";
            doubts.push(Error::new(format!("{at}.workflow"), message).with_hint(hint));
        }
    }
    doubts
}

fn never(rule: &Rule, at: &str, one: &str, other: &str) -> Error {
    let conditions = match (one, other) {
        (one, other) if one == other => format!("what it asks of `{one}` contradicts itself"),
        (one, "not") | ("not", one) => format!("`except` or `not` takes out all that its `{one}` lets in"),
        (one, other) => format!("`{one}` and `{other}` contradict each other"),
    };
    let message = format!("rule `{}` can never match: {conditions}", rule.id);
    Error::new(format!("{at}.match"), message)
        .with_hint("all fields of a condition must hold; write `any` for one of several")
}

/// A rule that another one always speaks louder than, or says the same as.
fn overruled(rule: &Rule, other: &Rule, at: &str) -> Option<Error> {
    if other.verdict < rule.verdict || !covers(&other.matcher, &rule.matcher) {
        return None;
    }
    let verb = verb(other.verdict);
    if other.verdict > rule.verdict {
        let message = format!("rule `{}` never decides: `{}` {verb} whatever it matches", rule.id, other.id);
        let hint = "severity wins, whatever the order; to let this through write an `except` into the other rule";
        return Some(Error::new(format!("{at}.match"), message).with_hint(hint));
    }
    let same = rule.verdict == Verdict::Deny || (rule.risk <= other.risk && rule.workflow == other.workflow);
    // Of two that say the same the later one is named.
    let twins = covers(&rule.matcher, &other.matcher);
    if !same || (twins && rule.id < other.id) {
        return None;
    }
    let message = format!("rule `{}` adds nothing: `{}` {verb} whatever it matches", rule.id, other.id);
    Some(Error::new(format!("{at}.match"), message).with_hint("take it out, or make the other one narrower"))
}

/// An exception that lets nothing go.
fn idle_exception<'r>(
    rule: &Rule,
    except: &Matcher,
    mut others: impl Iterator<Item = &'r Rule>,
    at: String,
) -> Option<Error> {
    let condition = condition(rule);
    if excludes(condition, except) {
        let message = format!("this exception of `{}` never applies: nothing that `match` takes fits it", rule.id);
        return Some(Error::new(at, message).with_hint("an exception is a part of what `match` takes"));
    }
    let excepted = Matcher::All(vec![condition.clone(), except.clone()]);
    let louder = others.find(|other| other.verdict >= rule.verdict && covers(&other.matcher, &excepted))?;
    let message = format!(
        "this exception of `{}` has no effect: `{}` {} it all the same",
        rule.id,
        louder.id,
        verb(louder.verdict)
    );
    Some(Error::new(at, message).with_hint("write the exception into the other rule too"))
}

/// As `match` and `except` are compiled: all of the condition, and none of the exceptions.
fn split(rule: &Rule) -> Option<(&Matcher, &[Matcher])> {
    let Matcher::All(parts) = &rule.matcher else { return None };
    let [condition, Matcher::Not(inner)] = parts.as_slice() else { return None };
    match inner.as_ref() {
        Matcher::Any(exceptions) => Some((condition, exceptions)),
        _ => None,
    }
}

fn condition(rule: &Rule) -> &Matcher {
    split(rule).map_or(&rule.matcher, |(condition, _)| condition)
}

fn exceptions(rule: &Rule) -> impl Iterator<Item = &Matcher> {
    split(rule).into_iter().flat_map(|(_, exceptions)| exceptions)
}

fn verb(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Allow => "allows",
        Verdict::Hold => "holds",
        Verdict::Deny => "denies",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of these rules, as `place: message`.
    fn said(rules: &str) -> Vec<String> {
        let json =
            format!(r#"{{"version": 1, "default": "allow", "approver": {{"cluster": "a"}}, "rules": [{rules}]}}"#);
        let policy = Policy::parse(json.as_bytes(), &[]).unwrap_or_else(|e| panic!("{json}: {e:?}"));
        doubts(&policy, str::to_owned).iter().map(|doubt| format!("{}: {}", doubt.path, doubt.message)).collect()
    }

    #[test]
    fn conditions_that_contradict_each_other() {
        for (condition, words) in [
            (r#"{"all": [{"method": "GET"}, {"method": ["POST", "PUT"]}]}"#, "`method` contradicts itself"),
            (r#"{"path": "/a/**", "all": [{"path": "/b"}]}"#, "`path` contradicts itself"),
            (r#"{"path": "/a/*", "not": {"path": "/a/**"}}"#, "takes out all that its `path` lets in"),
            (r#"{"host": "x.example", "any": [{"host": "y.example"}, {"host": "*.z.example"}]}"#, "`host` and `any`"),
            (r#"{"query": {"n": {"gt": 10, "lt": 5}}}"#, "`query n` contradicts itself"),
            (r#"{"body": {"/n": {"gte": 10, "eq": 9}}}"#, "`body /n` contradicts itself"),
            (r#"{"principal": {"glob": "agent-*", "in": ["bob", "eve"]}}"#, "`principal` contradicts itself"),
            (
                r#"{"header": {"x-a": "1"}, "not": {"header": {"x-a": "1"}}}"#,
                "takes out all that its `header x-a` lets in",
            ),
        ] {
            let said = said(&format!(r#"{{"id": "r", "match": {condition}, "verdict": "deny"}}"#));
            assert_eq!(said.len(), 1, "{condition}: {said:?}");
            assert!(said[0].starts_with("r.match: rule `r` can never match") && said[0].contains(words), "{said:?}");
        }
    }

    #[test]
    fn conditions_that_can_hold_are_left_alone() {
        for condition in [
            r#"{"all": [{"method": ["GET", "POST"]}, {"method": ["POST", "PUT"]}]}"#,
            r#"{"path": "/**/export", "all": [{"path": "/v1/**"}]}"#,
            r#"{"path": "/a/**", "not": {"path": "/a/b"}}"#,
            r#"{"query": {"n": {"gt": 5, "lt": 10}}}"#,
            r#"{"body": {"/n": {"gte": 10, "lte": "10.0"}}}"#,
            r#"{"any": [{"method": "GET"}, {"all": [{"path": "/a"}, {"path": "/b"}]}]}"#,
            r#"{"body": {"/items/*/a": {"gt": 10}, "/items/*/b": {"lt": 5}}}"#,
        ] {
            let said = said(&format!(r#"{{"id": "r", "match": {condition}, "verdict": "deny"}}"#));
            assert_eq!(said, Vec::<String>::new(), "{condition}");
        }
    }

    #[test]
    fn rules_that_another_speaks_louder_than() {
        let deny = r#"{"id": "no-admin", "match": {"path": "/admin/**"}, "verdict": "deny"}"#;
        let hold = |more: &str| {
            format!(
                r#"{{"id": "users", "match": {{"path": "/admin/users", "method": "POST"}}, "verdict": "hold"{more}}}"#
            )
        };
        assert_eq!(
            said(&format!("{deny}, {}", hold(""))),
            ["users.match: rule `users` never decides: `no-admin` denies whatever it matches"]
        );
        assert_eq!(said(&format!("{}, {deny}", hold(""))).len(), 1, "whatever the order");
        // Not while the louder one only observes.
        let observing = deny.replace("\"verdict\"", "\"mode\": \"observe\", \"verdict\"");
        assert_eq!(said(&format!("{observing}, {}", hold(""))), Vec::<String>::new());
        // An allow rule under a hold: it reads as an exemption, and is none.
        let allow = r#"{"id": "read", "match": {"path": "/x"}, "verdict": "allow"}, {"id": "all", "match": {"path": "/**"}, "verdict": "hold"}"#;
        assert_eq!(said(allow), ["read.match: rule `read` never decides: `all` holds whatever it matches"]);
        // A narrower hold with a higher risk has something to say.
        let wide = r#"{"id": "wide", "match": {"path": "/**"}, "verdict": "hold"}"#;
        assert_eq!(said(&format!("{wide}, {}", hold(r#", "risk": "critical""#))), Vec::<String>::new());
        assert_eq!(
            said(&format!("{wide}, {}", hold(""))),
            ["users.match: rule `users` adds nothing: `wide` holds whatever it matches"]
        );
        let twice = format!("{}, {}", hold(""), hold("").replacen("users", "users-2", 1));
        assert_eq!(said(&twice), ["users-2.match: rule `users-2` adds nothing: `users` holds whatever it matches"]);
    }

    #[test]
    fn exceptions_that_let_nothing_go() {
        let rule = |except: &str| {
            format!(
                r#"{{"id": "r", "match": {{"path": "/pay/**", "method": "POST"}}, "except": {except}, "verdict": "hold"}}"#
            )
        };
        assert_eq!(said(&rule(r#"{"principal": "billing"}"#)), Vec::<String>::new());
        assert_eq!(
            said(&rule(r#"[{"principal": "billing"}, {"method": "GET"}]"#)),
            ["r.except[1]: this exception of `r` never applies: nothing that `match` takes fits it"]
        );
        assert!(said(&rule(r#"{"path": "/**"}"#))[0].contains("takes out all that its `path` lets in"));
        let deny = r#"{"id": "freeze", "match": {"path": "/pay/refunds"}, "verdict": "deny"}"#;
        assert_eq!(
            said(&format!("{}, {deny}", rule(r#"{"path": "/pay/refunds"}"#))),
            ["r.except[0]: this exception of `r` has no effect: `freeze` denies it all the same"]
        );
    }

    #[test]
    fn workflows_that_the_file_does_not_have() {
        let rule = r#"{"id": "r", "match": {"path": "/a"}, "verdict": "hold", "workflow": "finance"}"#;
        assert_eq!(said(rule), ["r.workflow: no workflow of this file is called `finance`"]);
    }
}
