//! Who calls, and what they may do.
//!
//! Tokens lie on disks: they read, and serve filters, but never decide. Sessions come from an interactive login and are
//! the only thing that decides. Must not go here: SQL (`store::access`, `store::login`), HTTP (`api`).

pub mod certificate;
pub mod identity;
pub mod oidc;
pub mod tenant;

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use self::tenant::Tenant;
use crate::audit::Actor;

/// Prefixes by which scanners find a leaked secret.
pub const TOKEN_PREFIX: &str = "pvs_";
pub const SESSION_PREFIX: &str = "pvl_";

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves a gateway: creates and releases holds, reads none but its own.
    Filter,
    /// Asks for approvals in its own name, outside of any gateway, and reads none but its own.
    Requester,
    /// Reads holds, for assistants and dashboards of people who approve.
    Approver,
    /// Reads holds and turns the kill switch.
    Operator,
    /// Reads holds and the audit log.
    Auditor,
    /// Reads everything and turns the kill switch.
    Admin,
}

/// A person who may decide, with the names that are the same human.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    /// E-mail addresses and principals under which this person also acts, or has agents act.
    pub identities: Vec<String>,
}

/// The people of a tenant, and their groups.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    pub people: Vec<Person>,
    /// Names of people by group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Groups whose members change by themselves.
    pub on_call: BTreeSet<String>,
    pub services: Services,
}

/// What the settings name beside people, on which workflows may depend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Services {
    /// Do people log in through an identity provider, which says what groups they are in?
    pub provider: bool,
    /// Can it be looked up whether a ticket is open?
    pub tickets: bool,
}

/// A token, without its secret, or the like of one: a certificate that speaks for a gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Token {
    pub id: String,
    pub tenant: Tenant,
    pub name: String,
    pub role: Role,
    /// The human behind it, who decides nothing that is asked for with it.
    pub owner: Option<String>,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
}

/// A person's login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub tenant: Tenant,
    pub person: String,
    /// Hash of the secret, by which the database knows the session.
    pub hash: String,
    /// Until when it is fresh enough to decide.
    pub decide_until_ms: i64,
    pub expires_ms: i64,
}

/// Whoever made a call, authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    Person(Session),
    Token(Token),
}

impl Caller {
    pub fn tenant(&self) -> &Tenant {
        match self {
            Caller::Person(session) => &session.tenant,
            Caller::Token(token) => &token.tenant,
        }
    }

    pub fn is_filter(&self) -> bool {
        self.has_role(&[Role::Filter])
    }

    pub fn may_read_holds(&self) -> bool {
        !self.has_role(&[Role::Filter, Role::Requester])
    }

    pub fn may_read_audit(&self) -> bool {
        matches!(self, Caller::Person(_)) || self.has_role(&[Role::Auditor, Role::Operator, Role::Admin])
    }

    /// The switch never releases anything, so an operator's automation may turn it with its token.
    pub fn may_turn_kill_switch(&self) -> bool {
        matches!(self, Caller::Person(_)) || self.has_role(&[Role::Operator, Role::Admin])
    }

    pub fn actor(&self) -> Actor {
        match self {
            Caller::Person(session) => Actor::person(&session.person),
            Caller::Token(token) => Actor::token(&token.name),
        }
    }

    fn has_role(&self, roles: &[Role]) -> bool {
        matches!(self, Caller::Token(token) if roles.contains(&token.role))
    }
}
