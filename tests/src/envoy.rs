//! One Envoy: started from a [`Config`], ready when `start` returns, gone when dropped.

mod config;

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tempfile::TempDir;

pub use self::config::{Config, Listener, Plugin};
pub(crate) use self::config::{address, cluster};
use crate::client;
use crate::process::{Process, Signal};
use crate::{PATIENCE, artefacts};

pub struct Envoy {
    process: Process,
    admin: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    /// Where its files are; removed with it.
    dir: TempDir,
}

impl Envoy {
    /// Starts it; an error carries what it wrote on standard error.
    pub async fn start(config: &Config) -> Result<Envoy> {
        Envoy::boot(&config.to_json().to_string(), &config.environment, config.workers).await
    }

    /// Starts it from the text of a configuration, in YAML or JSON.
    pub async fn boot(text: &str, environment: &[(String, String)], workers: u32) -> Result<Envoy> {
        let dir = TempDir::new()?;
        // JSON is YAML.
        let file = dir.path().join("envoy.yaml");
        std::fs::write(&file, text)?;
        let admin_path = dir.path().join("admin");
        let mut command = Command::new(artefacts::envoy());
        command
            .arg("--config-path")
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&admin_path)
            .args(["--disable-hot-restart", "--log-level", "warning", "--component-log-level"])
            .args(["wasm:info", "--concurrency", &workers.to_string()])
            .current_dir(artefacts::root())
            .envs(environment.iter().map(|(k, v)| (k, v)));
        let mut process = Process::spawn(command, dir.path(), "envoy")?;

        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            process.assert_running("envoy")?;
            if let Some(admin) = read_address(&admin_path)
                && client::get(admin, "/ready").await.is_ok_and(|r| r.status == 200)
            {
                let listeners = listeners(admin).await?;
                return Ok(Envoy { process, admin, listeners, dir });
            }
            if tokio::time::Instant::now() > deadline {
                bail!("envoy is not ready after {PATIENCE:?}: {}", process.stderr());
            }
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }

    /// An error with its last words if it has ended.
    pub fn assert_running(&mut self) -> Result<()> {
        self.process.assert_running("envoy")
    }

    /// Where agents connect: the first listener.
    pub fn addr(&self) -> SocketAddr {
        self.listeners[0].1
    }

    /// Its admin interface.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The address of a listener by its name.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.iter().find(|(n, _)| n == name).map(|(_, addr)| *addr)
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What Envoy and the filter wrote on standard error.
    pub fn log(&self) -> String {
        self.process.stderr()
    }

    /// The access log, one object for each finished request.
    pub fn access_log(&self) -> Vec<Value> {
        self.process.stdout().lines().filter_map(|l| serde_json::from_str(l).ok()).collect()
    }

    /// The sum of the counters and gauges whose name holds `part`.
    pub async fn stat(&self, part: &str) -> u64 {
        let Ok(answer) = client::get(self.admin, "/stats").await else { return 0 };
        let text = answer.text();
        text.lines()
            .filter_map(|l| l.split_once(": "))
            .filter(|(name, _)| name.contains(part))
            .filter_map(|(_, value)| value.parse::<u64>().ok())
            .sum()
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

fn read_address(path: &std::path::Path) -> Option<SocketAddr> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

async fn listeners(admin: SocketAddr) -> Result<Vec<(String, SocketAddr)>> {
    let answer = client::get(admin, "/listeners?format=json").await?;
    let json: Value = serde_json::from_slice(&answer.body)?;
    let statuses = json["listener_statuses"].as_array().context("no listener")?;
    statuses
        .iter()
        .map(|l| {
            let socket = &l["local_address"]["socket_address"];
            let ip = socket["address"].as_str().context("no address")?.parse::<std::net::IpAddr>()?;
            let port = socket["port_value"].as_u64().context("no port")?;
            Ok((l["name"].as_str().unwrap_or_default().to_owned(), SocketAddr::from((ip, port as u16))))
        })
        .collect()
}
