//! Whose things are whose: people, tokens, sessions, workflows, gateways and holds belong to a tenant, and nobody sees
//! another's.
//!
//! Must not go here: SQL (`store::scope`).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use anyhow::bail;
use serde::{Deserialize, Serialize};

/// The name of one tenant, as policies write it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Tenant(String);

const LONGEST: usize = 128;

impl Tenant {
    /// Where nobody speaks of tenants.
    pub const DEFAULT: &str = "default";

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Tenant {
    fn default() -> Tenant {
        Tenant(Tenant::DEFAULT.to_owned())
    }
}

impl FromStr for Tenant {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Tenant> {
        let is_odd = |c: char| c == '/' || c.is_whitespace() || c.is_control();
        if text.is_empty() || text.len() > LONGEST || text.contains(is_odd) {
            bail!("`{text}` is no tenant: expected its name as in `tenant:` of the policy, without spaces and `/`");
        }
        Ok(Tenant(text.to_owned()))
    }
}

impl TryFrom<String> for Tenant {
    type Error = anyhow::Error;

    fn try_from(text: String) -> anyhow::Result<Tenant> {
        text.parse()
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The tenants of this service.
#[derive(Clone, Debug, Default)]
pub struct Tenants {
    /// Of those who name none.
    pub main: Tenant,
    pub others: BTreeSet<Tenant>,
}

impl Tenants {
    /// Whom somebody means who writes `NAME`, or `TENANT/NAME` for one of another tenant than the main one.
    pub fn qualified<'a>(&self, written: &'a str) -> Option<(&Tenant, &'a str)> {
        match written.split_once('/') {
            Some((tenant, name)) => Some((self.named(tenant)?, name)),
            None => Some((&self.main, written)),
        }
    }

    /// The tenant of that name, if there is one.
    pub fn named(&self, name: &str) -> Option<&Tenant> {
        [&self.main].into_iter().chain(&self.others).find(|tenant| tenant.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_main_tenant_unless_another_is_named() {
        let tenant = |name: &str| name.parse::<Tenant>().unwrap();
        let tenants = Tenants { main: tenant("acme"), others: [tenant("globex")].into() };
        assert_eq!(tenants.qualified("bob"), Some((&tenant("acme"), "bob")));
        assert_eq!(tenants.qualified("acme/bob"), Some((&tenant("acme"), "bob")));
        assert_eq!(tenants.qualified("globex/bob"), Some((&tenant("globex"), "bob")));
        assert_eq!(tenants.qualified("initech/bob"), None);
    }

    #[test]
    fn a_tenant_is_a_plain_name() {
        for bad in ["", "a b", "a/b", "a\u{1b}[2J", &"x".repeat(129)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad:?}");
        }
    }
}
