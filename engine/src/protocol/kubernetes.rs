//! Requests to a Kubernetes API server: verb, group, version, resource, namespace and name, told from method and path as
//! the API server's own authorisation tells them.
//!
//! Documented under "Kubernetes API concepts" and "Authorization" (request attributes); what the API server does with
//! paths of other depths is followed too: the deprecated `watch` and `proxy` prefixes, the `namespaces` object itself.
//! Must not go here: bodies, which readings of a path there are (`classify::facts`), rules (`classify`).

/// One request for a resource. What does not ask for a resource (`/healthz`, `/openapi/v3`) is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`, `proxy`.
    pub verb: String,
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    /// As RBAC writes it: `pods`, or with its subresource `pods/exec`.
    pub resource: String,
    /// `None` for cluster-wide objects, and for calls across all namespaces.
    pub namespace: Option<String>,
    pub name: Option<String>,
}

/// How paths to resources begin, for an index of rules.
pub const ROOTS: [&[&str]; 2] = [&["api"], &["apis"]];

impl Call {
    /// Reads one reading of a request. `watch` says what the parameter of this name makes of a list.
    pub fn read(method: &str, path: &str, watch: bool) -> Option<Call> {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next()? {
            "api" => "",
            "apis" => parts.next()?,
            _ => return None,
        };
        let version = parts.next()?;
        let mut parts: Vec<&str> = parts.collect();
        let prefix = parts.first().copied().filter(|first| matches!(*first, "proxy" | "watch"));
        let verb = match (prefix, method) {
            (Some(prefix), _) => {
                parts.remove(0);
                prefix
            }
            (None, "DELETE") => "delete",
            (None, "GET" | "HEAD") => "get",
            (None, "PATCH") => "patch",
            (None, "POST") => "create",
            (None, "PUT") => "update",
            (None, other) => other,
        };
        let mut namespace = None;
        if let ["namespaces", name, rest @ ..] = parts.as_slice() {
            namespace = Some((*name).to_owned());
            // These are of the namespace itself; everything else stands in it.
            if !matches!(rest, [] | ["status" | "finalize", ..]) {
                parts = rest.to_vec();
            }
        }
        let subresource = parts.get(2).filter(|_| verb != "proxy");
        let name = parts.get(1).map(|name| (*name).to_owned());
        let resource = parts.first()?;
        let resource = subresource.map_or_else(|| (*resource).to_owned(), |sub| format!("{resource}/{sub}"));
        let verb = match (verb, &name) {
            ("get", None) if watch => "watch",
            ("get", None) => "list",
            ("delete", None) => "deletecollection",
            (verb, _) => verb,
        };
        Some(Call {
            verb: verb.to_ascii_lowercase(),
            group: group.to_owned(),
            version: version.to_owned(),
            resource,
            namespace,
            name,
        })
    }

    /// Is it about every object of its kind, or every one in a namespace?
    pub fn is_of_many(&self) -> bool {
        matches!(self.verb.as_str(), "deletecollection" | "list" | "watch")
    }
}

