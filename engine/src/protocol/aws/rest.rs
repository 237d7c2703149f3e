//! What a request asks of those REST services whose operations stand in a table: `rest.txt`.
//!
//! A line that begins with a service's name in IAM's policies begins its part, the others say what each method does on a path.
//! `*` is any one segment. `dated`: before each path stands the date of the API's version; `undated:NAME`: where none does, the
//! action is that name and the method. `reads`: whatever is got and not listed is a read. Operations that method and path
//! do not tell apart stand side by side.
//! Must not go here: S3, whose operations depend on more than method and path (`s3`).

use std::sync::LazyLock;

use super::Line;
use crate::extract::coding::Coding;

/// Compressed by `build.rs`. If it could not be read no service would be listed, and every action unknown.
static TABLE: LazyLock<String> = LazyLock::new(|| {
    let bytes = Coding::Deflate.decode(include_bytes!(concat!(env!("OUT_DIR"), "/aws-rest.zlib")), MAX_TABLE);
    bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
});
const MAX_TABLE: usize = 64 * 1024;

/// What reads are called that have no name of their own here.
const READ: &str = "read";

pub fn is_listed(service: &str) -> bool {
    TABLE.lines().any(|text| text.split(' ').next() == Some(service))
}

/// The operations that it may be. Empty: not known. `None`: the service is not in the table.
pub fn actions(service: &str, line: &Line<'_>) -> Option<Vec<String>> {
    let mut lines = TABLE.lines();
    let head = lines.find(|text| text.split(' ').next() == Some(service))?;
    let (dated, reads) = (head.contains(" dated"), head.contains(" reads"));
    let path = if dated { undated(line.path) } else { Some(line.path) };
    if let (None, Some((_, name))) = (path, head.split_once(" undated:")) {
        return Some(vec![format!("{name}{}", line.method)]);
    }
    // A path with fewer stars says more: `.../event-invoke-config/list` is no `.../event-invoke-config/*`.
    let mut found: Vec<String> = Vec::new();
    let mut stars = usize::MAX;
    for route in lines.take_while(|text| text.starts_with('/')) {
        let (pattern, operations) = route.split_once(' ').unwrap_or((route, ""));
        let open = pattern.matches('*').count();
        if open > stars || !path.is_some_and(|path| fits(pattern, path)) {
            continue;
        }
        let mut words = operations.split(' ');
        while let (Some(method), Some(operation)) = (words.next(), words.next()) {
            if method == line.method {
                if open < stars {
                    found.clear();
                    stars = open;
                }
                found.push(operation.to_owned());
            }
        }
    }
    if found.is_empty() && reads && matches!(line.method, "GET" | "HEAD") {
        found.push(READ.to_owned());
    }
    Some(found)
}

/// `/2015-03-31/functions` → `/functions`
fn undated(path: &str) -> Option<&str> {
    let (date, _) = path.strip_prefix('/')?.split_once('/')?;
    let dated = date.len() == 10 && date.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    path.get(1 + date.len()..).filter(|_| dated)
}

fn fits(pattern: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let (mut wanted, mut found) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(literal), Some(segment)) if literal == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::TABLE;
    use crate::testing::test;

    #[test]
    fn operations_by_method_and_path() {
        for (service, method, path, expected) in [
            ("lambda", "POST", "/2015-03-31/functions/f/invocations", "invoke"),
            ("lambda", "GET", "/2015-03-31/functions/", "listfunctions"),
            ("lambda", "DELETE", "/2015-03-31/functions/arn:aws:lambda:eu-west-1:1:function:f", "deletefunction"),
            ("lambda", "POST", "/2015-03-31/functions/f/policy", "addpermission"),
            ("lambda", "PUT", "/2015-03-31/functions/f/code", "updatefunctioncode"),
            ("lambda", "GET", "/functions", "?"),
            ("lambda", "POST", "/2015-03-31/functions/f/unheard-of", "?"),
            ("lambda", "GET", "/2015-03-31/functions/f/event-invoke-config/list", "listfunctioneventinvokeconfigs"),
            ("eks", "DELETE", "/clusters/c", "deletecluster"),
            ("eks", "POST", "/clusters/c/access-entries/arn/access-policies", "associateaccesspolicy"),
            ("eks", "POST", "/clusters/c/encryption-config/associate", "associateencryptionconfig"),
            ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/", "changeresourcerecordsets"),
            ("route53", "GET", "/2013-04-01/hostedzone", "read"),
            ("route53", "DELETE", "/2013-04-01/unheard-of", "?"),
            ("cloudfront", "PUT", "/2020-05-31/distribution/E1/config", "updatedistribution"),
            ("elasticfilesystem", "DELETE", "/2015-02-01/file-systems/fs-1", "deletefilesystem"),
            ("backup", "DELETE", "/backup-vaults/v/recovery-points/arn", "deleterecoverypoint"),
            ("glacier", "DELETE", "/-/vaults/v", "deletevault"),
            ("rolesanywhere", "POST", "/trustanchors", "createtrustanchor"),
            ("es", "DELETE", "/2021-01-01/opensearch/domain/d", "deletedomain"),
            ("es", "POST", "/2015-01-01/es/domain/d/config", "updateelasticsearchdomainconfig"),
            ("es", "GET", "/2021-01-01/domain", "read"),
            ("es", "POST", "/2021-01-01/unheard-of", "?"),
            ("es", "DELETE", "/orders-2026", "eshttpdelete"),
            ("es", "GET", "/orders-2026/_search", "eshttpget"),
            ("apigateway", "DELETE", "/restapis/a", "delete"),
            ("apigateway", "POST", "/v2/apis", "post"),
        ] {
            let host = format!("{service}.eu-west-1.amazonaws.com");
            assert_eq!(read(&host, method, path, &[]), [format!("{service}:{expected}")], "{path}");
        }
    }

    #[test]
    fn what_method_and_path_do_not_tell_apart_is_both() {
        assert_eq!(
            read("cloudfront.amazonaws.com", "POST", "/2020-05-31/distribution", &[]),
            ["cloudfront:createdistribution", "cloudfront:createdistributionwithtags"]
        );
    }

    #[test]
    fn the_table_is_in_order() {
        let services: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('/')).collect();
        assert!(services.is_sorted(), "{services:?}");
        for line in TABLE.lines().filter(|line| line.starts_with('/')) {
            let words: Vec<&str> = line.split(' ').collect();
            let methods = words.iter().skip(1).step_by(2);
            assert!(words.len() >= 3 && words.len() % 2 == 1, "{line}");
            assert!(
                methods.clone().all(|method| ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"].contains(method)),
                "{line}"
            );
        }
    }
}
