//! The built command, as people type it: `serve` in one terminal, the rest in others.

#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use e2e::postgres::Postgres;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A running `privyseal serve`, and a terminal beside it.
struct Terminal {
    folder: TempDir,
    serve: Child,
    /// Lines that `serve` prints.
    lines: Receiver<String>,
    server: String,
}

impl Terminal {
    fn open() -> Terminal {
        Terminal::open_in(tempfile::tempdir().unwrap(), &[])
    }

    fn open_in(folder: TempDir, args: &[&str]) -> Terminal {
        let mut serve = Terminal::command(folder.path())
            .args(["serve", "--listen", "127.0.0.1:0", "--person", "alice=alice@example.com", "--person", "bob"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(serve.stdout.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut terminal = Terminal { folder, serve, lines, server: String::new() };
        terminal.server = terminal.printed().strip_prefix("listening on ").unwrap().to_owned();
        terminal
    }

    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_privyseal"));
        command
            .env_clear()
            .env("PRIVYSEAL_DATA", folder.join("data"))
            .env("XDG_RUNTIME_DIR", folder)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// The next line of `serve`.
    fn printed(&self) -> String {
        self.lines.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        Terminal::command(self.folder.path()).env("PRIVYSEAL_SERVER", &self.server).args(args).output().unwrap()
    }

    /// Runs what must succeed.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Runs what must fail: the exit code and what it said.
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args);
        assert_eq!(text(&output.stdout), "", "{args:?}");
        (output.status.code().unwrap(), text(&output.stderr))
    }

    fn log_in(&self, person: &str) {
        let mut login = Terminal::command(self.folder.path())
            .env("PRIVYSEAL_SERVER", &self.server)
            .args(["login", "--as", person])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = self.printed();
        assert!(line.starts_with(&format!("login for {person}: {}/login/confirm?t=", self.server)), "{line}");
        let code = line.split("  code ").nth(1).unwrap().split_whitespace().next().unwrap();
        writeln!(login.stdin.take().unwrap(), "{code}").unwrap();
        assert!(login.wait().unwrap().success());
    }

    /// A hold as a gateway would ask for it.
    async fn hold(&self, n: u32, on_behalf_of: &str) -> String {
        self.ask(n, on_behalf_of, "default").await["id"].as_str().unwrap().to_owned()
    }

    /// What the service answers to that.
    async fn ask(&self, n: u32, on_behalf_of: &str, workflow: &str) -> Value {
        let token = self.ok(&["token", "create", "--role", "filter", "--name", "gateway"]);
        let intake = json!({
            "v": 1, "nonce": format!("{n:032x}"), "digest": format!("{n:064x}"), "terms": "1".repeat(64),
            "tenant": "default", "environment": "test", "principal": "agent-7", "grant_target": "2".repeat(64), "on_behalf_of": on_behalf_of,
            "rules": ["crm-export"], "category": null, "risk": "high", "workflow": workflow,
            "why": "exports every contact \u{1b}[2J", "deadline_ms": 3_600_000, "approval_ttl_ms": 600_000,
            "rejoin_ms": 900_000, "max_live": 20,
            "preview": {
                "method": "POST", "scheme": "https", "authority": "crm.example.com", "path": "/export", "headers": [],
                "body": "{\"a\":1}", "content_type": "application/json", "body_bytes": 7, "truncated": false, "findings": {},
            },
        });
        let request =
            reqwest::Client::new().post(format!("{}/v1/holds", self.server)).bearer_auth(token.trim()).json(&intake);
        request.send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended_already = self.serve.kill();
        let _ended_already = self.serve.wait();
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_person_lists_shows_and_decides() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let terminal = Terminal::open();
    let (first, own) = (terminal.hold(1, "carol@example.com").await, terminal.hold(2, "alice@example.com").await);
    let (code, said) = terminal.fails(&["holds", "list"]);
    assert_eq!(code, 1);
    assert!(said.contains("privyseal login --as"), "{said}");

    terminal.log_in("alice");
    assert_eq!(mode(&terminal.folder.path().join("privyseal/session.json")), 0o600);
    let listed: Value = serde_json::from_str(&terminal.ok(&["holds", "list", "--state", "pending", "--json"])).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(terminal.ok(&["holds", "list"]).contains("POST crm.example.com/export"));
    let shown = terminal.ok(&["holds", "show", &first]);
    assert!(shown.contains("exports every contact \\u{1b}[2J") && !shown.contains('\u{1b}'), "{shown}");

    assert!(
        terminal.ok(&["approve", &first, "--reason", "agreed"]).starts_with("approved POST crm.example.com/export")
    );
    let (code, said) = terminal.fails(&["deny", &first, "--reason", "late"]);
    assert_eq!((code, said.as_str()), (1, "error: the hold is already approved (already_decided)\n"));
    let (code, said) = terminal.fails(&["approve", &own]);
    assert_eq!((code, said.as_str()), (1, "error: nobody decides their own request (own_request)\n"));
    assert_eq!(terminal.fails(&["approve", "0199-unknown"]).0, 3);
    assert_eq!(terminal.fails(&["holds", "show", "../audit"]).0, 3);
    assert_eq!(terminal.fails(&["deny", &own]).0, 2, "a denial needs a reason");
    assert_eq!(terminal.fails(&["holds", "list", "--state", "nonsense"]).0, 2);

    let records = terminal.ok(&["audit", "list", "--hold", &first, "--json"]);
    let kinds: Vec<_> = records
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["created", "approved"]);
    assert!(terminal.ok(&["audit", "list"]).contains("person alice"));
    assert_eq!(terminal.ok(&["control", "kill", "hold"]), "every request is held (epoch 2)\n");
    terminal.ok(&["logout"]);
    assert_eq!(terminal.fails(&["approve", &own]).0, 1);
}

#[tokio::test]
async fn a_workflow_of_two_people_comes_from_a_file_and_follows_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    let write = |workflows: &str| {
        fs::write(&policy, format!("version: 1\ndefault: deny\nworkflows: {{{workflows}}}\n")).unwrap();
    };
    write("pay: {reviewers: {people: alice, groups: night}, quorum: 2}");
    let terminal = Terminal::open_in(folder, &["--group", "night=bob", "--workflows", policy.to_str().unwrap()]);
    let id = terminal.ask(1, "carol@example.com", "pay").await["id"].as_str().unwrap().to_owned();
    assert_eq!(terminal.ask(2, "carol@example.com", "refund").await["code"], "unknown_workflow");

