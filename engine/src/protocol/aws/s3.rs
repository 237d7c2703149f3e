//! What a request asks of S3: its operation by method, bucket, key and the parameters that name a part of them.
//!
//! Must not go here: other services, and what S3 is asked of whole accounts (`rest`).

use super::{Line, service};
use crate::request::query;

/// What a parameter names: of a bucket, of an object. Together with `Get`, `Put` or `Delete` that is the operation.
const PARTS: [(&str, Option<&str>, Option<&str>); 34] = [
    ("abac", Some("BucketAbac"), None),
    ("accelerate", Some("BucketAccelerateConfiguration"), None),
    ("acl", Some("BucketAcl"), Some("ObjectAcl")),
    ("analytics", Some("BucketAnalyticsConfiguration"), None),
    ("annotation", None, Some("ObjectAnnotation")),
    ("attributes", None, Some("ObjectAttributes")),
    ("cors", Some("BucketCors"), None),
    ("encryption", Some("BucketEncryption"), Some("ObjectEncryption")),
    ("intelligent-tiering", Some("BucketIntelligentTieringConfiguration"), None),
    ("inventory", Some("BucketInventoryConfiguration"), None),
    ("legal-hold", None, Some("ObjectLegalHold")),
    ("lifecycle", Some("BucketLifecycleConfiguration"), None),
    ("location", Some("BucketLocation"), None),
    ("logging", Some("BucketLogging"), None),
    ("metadataAnnotationTable", Some("BucketMetadataAnnotationTableConfiguration"), None),
    ("metadataConfiguration", Some("BucketMetadataConfiguration"), None),
    ("metadataInventoryTable", Some("BucketMetadataInventoryTableConfiguration"), None),
    ("metadataJournalTable", Some("BucketMetadataJournalTableConfiguration"), None),
    ("metadataTable", Some("BucketMetadataTableConfiguration"), None),
    ("metrics", Some("BucketMetricsConfiguration"), None),
    ("notification", Some("BucketNotificationConfiguration"), None),
    ("object-lock", Some("ObjectLockConfiguration"), None),
    ("ownershipControls", Some("BucketOwnershipControls"), None),
    ("policy", Some("BucketPolicy"), None),
    ("policyStatus", Some("BucketPolicyStatus"), None),
    ("publicAccessBlock", Some("PublicAccessBlock"), None),
    ("replication", Some("BucketReplication"), None),
    ("requestPayment", Some("BucketRequestPayment"), None),
    ("retention", None, Some("ObjectRetention")),
    ("tagging", Some("BucketTagging"), Some("ObjectTagging")),
    ("torrent", None, Some("ObjectTorrent")),
    ("versioning", Some("BucketVersioning"), None),
    ("versions", Some("ObjectVersions"), None),
    ("website", Some("BucketWebsite"), None),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Account,
    Bucket,
    Object,
}

/// Is it the endpoint for accounts, access points and batches of S3? Its operations stand in the table.
pub fn is_control(host: &str) -> bool {
    host.split('.').any(|label| label.starts_with("s3-control"))
}

/// Every operation that this may be.
pub fn actions(line: &Line<'_>) -> Vec<String> {
    let mut actions: Vec<String> = Vec::new();
    for target in targets(line) {
        for action in of(line, target) {
            if !actions.contains(&action) {
                actions.push(action);
            }
        }
    }
    actions
}

/// By path style `/bucket/key`, by virtual host `/key`; before a host that is not AWS's own it may be either.
fn targets(line: &Line<'_>) -> Vec<Target> {
    let path = line.path.trim_start_matches('/');
    let by_path = match path.split_once('/') {
        _ if path.is_empty() => Target::Account,
        Some((_, key)) if !key.is_empty() => Target::Object,
        _ => Target::Bucket,
    };
    let by_host = if path.is_empty() { Target::Bucket } else { Target::Object };
    let is_address = line.host.contains(':') || line.host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let virtual_host = match service::labels(line.host) {
        Some(labels) => service::service_at(&labels).map(|at| at > 0),
        None if is_address => Some(false),
        None => None,
    };
    // The endpoint of a VPC stands before the service, too.
    let vpce = line.host.contains("vpce-");
    match virtual_host {
        Some(true) if !vpce => vec![by_host],
        Some(false) => vec![by_path],
        _ if by_host == by_path => vec![by_path],
        _ => vec![by_path, by_host],
    }
}

