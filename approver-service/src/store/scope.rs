//! The store as one tenant sees it. Whatever a caller may name, a hold, a person, a record, is reached through here, so that
//! what belongs to another tenant is the same as what is not there.
//!
//! Only what is of no tenant (time, keys, upkeep, the whole log for who holds the database, a secret that says itself whose
//! it is) is the [`Store`]'s own. Must not go here: statements.

use std::ops::Deref;

use super::{Error, Result, Store};
use crate::auth::tenant::Tenant;

/// Cheap to clone, like the store.
#[derive(Clone)]
pub struct Scope {
    store: Store,
    pub(super) tenant: Tenant,
}

impl Store {
    /// The store as `tenant` sees it.
    pub fn of(&self, tenant: &Tenant) -> Scope {
        Scope { store: self.clone(), tenant: tenant.clone() }
    }
}

impl Scope {
    pub(super) fn tenant(&self) -> &str {
        self.tenant.as_str()
    }

    /// Whose a gateway's calls are, its token says; a policy that says otherwise is on the wrong gateway.
    pub(super) fn check_tenant(&self, policy: &str) -> Result<()> {
        if policy == self.tenant() {
            return Ok(());
        }
        Err(Error::WrongTenant { token: self.tenant.to_string(), policy: policy.to_owned() })
    }
}

impl Deref for Scope {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}