    terminal.log_in("alice");
    let said = terminal.ok(&["approve", &id, "--reason", "agreed"]);
    assert!(said.ends_with("1 of 2 approved; somebody else must approve too\n"), "{said}");
    let (code, said) = terminal.fails(&["approve", &id]);
    assert!(code == 1 && said.contains("(already_voted)"), "{said}");
    assert!(terminal.ok(&["holds", "list"]).contains("1 of 2 approved"));
    terminal.log_in("bob");
    assert!(terminal.ok(&["approve", &id]).starts_with("approved "));
    assert!(terminal.ok(&["holds", "show", &id]).contains("2 of 2 alice (agreed), bob"));

    write("refund: {}");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while terminal.ask(3, "carol@example.com", "refund").await["id"].is_null() {
        assert!(std::time::Instant::now() < until, "the file is followed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn tokens_read_and_are_revoked_while_the_service_runs() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let terminal = Terminal::open();
    let id = terminal.hold(1, "carol@example.com").await;
    let token = terminal.ok(&["token", "create", "--role", "auditor", "--name", "siem", "--expires", "90d"]);
    let with_token = |args: &[&str]| {
        let mut command = Terminal::command(terminal.folder.path());
        command.env("PRIVYSEAL_SERVER", &terminal.server).env("PRIVYSEAL_TOKEN", token.trim()).args(args);
        command.output().unwrap()
    };
    assert!(with_token(&["holds", "list"]).status.success());
    assert!(!with_token(&["approve", &id]).status.success(), "a token never decides");
    assert!(!with_token(&["control", "kill", "off"]).status.success(), "an auditor does not turn the switch");
    let listed: Value = serde_json::from_str(&terminal.ok(&["token", "list", "--json"])).unwrap();
    let listed = listed.as_array().unwrap().iter().find(|t| t["name"] == "siem").unwrap().clone();
    assert!(listed["expires_ms"].is_number() && !listed.to_string().contains(token.trim()));
    terminal.ok(&["token", "revoke", listed["id"].as_str().unwrap()]);
    let refused = with_token(&["holds", "list"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("unauthorized"));
    assert_eq!(terminal.fails(&["token", "revoke", "unknown"]).0, 3);
}

#[test]
fn the_data_directory_is_made_private_and_refused_if_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let show = || Terminal::command(folder.path()).args(["key", "show"]).output().unwrap();
    let first = show();
    assert_eq!(text(&first.stdout).trim().len(), 64);
    assert_eq!(show().stdout, first.stdout, "made once");
    assert_eq!((mode(&data), mode(&data.join("gateway.key"))), (0o700, 0o600));

    fs::set_permissions(data.join("gateway.key"), fs::Permissions::from_mode(0o604)).unwrap();
    let refused = show();
    assert_eq!((refused.status.code(), text(&refused.stdout).as_str()), (Some(1), ""));
    assert!(text(&refused.stderr).contains("run `chmod o-rwx"), "{}", text(&refused.stderr));
    fs::set_permissions(data.join("gateway.key"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(show().status.code(), Some(1));
}

#[test]
fn serve_refuses_what_it_cannot_mean() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.yaml");
    fs::write(&config, "listen: 127.0.0.1:0\npeople:\n  - nam: alice\n").unwrap();
    let config = config.to_str().unwrap();
    for (args, key, code, said) in [
        (vec!["--person", "not a name"], None, 2, "is not a name"),
        (vec!["--config", config], None, 1, "nam"),
        (vec!["--listen", "127.0.0.1:0"], Some("c2hvcnQ="), 1, "PRIVYSEAL_KEY: not a key: expected at least 32 bytes"),
        (vec!["--person", "bob", "--person", "bob=b@example.com"], None, 1, "`bob` is named twice"),
        (vec!["--group", "night=bob"], None, 1, "group `night` names `bob`, whom nobody knows here"),
        (vec!["--workflows", "/nowhere.yaml"], None, 1, "`/nowhere.yaml` cannot be read"),
        (vec!["--public-url", "approve.example.com"], None, 1, "expected `https://HOST[:PORT]`"),
        (vec!["--listen", "192.0.2.1:1"], None, 1, "cannot listen on `192.0.2.1:1`"),
    ] {
        let mut command = Terminal::command(folder.path());
        command.arg("serve").args(&args).envs(key.map(|key| ("PRIVYSEAL_KEY", key)));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        assert!(text(&output.stderr).contains(said), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn one_directory_has_one_service_even_after_a_crash() {
    let mut terminal = Terminal::open();
    let second = |terminal: &Terminal| {
        let mut command = Terminal::command(terminal.folder.path());
        command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let refused = second(&terminal).wait_with_output().unwrap();
    assert!(text(&refused.stderr).contains("another `privyseal serve` runs on"), "{}", text(&refused.stderr));
    terminal.serve.kill().unwrap();
    terminal.serve.wait().unwrap();
    let mut restarted = second(&terminal);
    let mut line = String::new();
    BufReader::new(restarted.stdout.take().unwrap()).read_line(&mut line).unwrap();
    restarted.kill().unwrap();
    restarted.wait().unwrap();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
}

#[test]
fn serve_stops_when_it_is_told_to() {
    let mut terminal = Terminal::open();
    let told = Command::new("kill").arg(terminal.serve.id().to_string()).status().unwrap();
    assert!(told.success() && terminal.serve.wait().unwrap().success());
    let (code, said) = terminal.fails(&["login", "12345678"]);
    assert_eq!(code, 1);
    assert!(said.contains("is `privyseal serve` running there?"), "{said}");
}

#[test]
fn serve_stops_even_when_nobody_reads_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Terminal::command(folder.path())
        .args(["serve", "--listen", "127.0.0.1:0", "--drain", "0s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(serve.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let mut log = BufReader::new(serve.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"serving\"") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "it ends before it serves");
    }
    drop(log);
    assert!(Command::new("kill").arg(serve.id().to_string()).status().unwrap().success());
    let (send, ended) = channel();
    std::thread::spawn(move || send.send(stdout.read_line(&mut String::new()).unwrap()));
    let ended = ended.recv_timeout(Duration::from_secs(20));
    if ended.is_err() {
        serve.kill().unwrap();
    }
    let status = serve.wait().unwrap();
    assert!(ended == Ok(0) && status.success(), "{ended:?}, {status}");
}

#[test]
fn a_database_that_is_away_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let serve = ["serve", "--listen", "127.0.0.1:0", "--database", "postgres://privyseal@127.0.0.1:1/privyseal"];
    let output = Terminal::command(folder.path()).args(serve).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!((output.status.code(), said.matches("Connection refused").count()), (Some(1), 1), "{said}");
}

#[test]
fn a_password_that_is_missing_or_wrong_is_told_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    // The server's own user reads it.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let rules = folder.path().join("pg_hba.conf");
    fs::write(&rules, "local postgres all trust\nlocal all all scram-sha-256\n").unwrap();
    let server = Postgres::start(&[&format!("hba_file = '{}'", rules.display())]);
    let url = server.folder();
    let url = format!("postgres://privyseal@localhost/other?host={url}");
    let list = || {
        let mut list = Terminal::command(folder.path());
        list.args(["token", "list", "--database", &url]);
        list
    };
    let missing = text(&list().output().unwrap().stderr);
    assert!(missing.contains("no password is set: put it into PRIVYSEAL_DATABASE_PASSWORD"), "{missing}");
    let wrong = text(&list().env("PRIVYSEAL_DATABASE_PASSWORD", "s3cret").output().unwrap().stderr);
    assert!(wrong.contains("PRIVYSEAL_DATABASE_PASSWORD") && !wrong.contains("s3cret"), "{wrong}");
}

#[test]
fn that_the_schema_is_there_is_no_news() {
    let (folder, url) = (tempfile::tempdir().unwrap(), Postgres::shared().database());
    for _ in 0..2 {
        let mut serve = Terminal::command(folder.path());
        serve.args(["serve", "--listen", "127.0.0.1:0", "--person", "bob", "--database", &url]);
        let mut serve = serve.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(serve.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.starts_with("listening on "), "{line}");
        serve.kill().unwrap();
        let said = text(&serve.wait_with_output().unwrap().stderr);
        assert!(!said.contains("already exists"), "{said}");
    }
}

#[test]
fn a_token_is_made_in_the_database_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let (url, settings) = (Postgres::shared().database(), folder.path().join("privyseal.yaml"));
    fs::write(&settings, format!("database: \"{url}\"\nenvironment: test\n")).unwrap();
    let create = ["token", "create", "--role", "filter", "--name", "gateway", "--config"];
    let made = Terminal::command(folder.path()).args(create).arg(&settings).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    assert!(!folder.path().join("data/privyseal.db").exists());
    let list = Terminal::command(folder.path()).args(["token", "list", "--database", &url]).output().unwrap();
    assert!(text(&list.stdout).contains("gateway"), "{}", text(&list.stderr));
}

#[test]
fn an_audit_log_that_is_not_there_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let verify = || Terminal::command(folder.path()).args(["audit", "verify"]).output().unwrap();
    let data = folder.path().join("data");
    for _ in 0..2 {
        let output = verify();
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{said}");
        assert!(said.contains("PRIVYSEAL_DATABASE") || said.contains("`privyseal serve` makes it"), "{said}");
        assert!(!data.join("privyseal.db").exists(), "nothing is made to be verified");
        fs::create_dir_all(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    }
}

#[test]
fn who_is_not_logged_in_hears_of_both_ways() {
    let output = Terminal::command(tempfile::tempdir().unwrap().path()).args(["holds", "list"]).output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("`privyseal login --as NAME`") && said.contains("`privyseal login --oidc`"), "{said}");
}

#[test]
fn every_command_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    for command in
        ["serve", "token", "key", "login", "logout", "holds", "approve", "deny", "ask", "revoke", "control", "audit"]
    {
        let output = Terminal::command(folder.path()).args([command, "--help"]).output().unwrap();
        assert!(output.status.success() && text(&output.stdout).contains("Usage: privyseal"), "{command}");
    }
    let output = Terminal::command(folder.path()).arg("--help").output().unwrap();
    assert!(text(&output.stdout).contains("Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 not found"));
}

