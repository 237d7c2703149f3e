//! How many holds a second the store makes durable, beside what the disk can sync at the same time: `./justw creates`.
//!
//! Must not go here: assertions; a busy machine has other figures.

#![expect(clippy::print_stdout, reason = "a program to look at figures with")]

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use privyseal::auth::{Directory, Person};
use privyseal::secret::Key;
use privyseal::store::Store;
use privyseal::store::database::Address;
use privyseal::workflow;
use privyseal_engine::hold::Intake;
use serde_json::json;
use tokio::task::JoinSet;

#[derive(Parser)]
struct Arguments {
    /// PostgreSQL instead of SQLite
    #[arg(long)]
    database: Option<String>,
    /// Operations that wait at the same time
    #[arg(long, default_value_t = 256)]
    clients: u32,
    /// How long to measure
    #[arg(long, default_value_t = 5)]
    seconds: u64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir_in(".")?;
    let address = match &arguments.database {
        Some(url) => Address::server(url, None)?,
        None => Address::file(&folder.path().join("creates.db"))?,
    };
    let store = Store::open(&address, Key::new(vec![7; 32])).await?.of(&"acme".parse()?);
    store.check_durable().await?;
    let person = Person { name: "bob".into(), identities: vec![] };
    let directory = Directory { people: vec![person], ..Directory::default() };
    store.set_people(&directory.people).await?;
    store.set_workflows(&workflow::resolve(&[], &directory)?).await?;

    let lasts = Duration::from_secs(arguments.seconds);
    let syncs = syncs_per_second(folder.path(), lasts / 2)?;
    let (begun, cpu) = (Instant::now(), cpu_seconds()?);
    let mut clients = JoinSet::new();
    for client in 0..arguments.clients {
        let store = store.clone();
        clients.spawn(async move {
            let mut made = 0_u32;
            while begun.elapsed() < lasts {
                store.intake(intake(client, made)?).await?;
                made += 1;
            }
            anyhow::Ok(made)
        });
    }
    let mut made = 0;
    while let Some(client) = clients.join_next().await {
        made += client.context("a client")??;
    }
    let rate = f64::from(made) / begun.elapsed().as_secs_f64();
    println!("{rate:.0} creates/s, {syncs:.0} fdatasyncs/s: {:.2} creates per sync of the bare disk", rate / syncs);
    let micros = (cpu_seconds()? - cpu) * 1e6 / f64::from(made);
    println!("{micros:.0} µs of this process's CPU time per create");
    store.close().await;
    Ok(())
}

/// CPU time of all threads so far.
fn cpu_seconds() -> Result<f64> {
    let mut nanos = 0_u64;
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("schedstat"))?;
        nanos += stat.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(nanos as f64 / 1e9)
}

/// What the disk does when nothing else is written: appends of 4 KiB, each on disk before the next.
fn syncs_per_second(folder: &Path, lasts: Duration) -> Result<f64> {
    let mut file = File::create(folder.join("syncs"))?;
    file.write_all(&[0; 1 << 20])?;
    file.sync_all()?;
    let (begun, mut syncs) = (Instant::now(), 0_u32);
    while begun.elapsed() < lasts {
        file.write_all_at(&[1; 4096], u64::from(syncs % 256) * 4096)?;
        file.sync_data()?;
        syncs += 1;
    }
    Ok(f64::from(syncs) / begun.elapsed().as_secs_f64())
}

/// A request of one of many agents, with a preview of 2 KB.
fn intake(client: u32, n: u32) -> Result<Intake> {
    let number = u64::from(client) << 32 | u64::from(n);
    Ok(serde_json::from_value(json!({
        "v": 1, "nonce": format!("{number:032x}"), "digest": format!("{number:064x}"), "terms": "1".repeat(64),
        "fields": { "method": "0".repeat(16), "body": format!("{number:016x}"), "path": format!("{number:016x}") },
        "tenant": "acme", "environment": "test", "gateway": "edge-1",
        "principal": format!("agent-{client}-{}", n / 10), "on_behalf_of": "carol@example.com",
        "rules": ["crm-export"], "category": "bulk_export", "risk": "high", "workflow": "default",
        "why": "exports every contact",
        "deadline_ms": 3_600_000, "approval_ttl_ms": 600_000, "rejoin_ms": 900_000, "max_live": 20,
        "preview": {
            "method": "POST", "scheme": "https", "authority": "crm.example.com", "path": "/v1/contacts/export",
            "headers": [["accept", "application/json"]], "body": "x".repeat(2000), "content_type": "application/json",
            "body_bytes": 2000, "truncated": false, "findings": { "EMAIL_ADDRESS": 1 },
        },
    }))?)
}
