//! Votes: cast once by each human, counted in the statements themselves, by number and by group.
//!
//! A quorum of groups is met when every set of its groups has as many distinct voters as its groups need together: then, and
//! only then, every place can be given to somebody who counts nowhere else (Hall's theorem). Must not go here: who may vote
//! (`reviewers`), what follows (`hold::transition`).

use super::reviewers::{has_voted, may_decide};
use super::write::Tx;
use super::{Result, reviewers, row};
use crate::hold::{Hold, Vote};

/// Of a row of `holds`: as many have approved as it, and its workflow today, want.
macro_rules! quorum_is_met {
    () => {
        "((SELECT count(*) FROM votes v WHERE v.hold = holds.id) >= quorum
            AND (SELECT count(*) FROM votes v WHERE v.hold = holds.id)
                >= (SELECT w.quorum FROM workflows w WHERE w.tenant = holds.tenant AND w.name = holds.workflow)
            AND NOT EXISTS (SELECT 1 FROM quorum_sets q WHERE q.tenant = holds.tenant AND q.workflow = holds.workflow
                AND (SELECT count(DISTINCT g.person) FROM vote_groups g JOIN quorum_sets o ON o.name = g.name
                    WHERE g.hold = holds.id AND o.tenant = q.tenant AND o.workflow = q.workflow AND o.number = q.number)
                    < q.needed))"
    };
}
pub(super) use quorum_is_met;

/// Of a session `s` and a row `q` of `quorum_sets`: its person is in that group.
macro_rules! is_in_group {
    () => {
        "(EXISTS (SELECT 1 FROM seat_members m
                WHERE m.tenant = q.tenant AND m.workflow = q.workflow AND m.name = q.name AND m.person = s.person)
            OR EXISTS (SELECT 1 FROM session_groups c WHERE c.session = s.hash AND c.name = q.name))"
    };
}

const CAST: &str = concat!(
    "INSERT INTO votes (hold, person, at_ms, reason, grant_ms, grant_uses)
    SELECT holds.id, s.person, $1, $2, $7, $8 FROM holds, sessions s
    WHERE holds.id = $3 AND holds.state = $4 AND holds.revision = $5 AND s.hash = $6 AND NOT ",
    has_voted!(),
    " AND ",
    may_decide!("$6", "$1")
);

/// The groups for which the vote just cast may count.
const SEAT: &str = concat!(
    "INSERT INTO vote_groups (hold, person, name)
    SELECT holds.id, s.person, q.name FROM holds
    JOIN quorum_sets q ON q.tenant = holds.tenant AND q.workflow = holds.workflow AND q.size = 1
    JOIN sessions s ON s.hash = $2
    WHERE holds.id = $1 AND ",
    is_in_group!()
);

/// Is there a set of groups with too few voters, the person of session `$2` counted?
const LACKS: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM holds JOIN quorum_sets t ON t.tenant = holds.tenant AND t.workflow = holds.workflow
    WHERE holds.id = $1 AND t.needed > (SELECT count(*) FROM (
        SELECT g.person FROM vote_groups g JOIN quorum_sets q ON q.name = g.name
            WHERE g.hold = holds.id AND q.tenant = t.tenant AND q.workflow = t.workflow AND q.number = t.number
        UNION SELECT s.person FROM sessions s, quorum_sets q
            WHERE s.hash = $2 AND q.tenant = t.tenant AND q.workflow = t.workflow AND q.number = t.number AND ",
    is_in_group!(),
    ") voters))"
);

/// Would the approval of the person of `session` be the last that `hold` needs?
pub(super) async fn is_enough(tx: &mut Tx, hold: &Hold, session: &str) -> Result<bool> {
    if hold.votes.len() + 1 < hold.quorum as usize {
        return Ok(false);
    }
    if hold.seats.is_empty() {
        return Ok(true);
    }
    let lacks = sqlx::query(LACKS).bind(&hold.id).bind(session).fetch_one(tx.conn()).await?;
    Ok(!row::flag(&lacks, 0)?)
}

/// Casts `vote` if the person of `session` may, in the statement itself.
pub(super) async fn cast(tx: &mut Tx, hold: &Hold, vote: &Vote, session: &str) -> Result<()> {
    let cast = sqlx::query(CAST)
        .bind(vote.at_ms)
        .bind(&vote.reason)
        .bind(&hold.id)
        .bind(hold.state.as_str())
        .bind(hold.revision)
        .bind(session)
        .bind(vote.grant.map(|grant| grant.duration_ms))
        .bind(vote.grant.map(|grant| i64::from(grant.uses)))
        .execute(tx.conn())
        .await?;
    if cast.rows_affected() != 1 {
        return Err(reviewers::why_not(tx, hold, session).await?);
    }
    if !hold.seats.is_empty() {
        sqlx::query(SEAT).bind(&hold.id).bind(session).execute(tx.conn()).await?;
    }
    Ok(())
}