#[tokio::test]
async fn what_was_observed_is_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let terminal = Terminal::open();
    terminal.log_in("alice");
    assert_eq!(terminal.ok(&["observed"]), "nothing was observed in the last 24 hours\n");
    let token = terminal.ok(&["token", "create", "--role", "filter", "--name", "gateway"]);
    let batch = json!({
        "v": 1, "tenant": "default", "environment": "test", "gateway": "g",
        "counts": [{ "kind": "rule", "rule": "export", "category": null, "outcome": "hold", "count": 3 }],
    });
    let told = reqwest::Client::new().post(format!("{}/v1/observations", terminal.server)).bearer_auth(token.trim());
    assert_eq!(told.json(&batch).send().await.unwrap().status(), 204);
    assert!(terminal.ok(&["observed"]).contains("3  would be held      export"), "{}", terminal.ok(&["observed"]));
    let json: Value = serde_json::from_str(&terminal.ok(&["observed", "--json"])).unwrap();
    assert_eq!(json[0]["name"], "export");
}

/// A pipeline's step: the command, as `PRIVYSEAL_TOKEN` says who it is.
fn step(terminal: &Terminal, token: &str, program: &str, args: &[&str]) -> Command {
    let mut step = Terminal::command(terminal.folder.path());
    let mut step = if program == "privyseal" { step } else { with_path(&mut step, program) };
    step.env("PRIVYSEAL_SERVER", &terminal.server).env("PRIVYSEAL_TOKEN", token).args(args);
    step.current_dir(terminal.folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    step
}

/// Another program, which finds the built command.
fn with_path(like: &mut Command, program: &str) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_privyseal")).parent().unwrap();
    let mut command = Command::new(program);
    command.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", format!("{}:/usr/bin:/bin", built.display())).stdin(Stdio::null());
    command
}

