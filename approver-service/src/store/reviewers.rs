//! Who may decide a hold: workflows in force, and the predicate that every decision's own statement carries.
//!
//! Must not go here: votes (`votes`), where workflows come from (`workflow`).

use sqlx::AnyConnection;

use super::write::Tx;
use super::{Error, Result, Scope, row};
use crate::audit::{Actor, Fact};
use crate::hold::Hold;
use crate::secret::sha256;
use crate::workflow::Workflow;

/// Of a session `s` and a row of `holds`: its person is one of those who asked.
macro_rules! is_party {
    () => {
        "EXISTS (SELECT 1 FROM hold_parties p JOIN person_identities i ON i.identity = p.identity
            WHERE p.hold = holds.id AND i.tenant = s.tenant AND i.person = s.person)"
    };
}

/// Of the same: its person is a reviewer of the hold's workflow.
macro_rules! is_reviewer {
    () => {
        "(s.tenant = holds.tenant AND (
            EXISTS (SELECT 1 FROM reviewers r
                WHERE r.tenant = holds.tenant AND r.workflow = holds.workflow AND r.person = s.person)
            OR EXISTS (SELECT 1 FROM reviewer_groups g
                WHERE g.tenant = holds.tenant AND g.workflow = holds.workflow AND (g.name = '*'
                OR EXISTS (SELECT 1 FROM session_groups m WHERE m.session = s.hash AND m.name = g.name)))))"
    };
}

/// Of the same: its person has approved. Whoever shares an identity with a voter is the same human.
macro_rules! has_voted {
    () => {
        "EXISTS (SELECT 1 FROM votes v
            JOIN person_identities theirs ON theirs.tenant = s.tenant AND theirs.person = v.person
            JOIN person_identities own ON own.tenant = s.tenant AND own.identity = theirs.identity
            WHERE v.hold = holds.id AND own.person = s.person)"
    };
}

/// Of the session `$session`, a row of `holds` and the time `$now`: may its person decide?
macro_rules! may_decide {
    ($session:literal, $now:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM sessions s JOIN people ON people.tenant = s.tenant AND people.name = s.person WHERE s.hash = ",
            $session,
            " AND s.decide_until_ms > ",
            $now,
            " AND ",
            $crate::store::reviewers::is_reviewer!(),
            " AND NOT ",
            $crate::store::reviewers::is_party!(),
            ")"
        )
    };
}
pub(super) use {has_voted, is_party, is_reviewer, may_decide};

const STANDING: &str = concat!(
    "SELECT s.decide_until_ms > $3, ",
    is_party!(),
    ", ",
    is_reviewer!(),
    ", ",
    has_voted!(),
    " FROM holds, sessions s JOIN people ON people.tenant = s.tenant AND people.name = s.person
    WHERE holds.id = $1 AND s.hash = $2 AND holds.tenant = s.tenant"
);

const FORGET_WORKFLOWS: &str = "DELETE FROM workflows WHERE tenant = $1";
const ADD_WORKFLOW: &str = "
    INSERT INTO workflows (tenant, name, quorum, require_reason, check_ticket, deadline_ms, grant_max_ms, grant_max_uses)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const ADD_REVIEWER: &str = "INSERT INTO reviewers (tenant, workflow, person) VALUES ($1, $2, $3)";
const ADD_GROUP: &str = "INSERT INTO reviewer_groups (tenant, workflow, name) VALUES ($1, $2, $3)";
const ADD_MEMBER: &str = "INSERT INTO seat_members (tenant, workflow, name, person) VALUES ($1, $2, $3, $4)";
const ADD_SET: &str = "
    INSERT INTO quorum_sets (tenant, workflow, number, name, size, needed) VALUES ($1, $2, $3, $4, $5, $6)";

/// What stands between a person and a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The login is fresh enough to decide.
    pub is_fresh: bool,
    /// One of those who asked.
    pub is_party: bool,
    pub is_reviewer: bool,
    pub has_voted: bool,
}

