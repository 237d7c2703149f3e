//! The form in which a request to AWS expects errors: each of its protocols has its own (Smithy, "AWS protocols").
//!
//! Must not go here: the errors themselves (`reply::aws`), which action is asked for.

use super::service::{Services, TARGET};
use super::{QUERY, is_cbor};
use crate::request::Head;

/// Services of REST with XML, beside S3.
const REST_XML: [&str; 2] = ["cloudfront", "route53"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wire {
    /// Smithy RPC v2.
    Cbor,
    Ec2,
    /// JSON 1.0 and 1.1, and REST with JSON.
    Json,
    /// The query protocol, and REST with XML.
    Query,
    S3,
}

impl Wire {
    /// `None`: it is no request to AWS. `host` is canonical.
    pub fn of(host: &str, head: &Head) -> Option<Wire> {
        let queries: Vec<_> = head.query.as_deref().map(Into::into).into_iter().collect();
        let services = Services::of(host, &head.headers, &queries);
        // Where host and signature name two, the host's comes first, and it is the one that would have answered.
        let service = services.iter().next()?;
        Some(match service {
            _ if is_cbor(&head.headers) => Wire::Cbor,
            _ if head.headers.all(TARGET).next().is_some() => Wire::Json,
            Some("s3") => Wire::S3,
            Some("ec2") => Wire::Ec2,
            Some(name) if QUERY.contains(&name) || REST_XML.contains(&name) => Wire::Query,
            _ => Wire::Json,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::signed;
    use super::*;
    use crate::request::Headers;
    use crate::testing::test;

    #[test]
    fn each_service_is_answered_in_its_own_form() {
        let of = |host: &str, headers: &[(&str, &str)]| {
            Wire::of(host, &Head { headers: Headers::new(headers.iter().copied()), ..Head::default() })
        };
        for (host, expected) in [
            ("bucket.s3.eu-west-1.amazonaws.com", Wire::S3),
            ("ec2.eu-west-1.amazonaws.com", Wire::Ec2),
            ("iam.amazonaws.com", Wire::Query),
            ("route53.amazonaws.com", Wire::Query),
            ("lambda.eu-west-1.amazonaws.com", Wire::Json),
        ] {
            assert_eq!(of(host, &[]), Some(expected), "{host}");
        }
        assert_eq!(of("kms.eu-west-1.amazonaws.com", &[("x-amz-target", "TrentService.ListKeys")]), Some(Wire::Json));
        assert_eq!(of("sqs.eu-west-1.amazonaws.com", &[("x-amz-target", "AmazonSQS.ListQueues")]), Some(Wire::Json));
        let cbor = [("content-type", "application/cbor")];
        assert_eq!(of("monitoring.eu-west-1.amazonaws.com", &cbor), Some(Wire::Cbor));
        let (name, value) = signed("s3");
        assert_eq!(of("127.0.0.1", &[(name, &value)]), Some(Wire::S3));
        assert_eq!(of("crm.internal", &cbor), None);
    }
}