/// The hold that somebody waits for.
fn awaited(terminal: &Terminal, not: &[String]) -> Value {
    loop {
        let holds: Value = serde_json::from_str(&terminal.ok(&["holds", "list", "--json"])).unwrap();
        let new = holds.as_array().unwrap().iter().find(|hold| !not.iter().any(|id| hold["id"] == id.as_str()));
        if let Some(hold) = new {
            return hold.clone();
        }
    }
}

#[test]
fn a_pipeline_waits_for_people_and_tells_by_its_exit_code() {
    let terminal = Terminal::open();
    let make = ["token", "create", "--role", "requester", "--name", "deploy", "--owner", "alice"];
    let token = terminal.ok(&make).trim().to_owned();
    fs::write(terminal.folder.path().join("plan.json"), r#"{"to":"ann@example.com","replicas":3}"#).unwrap();
    terminal.log_in("bob");

    // The recipe, word for word.
    let recipe = include_str!("../../docs/pipelines.md").split("```sh\n").nth(2).unwrap().split("```").next().unwrap();
    let script = step(&terminal, &token, "sh", &["-ec", recipe]).spawn().unwrap();
    let hold = awaited(&terminal, &[]);
    let id = hold["id"].as_str().unwrap().to_owned();
    assert_eq!((&hold["principal"], &hold["path"]), (&json!("token:deploy"), &json!("/deploy/prod")));
    let shown = terminal.ok(&["holds", "show", &id]);
    assert!(shown.contains("OPS-42") && shown.contains("replicas") && !shown.contains("ann@example.com"), "{shown}");
    terminal.ok(&["approve", &id]);
    let done = script.wait_with_output().unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    let printed = text(&done.stdout);
    assert!(printed.ends_with("deploying\n") && printed.contains("\"state\":\"released\""), "{printed}");

    // What was approved is spent: the same again is asked anew, and denied.
    let ask =
        ["request", "--wait", "--resource", "https://ci.example.com/deploy/prod", "--why", "deploy 1.4.2", "--json"];
    let denied = step(&terminal, &token, "privyseal", &ask).spawn().unwrap();
    let second = awaited(&terminal, std::slice::from_ref(&id))["id"].as_str().unwrap().to_owned();
    terminal.ok(&["deny", &second, "--reason", "not on a Friday"]);
    let denied = denied.wait_with_output().unwrap();
    assert_eq!(denied.status.code(), Some(4), "{}", text(&denied.stderr));
    let told: Value = serde_json::from_str(&text(&denied.stdout)).unwrap();
    assert_eq!(told, json!({ "id": second, "state": "denied", "reason": "not on a Friday" }));

    // An interrupt takes it back.
    let waiting = step(&terminal, &token, "privyseal", &ask).spawn().unwrap();
    let third = awaited(&terminal, &[id, second])["id"].as_str().unwrap().to_owned();
    assert!(Command::new("/bin/kill").args(["-INT", &waiting.id().to_string()]).status().unwrap().success());
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(6));
    let shown: Value = serde_json::from_str(&terminal.ok(&["holds", "show", &third, "--json"])).unwrap();
    assert_eq!(shown["state"], "withdrawn");

    // Who does not wait asks, and learns that it waits; nobody may ask without a token.
    let ask_only: Vec<_> = ask.into_iter().filter(|arg| *arg != "--wait").collect();
    assert_eq!(step(&terminal, &token, "privyseal", &ask_only).output().unwrap().status.code(), Some(7));
    assert!(terminal.fails(&ask).1.contains("--role requester"));
}

