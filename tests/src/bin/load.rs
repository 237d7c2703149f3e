//! `./justw load`: many requests held at once on several Envoys before one approver; memory, and the way from a decision to
//! the released request at the upstream, and on to the agent's answer, beside that of a long poll which nothing else stands
//! behind.
//!
//! All agents begin in the same moment, which is more than a small machine makes durable within the time that a create has.
//! Who is refused for that sends its request again, as the answer says; how often is part of the figures.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use e2e::approver::Person;
use e2e::client::{Connection, Request};
use e2e::envoy::Envoy;
use e2e::scene::{Scene, gateway};
use e2e::{PATIENCE, artefacts, policy};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Decisions that are measured one by one; the others are made by [`AT_ONCE`] people's hands.
const MEASURED: usize = 300;
const AT_ONCE: usize = 16;
/// The revision of a hold of which nothing has been said yet.
const UNDECIDED: u32 = 1;
/// Live holds of one agent: as many as a policy allows that says nothing of it.
const OF_ONE: usize = 20;
/// Bytes of a request's body, all of which the approver sees.
const BODY: usize = 2000;

/// Many requests held at once: memory, and the way from a decision to the release beside a long poll.
#[derive(Parser)]
#[command(name = "./justw load")]
struct Options {
    /// Requests that are held at the same time
    #[arg(long, value_name = "N", default_value_t = 1000)]
    holds: usize,
    /// Gateways that hold them
    #[arg(long, value_name = "N", default_value_t = 2)]
    envoys: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let (holds, envoys) = (options.holds, options.envoys.max(1));
    let policy = policy::with(policy::crm(), "/hold", json!({ "wait": "30m" }));
    let scene = Scene::new(&policy).await;
    let approver = scene.replica.as_ref().unwrap_or(&scene.approver);
    let mut gateways = vec![];
    for _ in 1..envoys {
        let (upstream, token, key) = (scene.upstream.addr(), approver.gateway_token(), approver.key());
        gateways.push(Envoy::start(&gateway(upstream, approver.addr(), token, key, &policy)).await?);
    }
    let all: Vec<&Envoy> = std::iter::once(&scene.envoy).chain(&gateways).collect();
    let memory = || all.iter().map(|envoy| envoy.process().rss_kib()).sum::<u64>();
    scene.assert_serving().await;
    let idle_kib = memory();

