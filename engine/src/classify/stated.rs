//! What an agent must say with a request where a rule requires it: the purpose, a ticket. Its words: nobody has verified them.
//!
//! Each stands in a header, or in the `_meta` of an MCP call, for clients that cannot set headers call by call.
//! Must not go here: what people make of it (the approver).

use super::body::PointerId;
use super::facts::{Body, Facts};
use super::predicate::Value;
use super::truth::Reason;
use crate::sorting::sort_by;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stated {
    Purpose,
    Ticket,
}

impl Stated {
    pub const ALL: [Stated; 2] = [Stated::Purpose, Stated::Ticket];

    pub const fn as_str(self) -> &'static str {
        match self {
            Stated::Purpose => "purpose",
            Stated::Ticket => "ticket",
        }
    }

    pub const fn header(self) -> &'static str {
        match self {
            Stated::Purpose => "x-privyseal-purpose",
            Stated::Ticket => "x-privyseal-ticket",
        }
    }

    /// Where an MCP call says it.
    pub const fn pointer(self) -> &'static str {
        match self {
            Stated::Purpose => "/params/_meta/privyseal~1purpose",
            Stated::Ticket => "/params/_meta/privyseal~1ticket",
        }
    }
}

/// Bytes that are taken of each: it travels with the hold.
const MAX: usize = 500;

/// Where bodies say it, for each of [`Stated::ALL`].
#[derive(Clone, Debug)]
pub struct Places(pub Vec<(Stated, PointerId)>);

impl Places {
    /// What the request says of each that is required; the first that is missing is a reason to refuse.
    pub fn read(
        &self,
        required: impl Iterator<Item = Stated>,
        facts: &Facts<'_>,
        body: &Body<'_>,
    ) -> Result<Vec<(Stated, String)>, Reason> {
        let mut stated: Vec<(Stated, String)> = Vec::new();
        for wanted in required {
            if stated.iter().all(|(known, _)| *known != wanted) {
                stated.push((wanted, self.one(wanted, facts, body)?.ok_or(Reason::NotStated(wanted))?));
            }
        }
        sort_by(&mut stated, |(a, _), (b, _)| a.cmp(b));
        Ok(stated)
    }

    fn one(&self, wanted: Stated, facts: &Facts<'_>, body: &Body<'_>) -> Result<Option<String>, Reason> {
        let mut values = facts.head.headers.all(wanted.header());
        if let Some(value) = values.next() {
            let text = std::str::from_utf8(value).ok().and_then(sound);
            return if values.next().is_some() { Err(Reason::DuplicateHeader) } else { Ok(text) };
        }
        let at = self.0.iter().find(|(known, _)| *known == wanted).map(|(_, at)| *at);
        let (Some(at), Some(Ok(values))) = (at, &body.values) else { return Ok(None) };
        // Of a batch each member would have to say it: what one says is nothing for the others.
        let found = values.all(at);
        let text = match found {
            [only] if values.members() == 1 && only.certain => Some(&only.value),
            _ => None,
        };
        Ok(match text {
            Some(Value::Text(text)) => sound(text),
            _ => None,
        })
    }
}

fn sound(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= MAX && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