#[tokio::test]
async fn the_fleet_is_shown_and_told_by_the_exit_code() {
    let terminal = Terminal::open();
    let token = terminal.ok(&["token", "create", "--role", "filter", "--name", "gateway"]);
    terminal.log_in("bob");
    assert_eq!(terminal.ok(&["status"]), "no gateway has asked within a day\n");
    let poll = async |gateway: &str, version: &str| {
        let about = format!("gateway={gateway}&environment=test&filter={version}&policy=aaa&mode=enforce");
        let poll = reqwest::Client::new().get(format!("{}/v1/control?v=2&{about}", terminal.server));
        assert!(poll.bearer_auth(token.trim()).send().await.unwrap().status().is_success());
    };
    poll("edge-1", "0.1.0").await;
    let line = terminal.ok(&["status"]);
    assert!(line.starts_with("edge-1 ") && line.contains("0.1.0     policy aaa  enforce   asked "), "{line}");
    poll("edge-2", "0.2.0").await;
    let output = terminal.run(&["status", "--json"]);
    let told: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(told["alarms"][0], json!({ "environment": "test", "kind": "version", "what": ["0.1.0", "0.2.0"] }));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("gateways of `test` run different versions: `0.1.0`, `0.2.0`"));
}

#[tokio::test]
async fn grants_are_listed_and_taken_back() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    let grants = "{max_duration: 1h, max_uses: 5, pointers: [/a]}";
    fs::write(&policy, format!("version: 1\ndefault: deny\nworkflows: {{default: {{grants: {grants}}}}}\n")).unwrap();
    let terminal = Terminal::open_in(folder, &["--workflows", policy.to_str().unwrap()]);
    let id = terminal.hold(1, "carol@example.com").await;
    terminal.log_in("alice");
    assert_eq!(terminal.ok(&["grants", "list"]), "nothing was granted\n");
    let (code, said) = terminal.fails(&["approve", &id, "--grant", "2h", "--uses", "5"]);
    assert!(code == 1 && said.contains("grant_not_allowed"), "{code}: {said}");
    terminal.ok(&["approve", &id, "--grant", "30m", "--uses", "2"]);
    let listed = terminal.ok(&["grants", "list"]);
    assert!(listed.starts_with(&id) && listed.contains("0 of 2 used") && listed.contains("by alice"), "{listed}");
    terminal.ok(&["grants", "revoke", &id, "--reason", "the migration is over"]);
    assert!(terminal.ok(&["grants", "list"]).contains("taken back by alice"));
    let json: Value = serde_json::from_str(&terminal.ok(&["grants", "list", "--json"])).unwrap();
    assert_eq!((&json[0]["id"], &json[0]["revoke_reason"]), (&json!(id), &json!("the migration is over")));
    assert_eq!(terminal.fails(&["grants", "revoke", "0199aaaa", "--reason", "x"]).0, 3);
}

#[tokio::test]
async fn the_kill_switch_is_turned_for_one_and_shown() {
    let terminal = Terminal::open();
    terminal.log_in("alice");
    assert_eq!(terminal.ok(&["control", "show"]), "the policy decides\n");
    let said = terminal.ok(&["control", "kill", "deny", "--principal", "agent-7"]);
    assert_eq!(said, "every request of `agent-7` is denied, every live hold cancelled (epoch 2)\n");
    let shown = terminal.ok(&["control", "show"]);
    assert!(shown.contains("denied  agent-7") && shown.contains("by alice"), "{shown}");
    terminal.ok(&["control", "kill", "off", "--principal", "agent-7"]);
    assert_eq!(terminal.ok(&["control", "show"]), "the policy decides\n");
    let scoped = terminal.ok(&["token", "create", "--scope", "holds:read,fleet:read", "--name", "dashboard"]);
    assert!(scoped.starts_with("pvs_"));
    assert!(terminal.ok(&["token", "list"]).contains("holds:read fleet:read"));
    assert_eq!(terminal.fails(&["token", "create", "--name", "x"]).0, 2);
    assert_eq!(terminal.fails(&["token", "create", "--name", "x", "--scope", "holds:decide"]).0, 2);
}
