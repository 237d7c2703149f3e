//! What is wrong with a policy file, and what is doubtful: every finding with its place.
//!
//! Must not go here: how findings are printed (`cli::policy::check`).

use std::cell::RefCell;
use std::time::Duration;

use privyseal_engine::classify::matcher::Matcher;
use privyseal_engine::classify::{Rule, Verdict};
use privyseal_engine::policy::{Error, Policy, item_path};
use privyseal_engine::request::Head;
use serde::Serialize;
use serde_json::Value;

use super::needs;
use super::packs;
use super::reach;
use super::source::{Place, Source};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The policy will not load.
    Error,
    /// It will, and may not do what was meant.
    Warning,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub line: Option<u64>,
    pub column: Option<u64>,
    /// Such as `rules[2].match.path`.
    pub path: String,
    pub message: String,
    pub hint: Option<String>,
}

/// A file's text, its policy if it is one, and what there is to say about it.
#[derive(Debug)]
pub struct Report {
    pub policy: Option<Policy>,
    pub source: Option<Source>,
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn of(text: &str) -> Report {
        let mut source = match Source::parse(text) {
            Ok(source) => source,
            Err(error) => {
                let message = format!("the file is not YAML: {}", error.message);
                let finding = finding(Severity::Error, error.place, &Error::new("", message));
                return Report { policy: None, source: None, findings: vec![finding] };
            }
        };
        let wrong_packs = packs::write_out(&mut source);
        let (policy, mut findings) = match Policy::parse(source.to_json().as_bytes(), &[]) {
            Ok(policy) => {
                let mut doubts = doubts(&policy);
                doubts.extend(reach::doubts(&policy, |id| place_of(id, &source)));
                let warning = |error| finding(Severity::Warning, source.place(&error), &error);
                (Some(policy), doubts.into_iter().map(warning).collect::<Vec<_>>())
            }
            Err(errors) => {
                let error = |error: &Error| finding(Severity::Error, source.place(error), error);
                (None, errors.iter().map(error).collect())
            }
        };
        let policy = policy.filter(|_| wrong_packs.is_empty());
        findings.extend(wrong_packs.iter().map(|error| finding(Severity::Error, source.place(error), error)));
        findings.sort_by_key(|finding| (finding.line, finding.column));
        // A mistake in what is said of a pack is one, however many rules it has.
        findings.dedup_by(|a, b| (a.line, a.column, &a.message) == (b.line, b.column, &b.message));
        Report { policy, source: Some(source), findings }
    }
}

fn finding(severity: Severity, place: Option<Place>, error: &Error) -> Finding {
    Finding {
        severity,
        line: place.map(|place| place.line),
        column: place.map(|place| place.column),
        path: error.path.clone(),
        message: error.message.clone(),
        hint: error.hint.clone(),
    }
}

/// The path of a rule in the file.
fn place_of(id: &str, source: &Source) -> String {
    let rules = source.value.get("rules").and_then(Value::as_array);
    let at = rules.and_then(|rules| rules.iter().position(|rule| rule.get("id").is_some_and(|own| own == id)));
    at.map_or_else(|| "rules".to_owned(), |at| item_path("rules", at))
}

/// How long AWS takes a request after it was signed.
const AWS_SIGNATURE: Duration = Duration::from_secs(300);

/// Hosts of services that agents are likely to call.
const AWS_HOSTS: [&str; 6] = [
    "bedrock-runtime.us-east-1.amazonaws.com",
    "dynamodb.us-east-1.amazonaws.com",
    "iam.amazonaws.com",
    "lambda.us-east-1.amazonaws.com",
    "s3.us-east-1.amazonaws.com",
    "secretsmanager.us-east-1.amazonaws.com",
];

/// A host of AWS whose requests would be masked. A policy that says nothing of AWS is for other APIs.
fn masked_aws_host(policy: &Policy) -> Option<&'static str> {
    let of_aws = policy.rules().iter().any(|rule| rule.matcher.asks_aws());
    let masks = |host: &&str| {
        let head = Head {
            method: b"POST".to_vec(),
            authority: host.as_bytes().to_vec(),
            target: b"/".to_vec(),
            path: "/".to_owned(),
            ..Head::default()
        };
        policy.select(&head).redact_request.is_some()
    };
    AWS_HOSTS.into_iter().filter(|_| of_aws).find(masks)
}

/// IANA's registry of HTTP methods, and `PURGE` of caches.
const METHODS: &str = "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY \
    MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PURGE PUT QUERY REBIND \
    REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL";

/// A method that no server is known to take: misspelt, its rule never matches.
fn unknown_method((i, rule): (usize, &Rule)) -> Option<Error> {
    let unknown = RefCell::new(None);
    rule.matcher.has(&|part| {
        let Matcher::Method(methods) = part else { return false };
        let found = methods.iter().find(|method| !METHODS.split(' ').any(|known| known == *method));
        unknown.replace(found.cloned());
        found.is_some()
    });
    let message = format!("rule `{}`: `{}` is none of HTTP's methods", rule.id, unknown.into_inner()?);
    Some(
        Error::new(format!("rules[{i}].match"), message)
            .with_hint("such as `POST` or `DELETE`; a misspelt one never matches"),
    )
}

