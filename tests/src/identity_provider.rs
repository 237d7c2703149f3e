//! A real OpenID Connect provider, and curl as the browser of whoever sits before it.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tempfile::TempDir;

use crate::client::{self, Request};
use crate::process::Process;
use crate::{artefacts, eventually, ports};

pub struct IdentityProvider {
    _process: Process,
    pub addr: SocketAddr,
    _dir: TempDir,
}

impl IdentityProvider {
    /// Starts it with the client `privyseal` of the approver at `approver`.
    pub async fn start(approver: SocketAddr) -> Result<IdentityProvider> {
        let dir = TempDir::new()?;
        let addr = ports::free();
        let mut command = std::process::Command::new("node");
        command.arg(artefacts::root().join("tests/clients/oidc_provider.mjs")).arg(artefacts::provider());
        command.args([addr.port().to_string(), format!("http://{approver}/login/oidc/callback")]);
        let process = Process::spawn(command, dir.path(), "provider")?;
        let ready = "/.well-known/openid-configuration";
        eventually("the provider answers", async || client::get(addr, ready).await.ok().filter(|r| r.status == 200))
            .await;
        Ok(IdentityProvider { _process: process, addr, _dir: dir })
    }

    pub fn issuer(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on `name` sits before the browser, and has logged in `age_s` seconds ago.
    pub async fn seat(&self, name: &str, groups: &[&str], age_s: i64) {
        let person = json!({ "name": name, "groups": groups, "age_s": age_s });
        let told = Request::post("/person", &person).send(self.addr).await.expect("the provider answers");
        assert_eq!(told.status, 204, "{told:?}");
    }
}

/// A browser: follows redirects and keeps cookies.
pub struct Browser {
    jar: PathBuf,
    _dir: TempDir,
}

/// Where the browser ended, and what it shows.
#[derive(Debug)]
pub struct Shown {
    pub status: u16,
    pub url: String,
    pub body: String,
}

impl Browser {
    pub fn new() -> Result<Browser> {
        let dir = TempDir::new()?;
        Ok(Browser { jar: dir.path().join("cookies"), _dir: dir })
    }

    pub async fn open(&self, url: &str) -> Result<Shown> {
        self.go(url, &[]).await
    }

    /// Presses the button of the form that goes to an address with this end, with its hidden fields and these.
    pub async fn submit(&self, page: &Shown, end: &str, fields: &[(&str, &str)]) -> Result<Shown> {
        let forms = page.body.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap_or(form));
        // A button may send its form elsewhere (`formaction`).
        let mut ways = forms.flat_map(|form| form.split("action=\"").skip(1).map(move |way| (form, way)));
        let address = |way: &str| way.split('"').next().unwrap_or_default().to_owned();
        let (form, way) = ways.find(|(_, way)| address(way).ends_with(end)).context("such a form")?;
        let action = address(way);
        let origin = page.url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        let url = if action.starts_with('/') { format!("{origin}{action}") } else { action };
        let mut arguments = vec!["--header".to_owned(), format!("origin: {origin}")];
        let hidden = form.split("<input").skip(1).filter(|input| input.contains("type=\"hidden\""));
        let hidden =
            hidden.filter_map(|input| Some((between(input, "name=\"", "\"")?, between(input, "value=\"", "\"")?)));
        for (name, value) in hidden.chain(fields.iter().copied()) {
            arguments.extend(["--data-urlencode".to_owned(), format!("{name}={value}")]);
        }
        self.go(&url, &arguments).await
    }

    async fn go(&self, url: &str, arguments: &[String]) -> Result<Shown> {
        let output = tokio::process::Command::new("curl")
            .args(["--silent", "--show-error", "--location", "--write-out", "\n%{http_code} %{url_effective}"])
            .arg("--cookie")
            .arg(&self.jar)
            .arg("--cookie-jar")
            .arg(&self.jar)
            .args(arguments)
            .arg(url)
            .output()
            .await?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, last) = text.rsplit_once('\n').context("curl wrote where it ended")?;
        let (status, url) = last.split_once(' ').context("status and url")?;
        Ok(Shown { status: status.parse()?, url: url.to_owned(), body: body.to_owned() })
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split(after).next()
}
