//! The kill switch, of everybody and of single principals: persisted, and told to every gateway at once.
//!
//! Must not go here: what tokens may turn it (`api::control`).

use std::collections::BTreeMap;

use privyseal_engine::control::principal_name;
use privyseal_engine::hold::{Control, Kill, VERSION};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::write::Tx;
use super::{Error, Result, Scope, Store, grants, row};
use crate::audit::{Actor, Fact};
use crate::auth::Session;
use crate::hold::transition::{Cause, Event};

/// Principals of a tenant whose switch may be on: gateways hear of all of them in one answer.
pub const MAX_KILLS: u32 = 1_000;

const READ: &str = "SELECT tenant, epoch, kill FROM control";
const READ_KILLS: &str = "SELECT tenant, principal, kill FROM kills ORDER BY tenant, principal";
/// Where nobody has turned it, its epoch is 1. The switch of a principal is another epoch too.
const SET: &str = "
    INSERT INTO control (tenant, epoch, kill) VALUES ($1, 2, coalesce($2, 'off'))
    ON CONFLICT (tenant) DO UPDATE SET epoch = control.epoch + 1, kill = coalesce($2, control.kill)
    RETURNING epoch";
const SET_KILL: &str = "
    INSERT INTO kills (tenant, principal, kill, turned_by, at_ms) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant, principal)
    DO UPDATE SET kill = excluded.kill, turned_by = excluded.turned_by, at_ms = excluded.at_ms";
const END_KILL: &str = "DELETE FROM kills WHERE tenant = $1 AND principal = $2";
const COUNT: &str = "SELECT count(*) FROM kills WHERE tenant = $1";
const LIST: &str = "
    SELECT principal, kill, turned_by, at_ms FROM kills WHERE tenant = $1 AND ($2 IS NULL OR principal > $2)
    ORDER BY principal LIMIT $3";
const LIVE: &str = "
    SELECT id FROM holds WHERE tenant = $1 AND ($2 IS NULL OR principal = $2)
        AND state IN ('pending', 'info_requested', 'approved')";

/// Of a session: is it fresh enough to decide, and may its person decide anything at all?
const MAY: &str = "
    SELECT s.decide_until_ms > $3 AS is_fresh,
        EXISTS (SELECT 1 FROM reviewers r WHERE r.tenant = s.tenant AND r.person = s.person)
            OR EXISTS (SELECT 1 FROM reviewer_groups g WHERE g.tenant = s.tenant AND (g.name = '*'
                OR EXISTS (SELECT 1 FROM session_groups m WHERE m.session = s.hash AND m.name = g.name))) AS decides
    FROM sessions s JOIN people ON people.tenant = s.tenant AND people.name = s.person
    WHERE s.hash = $1 AND s.tenant = $2";

/// The switch of each tenant that has turned it.
pub(super) type Switches = BTreeMap<String, Control>;

/// The switch of one principal, while it is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Killed {
    pub principal: String,
    pub kill: Kill,
    pub by: String,
    pub at_ms: i64,
}

impl Scope {
    /// The switch once its epoch differs from `epoch`, or as it stands at `until` or when the service stops.
    pub async fn wait_control(&self, epoch: u64, until: Instant, stop: &CancellationToken) -> Control {
        let mut control = self.0.control.subscribe();
        tokio::select! {
            _ = control.wait_for(|switches| self.switch(switches).epoch != epoch) => {}
            () = tokio::time::sleep_until(until) => {}
            () = stop.cancelled() => {}
        }
        self.control()
    }

    /// The switch as it stands.
    pub fn control(&self) -> Control {
        self.switch(&self.0.control.borrow())
    }

    fn switch(&self, switches: &Switches) -> Control {
        switches.get(self.tenant()).cloned().unwrap_or_else(never_turned)
    }

    /// May the person of `session` turn the switch? It stops everybody's work, and turned off it lets run what was stopped.
    pub async fn may_kill(&self, session: &Session) -> Result<()> {
        let asked = sqlx::query(MAY).bind(&session.hash).bind(self.tenant()).bind(self.now());
        match asked.fetch_optional(self.readers()).await? {
            Some(row) if !row::flag(&row, "is_fresh")? => Err(Error::LoginRequired),
            Some(row) if !row::flag(&row, "decides")? => Err(Error::KillNotAllowed),
            Some(_) => Ok(()),
            None => Err(Error::LoginRequired),
        }
    }

