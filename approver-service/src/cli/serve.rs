//! `privyseal serve`: the service itself.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use privyseal_engine::digest::hex;
use privyseal_engine::keys;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::Failure;
use super::terminal;
use crate::api::limits::Limits;
use crate::app::{Announce, App, Shared};
use crate::auth::Directory;
use crate::auth::oidc::Provider;
use crate::clock::written;
use crate::config::{Config, ServeArgs, TenantConfig};
use crate::mask::Mask;
use crate::receipt::Receipts;
use crate::receipt::keys::Keys;
use crate::secret::{DataDir, Key, parse_key};
use crate::store::Store;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::ticket::Tickets;
use crate::tls::Tls;
use crate::workflow::watch::Watch;
use crate::{server, telemetry};

/// The environment in which less may be promised.
const DEVELOPMENT: &str = "development";
/// How often holds are looked at that nobody touches.
const SWEEP: Duration = Duration::from_secs(1);
/// How long a gateway may not ask for a hold that it said a client waits for.
const SILENCE: Duration = Duration::from_secs(30);
/// How often that is looked at.
const LISTENED: Duration = Duration::from_secs(5);

/// Run the approver service
///
/// Prints `listening on http://…`, or `https://…`, when it is ready. Logins are shown here, on its own terminal: whoever reads it decides.
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal serve --person alice=alice@example.com,agent-of-alice --person bob
  privyseal serve --person alice --person bob --group finance=alice,bob --workflows policy.yaml
  PRIVYSEAL_KEY=… privyseal serve --listen 0.0.0.0:8077 --tls-cert cert.pem --tls-key key.pem \
    --public-url https://approve.example.com:8077

PRIVYSEAL_KEY, at least 32 bytes as hex or base64, is the key shared with the gateway; without it one is made in the
data directory, and `privyseal key show` prints it.")]
pub struct Serve {
    #[command(flatten)]
    args: ServeArgs,
}

impl Serve {
    pub async fn run(self) -> Result<(), Failure> {
        telemetry::start();
        Ok(serve(self.args.resolve()?).await?)
    }
}

async fn serve(config: Config) -> Result<()> {
    let data = DataDir::open_or_create(&config.data)?;
    let _held_until_the_end = data.lock()?;
    let gateway_key = gateway_key(&data)?;
    let store = config.database.open(&data).await?;
    match store.check_durable().await {
        Err(error) if config.environment.as_deref() == Some(DEVELOPMENT) => {
            tracing::warn!(%error, "for development only")
        }
        checked => checked.with_context(|| format!("database `{}`", store.address()))?,
    }
    warn_of(&config.main.directory);
    let watches = start_tenants(&store, config.main, config.others).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("cannot listen on `{}`; choose another with `--listen`", config.listen))?;
    let address = listener.local_addr()?;
    let (leaving, stop) = (CancellationToken::new(), CancellationToken::new());
    let (tls, follow_tls) = config.tls.map(Tls::open).transpose().context("TLS")?.unzip();
    let scheme = if tls.is_some() { "https" } else { "http" };
    let base_url = config.public_url.unwrap_or_else(|| format!("{scheme}://{address}"));
    let provider = config.oidc.map(|settings| Provider::new(settings, &base_url)).transpose()?;
    let receipts = Receipts {
        keys: Keys::open(&data)?,
        issuer: base_url.clone(),
        approvers: config.receipt_approvers,
        storage_key: store.key().clone(),
        field_key: Key::new(keys::Keys::new(gateway_key.bytes().to_vec()).field),
    };
    let fingerprint = store.key().mac("gateway-key", &hex(gateway_key.bytes()));
    note_keys(&store, "PRIVYSEAL_KEY (or `gateway.key`)", vec![fingerprint]).await?;
    note_keys(&store, "`receipt.keys`", receipts.keys.current().kids(store.now())).await?;
    let traces = config.traces.as_ref().map(Traces::start).transpose()?.unwrap_or_default();
    let app = App::from(Shared {
        store: store.clone(),
        gateway_key,
        tenants: config.tenants,
        environment: config.environment,
        gateways: config.gateways,
        base_url,
        metrics: Metrics::default(),
        traces: traces.clone(),
        limits: Limits::default(),
        receipts,
        provider: provider.clone(),
        tickets: config.tickets.map(Tickets::new).transpose()?,
        mask: Mask::new(store.key())?,
        announce: announce(config.login_output.as_deref())?,
        leaving: leaving.clone(),
        stop: stop.clone(),
    });
    if !address.ip().is_loopback() && !app.is_https() {
        tracing::warn!(
            "listening beyond this machine without TLS: add `--tls-cert` and `--tls-key`, or put it behind a proxy that \
             speaks TLS and set `--public-url https://…`"
        );
    }
    let stopping = stop_on_signal(leaving, stop.clone(), config.drain)?;
    let sweeper = tokio::spawn(sweep(store.clone(), stop.clone()));
    let following = {
        let (store, stop) = (store.clone(), stop.clone());
        tokio::spawn(async move { store.follow(stop).await })
    };
    if let Some(provider) = provider {
        tokio::spawn(async move { provider.check().await });
    }
    let mut watching = JoinSet::new();
    watches.into_iter().for_each(|watch| drop(watching.spawn(watch.run(stop.clone()))));
    let following_tls = follow_tls.map(|follow| tokio::spawn(follow.run(stop.clone())));
    terminal::say(&format!("listening on {scheme}://{address}"));
    tracing::info!(%address, "serving");

    server::run(listener, tls, app.router(), stop).await;
    stopping.abort();
    sweeper.await.context("the sweeper stopped early")?;
    following.await.context("the following of other replicas stopped early")?;
    while let Some(watched) = watching.join_next().await {
        watched.context("the workflows' watch stopped early")?;
    }
    if let Some(following) = following_tls {
        following.await.context("the watch of the certificates stopped early")?;
    }
    traces.stop().await;
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// From the environment, else from the data directory.
fn gateway_key(data: &DataDir) -> Result<Key> {
    match std::env::var("PRIVYSEAL_KEY") {
        Ok(text) => parse_key(&text).context("PRIVYSEAL_KEY"),
        Err(_) => parse_key(&data.gateway_key()?).context("gateway.key in the data directory"),
    }
}

