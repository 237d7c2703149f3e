//! `./justw load`: many requests held at once on one Envoy and one approver; memory, and the way from decision to release.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::client::Request;
use e2e::scene::Scene;
use e2e::{arguments, artefacts, policy};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let holds = arguments::number("--holds", 1000)?;
    let policy = policy::with(policy::crm(), "/hold", json!({ "wait": "10m", "max_live": holds }));
    let scene = Scene::new(&policy).await;
    scene.assert_serving().await;
    let idle_kib = scene.envoy.process().rss_kib();

    let started = Instant::now();
    let mut clients = JoinSet::new();
    for i in 0..holds {
        let request = Request::new("DELETE", &format!("/v1/accounts/{i}")).header(policy::AGENT, "agent-1");
        let addr = scene.addr();
        clients.spawn(async move {
            let answer = request.send(addr).await?;
            ensure!(answer.status == 200, "account {i}: {answer:?}");
            Ok((i, Instant::now()))
        });
    }
    let pending = scene.alice.await_holds(holds, "pending").await;
    let held = started.elapsed();
    let held_kib = scene.envoy.process().rss_kib();

    let mut decided = vec![None; holds];
    for hold in &pending {
        let (id, path) = (hold["id"].as_str().context("an id")?, hold["path"].as_str().context("a path")?);
        let account: usize = path.rsplit('/').next().context("an account")?.parse()?;
        let answer = scene.alice.approve(id).await?;
        ensure!(answer.status == 200, "approving: {answer:?}");
        decided[account] = Some(Instant::now());
    }
    let mut latencies = Vec::with_capacity(holds);
    while let Some(client) = clients.join_next().await {
        let (account, answered) = client??;
        latencies.push(answered.saturating_duration_since(decided[account].context("decided")?));
    }
    latencies.sort();
    ensure!(scene.upstream.seen().len() == holds + 1, "each ran once");

    let at = |share: f64| latencies.get((share * (holds - 1) as f64) as usize).copied().unwrap_or_default();
    let per_hold = held_kib.saturating_sub(idle_kib) as f64 / holds as f64;
    println!("{holds} holds at once");
    println!("  all held after               {held:.1?}");
    println!("  Envoy's memory per hold      {per_hold:.1} KiB");
    println!("  approver's memory            {} MiB", scene.approver.process().rss_kib() / 1024);
    println!("  decision to answer           median {:.1?}, 99 % {:.1?}, worst {:.1?}", at(0.5), at(0.99), at(1.0));
    let report = json!({
        "holds": holds, "held_s": held.as_secs_f64(), "envoy_kib_per_hold": per_hold,
        "release_ms": { "median": millis(at(0.5)), "p99": millis(at(0.99)), "worst": millis(at(1.0)) },
    });
    let path = artefacts::root().join("target/load.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)?;
    println!("\nas JSON: {}", path.display());
    Ok(())
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