impl Scope {
    /// How the person of `session` stands to the hold; `None` if nobody is logged in there.
    pub async fn standing(&self, hold: &str, session: &str) -> Result<Option<Standing>> {
        standing(&mut *self.readers().acquire().await?, hold, session, self.now()).await
    }

    /// From now on exactly these workflows are known.
    pub async fn set_workflows(&self, workflows: &[Workflow]) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(FORGET_WORKFLOWS).bind(self.tenant()).execute(tx.conn()).await?;
        let mut lines = vec![];
        for workflow in workflows {
            sqlx::query(ADD_WORKFLOW)
                .bind(self.tenant())
                .bind(&workflow.name)
                .bind(i64::from(workflow.quorum))
                .bind(i64::from(workflow.require_reason))
                .bind(i64::from(workflow.check_ticket))
                .bind(workflow.deadline_ms)
                .bind(workflow.grants.map(|grants| grants.duration_ms))
                .bind(workflow.grants.map(|grants| i64::from(grants.uses)))
                .execute(tx.conn())
                .await?;
            for person in &workflow.reviewers {
                let add = sqlx::query(ADD_REVIEWER).bind(self.tenant()).bind(&workflow.name).bind(person);
                add.execute(tx.conn()).await?;
            }
            for group in &workflow.groups {
                let add = sqlx::query(ADD_GROUP).bind(self.tenant()).bind(&workflow.name).bind(group);
                add.execute(tx.conn()).await?;
            }
            for seat in &workflow.seats {
                for person in &seat.members {
                    let add = sqlx::query(ADD_MEMBER).bind(self.tenant()).bind(&workflow.name).bind(&seat.group);
                    add.bind(person).execute(tx.conn()).await?;
                }
            }
            for (number, set) in (0_i64..).zip(workflow.sets()) {
                let (size, needed) = (set.len() as i64, set.iter().map(|seat| i64::from(seat.needed)).sum::<i64>());
                for seat in set {
                    let add = sqlx::query(ADD_SET).bind(self.tenant()).bind(&workflow.name).bind(number);
                    add.bind(&seat.group).bind(size).bind(needed).execute(tx.conn()).await?;
                }
            }
            lines.push(format!("{workflow:?}"));
        }
        let names = workflows.iter().map(|workflow| workflow.name.as_str()).collect::<Vec<_>>().join(" ");
        let details = [("names", names), ("sha256", sha256(&lines.join("\n")))].into();
        tx.record(Fact {
            tenant: self.tenant.to_string(),
            kind: "workflows",
            actor: Actor::operator(),
            hold: None,
            details,
        });
        tx.commit().await
    }
}

/// Why the database refused what the person of `session` decided.
pub(super) async fn why_not(tx: &mut Tx, hold: &Hold, session: &str) -> Result<Error> {
    let now = tx.now;
    Ok(match standing(tx.conn(), &hold.id, session, now).await? {
        None | Some(Standing { is_fresh: false, .. }) => Error::LoginRequired,
        Some(Standing { is_party: true, .. }) => Error::OwnRequest,
        Some(Standing { is_reviewer: false, .. }) => Error::NotReviewer,
        Some(Standing { has_voted: true, .. }) => Error::AlreadyVoted,
        Some(_) => Error::Stale,
    })
}

async fn standing(conn: &mut AnyConnection, hold: &str, session: &str, now: i64) -> Result<Option<Standing>> {
    let Some(row) = sqlx::query(STANDING).bind(hold).bind(session).bind(now).fetch_optional(conn).await? else {
        return Ok(None);
    };
    Ok(Some(Standing {
        is_fresh: row::flag(&row, 0)?,
        is_party: row::flag(&row, 1)?,
        is_reviewer: row::flag(&row, 2)?,
        has_voted: row::flag(&row, 3)?,
    }))
}
