//! Conditions on what is asked of AWS, Kubernetes and GitHub, in every encoding that their servers take.

use serde_json::{Value, json};

use super::*;
use crate::testing::test;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

#[test]
fn aws_actions_match_in_every_protocol() {
    let policy =
        held(json!({"aws": {"action": ["iam:CreateAccessKey", "kms:ScheduleKeyDeletion", "s3:DeleteBucket*"]}}));
    let kms = |target| head("POST", "kms.eu-west-1.amazonaws.com/", &[("x-amz-target", target)]);
    let iam = |headers: &[(&str, &str)]| head("POST", "iam.amazonaws.com/", headers);
    for (head, body, expected) in [
        (iam(&[FORM]), &b"Action=CreateAccessKey&Version=2010-05-08"[..], Hold),
        (iam(&[FORM]), b"Version=2010-05-08&UserName=a&%41ction=%43reateAccessKey", Hold),
        (iam(&[]), b"Action=CreateAccessKey", Hold),
        (get("iam.amazonaws.com/?Action=CreateAccessKey"), b"", Hold),
        (iam(&[FORM]), b"Action=ListAccessKeys", Allow),
        (iam(&[FORM]), b"Action=ListAccessKeys&Next=CreateAccessKey", Allow),
        (iam(&[FORM]), b"Action=ListAccessKeys&Action=CreateAccessKey", Hold),
        (kms("TrentService.ScheduleKeyDeletion"), b"{}", Hold),
        (kms("trentservice.schedulekeydeletion"), b"{}", Hold),
        (kms("TrentService.CancelKeyDeletion"), b"{}", Allow),
        (head("DELETE", "bucket.s3.eu-west-1.amazonaws.com/", &[]), b"", Hold),
        (head("DELETE", "bucket.s3.eu-west-1.amazonaws.com/?policy", &[]), b"", Hold),
        (head("DELETE", "bucket.s3.eu-west-1.amazonaws.com/key", &[]), b"", Allow),
        (head("POST", "bucket.s3.eu-west-1.amazonaws.com/?delete", &[]), b"<Delete/>", Allow),
        (head("POST", "crm/?Action=CreateAccessKey", &[FORM]), b"Action=CreateAccessKey", Allow),
    ] {
        assert_eq!(judge(&policy, &head, body), Ok(expected), "{head:?} {}", String::from_utf8_lossy(body));
    }
}

#[test]
fn the_body_of_an_aws_request_is_read_only_where_the_action_may_stand_in_it() {
    let policy = held(json!({"aws": {"action": "iam:Create*"}}));
    let xml = [("content-type", "application/xml")];
    assert!(!policy.select(&head("PUT", "bucket.s3.amazonaws.com/?policy", &xml)).touched);
    assert!(!policy.select(&head("POST", "sts.amazonaws.com/", &[FORM])).touched);
    assert!(policy.select(&head("POST", "iam.amazonaws.com/", &[FORM])).needs_body);
    assert_eq!(judge(&policy, &head("POST", "iam.amazonaws.com/", &xml), b"<x/>"), Err("unsupported_body"));
    let any = held(json!({"aws": {"service": "iam"}}));
    assert_eq!(judge(&any, &head("POST", "iam.amazonaws.com/", &xml), b"<x/>"), Ok(Hold));
    assert!(!any.select(&head("POST", "iam.amazonaws.com/", &xml)).needs_body);
}

#[test]
fn an_action_that_is_not_known_may_be_any() {
    let named = held(json!({"aws": {"action": "guardduty:DeleteDetector"}}));
    let other = held(json!({"aws": {"service": "inspector2", "action": "Disable"}}));
    let head = head("DELETE", "guardduty.eu-west-1.amazonaws.com/detector/7", &[]);
    assert_eq!((judge(&named, &head, b""), judge(&other, &head, b"")), (Ok(Hold), Ok(Allow)));
    let allowed = compile(json!({"version": 1, "default": "deny",
        "rules": [{"id": "a", "match": {"aws": {"action": "guardduty:*"}}, "verdict": "allow"}]}));
    assert_eq!(judge(&allowed, &head, b""), Ok(Deny));
}

