//! Requests to GitHub's REST API: whose they are (owner, repository, organisation) and what they are about, whatever the
//! name under which the path reaches it.
//!
//! `/repos/OWNER/REPO/…` is also served as `/repositories/ID/…`, `/orgs/ORG/…` as `/organizations/ID/…`, and GitHub
//! Enterprise Server puts `/api/v3` before all of it. GraphQL is a scope of its own: its bodies are not read here.
//! Must not go here: hosts (a rule names them), bodies, rules (`classify`).

/// One reading of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub scope: Scope,
    /// The owner of a repository, or the organisation, enterprise or user, in lower case; `None` where only an id is given.
    pub owner: Option<String>,
    /// In lower case; `None` outside of a repository, and where only an id is given.
    pub repo: Option<String>,
    /// Only an id names it: owner and repository are there, and unknown.
    pub by_id: bool,
    /// What follows, with a slash before it: `/actions/secrets/TOKEN`; `/` for the repository or organisation itself.
    pub resource: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Enterprise,
    GraphQl,
    Organization,
    /// Anything else: `/gists`, `/app`, `/notifications`.
    Other,
    Repository,
    /// The user whose token it is, or one named.
    User,
}

/// First segments under which GitHub serves something, for an index of rules: what begins otherwise is no request to it.
pub const ROOTS: [&[&str]; 18] = [
    &["admin"],
    &["api", "graphql"],
    &["api", "v3"],
    &["app"],
    &["app-manifests"],
    &["applications"],
    &["enterprises"],
    &["gists"],
    &["graphql"],
    &["installation"],
    &["notifications"],
    &["organizations"],
    &["orgs"],
    &["repos"],
    &["repositories"],
    &["teams"],
    &["user"],
    &["users"],
];

impl Call {
    /// Reads one reading of a path.
    pub fn read(path: &str) -> Option<Call> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        if !ROOTS.iter().any(|root| parts.starts_with(root)) {
            return None;
        }
        let parts = match parts.as_slice() {
            ["api", "v3", rest @ ..] => rest,
            ["api", rest @ ..] => rest,
            all => all,
        };
        let named =
            |scope, owner: &str, rest: &[&str]| Call { owner: Some(owner.to_lowercase()), ..Call::of(scope, rest) };
        Some(match parts {
            ["repos", owner, repo, rest @ ..] => {
                Call { repo: Some(repo.to_lowercase()), ..named(Scope::Repository, owner, rest) }
            }
            ["repositories", _, rest @ ..] => Call { by_id: true, ..Call::of(Scope::Repository, rest) },
            ["orgs", owner, rest @ ..] => named(Scope::Organization, owner, rest),
            ["organizations", _, rest @ ..] => Call { by_id: true, ..Call::of(Scope::Organization, rest) },
            // The older name of `/orgs/ORG/teams/TEAM`.
            ["teams", ..] => Call { by_id: true, ..Call::of(Scope::Organization, parts) },
            ["enterprises", owner, rest @ ..] => named(Scope::Enterprise, owner, rest),
            ["users", owner, rest @ ..] => named(Scope::User, owner, rest),
            ["user", rest @ ..] => Call::of(Scope::User, rest),
            ["graphql"] => Call::of(Scope::GraphQl, &[]),
            _ => Call::of(Scope::Other, parts),
        })
    }

    fn of(scope: Scope, rest: &[&str]) -> Call {
        Call { scope, owner: None, repo: None, by_id: false, resource: format!("/{}", rest.join("/")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// `Scope owner repo resource`, with `-` for what is not there and `?` for what only an id names.
    fn read(path: &str) -> Option<String> {
        Call::read(path).map(|call| {
            let or = |text: Option<String>| text.unwrap_or_else(|| if call.by_id { "?" } else { "-" }.to_owned());
            format!("{:?} {} {} {}", call.scope, or(call.owner), or(call.repo), call.resource)
        })
    }

    #[test]
    fn one_thing_has_many_names() {
        for (path, expected) in [
            ("/repos/Acme/Shop", "Repository acme shop /"),
            ("/repos/acme/shop/", "Repository acme shop /"),
            ("/repos/acme/shop/actions/secrets/TOKEN", "Repository acme shop /actions/secrets/TOKEN"),
            ("/api/v3/repos/acme/shop/hooks", "Repository acme shop /hooks"),
            ("/repositories/123/actions/secrets/TOKEN", "Repository ? ? /actions/secrets/TOKEN"),
            ("/orgs/acme/teams/core/repos/acme/shop", "Organization acme - /teams/core/repos/acme/shop"),
            ("/organizations/7/actions/secrets", "Organization ? ? /actions/secrets"),
            ("/teams/12/members/mallory", "Organization ? ? /teams/12/members/mallory"),
            ("/enterprises/big/actions/permissions", "Enterprise big - /actions/permissions"),
            ("/user/keys", "User - - /keys"),
            ("/users/octocat/repos", "User octocat - /repos"),
            ("/graphql", "GraphQl - - /"),
            ("/api/graphql", "GraphQl - - /"),
            ("/gists/abc", "Other - - /gists/abc"),
            ("/admin/users/x", "Other - - /admin/users/x"),
        ] {
            assert_eq!(read(path).as_deref(), Some(expected), "{path}");
        }
        for path in ["/", "/v1/repos/acme/shop", "/reposit/1", "/api/v4/projects", "/search/repositories"] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn a_call_is_found_under_the_enterprise_prefix_too(path in "/(repos|repositories|orgs|user|x)(/[a-zA-Z0-9.]{0,4}){0,5}") {
            let there = Call::read(&path);
            if there.is_some() {
                proptest::prop_assert_eq!(Call::read(&format!("/api/v3{path}")), there);
            }
        }
    }
}
