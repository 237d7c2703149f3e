//! Requests to AWS: which service and which action, told from everything that may name them.
//!
//! | protocol | the action stands in |
//! |---|---|
//! | JSON 1.0 and 1.1 (DynamoDB, KMS, Secrets Manager, CloudTrail, Organizations, …) | `X-Amz-Target: PREFIX.Action` |
//! | query (IAM, STS, EC2, RDS, SNS, …) | `Action=` in a form or in the query |
//! | Smithy RPC v2 | `/service/NAME/operation/Action` |
//! | REST (S3, Lambda, EKS, Route 53, …) | method, path and query: [`s3`], [`rest`] |
//!
//! The service stands in the host name and in the scope of the signature, and where both differ both count. What looks
//! like no AWS request at all has neither, nor a target.
//! Must not go here: bodies, which readings of a path there are (`classify::facts`), rules (`classify`).

mod rest;
mod s3;
mod service;
mod wire;

use std::borrow::Cow;

use crate::request::{Headers, query};
pub use service::{Services, signs_body, signs_query};
pub use wire::Wire;

/// Where one reading of a request's head leads.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    pub host: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub queries: &'a [Cow<'a, str>],
    pub headers: &'a Headers,
}

/// What one request may ask of AWS. Names are in lower case: IAM's policies do not tell case either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub known: Vec<Call>,
    /// Services that take the action from a form in the body: IAM's prefixes.
    pub in_body: Vec<String>,
}

/// One reading; `None`: there is one, and it is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// As IAM's policies call it: `iam`, `s3`, `cloudwatch`.
    pub service: Option<String>,
    pub action: Option<String>,
}

/// Services that speak the query protocol, some beside others; the newer ones speak JSON, CBOR or REST.
const QUERY: [&str; 17] = [
    "autoscaling",
    "cloudformation",
    "cloudsearch",
    "cloudwatch",
    "ec2",
    "elasticache",
    "elasticbeanstalk",
    "elasticloadbalancing",
    "iam",
    "importexport",
    "rds",
    "redshift",
    "sdb",
    "ses",
    "sns",
    "sqs",
    "sts",
];

impl Calls {
    pub fn is_empty(&self) -> bool {
        self.known.is_empty() && self.in_body.is_empty()
    }

    /// Adds what one reading of the head says.
    pub fn add(&mut self, services: &Services, line: &Line<'_>) {
        for service in services.iter() {
            let actions = match service {
                Some("s3") if s3::is_control(line.host) => rest::actions("s3-control", line).unwrap_or_default(),
                Some("s3") => s3::actions(line),
                // IAM's own names for what is done to APIs.
                Some("apigateway") => vec![line.method.to_owned()],
                Some(name) => rest::actions(name, line).unwrap_or_else(|| named(line)),
                None => named(line),
            };
            let by_form = service.filter(|name| QUERY.contains(name) && !is_cbor(line.headers));
            // A REST service that is not known goes by method and path, whatever a header says.
            if goes_by_path(service, line) && !actions.is_empty() {
                self.push(service, None);
            }
            if let Some(name) = by_form
                && !self.in_body.iter().any(|known| known == name)
            {
                self.in_body.push(name.to_owned());
            }
            if actions.is_empty() && by_form.is_none() {
                self.push(service, None);
            }
            actions.iter().for_each(|action| self.push(service, Some(action.to_ascii_lowercase())));
        }
    }

    fn push(&mut self, service: Option<&str>, action: Option<String>) {
        let call = Call { service: service.map(str::to_owned), action };
        if !self.known.contains(&call) {
            self.known.push(call);
        }
    }
}

/// Might it be a REST service that is not known? The other protocols post to `/`, or to a path that names the action.
fn goes_by_path(service: Option<&str>, line: &Line<'_>) -> bool {
    let known = service.is_some_and(|name| by_path(name) || QUERY.contains(&name));
    !known && rpc(line.path).is_none() && (line.path != "/" || line.method != "POST")
}

/// Does the service go by method and path, and by nothing that names an action outright?
pub fn by_path(service: &str) -> bool {
    matches!(service, "apigateway" | "s3") || rest::is_listed(service)
}

/// The action in `/service/NAME/operation/Action`.
fn rpc(path: &str) -> Option<&str> {
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["service", _, "operation", action] => Some(action),
        _ => None,
    }
}

/// The actions that header, path and query name outright.
fn named(line: &Line<'_>) -> Vec<String> {
    let mut actions = Vec::new();
    for target in line.headers.all(service::TARGET).chain(line.headers.alike(service::TARGET)) {
        let target = String::from_utf8_lossy(target);
        actions.push(target.rsplit_once('.').map_or(target.as_ref(), |(_, action)| action).trim().to_owned());
    }
    actions.extend(rpc(line.path).map(str::to_owned));
    for text in line.queries {
        let pairs = query::readings(text).into_iter();
        actions.extend(pairs.filter(|(name, _)| name == "Action").map(|(_, action)| action.trim().to_owned()));
    }
    actions
}

