//! `privyseal request`: an approval for something that no gateway sees, as a step of a pipeline.
//!
//! What is approved is the digest of all that is given here: the same words again join the same request, others are
//! another. Must not go here: who may approve (the service).

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use privyseal_engine::digest::{Encoder, hex};
use privyseal_engine::hold::{
    Answer, Intake, Preview, Release, ReleaseVerdict, Risk, State, StatusQuery, VERSION, View,
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::client::{Client, Failure, ServerArg};
use super::{terminal, token};
use crate::auth::tenant::Tenant;
use crate::mask::Mask;
use crate::secret::{self, Key};

/// The longest poll; shorter than the client's patience.
const POLL_MS: u128 = 20_000;
const MAX_BODY: usize = 1024 * 1024;

/// Ask for an approval of something outside of any gateway, as a step of a pipeline
///
/// Approved is exactly what is given here, once. The token of PRIVYSEAL_TOKEN has role `requester`; its owner approves
/// nothing that is asked for with it. Interrupted, the request is withdrawn.
#[derive(Args)]
#[command(after_help = "\
Exit codes: 0 approved, 1 refused or failed, 2 wrong usage, 4 denied, 5 nobody decided or it came too late,
6 withdrawn, cancelled or revoked, 7 still waiting

Examples:
  privyseal request --wait --method DELETE --resource https://db.example.com/tables/orders \\
    --why \"drop the old orders\" --ticket OPS-42
  privyseal request --wait --timeout 30m --method POST --resource https://ci.example.com/deploy/prod \\
    --why \"deploy 1.4.2\" --body plan.json --json")]
pub struct Request {
    /// What is to be done: a verb, as of HTTP
    #[arg(long, default_value = "POST")]
    method: String,
    /// What it is done to, as `https://host/path`
    #[arg(long, value_name = "URL")]
    resource: String,
    /// What for, in a sentence for the people who decide
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// JSON with the details; shown masked, approved to the byte
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Stated to the people who decide; nobody has verified it
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// The ticket that asks for it
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// For whom; this human does not approve it
    #[arg(long, value_name = "NAME")]
    on_behalf_of: Option<String>,
    /// Who must decide, by the approver's workflows
    #[arg(long, value_name = "NAME", default_value = "default")]
    workflow: String,
    #[arg(long, value_enum, default_value_t = RiskArg::Medium)]
    risk: RiskArg,
    /// As `environment:` of a gateway's policy
    #[arg(long, value_name = "NAME", env = "PRIVYSEAL_ENVIRONMENT", default_value = "production")]
    environment: String,
    /// Whose the token is
    #[arg(long, value_name = "NAME", env = "PRIVYSEAL_TENANT", default_value_t)]
    tenant: Tenant,
    /// Wait until it is decided; otherwise ask, and tell how it stands
    #[arg(long)]
    wait: bool,
    /// How long to wait, and how long people may take, as `30m` or `2h`
    #[arg(long, value_name = "DURATION", value_parser = token::duration_ms, default_value = "1h")]
    timeout: i64,
    /// One JSON object: `id`, `state` and `reason`
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: ServerArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum RiskArg {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Serialize)]
struct Told<'a> {
    id: &'a str,
    state: State,
    reason: Option<&'a str>,
}

impl Request {
    pub async fn run(self) -> Result<(), Failure> {
        let client = Client::with_token(&self.server)?;
        let intake = self.intake()?;
        let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut view: View = client.post("/v1/holds", &intake).await?;
        let until = Instant::now() + Duration::from_millis(self.timeout.unsigned_abs());
        let mut told = None;
        while self.wait && view.state.is_open() && Instant::now() < until {
            if told.replace(view.revision) != Some(view.revision) {
                tell(&view);
            }
            let wait_ms = until.saturating_duration_since(Instant::now()).as_millis().min(POLL_MS);
            let path = format!("/v1/holds/{}/wait?v={VERSION}&revision={}&wait_ms={wait_ms}", view.id, view.revision);
            view = tokio::select! {
                waited = client.get(&path) => waited?,
                _ = interrupted.recv() => self.withdraw(&client, &view).await?,
                _ = terminated.recv() => self.withdraw(&client, &view).await?,
            };
        }
        if view.state == State::Approved {
            view.state = collect(&client, &intake, &view.id).await?;
        }
        self.report(&view)
    }

