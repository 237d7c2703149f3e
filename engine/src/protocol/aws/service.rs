//! Which AWS service a request is for, by its host name, the scope of its signature and its target.
//!
//! Must not go here: actions.

use std::borrow::Cow;

use crate::request::{Headers, query};

/// The header that names the operation of a JSON protocol.
pub const TARGET: &str = "x-amz-target";

/// The services that a request may be for, in IAM's words; a `None` among them: one that is not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services(Vec<Option<String>>);

/// What host names and signatures call it, and IAM's policies otherwise.
const NAMES: [(&str, &str); 5] =
    [("ddb", "dynamodb"), ("email", "ses"), ("monitoring", "cloudwatch"), ("queue", "sqs"), ("lambda-url", "lambda")];

/// How targets begin whose service neither host nor signature names.
const TARGETS: [(&str, &str); 16] = [
    ("AWSCognitoIdentityProviderService", "cognito-idp"),
    ("AWSEvents", "events"),
    ("AWSOrganizations", "organizations"),
    ("AmazonEC2ContainerRegistry", "ecr"),
    ("AmazonEC2ContainerService", "ecs"),
    ("AmazonSQS", "sqs"),
    ("AmazonSSM", "ssm"),
    ("CertificateManager", "acm"),
    ("DynamoDB", "dynamodb"),
    ("GraniteService", "cloudwatch"),
    ("Logs_", "logs"),
    ("StarlingDove", "config"),
    ("SWBExternalService", "sso"),
    ("TrentService", "kms"),
    ("com.amazonaws.cloudtrail", "cloudtrail"),
    ("secretsmanager", "secretsmanager"),
];

impl Services {
    pub fn of(host: &str, headers: &Headers, queries: &[Cow<'_, str>]) -> Services {
        let mut services = Services::default();
        let labels = labels(host);
        if let Some(labels) = &labels {
            services.add(by_labels(labels));
        }
        for value in headers.all("authorization") {
            let value = String::from_utf8_lossy(value);
            // Signature version 2, which S3 still takes.
            if value.starts_with("AWS ") {
                services.add(Some("s3"));
            } else if value.starts_with("AWS4-") {
                let scope = value.split_once("Credential=").map(|(_, scope)| scope);
                services.add(scope.and_then(|scope| by_scope(scope.split([',', ' ']).next().unwrap_or_default())));
            }
        }
        for text in queries {
            for (name, value) in query::readings(text) {
                match name.as_ref() {
                    "X-Amz-Credential" => services.add(by_scope(&value)),
                    "AWSAccessKeyId" if labels.is_none() => services.add(Some("s3")),
                    _ => {}
                }
            }
        }
        if services.0.iter().all(Option::is_none) {
            for target in headers.all(TARGET).chain(headers.alike(TARGET)) {
                let known = TARGETS.iter().find(|(start, _)| target.starts_with(start.as_bytes()));
                services.add(known.map(|(_, service)| *service));
            }
            if services.0.len() > 1 {
                services.0.retain(Option::is_some);
            }
        }
        services
    }

    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().map(Option::as_deref)
    }

    fn add(&mut self, service: Option<&str>) {
        let service = service.map(iam_prefix);
        if !self.0.contains(&service) {
            self.0.push(service);
        }
    }
}

/// Does a signature (SigV4, SigV4A) cover the body? One in the query covers none, as S3's clients make it.
pub fn signs_body(headers: &Headers) -> bool {
    let unsigned = headers.only("x-amz-content-sha256").is_some_and(|hash| hash.ends_with(b"UNSIGNED-PAYLOAD"));
    !unsigned && signs_head(headers)
}

fn signs_head(headers: &Headers) -> bool {
    headers.all("authorization").any(|value| value.starts_with(b"AWS4-"))
}

/// Does one cover the query?
pub fn signs_query(headers: &Headers, query: &str) -> bool {
    signs_head(headers) || query::readings(query).into_iter().any(|(name, _)| name == "X-Amz-Signature")
}

/// `s3-fips` and `s3-us-west-2` are `s3`, `monitoring` is `cloudwatch`.
fn iam_prefix(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix("-fips").or_else(|| name.strip_prefix("fips-")).unwrap_or(&name);
    if let Some((_, iam)) = NAMES.iter().find(|(known, _)| *known == name) {
        return (*iam).to_owned();
    }
    if name.starts_with("s3-") || name.starts_with("s3express") { "s3".to_owned() } else { name.to_owned() }
}

/// The labels before AWS's own domains; `None` for any other host.
pub(super) fn labels(host: &str) -> Option<Vec<&str>> {
    const DOMAINS: [&str; 6] = [
        ".amazonaws.com",
        ".amazonaws.com.cn",
        ".amazonaws.eu",
        ".api.aws",
        ".on.aws",
        ".api.amazonwebservices.com.cn",
    ];
    let rest = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain))?;
    Some(rest.split('.').collect())
}

