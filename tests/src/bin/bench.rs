//! `./justw bench`: CPU time of Envoy per request without a filter, with one that does nothing, one that only reads the header
//! map, and ours.
//!
//! CPU time from the kernel's accounting of Envoy's own threads, not wall-clock time: a busy machine changes it less. The
//! variants take turns, and the figures are medians over the rounds: compare within one run only. What a filter costs over
//! the one that does nothing is the median of the rounds' own differences, since a machine drifts between rounds; the
//! quartiles beside it say how much it can be trusted. What people wait for is measured in milliseconds: an event of a
//! stream that rests within a value right behind it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use e2e::client::{Connection, Request};
use e2e::envoy::{Config, Envoy, Plugin};
use e2e::fake_approver::{FakeApprover, Twist};
use e2e::upstream::{Gate, Reply, Step, Upstream};
use e2e::{artefacts, load, policy};
use serde_json::{Value, json};

const CONNECTIONS: usize = 16;
/// The variant that the others are compared with.
const NOOP: &str = "noop";

/// CPU time of Envoy per request: without a filter, with one that does nothing, with ours.
#[derive(Parser)]
#[command(name = "./justw bench")]
struct Options {
    /// How often each variant takes its turn
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
    /// Requests of each kind in a round
    #[arg(long, value_name = "N", default_value_t = 2000)]
    requests: usize,
    /// Rules of the policy
    #[arg(long, value_name = "N", default_value_t = 100)]
    rules: usize,
    /// Copies of each filter in a chain; over no-op, the figures are those of one. Small costs show this way
    #[arg(long, value_name = "N", default_value_t = 1)]
    copies: usize,
    /// Another build of the filter to measure in the same run; may be given more than once
    #[arg(long, value_name = "FILE")]
    against: Vec<PathBuf>,
    /// Only kinds of requests with this in their name, such as GET or SSE
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

struct Variant {
    name: String,
    envoy: Envoy,
}

struct Case {
    name: &'static str,
    request: Vec<u8>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let (rounds, requests) = (options.rounds, options.requests);
    let resting = Gates::default();
    let gates = resting.clone();
    let upstream = Upstream::start(move |request| match request.target().as_str() {
        "/v1/events" => events(),
        "/v1/events?rests" => rests(&gates),
        _ => Reply::json(200, r#"{"ok":true}"#),
    })
    .await;
    upstream.forget();
    let approver = FakeApprover::start(Twist::default());
    let variants = variants(&options, &upstream, &approver).await?;
    let mut cases = cases();
    cases.retain(|case| case.name.contains(&options.only));

    let mut samples = vec![vec![Vec::new(); variants.len()]; cases.len()];
    let started = Instant::now();
    for round in 0..=rounds {
        for (case, of_case) in cases.iter().zip(&mut samples) {
            for step in 0..variants.len() {
                // Another order each round, so that a drift of the machine favours nobody.
                let index = (step + round) % variants.len();
                let micros = measure(&variants[index].envoy, case, requests).await?;
                // The first round warms up.
                if round > 0 {
                    of_case[index].push(micros);
                }
            }
        }
    }

    let mut delays = Vec::new();
    for variant in &variants {
        delays.push(delay(&variant.envoy, &resting).await?);
    }

    let report = report(&variants, &cases, &mut samples, &mut delays, options.copies);
    print_table(&report);
    let path = artefacts::root().join("target/bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&report)?)?;
    println!("\n{rounds} rounds of {requests} requests in {:.0?}; as JSON: {}", started.elapsed(), path.display());
    Ok(())
}

async fn variants(options: &Options, upstream: &Upstream, approver: &FakeApprover) -> Result<Vec<Variant>> {
    let plain = |plugin: Option<Plugin>| {
        let mut config = Config::new(upstream.addr()).approver(approver.addr(), FakeApprover::TOKEN, FakeApprover::KEY);
        config.before = plugin.iter().map(Plugin::to_json).cycle().take(options.copies.saturating_sub(1)).collect();
        config.plugin = plugin;
        config.access_log = false;
        config
    };
    let policy = policy::bench(options.rules);
    let ours = Plugin::new(&policy);
    let noop = Plugin { wasm: artefacts::noop_filter(), ..Plugin::new(&policy) };
    let map = Plugin { wasm: artefacts::map_filter(), ..Plugin::new(&policy) };
    let mut configs = vec![
        ("none".to_owned(), plain(None)),
        (NOOP.to_owned(), plain(Some(noop))),
        ("map".to_owned(), plain(Some(map))),
        ("privyseal".to_owned(), plain(Some(ours))),
    ];
    for wasm in &options.against {
        let name = wasm.display().to_string();
        configs.push((name, plain(Some(Plugin { wasm: wasm.clone(), ..Plugin::new(&policy) }))));
    }
    let mut variants = Vec::new();
    for (name, config) in configs {
        variants.push(Variant { name, envoy: Envoy::start(&config).await? });
    }
    Ok(variants)
}

fn cases() -> Vec<Case> {
    let post = |target: &str, bytes: usize| Request::post(target, &body(bytes)).to_bytes();
    vec![
        Case { name: "GET, no rule selects it", request: Request::get("/v1/contacts/7").to_bytes() },
        Case { name: "1 KB JSON, judged", request: post("/v1/refunds", 1 << 10) },
        Case { name: "1 KB JSON, judged and scanned", request: post("/v1/notes", 1 << 10) },
        Case { name: "64 KB JSON, judged", request: post("/v1/refunds", 64 << 10) },
        Case { name: "64 KB JSON, judged and scanned", request: post("/v1/notes", 64 << 10) },
        Case { name: "1,000 SSE events, scanned", request: Request::get("/v1/events").to_bytes() },
    ]
}

/// A thousand events of 100 bytes, the deltas of one answer, ten in a chunk.
fn events() -> Reply {
    let event = format!(
        "data: {}\n\n",
        json!({ "choices": [{ "index": 0, "delta": { "content": " renewal of" } }], "id": "chat-1207-abcd" })
    );
    let chunk = event.repeat(10);
    Reply::sse(&[chunk.as_bytes(); 100])
}

/// The doors behind which streams rest, the newest last.
type Gates = Arc<Mutex<Vec<Gate>>>;

const DECIDED: &str = "data: {\"n\":1}\n\n";

/// An event, the beginning of an address, and then nothing.
fn rests(gates: &Gates) -> Reply {
    let gate = Gate::default();
    gates.lock().expect("not poisoned").push(gate.clone());
    let begun = json!({ "choices": [{ "index": 0, "delta": { "content": "ask ann@exam" } }] });
    let piece = format!("{DECIDED}data: {begun}\n\n");
    let end = Step::Send(b"0\r\n\r\n".to_vec());
    Reply::gated("content-type: text/event-stream\r\n", piece.as_bytes(), &gate, end)
}

/// Milliseconds from the request until what is decided has come.
async fn delay(envoy: &Envoy, gates: &Gates) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for _ in 0..30 {
        let mut connection = Connection::open(envoy.addr()).await?;
        let started = Instant::now();
        connection.write(&Request::get("/v1/events?rests").to_bytes()).await?;
        connection.until(DECIDED.as_bytes()).await?;
        all.push(started.elapsed().as_secs_f64() * 1e3);
        gates.lock().expect("not poisoned").drain(..).for_each(|gate| gate.open());
    }
    Ok(all)
}

/// Notes of a CRM without anything to find, of about this many bytes.
fn body(bytes: usize) -> Value {
    let note = json!({ "id": 1207, "text": "Called about the renewal, will decide after the summer.", "tags": ["renewal", "q3"] });
    let count = bytes / note.to_string().len();
    json!({ "notes": vec![note; count.max(1)] })
}

/// Microseconds of Envoy's CPU for each request.
async fn measure(envoy: &Envoy, case: &Case, requests: usize) -> Result<f64> {
    let before = envoy.process().cpu_micros();
    load::run(envoy.addr(), &case.request, CONNECTIONS, requests).await?;
    Ok((envoy.process().cpu_micros() - before) as f64 / requests as f64)
}

fn report(
    variants: &[Variant],
    cases: &[Case],
    samples: &mut [Vec<Vec<f64>>],
    delays: &mut [Vec<f64>],
    copies: usize,
) -> Value {
    let rows = cases.iter().zip(samples).map(|(case, of_case)| {
        let noop = variants.iter().zip(&*of_case).find(|(v, _)| v.name == NOOP).map_or(vec![], |(_, of)| of.clone());
        let of_variant = variants.iter().zip(of_case).map(|(variant, micros)| {
            let mut over: Vec<f64> = micros.iter().zip(&noop).map(|(ours, noop)| (ours - noop) / copies as f64).collect();
            let (over_noop, median) = (quartiles(&mut over), quartiles(micros)[1]);
            json!({ "filter": variant.name, "us": median, "over_noop_us": over_noop[1], "over_noop_us_quartiles": over_noop,
                    "ratio_to_noop": median / quartiles(&mut noop.clone())[1] })
        });
        json!({ "case": case.name, "variants": of_variant.collect::<Vec<_>>() })
    });
    let rss = variants.iter().map(|v| (v.name.clone(), json!(v.envoy.process().rss_kib())));
    let delays = variants.iter().zip(delays).map(|(variant, all)| {
        let median = quartiles(all)[1];
        json!({ "filter": variant.name, "median_ms": median, "most_ms": all.last() })
    });
    json!({
        "cpu": rows.collect::<Vec<_>>(),
        "rss_kib": rss.collect::<serde_json::Map<_, _>>(),
        "decided_event": delays.collect::<Vec<_>>(),
    })
}

fn print_table(report: &Value) {
    println!("CPU of Envoy per request (medians)\n");
    println!("{:<32}{:<20}{:>10}{:>12}{:>20}{:>10}", "", "filter", "µs", "over no-op", "quartiles", "ratio");
    for row in report["cpu"].as_array().into_iter().flatten() {
        let mut case = row["case"].as_str().unwrap_or_default();
        for variant in row["variants"].as_array().into_iter().flatten() {
            let figure = |name: &str| variant[name].as_f64().unwrap_or_default();
            let quartile = |at: usize| variant["over_noop_us_quartiles"][at].as_f64().unwrap_or_default();
            println!(
                "{case:<32}{:<20}{:>10.1}{:>+12.1}{:>20}{:>9.2}x",
                variant["filter"].as_str().unwrap_or_default(),
                figure("us"),
                figure("over_noop_us"),
                format!("{:+.1} to {:+.1}", quartile(0), quartile(2)),
                figure("ratio_to_noop"),
            );
            case = "";
        }
    }
    println!("\nUntil an event is out when what follows rests within a value, ms\n");
    println!("{:<32}{:>10}{:>12}", "", "median", "most");
    for delay in report["decided_event"].as_array().into_iter().flatten() {
        let figure = |name: &str| delay[name].as_f64().unwrap_or_default();
        println!(
            "  {:<30}{:>10.1}{:>12.1}",
            delay["filter"].as_str().unwrap_or_default(),
            figure("median_ms"),
            figure("most_ms")
        );
    }
    println!("\nMemory in RAM, MiB");
    for (name, kib) in report["rss_kib"].as_object().into_iter().flatten() {
        println!("  {name:<30}{:>10.1}", kib.as_f64().unwrap_or_default() / 1024.0);
    }
}

/// The first quartile, the median and the third; the samples are sorted by it.
fn quartiles(samples: &mut [f64]) -> [f64; 3] {
    samples.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| samples.get(samples.len() * quarter / 4).copied().unwrap_or_default())
}
