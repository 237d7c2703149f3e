//! What an agent does about its own hold: answer a question, withdraw. And the questions themselves.
//!
//! Another's hold is the same as an unknown one. Must not go here: what may follow from what (`hold::transition`).

use privyseal_engine::hold::StatusQuery;

use super::write::Tx;
use super::{Error, Result, Scope, row};
use crate::audit::Actor;
use crate::hold::Hold;
use crate::hold::transition::Event;

const ASK: &str = "INSERT INTO questions (hold, number, by, at_ms, question) VALUES ($1, $2, $3, $4, $5)";
const ANSWER: &str = "
    UPDATE questions SET answered_ms = $3, answer = $4 WHERE hold = $1 AND number = $2 AND answered_ms IS NULL";

impl Scope {
    /// The hold, if it is the asker's own.
    pub async fn own_hold(&self, id: &str, asker: &StatusQuery) -> Result<Hold> {
        own(self.hold(id).await?, asker)
    }

    pub async fn answer(&self, id: &str, asker: &StatusQuery, text: String) -> Result<Hold> {
        self.apply_own(id, asker, Event::Answer { text }).await
    }

    pub async fn withdraw(&self, id: &str, asker: &StatusQuery) -> Result<Hold> {
        self.apply_own(id, asker, Event::Withdraw).await
    }

    async fn apply_own(&self, id: &str, asker: &StatusQuery, event: Event) -> Result<Hold> {
        let mut tx = self.begin().await?;
        let hold = own(tx.settled(self.tenant(), id).await?, asker)?;
        let actor = Actor::gateway(&hold.request.gateway);
        let next = row::apply(&mut tx, &hold, event, actor, None).await?;
        tx.commit().await?;
        Ok(next)
    }
}

fn own(hold: Hold, asker: &StatusQuery) -> Result<Hold> {
    let request = &hold.request;
    let is_own = request.principal.as_ref() == Some(&asker.principal)
        && request.tenant == asker.tenant
        && request.environment == asker.environment;
    if is_own { Ok(hold) } else { Err(Error::Unknown) }
}

/// Writes the question or the answer that `next` has and `hold` had not.
pub(super) async fn write_questions(tx: &mut Tx, hold: &Hold, next: &Hold) -> Result<()> {
    let Some(last) = next.questions.last().filter(|_| next.questions != hold.questions) else { return Ok(()) };
    let number = i64::try_from(next.questions.len()).unwrap_or(i64::MAX);
    if next.questions.len() > hold.questions.len() {
        let ask = sqlx::query(ASK).bind(&next.id).bind(number).bind(&last.by).bind(last.at_ms).bind(&last.question);
        ask.execute(tx.conn()).await?;
    } else {
        let answer = sqlx::query(ANSWER).bind(&next.id).bind(number).bind(last.answered_ms).bind(&last.answer);
        answer.execute(tx.conn()).await?;
    }
    Ok(())
}