/// The service among the labels of a host: the last that is no region and no other known word.
fn by_labels<'a>(labels: &[&'a str]) -> Option<&'a str> {
    let at = service_at(labels)?;
    labels.get(at).copied()
}

pub(super) fn service_at(labels: &[&str]) -> Option<usize> {
    labels.iter().rposition(|label| !matches!(*label, "dualstack" | "global" | "vpce") && !is_region(label))
}

/// `eu-west-1`, `us-gov-east-1`
fn is_region(label: &str) -> bool {
    // The one endpoint of a service for all of GovCloud.
    if label == "us-gov" {
        return true;
    }
    let parts: Vec<&str> = label.split('-').collect();
    let [place, middle @ .., number] = parts.as_slice() else { return false };
    let letters = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    // Sovereign partitions have longer names: `eusc-de-east-1`.
    number && (2..=4).contains(&place.len()) && letters(place) && !middle.is_empty() && middle.iter().all(letters)
}

/// `AKIA…/20260101/eu-west-1/iam/aws4_request`, without the region in version 4A.
fn by_scope(scope: &str) -> Option<&str> {
    let mut parts = scope.rsplit('/');
    let end = parts.next()?;
    parts.next().filter(|service| end == "aws4_request" && !service.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn of(host: &str) -> Vec<Option<String>> {
        Services::of(host, &Headers::default(), &[]).0
    }

    #[test]
    fn hosts_name_services() {
        for (host, expected) in [
            ("iam.amazonaws.com", "iam"),
            ("sts.us-east-1.amazonaws.com", "sts"),
            ("iam.us-gov.amazonaws.com", "iam"),
            ("iam.global.api.aws", "iam"),
            ("kms-fips.us-east-1.amazonaws.com", "kms"),
            ("lambda.eu-west-1.api.aws", "lambda"),
            ("ec2.cn-north-1.amazonaws.com.cn", "ec2"),
            ("bucket.s3.eu-west-1.amazonaws.com", "s3"),
            ("bucket.with.dots.s3.dualstack.eu-west-1.amazonaws.com", "s3"),
            ("s3.amazonaws.com", "s3"),
            ("s3-us-west-2.amazonaws.com", "s3"),
            ("bucket.s3-accelerate.amazonaws.com", "s3"),
            ("123456789012.s3-control.us-east-1.amazonaws.com", "s3"),
            ("b--usw2-az1--x-s3.s3express-usw2-az1.us-west-2.amazonaws.com", "s3"),
            ("vpce-1a2b.kms.us-east-1.vpce.amazonaws.com", "kms"),
            ("123456789012.ddb.us-east-1.amazonaws.com", "dynamodb"),
            ("api.ecr.us-east-1.amazonaws.com", "ecr"),
            ("eu-west-1.queue.amazonaws.com", "sqs"),
            ("monitoring.us-gov-west-1.amazonaws.com", "cloudwatch"),
            ("abc.lambda-url.eu-west-1.on.aws", "lambda"),
        ] {
            assert_eq!(of(host), [Some(expected.to_owned())], "{host}");
        }
        for host in ["example.com", "amazonaws.com.evil.example", "127.0.0.1", "iam-amazonaws.com"] {
            assert_eq!(of(host), Vec::new(), "{host}");
        }
    }

    #[test]
    fn signatures_name_services() {
        for (value, expected) in [
            (
                "AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/monitoring/aws4_request, Signature=0",
                Some("cloudwatch"),
            ),
            ("AWS4-ECDSA-P256-SHA256 Credential=A/20260101/s3/aws4_request,Signature=0", Some("s3")),
            ("AWS AKIA:signature", Some("s3")),
            ("AWS4-HMAC-SHA256 Credential=A/20260101, Signature=0", None),
            ("AWS4-HMAC-SHA256 nothing", None),
        ] {
            let headers = Headers::new(vec![(b"authorization".to_vec(), value.as_bytes().to_vec())]);
            assert_eq!(Services::of("h", &headers, &[]).0, [expected.map(str::to_owned)], "{value}");
        }
        let presigned = [Cow::Borrowed("X-Amz-Credential=A%2F20260101%2Feu-west-1%2Fs3%2Faws4_request")];
        assert_eq!(Services::of("h", &Headers::default(), &presigned).0, [Some("s3".to_owned())]);
        let bearer = Headers::new(vec![(b"authorization".to_vec(), b"Bearer x".to_vec())]);
        assert_eq!(Services::of("h", &bearer, &[]).0, Vec::new());
    }
}
