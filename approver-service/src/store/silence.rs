//! Gateways that went away without a word: a hold that nobody polls, at any replica, has no client, whatever was said before.
//!
//! Each replica writes down which holds it hears being polled, when that changes. What a replica says that has not been
//! seen for as long counts no more. Must not go here: the polls themselves (`settle`).

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Row};

use super::{Result, Store, row, rows};
use crate::audit::Actor;
use crate::hold::transition::Event;

const SEEN: &str = "
    INSERT INTO replicas (id, seen_ms) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms";
const FORGET: &str = "DELETE FROM replicas WHERE seen_ms < $1";
/// Live holds that a gateway has not detached from, and that count as waited for but are not polled, or the reverse.
const MISTAKEN: &str = "
    SELECT tenant, id, detached_ms IS NULL FROM holds
    WHERE state IN ('pending', 'info_requested', 'approved') AND created_ms <= $1
        AND EXISTS (SELECT 1 FROM streams WHERE hold = holds.id AND detached_ms IS NULL)
        AND (detached_ms IS NULL) <> EXISTS (
            SELECT 1 FROM polls p JOIN replicas r ON r.id = p.replica WHERE p.hold = holds.id AND r.seen_ms >= $1)";
/// Writes of one transaction, so that others get their turn.
const AT_ONCE: usize = 500;
/// After so many silences a replica is forgotten.
const FORGOTTEN: i64 = 100;

/// What this replica has written down.
#[derive(Default)]
pub(super) struct Polls(Mutex<Written>);

#[derive(Default)]
struct Written {
    holds: HashSet<String>,
    at: Option<Instant>,
}

impl Store {
    /// Detaches what nobody has polled for `silence`, attaches it again when somebody does; says how many changed.
    pub async fn note_silence(&self, silence: Duration) -> Result<usize> {
        self.note_polls(silence).await?;
        // After a start, gateways get as long to come back.
        if self.0.opened.elapsed() < silence {
            return Ok(0);
        }
        let since = self.now().saturating_sub(millis(silence));
        if sqlx::query(MISTAKEN).bind(since).fetch_optional(self.readers()).await?.is_none() {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let mistaken = sqlx::query(MISTAKEN).bind(since).fetch_all(tx.conn()).await?;
        for found in &mistaken {
            let hold = tx.settled(found.try_get(0)?, found.try_get(1)?).await?;
            let waited = row::flag(found, 2)?;
            let event = if waited { Event::Leave { last: true, collector: false } } else { Event::Join };
            if hold.state.is_live() {
                row::apply(&mut tx, &hold, event, Actor::system(), None).await?;
            }
        }
        tx.commit().await?;
        Ok(mistaken.len())
    }

    /// Writes down what is polled here, where that changed, and that this replica lives.
    async fn note_polls(&self, silence: Duration) -> Result<()> {
        let heard = self.0.wake.heard_within(silence);
        let (new, gone, is_due) = {
            let written = self.0.polls.0.lock().unwrap_or_else(PoisonError::into_inner);
            let new: Vec<String> = heard.difference(&written.holds).cloned().collect();
            let gone: Vec<String> = written.holds.difference(&heard).cloned().collect();
            (new, gone, !heard.is_empty() && written.at.is_none_or(|at| at.elapsed() >= silence / 3))
        };
        if new.is_empty() && gone.is_empty() && !is_due {
            return Ok(());
        }
        let mut tx = self.begin().await?;
        let now = tx.now;
        let forgotten = now.saturating_sub(millis(silence).saturating_mul(FORGOTTEN));
        sqlx::query(SEEN).bind(&self.0.replica).bind(now).execute(tx.conn()).await?;
        sqlx::query(FORGET).bind(forgotten).execute(tx.conn()).await?;
        let mut written = 0;
        for (statement, holds) in [(polled as fn(usize) -> String, &new), (not_polled, &gone)] {
            for piece in rows::pieces(holds) {
                let mut change = sqlx::query(AssertSqlSafe(statement(piece.len())));
                for hold in piece {
                    change = change.bind(hold);
                }
                change.bind(&self.0.replica).execute(tx.conn()).await?;
                written += piece.len();
                if written >= AT_ONCE {
                    tx.commit().await?;
                    tx = self.begin().await?;
                    written = 0;
                }
            }
        }
        tx.commit().await?;
        let mut written = self.0.polls.0.lock().unwrap_or_else(PoisonError::into_inner);
        *written = Written { holds: heard, at: Some(Instant::now()) };
        Ok(())
    }
}

/// So many holds are polled at a replica. Polls may name holds that are none.
fn polled(holds: usize) -> String {
    let (places, replica) = (rows::places(1, holds), holds + 1);
    format!(
        "INSERT INTO polls (hold, replica) SELECT id, ${replica} FROM holds WHERE id IN {places} ON CONFLICT DO NOTHING"
    )
}

/// So many holds are not polled at a replica any more.
fn not_polled(holds: usize) -> String {
    let (places, replica) = (rows::places(1, holds), holds + 1);
    format!("DELETE FROM polls WHERE hold IN {places} AND replica = ${replica}")
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
