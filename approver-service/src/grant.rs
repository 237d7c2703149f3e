//! Grants: an approval that is also for the same again, for some time and so many times.
//!
//! Must not go here: what "the same" is (the gateway's target), SQL (`store::grants`).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// For how long, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Terms {
    pub duration_ms: i64,
    pub uses: u32,
}

impl Terms {
    /// Does this reach no further than `limits`, and anywhere?
    pub fn is_within(self, limits: Terms) -> bool {
        (1..=limits.duration_ms).contains(&self.duration_ms) && (1..=limits.uses).contains(&self.uses)
    }

    /// What both say: the narrower of each.
    pub fn narrower(self, other: Terms) -> Terms {
        Terms { duration_ms: self.duration_ms.min(other.duration_ms), uses: self.uses.min(other.uses) }
    }
}

/// That a hold was approved by a grant, and by whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Granted {
    /// The hold with whose approval the grant came, which names it.
    pub grant: String,
    pub by: Vec<String>,
}

/// A grant as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The hold with whose approval it came.
    pub id: String,
    pub environment: String,
    pub principal: Option<String>,
    pub on_behalf_of: Option<String>,
    pub workflow: String,
    pub method: String,
    pub authority: String,
    pub path: String,
    pub by: Vec<String>,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub max_uses: u32,
    pub used: u32,
    pub revoked_ms: Option<i64>,
    pub revoked_by: Option<String>,
    pub revoke_reason: Option<String>,
}

impl Grant {
    /// May it still be used at `now`, as far as it says itself?
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_ms.is_none() && self.expires_ms > now && self.used < self.max_uses
    }
}
