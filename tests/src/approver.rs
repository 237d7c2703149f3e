//! The real approver: the built `privyseal serve` with data of its own, and people who decide.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::certificates::{Authority, Certificate};
use crate::client::{self, Request};
use crate::process::{Process, Signal};
use crate::syscalls::Syscalls;
use crate::{artefacts, eventually, ports, tls_door};

/// What replicas share.
const SHARED_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

pub struct Approver {
    process: Process,
    /// Where it listens.
    listens: SocketAddr,
    /// Where the harness reaches it without TLS.
    addr: SocketAddr,
    home: Home,
    key: String,
    gateway_token: String,
    /// Holds its output, and its data unless that is somebody else's.
    dir: TempDir,
}

impl Approver {
    /// Starts it for the people given as `NAME` or `NAME=identity,…`.
    pub async fn start(people: &[&str]) -> Result<Approver> {
        Approver::start_at(ports::free(), None, people).await
    }

    /// Starts it at an address, on data that outlives it if there is a directory for that.
    pub async fn start_at(addr: SocketAddr, data: Option<PathBuf>, people: &[&str]) -> Result<Approver> {
        Approver::start_with(addr, data, people, &[]).await
    }

    /// Starts it with further arguments of `serve`.
    pub async fn start_with(
        addr: SocketAddr,
        data: Option<PathBuf>,
        people: &[&str],
        arguments: &[&str],
    ) -> Result<Approver> {
        let dir = TempDir::new()?;
        let data = data.unwrap_or_else(|| dir.path().join("data"));
        let home = Home::new(data);
        let key = home.run(&["key", "show"])?;
        Approver::start_at_home(dir, home, key, (addr, addr), people, arguments).await
    }

    /// Starts it with TLS and a certificate of `authority`.
    pub async fn start_with_tls(authority: &Authority, people: &[&str], arguments: &[&str]) -> Result<Approver> {
        let dir = TempDir::new()?;
        let home = Home::new(dir.path().join("data"));
        let key = home.run(&["key", "show"])?;
        let Certificate { cert, key: cert_key } = authority.server();
        let (cert, cert_key) = (cert.to_string_lossy(), cert_key.to_string_lossy());
        let arguments = [&["--tls-cert", &cert, "--tls-key", &cert_key], arguments].concat();
        let listens = ports::free();
        let door = tls_door::open(listens, authority).await?;
        Approver::start_at_home(dir, home, key, (listens, door), people, &arguments).await
    }

    /// Starts it with what it asks of the kernel written down.
    pub async fn start_watched(syscalls: &Syscalls, people: &[&str]) -> Result<Approver> {
        let dir = TempDir::new()?;
        let home = Home { syscalls: Some(syscalls.clone()), ..Home::new(dir.path().join("data")) };
        let key = home.run(&["key", "show"])?;
        let addr = ports::free();
        Approver::start_at_home(dir, home, key, (addr, addr), people, &[]).await
    }

    /// Starts a replica on a database of PostgreSQL, with data and a port of its own.
    pub async fn start_replica(database: &str, people: &[&str]) -> Result<Approver> {
        let dir = TempDir::new()?;
        let home = Home { database: Some(database.to_owned()), ..Home::new(dir.path().join("data")) };
        let addr = ports::free();
        Approver::start_at_home(dir, home, SHARED_KEY.to_owned(), (addr, addr), people, &[]).await
    }

    async fn start_at_home(
        dir: TempDir,
        home: Home,
        key: String,
        (listens, addr): (SocketAddr, SocketAddr),
        people: &[&str],
        arguments: &[&str],
    ) -> Result<Approver> {
        let gateway_token = home.token("filter")?;
        let process = serve(&home, dir.path(), listens, people, arguments)?;
        let mut approver = Approver { process, listens, addr, home, key, gateway_token, dir };
        approver.ready().await?;
        Ok(approver)
    }

