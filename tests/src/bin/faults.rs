//! `./justw faults`: replicas, PostgreSQL and Envoy are killed while people decide; then the history is checked.
//!
//! No decision that was confirmed may be lost, and no request may reach the upstream twice or undecided. Whatever is
//! killed comes back at once, and agents do what they are told: send the same request again. Must not go here: figures, what
//! must be true of a history (`e2e::history`).

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use e2e::approver::{Approver, Person};
use e2e::client::Request;
use e2e::envoy::{Config, Envoy};
use e2e::history::{End, Held, History};
use e2e::postgres::Postgres;
use e2e::process::Signal;
use e2e::scene::{PEOPLE, gateway};
use e2e::upstream::Upstream;
use e2e::{artefacts, policy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long an agent may need to hear the end of its request.
const PATIENCE: Duration = Duration::from_secs(90);
/// A login decides for 15 minutes.
const LOGIN: Duration = Duration::from_secs(600);
/// After so many rounds the history is checked, and what was found written down.
const SLICE: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Victim {
    /// The replica at which requests wait.
    Waiting,
    /// The replica at which people decide.
    Deciding,
    Postgres,
    Envoy,
}

const VICTIMS: [Victim; 4] = [Victim::Waiting, Victim::Deciding, Victim::Postgres, Victim::Envoy];

/// How requests ended whose histories were checked.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Ends {
    ran: usize,
    /// Nobody knows whether they ran, and they never run again.
    unknown: usize,
}

/// What `--resume` goes on from.
#[derive(Default, Serialize, Deserialize)]
struct Checked {
    rounds: usize,
    ends: BTreeMap<Victim, Ends>,
}

/// What only the harness knows of a request.
struct Round {
    account: usize,
    end: End,
    approving: Instant,
}

struct World {
    database: &'static Postgres,
    waiting: Approver,
    deciding: Approver,
    envoy: Envoy,
    config: Config,
    upstream: Upstream,
    /// Where agents send to; another after Envoy's return.
    addr: Arc<Mutex<SocketAddr>>,
    alice: Person,
    logged_in: Instant,
}

/// Replicas, PostgreSQL and Envoy are killed while people decide; then the history is checked.
#[derive(Parser)]
#[command(name = "./justw faults")]
struct Options {
    /// Rounds for each victim
    #[arg(long, value_name = "N", default_value_t = 200)]
    rounds: usize,
    /// Go on where the last run was stopped
    #[arg(long)]
    resume: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Options { rounds, resume } = Options::parse();
    let path = artefacts::root().join("target/faults.json");
    let mut checked = if resume { Checked::read(&path)? } else { Checked::default() };
    let mut world = World::new().await?;
    let mut histories = vec![];
    let mut ends = checked.ends.clone();
    for round in checked.rounds..rounds {
        for (i, victim) in VICTIMS.into_iter().enumerate() {
            let account = round * VICTIMS.len() + i;
            let round =
                world.round(account, victim).await.with_context(|| format!("account {account}, {victim:?} killed"))?;
            let count = ends.entry(victim).or_default();
            match round.end {
                End::Ran => count.ran += 1,
                End::Unknown => count.unknown += 1,
            }
            histories.push(round);
        }
        let done = round + 1;
        if done % SLICE == 0 || done == rounds {
            world.check(&histories).await?;
            checked = Checked { rounds: done, ends: ends.clone() };
            checked.write(&path)?;
        }
    }
    checked.print();
    println!("{}", world.deciding.verify_audit()?);
    Ok(())
}

impl Checked {
    fn read(path: &Path) -> Result<Checked> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Checked::default()),
            text => text.with_context(|| path.display().to_string())?,
        };
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }

    fn write(&self, path: &Path) -> Result<()> {
        // Whoever stops us in the middle finds the last one whole.
        let new = path.with_extension("json.new");
        std::fs::write(&new, serde_json::to_vec_pretty(self)?)?;
        Ok(std::fs::rename(new, path)?)
    }

    fn print(&self) {
        println!("{} rounds each: 0 lost, 0 double, 0 before their approval", self.rounds);
        println!("  {:<10}{:>8}{:>8}{:>26}", "killed", "rounds", "ran", "unknown, and never again");
        for (victim, Ends { ran, unknown }) in &self.ends {
            println!("  {:<10}{:>8}{ran:>8}{unknown:>26}", format!("{victim:?}"), ran + unknown);
        }
    }
}

impl World {
    async fn new() -> Result<World> {
        let database = Postgres::shared();
        let url = database.database();
        let (waiting, deciding) =
            (Approver::start_replica(&url, PEOPLE).await?, Approver::start_replica(&url, PEOPLE).await?);
        let upstream = Upstream::ok().await;
        let policy = policy::with(policy::crm_waiting("3s"), "/hold/max_live", json!(1000));
        let config = gateway(upstream.addr(), waiting.addr(), waiting.gateway_token(), waiting.key(), &policy);
        let envoy = Envoy::start(&config).await?;
        let addr = Arc::new(Mutex::new(envoy.addr()));
        let alice = deciding.login("alice").await?;
        Ok(World { database, waiting, deciding, envoy, config, upstream, addr, alice, logged_in: Instant::now() })
    }