/// Says so if the keys `name` are others than those of the replica that started last.
async fn note_keys(store: &Store, name: &str, words: Vec<String>) -> Result<()> {
    if let Some(since_ms) = store.note_keys(name, &words).await? {
        tracing::warn!(
            "{name} is not what the replica had that started at {}: if that one still runs, what one of them signs is not \
             accepted; give both the same",
            written(since_ms)
        );
    }
    Ok(())
}

/// Puts people and workflows of the settings into force; of tenants that they no longer name nobody decides.
async fn start_tenants(store: &Store, main: TenantConfig, others: Vec<TenantConfig>) -> Result<Vec<Watch>> {
    for tenant in store.tenants().await? {
        if main.name != tenant && others.iter().all(|other| other.name != tenant) {
            store.of(&tenant).set_people(&[]).await?;
        }
    }
    let mut watches = vec![];
    for TenantConfig { name, directory, on_call, workflows } in [main].into_iter().chain(others) {
        let scope = store.of(&name);
        scope.set_people(&directory.people).await?;
        let watch = Watch::start(workflows, directory, on_call, scope).await;
        watches.push(watch.with_context(|| format!("tenant `{name}`"))?);
    }
    Ok(watches)
}

fn warn_of(directory: &Directory) {
    if directory.people.is_empty() && !directory.services.provider {
        tracing::warn!("nobody may decide: name people with `--person`, or an identity provider with `--oidc-issuer`");
    }
    for person in directory.people.iter().filter(|person| person.identities.is_empty()) {
        tracing::info!(
            person = person.name,
            "no identities given: every address with this name counts as this person's"
        );
    }
}

/// Lines for people: to the file if one is named, else to this terminal.
fn announce(file: Option<&std::path::Path>) -> Result<Announce> {
    let Some(path) = file else { return Ok(Arc::new(terminal::say)) };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |line: &str| {
        let written = writeln!(file.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
        if let Err(error) = written {
            tracing::error!(%error, "a login could not be shown");
        }
    }))
}

/// SIGTERM comes from whoever will send the traffic elsewhere, once it sees that this replica is not ready: so it serves on
/// for `drain`. Ctrl-C, or a second signal, stops at once.
fn stop_on_signal(
    leaving: CancellationToken,
    stop: CancellationToken,
    drain: Duration,
) -> Result<tokio::task::JoinHandle<()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::spawn(async move {
        let drain = tokio::select! {
            _ = terminate.recv() => drain,
            _ = interrupt.recv() => Duration::ZERO,
        };
        tracing::info!("about to stop");
        leaving.cancel();
        tokio::select! {
            () = tokio::time::sleep(drain) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    }))
}

async fn sweep(store: Store, stop: CancellationToken) {
    let mut listened: Option<Instant> = None;
    while !stop.is_cancelled() {
        let swept = async {
            store.sweep().await?;
            if listened.is_none_or(|at| at.elapsed() >= LISTENED) {
                listened = Some(Instant::now());
                store.note_silence(SILENCE).await?;
            }
            Ok::<_, crate::store::Error>(())
        };
        if let Err(error) = swept.await {
            tracing::error!(?error, "holds could not be swept");
        }
        tokio::select! {
            () = tokio::time::sleep(SWEEP) => {}
            () = stop.cancelled() => {}
        }
    }
}
