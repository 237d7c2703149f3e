//! The story itself, step by step; every claim is checked.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e::approver::Person;
use e2e::artefacts;
use e2e::client::{Request, Response};
use serde_json::{Value, json};

use crate::console::Console;
use crate::scenery::{AGENT, PERSON, PHONE, POLICY, Scenery};

const EMAIL: &str = "maria.keller@kunde.example";
const CARD: &str = "4111 1111 1111 1111";

pub async fn tell(console: &mut Console, scenery: &Scenery, alone: bool) -> Result<()> {
    console.title("Privyseal: an agent's night at the CRM");
    console.note(&format!(
        "{AGENT} ──► Envoy + filter {} ──► CRM {}\n{:width$}     └──► approver http://{}\npolicy: {POLICY}",
        scenery.envoy.addr(),
        scenery.crm.addr(),
        "",
        scenery.approver.addr(),
        width = AGENT.len(),
    ));
    read(console, scenery).await?;
    prompt(console, scenery).await?;
    purge(console, scenery).await?;
    let approved = export(console, scenery, alone).await?;
    aftermath(console, scenery, approved).await
}

async fn read(console: &mut Console, scenery: &Scenery) -> Result<()> {
    console.step("A harmless read passes");
    console.tell("agent", "GET /v1/customers/7");
    let answer = ask(scenery, Request::get("/v1/customers/7")).await?;
    console.tell("CRM", &answer.text());
    console.check(answer.status == 200 && scenery.crm.seen().len() == 1, "it passed untouched; nobody was asked")
}

