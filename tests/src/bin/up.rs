//! `./justw up`: the gateway and its approver before an upstream of one's own, with a policy of one's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::approver::Approver;
use e2e::{artefacts, interrupted, rendered};

const USAGE: &str = "\
usage: ./justw up --policy FILE --upstream URL [--listen ADDR] [--approver ADDR] [--person NAME[=IDENTITY,…]]… [--data DIR]

  --policy     a policy in YAML; `envoy/policies/` has some to start from
  --upstream   the system that the agents call, such as http://127.0.0.1:8080
  --listen     where agents connect [127.0.0.1:10000]
  --approver   where people decide [127.0.0.1:8077]
  --person     who may decide; repeatable [you]
  --data       where holds, keys and the audit record lie [~/.local/state/privyseal/up]";

struct Options {
    policy: PathBuf,
    upstream: String,
    listen: String,
    approver: SocketAddr,
    people: Vec<String>,
    data: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("up: {error:#}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let ended = tokio::select! {
        ended = run(&options) => ended,
        () = interrupted() => Ok(()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("up: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
        let (mut policy, mut upstream, mut data) = (None, None, None);
        let mut listen = "127.0.0.1:10000".to_owned();
        let mut approver = "127.0.0.1:8077".to_owned();
        let mut people = Vec::new();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().with_context(|| format!("`{name}` takes a value"));
            match name.as_str() {
                "--policy" => policy = Some(PathBuf::from(value()?)),
                "--upstream" => upstream = Some(value()?),
                "--listen" => listen = value()?,
                "--approver" => approver = value()?,
                "--person" => people.push(value()?),
                "--data" => data = Some(PathBuf::from(value()?)),
                _ => bail!("`{name}` is not known here"),
            }
        }
        if people.is_empty() {
            people.push(std::env::var("USER").unwrap_or_else(|_| "me".to_owned()));
        }
        Ok(Options {
            policy: policy.context("`--policy` is missing")?,
            upstream: upstream.context("`--upstream` is missing")?,
            listen,
            approver: approver
                .parse()
                .with_context(|| format!("`{approver}`: expected an address such as 127.0.0.1:8077"))?,
            people,
            data: data.map_or_else(default_data, Ok)?,
        })
    }
}

fn default_data() -> Result<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    Ok(state.or_else(home).context("`--data` is missing, and there is no HOME")?.join("privyseal/up"))
}

async fn run(options: &Options) -> Result<()> {
    std::fs::create_dir_all(options.data.parent().context("`--data` names no directory")?)?;
    let people: Vec<&str> = options.people.iter().map(String::as_str).collect();
    let mut approver = Approver::start_at(options.approver, Some(options.data.clone()), &people).await?;
    let mut envoy = rendered::gateway(&options.policy, &options.listen, &options.upstream, &approver).await?;

    let name = people[0].split('=').next().unwrap_or_default();
    let command = artefacts::privyseal().display().to_string();
    println!("agents    http://{} ──► {}", envoy.addr(), options.upstream);
    println!("people    http://{}  (or: {command} login --as {name} --server http://{0})", approver.addr());
    println!("policy    {}", options.policy.display());
    println!("data      {}", options.data.display());
    println!("\nWho asks for a login finds its link and code here. Ctrl-C ends it.\n");

    let mut shown = approver.process().stdout().len();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let said = approver.process().stdout();
        print!("{}", said.get(shown..).unwrap_or_default());
        shown = said.len();
        approver.assert_running()?;
        envoy.assert_running()?;
    }
}