#[test]
fn reads_of_aws_can_be_allowed_by_name() {
    let policy = compile(json!({"version": 1, "default": "deny",
        "rules": [{"id": "reads", "match": {"aws": {"action": ["ec2:Describe*", "dynamodb:GetItem"]}}, "verdict": "allow"}]}));
    let ec2 = |body: &'static [u8]| judge(&policy, &head("POST", "ec2.eu-west-1.amazonaws.com/", &[FORM]), body);
    assert_eq!(ec2(b"Action=DescribeInstances&Version=2016-11-15"), Ok(Allow));
    assert_eq!(ec2(b"Action=TerminateInstances"), Ok(Deny));
    assert_eq!(ec2(b"Action=DescribeInstances&Action=TerminateInstances"), Ok(Deny));
    assert_eq!(ec2(b"action=DescribeInstances"), Ok(Deny));
    assert_eq!(judge(&policy, &get("ec2.eu-west-1.amazonaws.com/?Action=DescribeInstances"), b""), Ok(Allow));
    let two = head("POST", "dynamodb.eu-west-1.amazonaws.com/?Action=DeleteTable", &[("x-amz-target", "X.GetItem")]);
    assert_eq!(judge(&policy, &two, b"{}"), Ok(Deny));
}

#[test]
fn kubernetes_requests_match_as_rbac_names_them() {
    for (condition, yes, no) in [
        (
            json!({"resource": "secrets", "verb": ["get", "list", "watch"]}),
            &[
                get("k/api/v1/namespaces/prod/secrets/db"),
                get("k/api/v1/secrets"),
                get("k/api/v1/watch/secrets"),
                get("k/api/v1/namespaces/prod%2Fsecrets"),
                get("k/api/v1//namespaces/prod/./secrets?watch=1"),
            ][..],
            &[get("k/api/v1/namespaces/prod/configmaps"), head("PUT", "k/api/v1/namespaces/prod/secrets/db", &[])][..],
        ),
        (
            json!({"resource": ["pods/exec", "pods/attach"]}),
            &[
                head("POST", "k/api/v1/namespaces/x/pods/y/exec?command=sh", &[]),
                get("k/api/v1/namespaces/x/pods/y/attach"),
            ],
            &[get("k/api/v1/namespaces/x/pods/y/log"), get("k/api/v1/namespaces/x/pods/exec")],
        ),
        (
            json!({"group": "rbac.authorization.k8s.io", "verb": ["create", "update", "patch"]}),
            &[head("POST", "k/apis/rbac.authorization.k8s.io/v1/clusterroles", &[])],
            &[get("k/apis/rbac.authorization.k8s.io/v1/clusterroles"), head("POST", "k/apis/apps/v1/deployments", &[])],
        ),
        (
            json!({"namespace": "prod"}),
            &[
                get("k/api/v1/namespaces/prod/pods/a"),
                get("k/api/v1/namespaces/prod"),
                // What is listed in all namespaces is listed in this one.
                get("k/api/v1/pods"),
                head("DELETE", "k/api/v1/pods", &[]),
            ],
            &[get("k/api/v1/namespaces/test/pods"), get("k/api/v1/nodes/n1"), get("k/version")],
        ),
        (
            json!({"group": "core", "name": "web", "verb": "delete*"}),
            &[head("DELETE", "k/api/v1/namespaces/x/pods/web", &[]), head("DELETE", "k/api/v1/namespaces/x/pods", &[])],
            &[head("DELETE", "k/api/v1/namespaces/x/pods/other", &[]), head("DELETE", "k/apis/g/v1/things/web", &[])],
        ),
        (
            json!({"impersonates": true}),
            &[head("GET", "k/api/v1/pods", &[("impersonate-user", "admin")])],
            &[get("k/api/v1/pods"), head("GET", "k/healthz", &[("impersonate-user", "admin")])],
        ),
        (
            json!({"verb": "watch", "resource": "pods"}),
            &[get("k/api/v1/pods?watch=true"), get("k/api/v1/pods?watch"), get("k/api/v1/pods?watch=0&watch=1")],
            &[get("k/api/v1/pods"), get("k/api/v1/pods?watch=false")],
        ),
    ] {
        let policy = held(json!({ "kubernetes": condition }));
        yes.iter().for_each(|head| assert_eq!(judge(&policy, head, b""), Ok(Hold), "{condition} {head:?}"));
        no.iter().for_each(|head| assert_eq!(judge(&policy, head, b""), Ok(Allow), "{condition} {head:?}"));
    }
}