    /// Waits until it answers; an error carries what it wrote on standard error.
    async fn ready(&mut self) -> Result<()> {
        loop {
            self.assert_running()?;
            if client::get(self.addr, "/readyz").await.is_ok_and(|r| r.status == 200) {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        }
    }

    /// An error with its last words if it has ended.
    pub fn assert_running(&mut self) -> Result<()> {
        self.process.assert_running("the approver")
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens itself, which with TLS is not where the harness asks.
    pub fn listens(&self) -> SocketAddr {
        self.listens
    }

    pub fn data(&self) -> &Path {
        &self.home.data
    }

    /// The key that it shares with the gateway.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What the gateway shows it.
    pub fn gateway_token(&self) -> &str {
        &self.gateway_token
    }

    /// A new token of a role, as `privyseal token create` prints it.
    pub fn token(&self, role: &str) -> Result<String> {
        self.home.token(role)
    }

    /// What `privyseal audit verify` says; an error if the log is not whole.
    pub fn verify_audit(&self) -> Result<String> {
        self.home.run(&["audit", "verify"])
    }

    /// Waits until it has ended, and says how.
    pub async fn ended(&mut self) -> ExitStatus {
        let process = RefCell::new(&mut self.process);
        eventually("the approver ends", async || process.borrow_mut().ended()).await
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again on its data and its port.
    pub async fn restart(&mut self, people: &[&str]) -> Result<()> {
        self.process.kill();
        self.process = serve(&self.home, self.dir.path(), self.listens, people, &[])?;
        self.ready().await
    }

    /// Logs a person in by the code that `serve` prints, as that person would read it from its terminal.
    pub async fn login(&self, name: &str) -> Result<Person> {
        let Invitation { code, .. } = self.invite(name).await?;
        let session = Request::post("/v1/login", &json!({ "code": code })).send(self.addr).await?;
        ensure!(session.status == 200, "logging in: {session:?}");
        let session = session.json()["session"].as_str().context("a session")?.to_owned();
        Ok(Person { addr: self.addr, session })
    }

    /// Asks for a login of a person and reads from the terminal of `serve` what only its reader learns.
    pub async fn invite(&self, name: &str) -> Result<Invitation> {
        let already = self.invitations(name).len();
        let asked = Request::post("/v1/login/request", &json!({ "person": name })).send(self.addr).await?;
        ensure!(asked.status < 300, "asking for a login: {asked:?}");
        Ok(eventually("serve prints the code", async || self.invitations(name).into_iter().nth(already)).await)
    }

    fn invitations(&self, name: &str) -> Vec<Invitation> {
        let start = format!("login for {name}: ");
        let stdout = self.process.stdout();
        let lines = stdout.lines().filter_map(|l| l.strip_prefix(&start)?.split_once(" code "));
        lines
            .map(|(link, rest)| Invitation {
                link: link.trim().to_owned(),
                code: rest.split_whitespace().next().unwrap_or_default().to_owned(),
            })
            .collect()
    }
}

impl Approver {
    /// Signs receipts with a new key from now on.
    pub fn rotate_receipts_now(&self) -> Result<String> {
        self.home.run(&["key", "rotate-receipts", "--now"])
    }
}

fn serve(home: &Home, output: &Path, addr: SocketAddr, people: &[&str], arguments: &[&str]) -> Result<Process> {
    let mut command = home.command(&["serve", "--listen", &addr.to_string()]);
    command.args(arguments);
    for person in people {
        command.args(["--person", person]);
    }
    if let Some(syscalls) = &home.syscalls {
        command = syscalls.of(command);
    }
    Process::spawn(command, output, "serve")
}

/// Where an approver keeps what outlives it.
struct Home {
    data: PathBuf,
    /// Shared with other replicas.
    database: Option<String>,
    /// What `serve` asks of the kernel.
    syscalls: Option<Syscalls>,
}

impl Home {
    fn new(data: PathBuf) -> Home {
        Home { data, database: None, syscalls: None }
    }

    /// A command that works on it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(artefacts::privyseal());
        command.args(arguments).arg("--data").arg(&self.data);
        if let Some(database) = &self.database {
            command.env("PRIVYSEAL_DATABASE", database);
            command.env("PRIVYSEAL_KEY", SHARED_KEY).env("PRIVYSEAL_STORAGE_KEY", SHARED_KEY);
        }
        command
    }

    /// What a command prints.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        let out = self.command(arguments).output()?;
        ensure!(out.status.success(), "privyseal {}: {}", arguments.join(" "), String::from_utf8_lossy(&out.stderr));
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }

    fn token(&self, role: &str) -> Result<String> {
        self.run(&["token", "create", "--role", role, "--name", role])
    }
}

/// A one-time way to log in.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// For a browser.
    pub link: String,
    /// For a terminal.
    pub code: String,
}