    let started = Instant::now();
    let note = "x".repeat(BODY);
    let mut clients = JoinSet::new();
    for i in 0..holds {
        let request = Request::post(&format!("/v1/accounts/{i}/export"), &json!({ "note": note }));
        let request = request.header(policy::AGENT, format!("agent-{}", i / OF_ONE));
        let addr = all[i % all.len()].addr();
        clients.spawn(async move {
            let mut refusals = 0;
            loop {
                let mut connection = Connection::open(addr).await?;
                connection.write(&request.to_bytes()).await?;
                let answer = connection.response_within(PATIENCE * 60).await?;
                if answer.status == 503 && answer.json()["next"] == "resend_identical_request" {
                    refusals += 1;
                    continue;
                }
                ensure!(answer.status == 200, "account {i}: {answer:?}");
                return Ok((i, Instant::now(), refusals));
            }
        });
    }
    loop {
        let pending = scene.alice.count_pending().await?;
        if pending >= holds {
            break;
        }
        ensure!(started.elapsed() < PATIENCE * 10, "only {pending} are held");
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(200)) => (),
            early = clients.join_next() => bail!("answered before anybody decided, beside {pending} held: {early:?}"),
        }
    }
    let held = started.elapsed();
    let pending = scene.alice.holds().await?;
    let (held_kib, approver_kib) = (memory(), approver.process().rss_kib());

    let mut decided = vec![None; holds];
    let (measured, rest) = pending.split_at(MEASURED.min(holds));
    let mut polls = Vec::new();
    for hold in measured {
        let (id, account) = parts(hold)?;
        let target = format!("/v1/holds/{id}/wait?v=2&revision={UNDECIDED}&wait_ms=60000");
        let waits = Request::get(&target).header("authorization", format!("Bearer {}", approver.gateway_token()));
        let poll = tokio::spawn(poll(approver.addr(), waits));
        // It has to be there before the decision is.
        tokio::time::sleep(Duration::from_millis(5)).await;
        let at = Instant::now();
        decided[account] = Some(at);
        approve(&scene.alice, id).await?;
        polls.push(poll.await??.saturating_duration_since(at));
    }
    let started = Instant::now();
    let mut hands: JoinSet<Result<()>> = JoinSet::new();
    for some in rest.chunks(rest.len().div_ceil(AT_ONCE).max(1)) {
        let ids = some.iter().map(|hold| Ok(parts(hold)?.0.to_owned())).collect::<Result<Vec<String>>>()?;
        let alice = Person::new(scene.approver.addr(), scene.alice.session());
        hands.spawn(async move {
            for id in ids {
                approve(&alice, &id).await?;
            }
            Ok(())
        });
    }
    while let Some(hand) = hands.join_next().await {
        hand??;
    }
    let decisions_per_s = rest.len() as f64 / started.elapsed().as_secs_f64();
    let (mut latencies, mut refusals) = (Vec::new(), 0);
    while let Some(client) = clients.join_next().await {
        let (account, answered, refused) = client??;
        refusals += refused;
        latencies.extend(decided[account].map(|decided| answered.saturating_duration_since(decided)));
    }
    let seen = scene.upstream.seen();
    ensure!(seen.len() == holds + 1, "each ran once");
    let mut releases = Vec::new();
    for request in &seen {
        let Ok(account) = account(&request.target()) else { continue };
        releases.extend(decided[account].map(|decided| request.at.saturating_duration_since(decided)));
    }

    latencies.sort();
    releases.sort();
    polls.sort();
    let at = |all: &[Duration], share: f64| millis(all.get((share * (all.len() - 1) as f64) as usize).copied());
    let ratio = at(&releases, 0.5) / at(&polls, 0.5);
    let per_hold = held_kib.saturating_sub(idle_kib) as f64 / holds as f64;
    println!("{holds} holds with {BODY} bytes of body at once, on {envoys} Envoys before one replica");
    println!("  all held after               {held:.1?}");
    println!("  refused and sent again       {refusals}");
    println!("  Envoy's memory per hold      {per_hold:.1} KiB");
    println!("  approver's memory            {} MiB", approver_kib / 1024);
    let ways = [
        ("decision to release, ms", &releases),
        ("and to the answer, ms", &latencies),
        ("to an empty long poll, ms", &polls),
    ];
    for (what, all) in ways {
        println!("  {what:<29}median {:.1}, 99 % {:.1}, worst {:.1}", at(all, 0.5), at(all, 0.99), at(all, 1.0));
    }
    println!("  release to long poll, ratio  {ratio:.2}");
    println!("  decisions, {AT_ONCE} at once       {decisions_per_s:.0}/s");
    let report = json!({
        "holds": holds, "envoys": envoys, "held_s": held.as_secs_f64(), "refusals": refusals, "envoy_kib_per_hold": per_hold,
        "approver_mib": approver_kib / 1024, "ratio_to_long_poll": ratio, "decisions_per_s": decisions_per_s,
        "release_ms": { "median": at(&releases, 0.5), "p99": at(&releases, 0.99), "worst": at(&releases, 1.0) },
        "answer_ms": { "median": at(&latencies, 0.5), "p99": at(&latencies, 0.99), "worst": at(&latencies, 1.0) },
        "long_poll_ms": { "median": at(&polls, 0.5), "p99": at(&polls, 0.99), "worst": at(&polls, 1.0) },
    });
    let path = artefacts::root().join("target/load.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)?;
    println!("\nas JSON: {}", path.display());
    Ok(())
}

/// Id and account of a hold.
fn parts(hold: &Value) -> Result<(&str, usize)> {
    let account = account(hold["path"].as_str().context("a path")?)?;
    Ok((hold["id"].as_str().context("an id")?, account))
}

/// The account that a path names.
fn account(path: &str) -> Result<usize> {
    Ok(path.split('/').nth(3).context("an account")?.parse()?)
}

async fn approve(person: &Person, id: &str) -> Result<()> {
    let answer = person.approve(id).await?;
    ensure!(answer.status == 200, "approving {id}: {answer:?}");
    Ok(())
}

/// Waits as a gateway does until the hold changes, and says when it heard.
async fn poll(addr: SocketAddr, waits: Request) -> Result<Instant> {
    let answer = waits.send(addr).await?;
    ensure!(answer.status == 200, "polling: {answer:?}");
    Ok(Instant::now())
}

fn millis(duration: Option<Duration>) -> f64 {
    duration.unwrap_or_default().as_secs_f64() * 1000.0
}