    /// What is asked, bound by its digest.
    fn intake(&self) -> anyhow::Result<Intake> {
        let (scheme, rest) = self.resource.split_once("://").unwrap_or_default();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if !matches!(scheme, "http" | "https") || authority.is_empty() {
            bail!("resource `{}`: expected `https://host/path`", self.resource);
        }
        let body = self.body.as_deref().map(read).transpose()?.unwrap_or_default();
        let mask = Mask::new(&Key::new(secret::random::<32>()?.to_vec()))?;
        let shown = if body.is_empty() { String::new() } else { mask.json(&body)? };
        let mut digest = Encoder::new("privyseal/request/v1");
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        for (name, value) in [
            ("environment", &self.environment),
            ("method", &self.method),
            ("resource", &self.resource),
            ("purpose", &optional(&self.purpose)),
            ("ticket", &optional(&self.ticket)),
            ("on_behalf_of", &optional(&self.on_behalf_of)),
        ] {
            digest.field(name, value.as_bytes());
        }
        digest.field("body", &body);
        let risk = Risk::from(self.risk);
        let mut terms = Encoder::new("privyseal/request-terms/v1");
        for (name, value) in [("workflow", &self.workflow), ("risk", &format!("{risk:?}")), ("why", &self.why)] {
            terms.field(name, value.as_bytes());
        }
        let timeout_ms = self.timeout.unsigned_abs();
        let stated = [("purpose", &self.purpose), ("ticket", &self.ticket)];
        let stated = stated.into_iter().filter_map(|(name, said)| Some((name.to_owned(), said.clone()?)));
        Ok(Intake {
            v: VERSION,
            proof: None,
            nonce: hex(&secret::random::<16>()?),
            digest: hex(&digest.sha256()),
            terms: hex(&terms.sha256()),
            fields: [].into(),
            tenant: self.tenant.to_string(),
            environment: self.environment.clone(),
            gateway: String::new(),
            principal: None,
            on_behalf_of: self.on_behalf_of.clone(),
            rules: vec![],
            category: None,
            risk,
            workflow: self.workflow.clone(),
            why: self.why.clone(),
            deadline_ms: timeout_ms,
            approval_ttl_ms: 10 * 60_000,
            rejoin_ms: timeout_ms,
            max_live: 20,
            grant_target: None,
            preview: Preview {
                method: self.method.clone(),
                scheme: scheme.to_owned(),
                authority: authority.to_owned(),
                path: format!("/{path}"),
                truncated: shown.len() > Preview::MAX_BODY,
                body: shown.chars().scan(0, within).collect(),
                content_type: self.body.is_some().then(|| "application/json".to_owned()),
                body_bytes: body.len() as u64,
                stated: stated.collect(),
                ..Preview::default()
            },
        })
    }

    async fn withdraw(&self, client: &Client, view: &View) -> Result<View, Failure> {
        let query = StatusQuery {
            v: VERSION,
            tenant: self.tenant.to_string(),
            environment: self.environment.clone(),
            principal: String::new(),
        };
        client.post(&format!("/v1/holds/{}/withdraw", view.id), &query).await
    }

    fn report(&self, view: &View) -> Result<(), Failure> {
        let told = Told { id: &view.id, state: view.state, reason: view.reason.as_deref() };
        if self.json {
            terminal::say(&serde_json::to_string(&told)?);
        }
        let code = match view.state {
            State::Released => {
                if !self.json {
                    terminal::say(&format!("approved: {}", view.id));
                }
                return Ok(());
            }
            State::Denied => 4,
            State::Expired | State::Lapsed => 5,
            State::Withdrawn | State::Cancelled | State::Revoked => 6,
            State::Pending | State::InfoRequested | State::Approved => 7,
        };
        let reason = view.reason.as_deref().map(|reason| format!(": {}", terminal::safe(reason))).unwrap_or_default();
        let said = format!("{} is {}{reason}", view.id, view.state.as_str().replace('_', " "));
        Err(Failure::NotApproved { said, code: ExitCode::from(code) })
    }
}

/// Collects the approval, so that nobody else can.
async fn collect(client: &Client, intake: &Intake, id: &str) -> Result<State, Failure> {
    let release = Release {
        v: VERSION,
        nonce: intake.nonce.clone(),
        digest: intake.digest.clone(),
        terms: intake.terms.clone(),
        tenant: intake.tenant.clone(),
        environment: intake.environment.clone(),
        principal: None,
        forwarded: None,
    };
    let answer: Answer = client.post(&format!("/v1/holds/{id}/release"), &release).await?;
    match answer.verdict {
        ReleaseVerdict::Released => Ok(State::Released),
        ReleaseVerdict::NotApproved => Ok(answer.state),
        ReleaseVerdict::AlreadyReleased => Err(anyhow!("somebody else has collected this approval").into()),
        ReleaseVerdict::Mismatch => Err(anyhow!("the approval is of another request: ask again").into()),
    }
}

/// To people who look on; the result alone goes to stdout.
fn tell(view: &View) {
    let question = view.reason.as_deref().filter(|_| view.state == State::InfoRequested);
    terminal::complain(&match question {
        Some(question) => format!("asked: {}", terminal::safe(question)),
        None => format!("waiting for people to decide {}", view.id),
    });
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let body = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    if body.len() > MAX_BODY {
        bail!("`{}` is larger than 1 MiB: people cannot decide on so much", path.display());
    }
    Ok(body)
}

/// Characters as long as they fit into a preview.
fn within(bytes: &mut usize, c: char) -> Option<char> {
    *bytes += c.len_utf8();
    (*bytes <= Preview::MAX_BODY).then_some(c)
}

impl From<RiskArg> for Risk {
    fn from(risk: RiskArg) -> Risk {
        match risk {
            RiskArg::Low => Risk::Low,
            RiskArg::Medium => Risk::Medium,
            RiskArg::High => Risk::High,
            RiskArg::Critical => Risk::Critical,
        }
    }
}
