//! `./justw bench-detect`: bytes per second of detection and redaction, by kind of body, and time for the worst inputs.
//!
//! Every row is measured in turns, and the best turn counts: another program on the machine can only slow one down. Compare
//! within one run only, by the ratios. Must not go here: what Envoy costs around it (`./justw bench`).

mod corpora;
mod measure;
mod subjects;
mod worst;

use clap::Parser;
use serde_json::{Value, json};

use corpora::Corpus;
use measure::best;
use subjects::Subject;

/// Speed of detection and redaction, in MB/s by kind of body and in ms for 1 MiB of the worst inputs.
///
/// `body` reads a whole body as the filter does, with all entities; `text` only looks for values in the text.
/// Bodies without findings unless the name says otherwise. Budgets are for an idle core of a server: compare figures of one run,
/// `body : copy` and `body : memchr` with other machines.
#[derive(Parser)]
#[command(after_help = "Examples:\n  bench-detect\n  bench-detect --only prose --rounds 20 --no-peers\n  \
                        bench-detect --bodies bodies.jsonl --json")]
struct Options {
    /// Turns for each row; the best counts
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Only rows with this in their name
    #[arg(long, default_value = "")]
    only: String,
    /// Also bodies of your own: a file with a line `{"text": "…"}` for each
    #[arg(long, value_name = "FILE")]
    bodies: Option<std::path::PathBuf>,
    /// Leave the other crates out
    #[arg(long)]
    no_peers: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

/// What 1 MiB of any input may take.
const BUDGET_MS: f64 = 5.0;

fn main() -> Result<(), String> {
    let options = Options::parse();
    let mut corpora = corpora::all();
    if let Some(file) = &options.bodies {
        corpora.push(Corpus::of_lines(file)?);
    }
    corpora.retain(|corpus| corpus.name.contains(&options.only));
    let subjects = Subject::all(!options.no_peers);
    let report = json!({
        "mb_per_s": corpora.iter().map(|c| speeds(c, &subjects, options.rounds)).collect::<Vec<_>>(),
        "worst_ms_per_mib": worst::all().iter().filter(|w| w.name.contains(&options.only))
            .map(|w| json!({ "input": w.name, "ms": best(options.rounds, || w.run()) * 1e3 })).collect::<Vec<_>>(),
    });
    if options.json {
        println!("{report:#}");
    } else {
        print(&report, &subjects);
    }
    Ok(())
}

/// Megabytes per second of each subject.
fn speeds(corpus: &Corpus, subjects: &[Subject], rounds: usize) -> Value {
    let mut row = json!({ "corpus": corpus.name, "budget": corpus.budget });
    let bytes = corpus.bodies.iter().map(|body| body.bytes.len()).sum::<usize>() as f64;
    let mut seconds = vec![f64::MAX; subjects.len()];
    for _ in 0..rounds {
        for (subject, least) in subjects.iter().zip(&mut seconds) {
            *least = least.min(measure::once(|| corpus.bodies.iter().for_each(|body| subject.read(body))));
        }
    }
    for (subject, seconds) in subjects.iter().zip(seconds) {
        row[subject.name] = json!((bytes / seconds / 1e6).round());
    }
    row
}

fn print(report: &Value, subjects: &[Subject]) {
    let rows = |key: &str| report[key].as_array().cloned().unwrap_or_default();
    if !rows("mb_per_s").is_empty() {
        print!("{:<22}", "MB/s");
        subjects.iter().for_each(|s| print!("{:>12}", s.name));
        println!("{:>8}{:>7}{:>14}{:>14}", "budget", "of it", "body : copy", "body : memchr");
        for row in rows("mb_per_s") {
            print!("{:<22}", row["corpus"].as_str().unwrap_or_default());
            let of = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
            subjects.iter().for_each(|s| print!("{:>12.0}", of(s.name)));
            match row["budget"].as_f64() {
                Some(budget) => print!("{budget:>8.0}{:>6.0}%", of("body") / budget * 100.0),
                None => print!("{:>15}", ""),
            }
            println!("{:>14}{:>14}", ratio(of("copy") / of("body")), ratio(of("memchr") / of("body")));
        }
    }
    let worst = rows("worst_ms_per_mib");
    if !worst.is_empty() {
        let ms = |row: &Value| row["ms"].as_f64().unwrap_or(f64::NAN);
        println!("\n{:<34}{:>10}{:>14}", "1 MiB of", "ms", format!("of {BUDGET_MS} ms"));
        for row in &worst {
            let input = row["input"].as_str().unwrap_or_default();
            println!("{input:<34}{:>10.2}{:>13.0}%", ms(row), ms(row) / BUDGET_MS * 100.0);
        }
        println!("{} of {} within the budget", worst.iter().filter(|row| ms(row) <= BUDGET_MS).count(), worst.len());
    }
}

fn ratio(times: f64) -> String {
    format!("1 : {times:.1}")
}