/// What a value of the parameter `watch` says: the API server takes everything but `false` and `0` for yes.
pub fn watches(value: &str) -> bool {
    !(value.eq_ignore_ascii_case("false") || value == "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// `verb group/version resource namespace name`, with `-` for what is not there.
    fn read(method: &str, path: &str) -> Option<String> {
        Call::read(method, path, false).map(|call| {
            let or = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let group = if call.group.is_empty() { "core".to_owned() } else { call.group };
            format!("{} {group}/{} {} {} {}", call.verb, call.version, call.resource, or(call.namespace), or(call.name))
        })
    }

    #[test]
    fn requests_are_told_as_the_api_server_tells_them() {
        for (method, path, expected) in [
            ("GET", "/api/v1/namespaces", "list core/v1 namespaces - -"),
            ("GET", "/api/v1/namespaces/other", "get core/v1 namespaces other other"),
            ("PUT", "/api/v1/namespaces/other/finalize", "update core/v1 namespaces/finalize other other"),
            ("GET", "/api/v1/namespaces/other/status", "get core/v1 namespaces/status other other"),
            ("GET", "/api/v1/namespaces/other/pods", "list core/v1 pods other -"),
            ("GET", "/api/v1/namespaces/other/pods/foo", "get core/v1 pods other foo"),
            ("HEAD", "/api/v1/namespaces/other/pods/foo", "get core/v1 pods other foo"),
            ("GET", "/api/v1/pods", "list core/v1 pods - -"),
            ("POST", "/api/v1/pods", "create core/v1 pods - -"),
            ("GET", "/api/v1/watch/pods", "watch core/v1 pods - -"),
            ("GET", "/api/v1/watch/namespaces/other/pods", "watch core/v1 pods other -"),
            ("GET", "/api/v1/proxy/namespaces/other/pods/foo/bar", "proxy core/v1 pods other foo"),
            ("PUT", "/api/v1/namespaces/other/pods/foo", "update core/v1 pods other foo"),
            ("PATCH", "/api/v1/namespaces/other/pods/foo", "patch core/v1 pods other foo"),
            ("DELETE", "/api/v1/namespaces/other/pods/foo", "delete core/v1 pods other foo"),
            ("DELETE", "/api/v1/namespaces/other/pods", "deletecollection core/v1 pods other -"),
            ("POST", "/api/v1/namespaces/other/pods/foo/exec", "create core/v1 pods/exec other foo"),
            ("GET", "/api/v1/namespaces/other/pods/foo/exec", "get core/v1 pods/exec other foo"),
            ("GET", "/api/v1/nodes/n/proxy/run/a/b", "get core/v1 nodes/proxy - n"),
            ("GET", "/api/v1/namespaces/x/services/http:y:80/proxy/z", "get core/v1 services/proxy x http:y:80"),
            (
                "POST",
                "/api/v1/namespaces/x/serviceaccounts/robot/token",
                "create core/v1 serviceaccounts/token x robot",
            ),
            (
                "POST",
                "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
                "create rbac.authorization.k8s.io/v1 clusterrolebindings - -",
            ),
            ("PATCH", "/apis/apps/v1/namespaces/x/deployments/web/scale", "patch apps/v1 deployments/scale x web"),
            ("DELETE", "/apis/apps/v1/namespaces/x/deployments/web/", "delete apps/v1 deployments x web"),
        ] {
            assert_eq!(read(method, path).as_deref(), Some(expected), "{method} {path}");
        }
        for path in [
            "/",
            "/api",
            "/api/v1",
            "/apis",
            "/apis/apps/v1",
            "/healthz",
            "/openapi/v3",
            "/apiv1/pods",
            "/k/api/v1/pods",
        ] {
            assert_eq!(read("GET", path), None, "{path}");
        }
    }

    #[test]
    fn a_list_that_watches_is_a_watch() {
        let call = |path| Call::read("GET", path, true).map(|call| call.verb);
        assert_eq!(call("/api/v1/pods").as_deref(), Some("watch"));
        assert_eq!(call("/api/v1/namespaces/x/pods/y").as_deref(), Some("get"));
        for (value, expected) in
            [("1", true), ("true", true), ("", true), ("yes", true), ("False", false), ("0", false)]
        {
            assert_eq!(watches(value), expected, "{value}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn what_is_read_stands_in_the_path(method in "[A-Z]{1,8}", path in "/(api|apis)?(/[a-z:.]{0,6}){0,8}/?", watch: bool) {
            if let Some(call) = Call::read(&method, &path, watch) {
                let parts: Vec<&str> = path.split('/').collect();
                let named = call.resource.split('/').chain(call.namespace.as_deref()).chain(call.name.as_deref());
                for part in named.chain([call.version.as_str()]) {
                    proptest::prop_assert!(parts.contains(&part), "{:?}", call);
                }
                proptest::prop_assert!(!call.is_of_many() || call.name.is_none() || call.verb == "watch", "{:?}", call);
            }
        }
    }
}
