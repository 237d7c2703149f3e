//! New holds, many at a time: who asks while others write is written with whoever else does, in the same statements.
//!
//! What asks for anything but a new hold, or for the same as another of its set, is handed back to be looked at by itself;
//! so are all of a set that the database refuses, of which one may be to blame. Must not go here: joining (`intake`).

use std::collections::{BTreeMap, HashMap, HashSet};

use privyseal_engine::hold::{NearMiss, State, View};
use sqlx::AssertSqlSafe;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::intake::Wanted;
use super::known::{InForce, Known, NEIGHBOURS};
use super::write::{Queue, Tx};
use super::{Error, Result, grants, row, rows};
use crate::audit::{Actor, Fact};
use crate::hold::{Hold, Request};

const ATTACH: &str = "INSERT INTO streams (nonce, hold, joined) VALUES";
/// Whoever asks again with the same nonce changes nothing.
const TRACE: &str = "INSERT INTO hold_traces (hold, traceparent) VALUES ($1, $2) ON CONFLICT DO NOTHING";

/// How many may wait to be asked for; more wait to be let in.
const QUEUE: usize = 1024;
/// How many are written together, so that others get their turn.
const AT_ONCE: usize = 128;

/// Where new holds are asked for.
#[derive(Clone)]
pub(super) struct Creates(mpsc::Sender<Asked>);

type Asked = (Wanted, oneshot::Sender<Result<Made>>);

/// What became of a request.
pub(super) enum Made {
    /// A hold of its own.
    New(View),
    /// Nothing: it has to be looked at by itself.
    Nothing(Box<Wanted>),
}

/// A hold to be made.
pub(super) struct New {
    hold: Hold,
    nonce: String,
    owner: Option<String>,
    trace: Option<String>,
    /// There may be a grant for it: not where its workflow, as it stands now, knows none.
    may_be_granted: bool,
}

impl Creates {
    /// Returns when the hold is durable.
    pub async fn ask(&self, wanted: Wanted) -> Result<Made> {
        let (tell, told) = oneshot::channel();
        self.0.send((wanted, tell)).await.map_err(|_| Error::from(sqlx::Error::PoolClosed))?;
        told.await.map_err(|_| Error::from(sqlx::Error::WorkerCrashed))?
    }
}

/// Starts to make holds; ends with the last handle on the queue.
pub(super) fn start(writer: Queue) -> Creates {
    let (queue, mut asked) = mpsc::channel::<Asked>(QUEUE);
    tokio::spawn(async move {
        while let Some(first) = asked.recv().await {
            let begun = writer.begin().await;
            // Where nothing can be written, whoever queues would wait as long once more, to hear the same.
            let most = if begun.is_ok() { AT_ONCE } else { usize::MAX };
            let others = std::iter::from_fn(|| asked.try_recv().ok());
            let set = std::iter::once(first).chain(others.take(most - 1));
            // What nobody waits for any more is not made.
            let set: Vec<Asked> = set.filter(|(_, tell)| !tell.is_closed()).collect();
            match begun {
                Ok(tx) => make(tx, set).await,
                Err(error) => set.into_iter().for_each(|(_, tell)| drop(tell.send(Err(error.clone())))),
            }
        }
    });
    Creates(queue)
}

/// Makes what is new of `set`, and tells each.
async fn make(mut tx: Tx, set: Vec<Asked>) {
    let wanted: Vec<&Wanted> = set.iter().map(|(wanted, _)| wanted).collect();
    let made = match tx.make(&wanted).await {
        Ok(made) => made,
        Err(error) if set.len() < 2 => {
            set.into_iter().for_each(|(_, tell)| drop(tell.send(Err(error.clone()))));
            return;
        }
        Err(error) => {
            tracing::debug!(?error, "new holds are made one by one");
            set.into_iter().for_each(|(wanted, tell)| drop(tell.send(Ok(Made::Nothing(Box::new(wanted))))));
            return;
        }
    };
    let mut waiting = vec![];
    for ((wanted, tell), made) in set.into_iter().zip(made) {
        // Whoever is gone has no need to know.
        let _gone = match made {
            Some(Ok(view)) => {
                waiting.push((tell, view));
                continue;
            }
            Some(Err(error)) => tell.send(Err(error)),
            None => tell.send(Ok(Made::Nothing(Box::new(wanted)))),
        };
    }
    // The next set need not wait for the disk to be asked for.
    tokio::spawn(async move {
        let written = tx.commit().await;
        for (tell, view) in waiting {
            let _gone = tell.send(written.clone().map(|()| Made::New(view)));
        }
    });
}