async fn prompt(console: &mut Console, scenery: &Scenery) -> Result<()> {
    console.step("A prompt with personal data reaches the model redacted, and so does its answer the agent");
    let text = format!("Draft a reminder to {EMAIL}, card {CARD}.");
    console.tell("agent", &text);
    let body = json!({ "model": "small", "messages": [{ "role": "user", "content": text }] });
    let answer = ask(scenery, Request::post("/v1/chat/completions", &body)).await?;
    let seen = scenery.crm.seen().pop().context("the model saw nothing")?;
    let arrived = seen.json()["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
    console.tell("model", &arrived);
    let clean = !seen.text().contains(EMAIL) && !seen.text().contains(CARD);
    console.check(answer.status == 200 && clean, "address and card never left the gateway")?;
    let said = answer.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    console.tell("agent", &said);
    let masked = said.contains("<PHONE_NUMBER>") && !answer.text().contains(PHONE);
    console.check(masked, "nor did the number that the model knew")
}

async fn purge(console: &mut Console, scenery: &Scenery) -> Result<()> {
    console.step("What is never allowed is denied, and nobody is woken");
    console.tell("agent", "DELETE /admin/users");
    let before = scenery.crm.seen().len();
    let answer = ask(scenery, Request::new("DELETE", "/admin/users")).await?;
    console.tell("gateway", &format!("{} {}", answer.status, answer.json()["detail"].as_str().unwrap_or_default()));
    console.check(answer.status == 403 && scenery.crm.seen().len() == before, "the CRM never saw it")
}

/// True if it was approved.
async fn export(console: &mut Console, scenery: &Scenery, alone: bool) -> Result<bool> {
    console.step("A bulk export waits for a person");
    let request = Request::post("/v1/customers/export", &json!({ "format": "csv", "scope": "all", "notify": EMAIL }));
    console.tell("agent", "POST /v1/customers/export  all customers, as CSV");
    let before = scenery.crm.seen().len();
    let agent = tokio::spawn(insist(scenery.envoy.addr(), scenery.as_agent(request)));

    let reader = scenery.approver.login(PERSON).await?;
    let id = reader.await_pending().await;
    let hold = reader.show(&id).await?;
    console.tell("approver", &format!("{}: {}", text(&hold["risk"]), text(&hold["why"])));
    console.tell(
        "sees",
        &format!("{} {}\n{}", text(&hold["method"]), text(&hold["path"]), text(&hold["preview"]["body"])),
    );
    console.check(!hold.to_string().contains(EMAIL), "the approver sees it masked")?;
    console.check(scenery.crm.seen().len() == before, "meanwhile nothing has reached the CRM")?;

    if alone {
        console.note("no terminal here, so the demo decides by itself");
        let decided = reader.approve(&id).await?;
        console.check(decided.status == 200, &format!("{PERSON} approves"))?;
    } else {
        invite(console, scenery, &id).await?;
    }
    let approved = decision(&reader, &id).await?;
    let (answer, pending) = agent.await??;
    if pending > 0 {
        console.tell("agent", &format!("was told `pending` {pending} times and sent the same bytes again, as told"));
    }
    let ran = scenery.crm.seen().len() - before;
    if approved {
        console.tell("CRM", &answer.text());
        console.check(answer.status == 200 && ran == 1, "the approved request ran, exactly once")?;
    } else {
        console.tell("gateway", &format!("{} {}", answer.status, answer.json()["detail"].as_str().unwrap_or_default()));
        console.check(answer.status == 403 && ran == 0, "the denied request never ran")?;
    }
    Ok(approved)
}

/// Shows the ways to decide.
async fn invite(console: &Console, scenery: &Scenery, id: &str) -> Result<()> {
    let invitation = scenery.approver.invite(PERSON).await?;
    let command = artefacts::privyseal();
    let command = command.strip_prefix(std::env::current_dir()?).unwrap_or(&command).display().to_string();
    let server = format!("--server http://{}", scenery.approver.addr());
    println!();
    console.note("It is your turn. On the page (valid 5 minutes):");
    console.copy(&invitation.link);
    console.note("or in a second terminal:");
    console.copy(&format!("{command} login {} {server}", invitation.code));
    console.copy(&format!("{command} approve {id} --reason \"monthly report\" {server}"));
    console.copy(&format!("{command} deny {id} --reason \"not at night\" {server}"));
    console.note("The agent waits. (Ctrl-C ends the demo; `--auto` lets it decide by itself.)\n");
    Ok(())
}

/// Waits, as long as the hold lives, for what was decided.
async fn decision(reader: &Person, id: &str) -> Result<bool> {
    loop {
        match text(&reader.show(id).await?["state"]).as_str() {
            "pending" | "info_requested" => tokio::time::sleep(Duration::from_millis(200)).await,
            "approved" | "released" => return Ok(true),
            "denied" => return Ok(false),
            other => bail!("the hold is {other}, and nobody decided it"),
        }
    }
}

/// What an agent does that obeys: it sends the same bytes again while it is told so.
async fn insist(gateway: std::net::SocketAddr, request: Request) -> Result<(Response, u32)> {
    let mut pending = 0;
    loop {
        let answer = request.send(gateway).await?;
        if answer.header("x-should-retry").as_deref() != Some("true") {
            return Ok((answer, pending));
        }
        pending += 1;
        let seconds = answer
            .header("retry-after")
            .and_then(|s| s.parse().ok())
            .context("a pending answer without Retry-After")?;
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn aftermath(console: &Console, scenery: &Scenery, approved: bool) -> Result<()> {
    console.part("What the CRM saw");
    for request in scenery.crm.seen() {
        console.tell(&request.method(), &format!("{}  {}", request.target(), request.text()));
    }
    let reader = scenery.approver.login(PERSON).await?;
    console.part("What the approver saw");
    for hold in reader.holds().await? {
        let decided = hold["decided_by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
        console.tell(
            &text(&hold["state"]),
            &format!("{} {}  for {}{decided}", text(&hold["method"]), text(&hold["path"]), text(&hold["principal"])),
        );
    }
    console.part("The audit record");
    let audit = reader.audit().await?;
    for entry in &audit {
        let actor = &entry["actor"];
        console.tell(
            &entry["seq"].to_string(),
            &format!("{:<16} {} {}", text(&entry["kind"]), text(&actor["kind"]), text(&actor["name"])),
        );
    }
    let decided = if approved { "released" } else { "denied" };
    console.check(audit.iter().any(|e| text(&e["kind"]) == decided), "the decision is on record")?;
    let everything = format!("{audit:?}{}{}", scenery.envoy.log(), scenery.approver.process().stderr());
    console.check(
        !everything.contains(EMAIL) && !everything.contains(CARD),
        "no log and no record holds the address or the card",
    )
}

async fn ask(scenery: &Scenery, request: Request) -> Result<Response> {
    scenery.as_agent(request).send(scenery.envoy.addr()).await
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