fn of(line: &Line<'_>, target: Target) -> Vec<String> {
    let mut actions = Vec::new();
    let mut names: Vec<String> = Vec::new();
    for text in line.queries {
        for (name, value) in query::readings(text) {
            names.push(name.into_owned());
            if names.last().is_some_and(|name| name == "list-type") && value == "2" {
                names.push("list-type=2".to_owned());
            }
        }
    }
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let verb = match line.method {
        "DELETE" => "Delete",
        "GET" | "HEAD" => "Get",
        "POST" => "Create",
        "PUT" => "Put",
        _ => "",
    };
    for (name, of_bucket, of_object) in PARTS {
        let part = match target {
            Target::Account => None,
            Target::Bucket => of_bucket,
            Target::Object => of_object,
        };
        if let (Some(part), true) = (part, has(name)) {
            actions.push(format!("{verb}{part}"));
        }
    }
    let copies = line.headers.all("x-amz-copy-source").next().is_some();
    let special = match (target, line.method) {
        (Target::Bucket, "POST") if has("delete") => Some("DeleteObjects"),
        (Target::Bucket, "GET") if has("session") => Some("CreateSession"),
        (Target::Bucket, "GET") if has("uploads") => Some("ListMultipartUploads"),
        (Target::Object, "DELETE") if has("uploadId") => Some("AbortMultipartUpload"),
        (Target::Object, "GET") if has("uploadId") => Some("ListParts"),
        (Target::Object, "POST") if has("restore") => Some("RestoreObject"),
        (Target::Object, "POST") if has("select") => Some("SelectObjectContent"),
        (Target::Object, "POST") if has("uploadId") => Some("CompleteMultipartUpload"),
        (Target::Object, "POST") if has("uploads") => Some("CreateMultipartUpload"),
        (Target::Object, "PUT") if has("renameObject") => Some("RenameObject"),
        (Target::Object, "PUT") if has("uploadId") && copies => Some("UploadPartCopy"),
        (Target::Object, "PUT") if has("uploadId") => Some("UploadPart"),
        _ => None,
    };
    actions.extend(special.map(str::to_owned));
    if actions.is_empty() {
        // Parameters that S3 does not know change nothing.
        actions.extend(plain(target, line.method, has("list-type=2"), copies).map(str::to_owned));
    }
    actions
}

fn plain(target: Target, method: &str, second: bool, copies: bool) -> Option<&'static str> {
    Some(match (target, method) {
        (Target::Account, "GET" | "HEAD") => "ListBuckets",
        (Target::Bucket, "DELETE") => "DeleteBucket",
        (Target::Bucket, "GET") if second => "ListObjectsV2",
        (Target::Bucket, "GET") => "ListObjects",
        (Target::Bucket, "HEAD") => "HeadBucket",
        (Target::Bucket | Target::Object, "POST") => "PostObject",
        (Target::Bucket, "PUT") => "CreateBucket",
        (Target::Object, "DELETE") => "DeleteObject",
        (Target::Object, "GET") => "GetObject",
        (Target::Object, "HEAD") => "HeadObject",
        (Target::Object, "PUT") if copies => "CopyObject",
        (Target::Object, "PUT") => "PutObject",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{read, signed};
    use crate::testing::test;

    #[test]
    fn operations_by_method_bucket_key_and_parameter() {
        for (host, method, target, expected) in [
            ("s3.amazonaws.com", "GET", "/", "ListBuckets"),
            ("s3.eu-west-1.amazonaws.com", "PUT", "/bucket", "CreateBucket"),
            ("s3.eu-west-1.amazonaws.com", "DELETE", "/bucket/", "DeleteBucket"),
            ("bucket.s3.eu-west-1.amazonaws.com", "DELETE", "/", "DeleteBucket"),
            ("bucket.s3.eu-west-1.amazonaws.com", "DELETE", "/key", "DeleteObject"),
            ("bucket.s3.amazonaws.com", "GET", "/?list-type=2&prefix=a", "ListObjectsV2"),
            ("bucket.s3.amazonaws.com", "GET", "/?prefix=a", "ListObjects"),
            ("bucket.s3.amazonaws.com", "PUT", "/?policy", "PutBucketPolicy"),
            ("bucket.s3.amazonaws.com", "PUT", "/?policy=", "PutBucketPolicy"),
            ("bucket.s3.amazonaws.com", "PUT", "/?%70olicy", "PutBucketPolicy"),
            ("s3.amazonaws.com", "PUT", "/bucket?acl", "PutBucketAcl"),
            ("s3.amazonaws.com", "PUT", "/bucket/a/b?acl", "PutObjectAcl"),
            ("s3.amazonaws.com", "DELETE", "/bucket?publicAccessBlock", "DeletePublicAccessBlock"),
            ("s3.amazonaws.com", "POST", "/bucket?delete", "DeleteObjects"),
            ("s3.amazonaws.com", "POST", "/bucket/a?uploads", "CreateMultipartUpload"),
            ("s3.amazonaws.com", "PUT", "/bucket/a?partNumber=1&uploadId=x", "UploadPart"),
            ("s3.amazonaws.com", "PUT", "/bucket/a?unknown", "PutObject"),
            ("vpce-1.s3.us-east-1.vpce.amazonaws.com", "GET", "/a/b", "GetObject"),
            ("127.0.0.1", "DELETE", "/bucket", "DeleteBucket"),
        ] {
            let (name, value) = signed("s3");
            let expected = format!("s3:{}", expected.to_ascii_lowercase());
            assert_eq!(read(host, method, target, &[(name, &value)]), [expected], "{host} {target}");
        }
    }

    #[test]
    fn what_may_be_two_operations_is_both() {
        let (name, value) = signed("s3");
        let read = |target| read("storage.internal", "DELETE", target, &[(name, &value)]);
        assert_eq!(read("/reports"), ["s3:deletebucket", "s3:deleteobject"]);
        assert_eq!(read("/reports/a"), ["s3:deleteobject"]);
        assert_eq!(read("/b?policy&cors"), ["s3:deletebucketcors", "s3:deletebucketpolicy", "s3:deleteobject"]);
    }
}
