//! Agents with real clients, unmodified: SDKs in Python programs that take requests and give answers as lines of JSON, and curl.

use std::net::SocketAddr;
use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::process::Process;
use crate::{PATIENCE, artefacts, client, eventually, jwt, ports};

/// One agent with one session; it ends when dropped.
pub struct Agent {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Agent {
    /// Starts `tests/clients/{program}.py` with a URL and a token, and waits until it is connected.
    pub async fn start(program: &str, url: &str, token: &str) -> Result<Agent> {
        let mut child = Command::new(artefacts::python())
            .arg(artefacts::root().join(format!("tests/clients/{program}.py")))
            .args([url, token])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("stdin")?;
        let output = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let mut agent = Agent { _child: child, input, output };
        agent.answer().await.with_context(|| format!("{program} did not connect"))?;
        Ok(agent)
    }

    /// Sends one request and waits for what came of it.
    pub async fn ask(&mut self, request: &Value) -> Result<Value> {
        self.input.write_all(format!("{request}\n").as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Value> {
        let line =
            tokio::time::timeout(PATIENCE * 3, self.output.next_line()).await.context("no answer of the agent")??;
        Ok(serde_json::from_str(&line.context("the agent ended")?)?)
    }
}

/// A Python program that serves HTTP; it ends when dropped.
pub struct Server {
    process: Process,
    pub addr: SocketAddr,
    _dir: TempDir,
}

impl Server {
    /// Starts `tests/clients/{program}.py` with a port and these arguments, and waits until it answers.
    pub async fn start(program: &str, arguments: &[&str]) -> Result<Server> {
        let dir = TempDir::new()?;
        let addr = ports::free();
        let mut command = std::process::Command::new(artefacts::python());
        command.arg(artefacts::root().join(format!("tests/clients/{program}.py")));
        command.arg(addr.port().to_string()).args(arguments);
        let process = Process::spawn(command, dir.path(), program)?;
        eventually(&format!("{program} listens"), async || client::get(addr, "/").await.ok()).await;
        Ok(Server { process, addr, _dir: dir })
    }
}

/// An MCP server with the Python SDK.
pub struct McpServer(Server);

impl McpServer {
    pub async fn start() -> Result<McpServer> {
        Ok(McpServer(Server::start("mcp_server", &[]).await?))
    }

    pub fn addr(&self) -> SocketAddr {
        self.0.addr
    }

    /// The tool calls that it ran, in order.
    pub fn ran(&self) -> Vec<Value> {
        self.0
            .process
            .stdout()
            .lines()
            .filter_map(|l| serde_json::from_str::<Value>(l).ok())
            .filter(|v| v["tool"].is_string())
            .collect()
    }
}

/// Status and body of one request with curl, as agent 1: a path, then options.
pub async fn curl(addr: SocketAddr, arguments: &[&str]) -> (u16, String) {
    let (path, rest) = arguments.split_first().expect("a path");
    let token = jwt::token(&json!({ "sub": "agent-1" }));
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "--oauth2-bearer", &token])
        .args(rest)
        .arg(format!("http://{addr}{path}"))
        .output()
        .await
        .expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // With --retry, each try writes its body; the last line is the last status.
    let (body, status) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{output:?}"));
    (status.parse().unwrap_or_else(|_| panic!("{output:?}")), body.to_owned())
}