impl Tx {
    /// For each of `wanted` its new hold, or why there is none; nothing for what has to be looked at by itself.
    pub(super) async fn make(&mut self, wanted: &[&Wanted]) -> Result<Vec<Option<Result<View>>>> {
        let known = self.known(wanted).await?;
        let (mut nonces, mut requests, mut of_agents) = (HashSet::new(), HashSet::new(), HashMap::new());
        let (mut new, mut said) = (vec![], vec![]);
        for (wanted, known) in wanted.iter().zip(&known) {
            let intake = &wanted.intake;
            let agent = (&intake.tenant, &intake.environment, &intake.principal);
            let is_first = nonces.insert(&intake.nonce)
                && (intake.principal.is_none() || requests.insert((agent, &wanted.digest_mac)));
            if !is_first || known.is_asked || known.same.is_some() {
                said.push(None);
                continue;
            }
            let of_agent: &mut Vec<Neighbour<'_>> = of_agents.entry(agent).or_default();
            let planned = plan(wanted, known, of_agent, self.now).map(|planned| {
                of_agent.push((planned.hold.id.clone(), &intake.fields));
                new.push(planned);
            });
            said.push(Some(planned));
        }
        let mut made = self.create(&new).await?.into_iter();
        Ok(said.into_iter().map(|said| Some(said?.and_then(|()| made.next().ok_or(Error::Stale)))).collect())
    }

    async fn create(&mut self, new: &[New]) -> Result<Vec<View>> {
        let holds: Vec<&Hold> = new.iter().map(|new| &new.hold).collect();
        row::insert(self.conn(), &holds).await?;
        let streams: Vec<_> = new.iter().map(|new| (new.nonce.as_str(), new.hold.id.as_str(), false)).collect();
        self.attach(&streams).await?;
        let parties = new.iter().flat_map(|New { hold, owner, .. }| {
            let names = [&hold.request.principal, &hold.request.on_behalf_of, owner];
            names.into_iter().flatten().map(|name| (hold.id.as_str(), name.as_str()))
        });
        row::add_parties(self.conn(), &parties.collect::<Vec<_>>()).await?;
        let mut made = vec![];
        for New { hold, nonce, trace, may_be_granted, .. } in new {
            if let Some(trace) = trace {
                self.trace(&hold.id, trace).await?;
            }
            self.record(created(hold, nonce));
            self.changed(&hold.id, hold.state);
            // After all who ask are known: nobody grants their own.
            let granted =
                if *may_be_granted { grants::collect(self, &hold.request.tenant, &hold.id).await? } else { None };
            made.push(granted.as_ref().unwrap_or(hold).view(false));
        }
        Ok(made)
    }

    /// The streams wait for the holds, each joined or not.
    pub(super) async fn attach(&mut self, streams: &[(&str, &str, bool)]) -> Result<()> {
        for piece in rows::pieces(streams) {
            let attach = format!("{ATTACH} {}", rows::places(piece.len(), 3));
            let mut attach = sqlx::query(AssertSqlSafe(attach));
            for (nonce, hold, joined) in piece {
                attach = attach.bind(*nonce).bind(*hold).bind(i64::from(*joined));
            }
            attach.execute(self.conn()).await?;
        }
        Ok(())
    }

    pub(super) async fn trace(&mut self, hold: &str, trace: &str) -> Result<()> {
        sqlx::query(TRACE).bind(hold).bind(trace).execute(self.conn()).await?;
        Ok(())
    }
}

