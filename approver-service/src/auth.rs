//! Who calls, and what they may do.
//!
//! Tokens lie on disks: they read, and serve filters, but never decide (`auth::scope`). Sessions come from an interactive login and are
//! the only thing that decides. Must not go here: SQL (`store::access`, `store::login`), HTTP (`api`).

pub mod certificate;
pub mod identity;
pub mod oidc;
pub mod scope;
pub mod tenant;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::scope::Role;
use self::scope::{Scope, Scopes};
use self::tenant::Tenant;
use crate::audit::Actor;

/// Prefixes by which scanners find a leaked secret.
pub const TOKEN_PREFIX: &str = "pvs_";
pub const SESSION_PREFIX: &str = "pvl_";

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
    /// The usual set of scopes that it was made with.
    pub role: Role,
    pub scopes: Scopes,
    /// The human behind it, who decides nothing that is asked for with it.
    pub owner: Option<String>,
    pub created_ms: i64,
    pub expires_ms: Option<i64>,
    pub revoked_ms: Option<i64>,
}

impl Token {
    /// Does it speak for a gateway, and so in the names of its agents?
    pub fn is_gateway(&self) -> bool {
        self.scopes.has(Scope::GatewayServe)
    }
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

    /// A person reads everything; the kill switch never releases anything, so that automation may turn it too.
    pub fn may(&self, scope: Scope) -> bool {
        match self {
            Caller::Person(_) => scope.is_for_people(),
            Caller::Token(token) => token.scopes.has(scope),
        }
    }

    pub fn actor(&self) -> Actor {
        match self {
            Caller::Person(session) => Actor::person(&session.person),
            Caller::Token(token) => Actor::token(&token.name),
        }
    }
}