/// What loads and may not be meant.
fn doubts(policy: &Policy) -> Vec<Error> {
    let mut doubts = Vec::new();
    let settings = policy.settings();
    let default = policy.rules().default_verdict();
    for (i, rule) in policy.rules().iter().enumerate() {
        let path = format!("rules[{i}].verdict");
        if rule.verdict == Verdict::Allow && [default.reads, default.writes] == [Verdict::Allow; 2] {
            let message = format!("rule `{}` allows what the default allows already", rule.id);
            let hint = "allow is the mildest verdict; to exempt something from another rule use its `except`";
            doubts.push(Error::new(path, message).with_hint(hint));
        } else if rule.verdict == Verdict::Hold && rule.why.is_none() {
            let message = format!("rule `{}` does not say why it holds", rule.id);
            doubts.push(Error::new(path, message).with_hint("write `why:` for the approver"));
        }
    }
    doubts.extend(policy.rules().iter().enumerate().filter_map(unknown_method));
    if needs::holds(policy) && settings.identity.principal.is_empty() {
        let message = "requests are held, and nothing says who sends them";
        let hint = "without `identity.principal` a hold ends with its connection, and nobody can be told apart";
        doubts.push(Error::new("", message).with_hint(hint));
    }
    let of_aws = |rule: &Rule| rule.verdict == Verdict::Hold && rule.matcher.asks_aws();
    if settings.hold.wait.http >= AWS_SIGNATURE && policy.rules().iter().any(of_aws) {
        let message = "requests to AWS are held for longer than their signatures live";
        let hint = "a signature lives five minutes: write a shorter `hold.wait`, then SDKs sign anew and send again";
        doubts.push(Error::new("hold.wait", message).with_hint(hint));
    }
    if let Some(host) = masked_aws_host(policy) {
        let message = format!("requests to `{host}` are masked, and what their signatures cover cannot be");
        let hint = "where something is found they are refused (`signed_request`): leave AWS's hosts out of `redact`, or mask \
                    responses only";
        doubts.push(Error::new("redact", message).with_hint(hint));
    }
    if settings.observe {
        let message = "the policy observes only: nothing is held, denied or masked";
        doubts.push(Error::new("mode", message).with_hint("write `mode: enforce` when you trust it"));
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let show = |f: &Finding| format!("{:?} {:?}:{:?} {}", f.severity, f.line, f.column, f.message);
        Report::of(text).findings.iter().map(show).collect()
    }

    #[test]
    fn mistakes_stand_at_their_lines() {
        let text = "version: 1\ndefault: alow\nrules:\n  - id: a\n    match: {path: admin}\n    verdict: hold\n";
        assert_eq!(
            shown(text),
            [
                "Error Some(2):Some(1) expected `allow`, `deny` or `hold`, found `alow`",
                "Error Some(5):Some(13) bad value `admin`",
            ]
        );
    }

    #[test]
    fn the_policy_of_the_readme_loads() {
        let readme = include_str!("../../../README.md");
        let policy = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let report = Report::of(policy);
        assert!(report.policy.is_some(), "{:?}", report.findings);
        assert_eq!(report.findings, []);
    }

    #[test]
    fn what_is_not_yaml_is_said_with_its_place() {
        let found = Report::of("version: 1\nversion: 2\n").findings;
        assert_eq!((found.len(), found[0].severity, found[0].line), (1, Severity::Error, Some(2)));
    }

    #[test]
    fn masking_what_aws_has_signed_is_doubtful() {
        let policy = |redact: &str| {
            format!(
                "version: 1\ndefault: allow\npacks: [aws]\napprover: {{cluster: a}}\nidentity: {{principal: {{trusted_header: x-a}}}}\nredact:\n- {redact}\n"
            )
        };
        let wide = policy("{match: {path: /**}, direction: both, profile: default}");
        assert_eq!(
            shown(&wide),
            [
                "Warning Some(6):Some(1) requests to `bedrock-runtime.us-east-1.amazonaws.com` are masked, and what their signatures cover cannot be"
            ]
        );
        for narrow in [
            "{match: {path: /v1/chat/**}, direction: both, profile: default}",
            "{match: {path: /**}, direction: response, profile: default}",
            "{match: {host: '*.example.com'}, direction: both, profile: default}",
        ] {
            assert_eq!(shown(&policy(narrow)), [""; 0], "{narrow}");
        }
    }

    #[test]
    fn doubtful_policies_load_with_warnings() {
        let text = "version: 1\ndefault: allow\nmode: observe\napprover: {cluster: a}\nrules:\n\
                    - {id: a, match: {path: /a}, verdict: allow}\n- {id: b, match: {path: /b}, verdict: hold}\n\
                    - {id: c, match: {any: [{method: [GET, DELET]}, {path: /c}]}, verdict: deny}\n";
        let report = Report::of(text);
        assert!(report.policy.is_some());
        assert!(report.findings.iter().all(|f| f.severity == Severity::Warning));
        assert_eq!(
            shown(text),
            [
                "Warning Some(1):Some(1) requests are held, and nothing says who sends them",
                "Warning Some(3):Some(1) the policy observes only: nothing is held, denied or masked",
                "Warning Some(6):Some(30) rule `a` allows what the default allows already",
                "Warning Some(7):Some(30) rule `b` does not say why it holds",
                "Warning Some(8):Some(11) rule `c`: `DELET` is none of HTTP's methods",
            ]
        );
    }
}