    /// One request, decided while `victim` dies.
    async fn round(&mut self, account: usize, victim: Victim) -> Result<Round> {
        if self.logged_in.elapsed() > LOGIN {
            self.alice = self.deciding.login("alice").await?;
            self.logged_in = Instant::now();
        }
        let path = format!("/v1/accounts/{account}");
        let agent = tokio::spawn(agent(Arc::clone(&self.addr), path.clone()));
        let id = self.held(&path, "pending").await?;
        // The kill moves through the decision and what follows from it.
        let after = Duration::from_millis(account as u64 * 7 % 60);
        let approving = Instant::now();
        let decided = tokio::select! {
            biased;
            decided = self.alice.approve(&id) => decided.is_ok_and(|answer| answer.status == 200),
            () = tokio::time::sleep(after) => false,
        };
        if decided {
            tokio::time::sleep(after / 4).await;
        }
        match victim {
            Victim::Waiting => self.waiting.restart(PEOPLE).await?,
            Victim::Deciding => self.deciding.restart(PEOPLE).await?,
            Victim::Postgres => self.database.kill(),
            Victim::Envoy => {
                self.envoy.signal(Signal::Kill);
                self.envoy = Envoy::start(&self.config).await?;
                *self.addr.lock().expect("nobody panicked") = self.envoy.addr();
            }
        }
        if decided {
            let hold = self.hold(&id).await?;
            ensure!(hold["decided_by"] == "alice", "a confirmed decision was lost: {hold}");
        }
        let mut approved = decided;
        let begun = Instant::now();
        loop {
            ensure!(begun.elapsed() < PATIENCE, "the agent never heard the end: {:?}", self.holds(&path).await);
            if agent.is_finished() {
                let end = agent.await.context("the agent")??;
                return Ok(Round { account, end, approving });
            }
            if !approved {
                // Said again until it is confirmed: 409 says that it was before.
                approved = self.alice.approve(&id).await.is_ok_and(|answer| matches!(answer.status, 200 | 409));
            }
            // Collected, and asked for once more: the answer was lost with whoever was killed.
            let again = self.holds(&path).await.into_iter().find(|h| h["state"] == "pending" && h["id"] != json!(id));
            if let Some(again) = again {
                let denied = self.alice.deny(again["id"].as_str().context("an id")?, "it may have run").await;
                drop(denied);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The holds for a path, as far as anybody answers.
    async fn holds(&self, path: &str) -> Vec<Value> {
        let mut holds = self.alice.holds().await.unwrap_or_default();
        holds.retain(|hold| hold["path"] == path);
        holds
    }

    async fn held(&self, path: &str, state: &str) -> Result<String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(hold) = self.holds(path).await.iter().find(|hold| hold["state"] == state) {
                return Ok(hold["id"].as_str().context("an id")?.to_owned());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("{path} was not held")
    }

    async fn hold(&self, id: &str) -> Result<Value> {
        let begun = Instant::now();
        loop {
            match self.alice.show(id).await {
                Ok(hold) if hold["id"] == id => return Ok(hold),
                _ if begun.elapsed() > PATIENCE => anyhow::bail!("{id} cannot be read"),
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// What the upstream saw, against what was decided and collected, of all rounds so far.
    async fn check(&self, rounds: &[Round]) -> Result<()> {
        let mut ran: HashMap<String, Vec<Instant>> = HashMap::new();
        for request in self.upstream.seen() {
            ran.entry(request.target()).or_default().push(request.at);
        }
        let mut holds: HashMap<String, Vec<Held>> = HashMap::new();
        for hold in self.alice.holds().await? {
            let text = |name: &str| hold[name].as_str().map(str::to_owned);
            let held = Held { state: text("state").context("a state")?, decided_by: text("decided_by") };
            holds.entry(text("path").context("a path")?).or_default().push(held);
        }
        for &Round { account, end, approving } in rounds {
            let path = format!("/v1/accounts/{account}");
            let holds = holds.remove(&path).unwrap_or_default();
            let ran = ran.remove(&path).unwrap_or_default();
            History { end, holds, approving, ran }.check().context(path)?;
        }
        ensure!(ran.is_empty(), "these ran, and nobody sent them: {:?}", ran.keys());
        Ok(())
    }
}

/// Sends the same request until it hears the end of it.
async fn agent(addr: Arc<Mutex<SocketAddr>>, path: String) -> Result<End> {
    let request = Request::new("DELETE", &path).header(policy::AGENT, "agent-1");
    loop {
        let addr = *addr.lock().expect("nobody panicked");
        match request.send(addr).await.map(|answer| answer.status) {
            Ok(200) => return Ok(End::Ran),
            Ok(403) => return Ok(End::Unknown),
            _ => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