    /// Turns the switch, of one principal or of everybody. `deny` also cancels what lives: what was approved before runs
    /// no more.
    pub async fn set_kill(&self, kill: Kill, principal: Option<&str>, actor: Actor) -> Result<Control> {
        let mut tx = self.begin().await?;
        let everybody = if principal.is_none() { Some(row::word(&kill)?) } else { None };
        if let Some(principal) = principal {
            tx.kill(self.tenant(), principal, kill, &actor).await?;
        }
        let epoch: i64 = sqlx::query_scalar(SET).bind(self.tenant()).bind(everybody).fetch_one(tx.conn()).await?;
        let mut details = BTreeMap::from([("kill", row::word(&kill)?), ("epoch", epoch.to_string())]);
        details.extend(principal.map(|principal| ("principal", principal.to_owned())));
        tx.record(Fact { tenant: self.tenant.to_string(), kind: "kill", actor: actor.clone(), hold: None, details });
        if kill == Kill::Deny {
            grants::end(&mut tx, self.tenant(), None, principal, &actor).await?;
            for live in sqlx::query(LIVE).bind(self.tenant()).bind(principal).fetch_all(tx.conn()).await? {
                let hold = tx.settled(self.tenant(), live.try_get("id")?).await?;
                if hold.state.is_live() {
                    row::apply(&mut tx, &hold, Event::Cancel(Cause::KillSwitch), actor.clone(), None).await?;
                }
            }
        }
        let control = switches(tx.conn()).await?.remove(self.tenant()).unwrap_or_else(never_turned);
        tx.switched(self.tenant(), control.clone());
        tx.commit().await?;
        Ok(control)
    }

    /// Principals whose switch is on, by name, after `after`.
    pub async fn kills(&self, after: Option<&str>, limit: u32) -> Result<Vec<Killed>> {
        let list = sqlx::query(LIST).bind(self.tenant()).bind(after).bind(i64::from(limit));
        let killed = |row: &AnyRow| {
            Ok(Killed {
                principal: row.try_get("principal")?,
                kill: row::from_word(row.try_get("kill")?)?,
                by: row.try_get("turned_by")?,
                at_ms: row.try_get("at_ms")?,
            })
        };
        list.fetch_all(self.readers()).await?.iter().map(killed).collect()
    }
}

impl Tx {
    async fn kill(&mut self, tenant: &str, principal: &str, kill: Kill, actor: &Actor) -> Result<()> {
        let now = self.now;
        if kill == Kill::Off {
            sqlx::query(END_KILL).bind(tenant).bind(principal).execute(self.conn()).await?;
            return Ok(());
        }
        let set = sqlx::query(SET_KILL).bind(tenant).bind(principal).bind(row::word(&kill)?);
        set.bind(&actor.name).bind(now).execute(self.conn()).await?;
        let count: i64 = sqlx::query_scalar(COUNT).bind(tenant).fetch_one(self.conn()).await?;
        if count > i64::from(MAX_KILLS) { Err(Error::TooManyKills(MAX_KILLS)) } else { Ok(()) }
    }
}

impl Store {
    pub(super) async fn read_switches(&self) -> Result<Switches> {
        switches(&mut *self.readers().acquire().await?).await
    }
}

/// Takes over `read` as what is `known`; says whether that is news. `is_old`: this replica has written since `read` was asked
/// for, and a switch that it turned is not turned back.
pub(super) fn learn(known: &mut Switches, mut read: Switches, is_old: bool) -> bool {
    for (tenant, control) in known.iter().filter(|_| is_old) {
        if read.get(tenant).is_none_or(|read| read.epoch < control.epoch) {
            read.insert(tenant.clone(), control.clone());
        }
    }
    let is_new = *known != read;
    *known = read;
    is_new
}

pub(super) async fn switches(conn: &mut AnyConnection) -> Result<Switches> {
    let mut switches = Switches::new();
    for row in sqlx::query(READ).fetch_all(&mut *conn).await? {
        let epoch: i64 = row.try_get("epoch")?;
        let kill = row::from_word(row.try_get("kill")?)?;
        switches.insert(row.try_get("tenant")?, Control { epoch: epoch.unsigned_abs(), kill, ..never_turned() });
    }
    for row in sqlx::query(READ_KILLS).fetch_all(conn).await? {
        let switch = switches.entry(row.try_get("tenant")?).or_insert_with(never_turned);
        let name = principal_name(row.try_get("principal")?);
        match row::from_word(row.try_get("kill")?)? {
            Kill::Deny => switch.deny.push(name),
            Kill::Hold => switch.hold.push(name),
            Kill::Off => {}
        }
    }
    Ok(switches)
}

fn never_turned() -> Control {
    Control { v: VERSION, epoch: 1, ..Control::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_look_turns_no_switch_back() {
        let switch = |epoch, kill| Control { epoch, kill, ..never_turned() };
        let of = |tenant: &str, control| Switches::from([(tenant.to_owned(), control)]);
        let (off, deny) = (of("acme", switch(2, Kill::Off)), of("acme", switch(3, Kill::Deny)));
        let mut known = deny.clone();
        assert!(!learn(&mut known, off.clone(), true));
        assert!(!learn(&mut known, Switches::new(), true));
        assert_eq!(known, deny);
        let mut both = of("other", switch(2, Kill::Hold));
        both.extend(off.clone());
        assert!(learn(&mut known, both, true));
        assert_eq!((known["acme"].kill, known["other"].kill), (Kill::Deny, Kill::Hold));
        assert!(learn(&mut known, off.clone(), false), "what the database has lost is lost");
        assert_eq!(known, off);
    }
}