/// A live hold of the same agent, with what it asks in parts.
type Neighbour<'a> = (String, &'a BTreeMap<String, String>);

/// The hold that is to be made, beside what is known and the agent's `others` of the same set, newest last.
fn plan(wanted: &Wanted, known: &Known, others: &[Neighbour<'_>], now: i64) -> Result<New> {
    let intake = &wanted.intake;
    if known.is_killed {
        return Err(Error::KillSwitch);
    }
    let Some(workflow) = &known.workflow else { return Err(Error::UnknownWorkflow(intake.workflow.clone())) };
    if others.len() + known.live as usize >= intake.max_live as usize {
        return Err(Error::TooManyHolds(intake.max_live));
    }
    let others = others.iter().rev().map(|(id, fields)| (id, *fields));
    let near_miss = if intake.principal.is_some() {
        let mut neighbours = others.chain(known.neighbours.iter().map(|(id, fields)| (id, fields))).take(NEIGHBOURS);
        neighbours.find_map(|(id, fields)| {
            let differs = only_difference(fields, &intake.fields)?;
            Some(NearMiss { hold: id.clone(), differs: differs.to_owned() })
        })
    } else {
        None
    };
    Ok(New {
        hold: hold(wanted, workflow, near_miss, now),
        nonce: intake.nonce.clone(),
        owner: wanted.owner.clone(),
        trace: wanted.trace.clone(),
        may_be_granted: workflow.grants,
    })
}

/// The one part in which two requests differ, if it is one.
fn only_difference<'a>(old: &'a BTreeMap<String, String>, new: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let changed = old.iter().filter(|(name, value)| new.get(*name) != Some(value)).map(|(name, _)| name);
    let added = new.keys().filter(|name| !old.contains_key(*name));
    let mut differing = changed.chain(added);
    let first = differing.next()?;
    if differing.next().is_some() { None } else { Some(first) }
}

fn created(hold: &Hold, nonce: &str) -> Fact {
    let mut details = row::details(hold);
    let preview = &hold.request.preview;
    for (name, value) in [("method", &preview.method), ("authority", &preview.authority), ("path", &preview.path)] {
        details.insert(name, value.clone());
    }
    details.insert("nonce", nonce.to_owned());
    let actor = Actor::gateway(&hold.request.gateway);
    Fact { tenant: hold.request.tenant.clone(), kind: "created", actor, hold: Some(hold.id.clone()), details }
}

fn hold(wanted: &Wanted, workflow: &InForce, near_miss: Option<NearMiss>, now: i64) -> Hold {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    let intake = wanted.intake.clone();
    Hold {
        id: Uuid::now_v7().to_string(),
        request: Request {
            tenant: intake.tenant,
            environment: intake.environment,
            gateway: intake.gateway,
            principal: intake.principal,
            on_behalf_of: intake.on_behalf_of,
            rules: intake.rules,
            category: intake.category,
            risk: intake.risk,
            workflow: workflow.name.clone(),
            why: intake.why,
            digest_mac: wanted.digest_mac.clone(),
            terms: intake.terms,
            fields: intake.fields,
            preview: intake.preview,
            near_miss,
            grant_target: intake.grant_target,
        },
        created_ms: now,
        deadline_ms: now.saturating_add(workflow.deadline_ms.unwrap_or(ms(intake.deadline_ms))),
        approval_ttl_ms: ms(intake.approval_ttl_ms),
        rejoin_ms: ms(intake.rejoin_ms),
        state: State::Pending,
        revision: 1,
        detached_ms: None,
        cause: None,
        decision: None,
        approved_until_ms: None,
        quorum: workflow.quorum,
        seats: BTreeMap::new(),
        ticket_checked: false,
        grantable: None,
        granted: None,
        reason_required: workflow.reason_required,
        votes: vec![],
        questions: vec![],
        revocation: None,
        collected: None,
    }
}