/// CBOR is no form.
fn is_cbor(headers: &Headers) -> bool {
    headers.only("content-type").is_some_and(|value| value == b"application/cbor")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// `service:action` of each reading, `?` for what is not known, and `service:body` where the body says.
    pub(super) fn read(host: &str, method: &str, target: &str, headers: &[(&str, &str)]) -> Vec<String> {
        let headers = Headers::new(headers.iter().copied());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let queries = [Cow::Borrowed(query)];
        let line = Line { host, method, path, queries: &queries, headers: &headers };
        let mut calls = Calls::default();
        calls.add(&Services::of(host, &headers, &queries), &line);
        let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let known = calls.known.iter().map(|call| format!("{}:{}", or(&call.service), or(&call.action)));
        known.chain(calls.in_body.iter().map(|service| format!("{service}:body"))).collect()
    }

    pub(super) fn signed(service: &str) -> (&'static str, String) {
        let scope = format!("AKIA/20260101/eu-west-1/{service}/aws4_request");
        ("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
    }

    #[test]
    fn actions_are_found_in_each_protocol() {
        for (host, method, target, headers, expected) in [
            ("iam.amazonaws.com", "POST", "/", &[][..], &["iam:body"][..]),
            (
                "iam.amazonaws.com",
                "GET",
                "/?Action=CreateUser&Version=2010-05-08",
                &[],
                &["iam:createuser", "iam:body"],
            ),
            (
                "kms.eu-west-1.amazonaws.com",
                "POST",
                "/",
                &[("x-amz-target", "TrentService.ScheduleKeyDeletion")],
                &["kms:schedulekeydeletion"],
            ),
            (
                "cloudtrail.us-east-1.amazonaws.com",
                "POST",
                "/",
                &[("x-amz-target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.StopLogging")],
                &["cloudtrail:stoplogging"],
            ),
            (
                "monitoring.us-east-1.amazonaws.com",
                "POST",
                "/service/GraniteServiceVersion20100801/operation/DeleteAlarms",
                &[("content-type", "application/cbor")],
                &["cloudwatch:deletealarms"],
            ),
            // Two names: both are asked.
            (
                "kms.eu-west-1.amazonaws.com",
                "POST",
                "/?Action=ScheduleKeyDeletion",
                &[("x-amz-target", "TrentService.ListKeys")],
                &["kms:listkeys", "kms:schedulekeydeletion"],
            ),
            ("guardduty.eu-west-1.amazonaws.com", "DELETE", "/detector/x", &[], &["guardduty:?"]),
            // A header that REST services do not read.
            (
                "guardduty.eu-west-1.amazonaws.com",
                "DELETE",
                "/detector/x",
                &[("x-amz-target", "X.ListDetectors")],
                &["guardduty:?", "guardduty:listdetectors"],
            ),
            ("crm.internal", "POST", "/?Action=CreateUser", &[], &[]),
        ] {
            assert_eq!(read(host, method, target, headers), expected, "{host} {target}");
        }
    }

    #[test]
    fn what_a_service_or_an_action_is_called_does_not_depend_on_the_host() {
        let (name, value) = signed("iam");
        assert_eq!(read("127.0.0.1", "POST", "/", &[(name, &value)]), ["iam:body"]);
        assert_eq!(
            read("sts.amazonaws.com", "POST", "/?Action=CreateUser", &[(name, &value)]),
            ["sts:createuser", "iam:createuser", "sts:body", "iam:body"]
        );
        assert_eq!(
            read("gateway.internal", "POST", "/", &[("x-amz-target", "DynamoDB_20120810.DeleteTable")]),
            ["dynamodb:deletetable"]
        );
        assert_eq!(read("gateway.internal", "POST", "/", &[("x-amz-target", "New.Thing")]), ["?:thing"]);
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        /// Whatever else a request carries, an action that it names is among the readings.
        #[test]
        fn noise_hides_no_action(
            path in "/[a-zA-Z0-9/._-]{0,30}", more in "(&?[a-zA-Z]{0,8}(=[a-zA-Z0-9%]{0,8})?){0,4}",
            target in "[a-zA-Z0-9.]{0,12}", service in "(iam|sts|kms|sqs|dynamodb)",
        ) {
            let host = format!("{service}.eu-west-1.amazonaws.com");
            let calls = read(&host, "POST", &format!("{path}?{more}&Action=DeleteIt"), &[("x-amz-target", &target)]);
            let wanted = format!("{service}:deleteit");
            proptest::prop_assert!(calls.contains(&wanted), "{:?}", calls);
            let calls = read(&host, "POST", &format!("{path}?{more}"), &[("x-amz-target", "Any.DeleteIt")]);
            proptest::prop_assert!(calls.contains(&wanted), "{:?}", calls);
        }

        #[test]
        fn a_request_for_a_service_always_has_a_reading(
            host in "[a-z0-9.-]{0,20}(s3|lambda|eks|kms|iam)?[.-]?[a-z0-9-]{0,12}\\.amazonaws\\.com", method in "[A-Z]{1,7}",
            target in "/[a-zA-Z0-9/?&=._-]{0,40}",
        ) {
            proptest::prop_assert!(!read(&host, &method, &target, &[]).is_empty());
        }
    }
}
