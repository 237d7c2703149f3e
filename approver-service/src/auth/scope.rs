//! What a token may do: scopes, each for some calls, and roles, which are the usual sets of them.
//!
//! No scope decides: that takes a person's login. Must not go here: which call needs which scope (each call says so).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// One thing that a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
pub enum Scope {
    /// Ask for approvals, and speak of the holds that it has asked for
    #[serde(rename = "holds:create")]
    #[value(name = "holds:create")]
    HoldsCreate,
    /// Serve a gateway: ask in its agents' names, hear the kill switch, report what was observed
    #[serde(rename = "gateway:serve")]
    #[value(name = "gateway:serve")]
    GatewayServe,
    /// Read holds, masked requests and grants
    #[serde(rename = "holds:read")]
    #[value(name = "holds:read")]
    HoldsRead,
    /// Hear what happens to holds, as it happens
    #[serde(rename = "events:read")]
    #[value(name = "events:read")]
    EventsRead,
    /// Read the metrics
    #[serde(rename = "metrics:read")]
    #[value(name = "metrics:read")]
    MetricsRead,
    /// Read which gateways ask, and what runs there
    #[serde(rename = "fleet:read")]
    #[value(name = "fleet:read")]
    FleetRead,
    /// Read what gateways in observe mode would have done
    #[serde(rename = "observations:read")]
    #[value(name = "observations:read")]
    ObservationsRead,
    /// Read the audit log
    #[serde(rename = "audit:read")]
    #[value(name = "audit:read")]
    AuditRead,
    /// Turn the kill switch
    #[serde(rename = "kill:write")]
    #[value(name = "kill:write")]
    KillWrite,
}

impl Scope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::HoldsCreate => "holds:create",
            Scope::GatewayServe => "gateway:serve",
            Scope::HoldsRead => "holds:read",
            Scope::EventsRead => "events:read",
            Scope::MetricsRead => "metrics:read",
            Scope::FleetRead => "fleet:read",
            Scope::ObservationsRead => "observations:read",
            Scope::AuditRead => "audit:read",
            Scope::KillWrite => "kill:write",
        }
    }

    /// What every person may do who is logged in, beside deciding.
    pub const fn is_for_people(self) -> bool {
        !matches!(self, Scope::HoldsCreate | Scope::GatewayServe)
    }
}

/// What one token may do; written with spaces between, in the order of the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        Scopes(scopes.into_iter().collect())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Scopes {
    type Err = String;

    fn from_str(text: &str) -> Result<Scopes, String> {
        text.split_whitespace().map(|name| Scope::from_str(name, false)).collect()
    }
}

/// A usual set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves a gateway: creates and releases holds, reads none but its own
    Filter,
    /// Asks for approvals in its own name, outside of any gateway, and reads none but its own
    Requester,
    /// Reads everything but the audit log, for assistants and dashboards of people who approve
    Approver,
    /// Reads everything and turns the kill switch
    Operator,
    /// Reads everything
    Auditor,
    /// The same as an operator
    Admin,
    /// None of these: scopes of its own
    #[value(skip)]
    Custom,
}

impl Role {
    pub fn scopes(self) -> Scopes {
        const READS: [Scope; 5] =
            [Scope::HoldsRead, Scope::EventsRead, Scope::MetricsRead, Scope::FleetRead, Scope::ObservationsRead];
        let reads = |more: &[Scope]| READS.iter().chain(more).copied().collect();
        match self {
            Role::Filter => [Scope::HoldsCreate, Scope::GatewayServe].into_iter().collect(),
            Role::Requester => [Scope::HoldsCreate].into_iter().collect(),
            Role::Approver => reads(&[]),
            Role::Auditor => reads(&[Scope::AuditRead]),
            Role::Operator | Role::Admin => reads(&[Scope::AuditRead, Scope::KillWrite]),
            Role::Custom => Scopes::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_they_are_read() {
        for scope in Scope::value_variants() {
            let name = scope.to_possible_value().unwrap();
            assert_eq!(name.get_name(), scope.as_str());
            assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
            assert_eq!(scope.as_str().parse::<Scopes>().unwrap(), Scopes::from_iter([*scope]));
        }
        let all: Scopes = Scope::value_variants().iter().copied().collect();
        assert_eq!(all.to_string().parse::<Scopes>().unwrap(), all);
        assert!("holds:read holds:decide".parse::<Scopes>().is_err());
    }
}