#[test]
fn a_dry_run_is_one_only_where_the_server_takes_it_for_one() {
    let policy = policy(json!([{"id": "r", "match": {"kubernetes": {"resource": "*"}},
        "except": {"kubernetes": {"dry_run": true}}, "verdict": "hold"}]));
    let one = "k/api/v1/namespaces/x/pods/web";
    for (method, query, body, expected) in [
        ("PUT", "?dryRun=All", &b"{}"[..], Allow),
        ("DELETE", "?dryRun=All", b"", Allow),
        ("PUT", "", b"{}", Hold),
        ("PUT", "?dryRun=", b"{}", Hold),
        ("PUT", "?dryRun=All&dryRun=", b"{}", Hold),
        ("PUT", "?dryrun=All", b"{}", Hold),
        // With a body its options count, and the query does not.
        ("DELETE", "?dryRun=All", br#"{"kind":"DeleteOptions"}"#, Hold),
    ] {
        assert_eq!(
            judge(&policy, &head(method, &format!("{one}{query}"), &[]), body),
            Ok(expected),
            "{method} {query}"
        );
    }
}

#[test]
fn github_requests_match_by_whatever_name() {
    for (condition, yes, no) in [
        (
            json!({"scope": "repository", "resource": "/actions/secrets/**"}),
            &[
                "api.github.com/repos/acme/shop/actions/secrets/TOKEN",
                "git.corp/api/v3/repos/acme/shop/actions/secrets",
                "api.github.com/repositories/12/actions/secrets/TOKEN",
                "api.github.com/repos/acme/shop/issues/../actions/secrets/TOKEN",
            ][..],
            &["api.github.com/orgs/acme/actions/secrets/TOKEN", "api.github.com/repos/acme/shop/actions/runs"][..],
        ),
        (
            json!({"owner": "Acme", "repo": "shop"}),
            &["h/repos/ACME/Shop", "h/repos/acme/shop/hooks", "h/repositories/12/hooks"],
            &["h/repos/acme/other", "h/orgs/acme/hooks", "h/user"],
        ),
        (json!({"scope": ["organization"], "owner": "acme"}), &["h/orgs/acme", "h/organizations/7"], &["h/orgs/other"]),
        (json!({"scope": "graphql"}), &["h/graphql", "h/api/graphql"], &["h/user"]),
    ] {
        let policy = held(json!({ "github": condition }));
        yes.iter().for_each(|url| assert_eq!(judge(&policy, &get(url), b""), Ok(Hold), "{condition} {url}"));
        no.iter().for_each(|url| assert_eq!(judge(&policy, &get(url), b""), Ok(Allow), "{condition} {url}"));
    }
}

#[test]
fn conditions_on_calls_are_checked() {
    let wrong = |condition: Value| {
        errors(json!({"version": 1, "default": "allow", "approver": {"cluster": "a"},
        "rules": [{"id": "r", "match": condition, "verdict": "hold"}]}))
    };
    for (condition, expected) in [
        (
            json!({"aws": {"action": ":x"}}),
            "rules[0].match.aws.action: bad value `:x` (expected `Action` or `service:Action`, such as `iam:CreateAccessKey`)",
        ),
        (
            json!({"aws": {"actions": "x"}}),
            "rules[0].match.aws.actions: unknown field `actions` (did you mean `action`?)",
        ),
        (
            json!({"github": {"scope": "org"}}),
            "rules[0].match.github.scope: expected `enterprise`, `graphql`, `organization`, `other`, `repository` or `user`, found `org`",
        ),
        (
            json!({"github": {"resource": "hooks"}}),
            "rules[0].match.github.resource: bad value `hooks` (a path begins with `/`)",
        ),
        (
            json!({"kubernetes": {"dry_run": "All"}}),
            "rules[0].match.kubernetes.dry_run: expected `true` or `false`, found `All`",
        ),
    ] {
        assert_eq!(wrong(condition), [expected]);
    }
}

#[test]
fn a_path_is_kubernetes_or_github_only_where_a_rule_says_so() {
    let policy = compile(json!({"version": 1, "default": "allow", "approver": {"cluster": "approver"}, "rules": [
        {"id": "k", "match": {"host": "k8s.internal", "kubernetes": {"resource": "secrets"}}, "verdict": "hold"},
        {"id": "g", "match": {"github": {"resource": "/hooks/**"}, "not": {"host": "crm"}}, "verdict": "hold"},
    ]}));
    for (target, expected) in [
        ("k8s.internal/api/v1/namespaces/x/configmaps", Protocol::Kubernetes),
        ("k8s.internal/healthz", Protocol::Http),
        ("api.internal/api/v1/customers", Protocol::Http),
        ("ghe.internal/api/v3/repos/o/r", Protocol::GitHub),
        ("k8s.internal/v1/chat/completions", Protocol::OpenAiChat),
        ("s3.amazonaws.com/repos/o/r", Protocol::Aws(crate::protocol::aws::Wire::S3)),
    ] {
        assert_eq!(policy.protocol(&head("POST", target, &[]), b""), expected, "{target}");
    }
}