/// Someone with a session that may decide.
pub struct Person {
    addr: SocketAddr,
    session: String,
}

impl Person {
    /// With a session that was opened elsewhere.
    pub fn new(addr: SocketAddr, session: &str) -> Person {
        Person { addr, session: session.to_owned() }
    }

    /// The secret of the session.
    pub fn session(&self) -> &str {
        &self.session
    }

    async fn call(&self, request: Request) -> Result<client::Response> {
        request.header("authorization", format!("Bearer {}", self.session)).send(self.addr).await
    }

    /// Every hold, newest first.
    pub async fn holds(&self) -> Result<Vec<Value>> {
        let (mut holds, mut cursor) = (Vec::new(), String::new());
        loop {
            let answer = self.call(Request::get(&format!("/v1/holds?limit=500{cursor}"))).await?;
            ensure!(answer.status == 200, "listing holds: {answer:?}");
            let page = answer.json();
            holds.extend(page["holds"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(holds),
            }
        }
    }

    /// How many holds are pending: one question, where there are too many to list again and again.
    pub async fn count_pending(&self) -> Result<usize> {
        let answer = self.call(Request::get("/metrics")).await?;
        let text = String::from_utf8_lossy(&answer.body);
        let count = text.lines().find_map(|line| line.strip_prefix("privyseal_holds{state=\"pending\"} "));
        count.with_context(|| format!("no count of holds: {answer:?}"))?.parse().context("a count of holds")
    }

    /// The gateways that ask, and what is wrong with them.
    pub async fn fleet(&self) -> Result<Value> {
        Ok(self.call(Request::get("/v1/fleet")).await?.json())
    }

    /// Waits until there are `n` holds in `state`.
    pub async fn await_holds(&self, n: usize, state: &str) -> Vec<Value> {
        eventually(&format!("{n} holds are {state}"), async || {
            let mut holds = self.holds().await.ok()?;
            holds.retain(|h| h["state"] == state);
            (holds.len() >= n).then_some(holds)
        })
        .await
    }

    /// Waits for a pending hold and returns its id.
    pub async fn await_pending(&self) -> String {
        let holds = self.await_holds(1, "pending").await;
        holds[0]["id"].as_str().expect("an id").to_owned()
    }

    pub async fn show(&self, id: &str) -> Result<Value> {
        Ok(self.call(Request::get(&format!("/v1/holds/{id}"))).await?.json())
    }

    pub async fn approve(&self, id: &str) -> Result<client::Response> {
        self.call(Request::post(&format!("/v1/holds/{id}/approve"), &json!({ "reason": "looks right" }))).await
    }

    pub async fn deny(&self, id: &str, reason: &str) -> Result<client::Response> {
        self.call(Request::post(&format!("/v1/holds/{id}/deny"), &json!({ "reason": reason }))).await
    }

    /// Does `verb` to a hold.
    pub async fn say(&self, id: &str, verb: &str, body: Value) -> Result<client::Response> {
        self.call(Request::post(&format!("/v1/holds/{id}/{verb}"), &body)).await
    }

    /// Turns the kill switch of one principal.
    pub async fn kill(&self, principal: &str, kill: &str) -> Result<client::Response> {
        self.call(Request::post("/v1/control", &json!({ "kill": kill, "principal": principal }))).await
    }

    pub async fn audit(&self) -> Result<Vec<Value>> {
        let answer = self.call(Request::get("/v1/audit?limit=500")).await?;
        ensure!(answer.status == 200, "reading the audit record: {answer:?}");
        Ok(answer.json()["entries"].as_array().cloned().unwrap_or_default())
    }
}
