//! Single sign-on with a real identity provider: on the page, in a terminal, and what a login there is worth.

use std::process::Stdio;

use e2e::approver::{Approver, Person};
use e2e::envoy::Envoy;
use e2e::identity_provider::{Browser, IdentityProvider, Shown};
use e2e::scene::{export, gateway};
use e2e::upstream::Upstream;
use e2e::{artefacts, policy, ports};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

/// An approver whose people all come from the provider; finance reviews.
struct Scene {
    provider: IdentityProvider,
    approver: Approver,
    upstream: Upstream,
    envoy: Envoy,
    dir: TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let dir = TempDir::new().unwrap();
        let addr = ports::free();
        let provider = IdentityProvider::start(addr).await.unwrap();
        let (secret, workflows) = (dir.path().join("client.secret"), dir.path().join("workflows.yaml"));
        std::fs::write(&secret, "secret-of-the-client\n").unwrap();
        std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let finance = "version: 1\ndefault: deny\nworkflows: {default: {reviewers: {groups: finance}}}\n";
        std::fs::write(&workflows, finance).unwrap();
        let (secret, workflows) = (secret.to_str().unwrap(), workflows.to_str().unwrap());
        let arguments =
            ["--oidc-issuer", &provider.issuer(), "--oidc-client-id", "privyseal", "--oidc-secret-file", secret];
        let more = ["--oidc-scope", "email", "--oidc-scope", "groups", "--workflows", workflows];
        let approver = Approver::start_with(addr, None, &[], &[&arguments[..], &more].concat()).await.unwrap();
        let upstream = Upstream::ok().await;
        let policy = policy::crm();
        let config = gateway(upstream.addr(), addr, approver.gateway_token(), approver.key(), &policy);
        let envoy = Envoy::start(&config).await.unwrap();
        Scene { provider, approver, upstream, envoy, dir }
    }

    /// Logs whoever sits there in, by the page; what it shows then.
    async fn log_in(&self, browser: &Browser) -> Shown {
        let login = browser.open(&format!("http://{}/login", self.approver.addr())).await.unwrap();
        assert!(login.body.contains("href=\"/login/oidc\""), "{}", login.body);
        let back = browser.open(&format!("http://{}/login/oidc", self.approver.addr())).await.unwrap();
        assert!(back.url.contains("/login/oidc/callback?code="), "{back:?}");
        browser.submit(&back, "/finish", &[]).await.unwrap()
    }

    /// Runs `privyseal login --oidc` and confirms its code in a browser; the session that it keeps.
    async fn log_in_by_terminal(&self) -> Person {
        let mut terminal = tokio::process::Command::new(artefacts::privyseal())
            .args(["login", "--oidc", "--server", &format!("http://{}", self.approver.addr())])
            .env("XDG_RUNTIME_DIR", self.dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(terminal.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).await.unwrap();
        let (uri, code) = line.trim().strip_prefix("open ").unwrap().split_once(" and confirm ").unwrap();
        let browser = Browser::new().unwrap();
        let asked = browser.open(uri.split('?').next().unwrap()).await.unwrap();
        let shown = browser.submit(&asked, "/device", &[("user_code", code)]).await.unwrap();
        let done = browser.submit(&shown, "/device", &[]).await.unwrap();
        assert!(done.body.contains("Sign-in Success"), "{done:?}");
        let mut rest = String::new();
        output.read_to_string(&mut rest).await.unwrap();
        assert!(terminal.wait().await.unwrap().success() && rest.starts_with("logged in as "), "{rest}");
        let kept = std::fs::read_to_string(self.dir.path().join("privyseal/session.json")).unwrap();
        let kept: Value = serde_json::from_str(&kept).unwrap();
        Person::new(self.approver.addr(), kept["session"].as_str().unwrap())
    }
}

#[tokio::test]
async fn a_person_logs_in_on_the_page_and_decides_as_their_group_says() {
    let scene = Scene::new().await;
    let (request, addr) = (export(), scene.envoy.addr());
    let answer = tokio::spawn(async move { request.send(addr).await.unwrap() });

    scene.provider.seat("oscar", &["ops"], 0).await;
    let oscar = Browser::new().unwrap();
    let home = scene.log_in(&oscar).await;
    assert!(home.status == 200 && home.body.contains("oscar@idp.example"), "{home:?}");
    let hold = e2e::eventually("the page lists the hold", async || {
        let home = oscar.open(&format!("http://{}/", scene.approver.addr())).await.ok()?;
        Some(home.body.split_once("href=\"/holds/")?.1.split('"').next()?.to_owned())
    })
    .await;
    let page = format!("http://{}/holds/{hold}", scene.approver.addr());
    let seen = oscar.open(&page).await.unwrap();
    assert!(seen.body.contains("You are not a reviewer"), "{}", seen.body);

    scene.provider.seat("fiona", &["finance", "staff"], 0).await;
    let fiona = Browser::new().unwrap();
    scene.log_in(&fiona).await;
    let seen = fiona.open(&page).await.unwrap();
    assert!(seen.body.contains("class=\"approve\""), "{}", seen.body);
    let decided = fiona.submit(&seen, "/approve", &[("reason", "month end")]).await.unwrap();
    assert_eq!(decided.status, 200, "{decided:?}");
    assert_eq!(answer.await.unwrap().status, 200);
    assert_eq!(scene.upstream.seen().len(), 1);
}

#[tokio::test]
async fn a_terminal_logs_in_by_device_flow_and_an_old_login_only_reads() {
    let scene = Scene::new().await;
    let (request, addr) = (export(), scene.envoy.addr());
    let answer = tokio::spawn(async move { request.send(addr).await.unwrap() });
    scene.provider.seat("fiona", &["finance"], 3600).await;
    let old = scene.log_in_by_terminal().await;
    let hold = old.await_pending().await;
    let refused = old.approve(&hold).await.unwrap();
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("login_required")), "{refused:?}");

    scene.provider.seat("fiona", &["finance"], 0).await;
    let fresh = scene.log_in_by_terminal().await;
    assert_eq!(fresh.approve(&hold).await.unwrap().status, 200);
    assert_eq!(answer.await.unwrap().status, 200);
}

#[tokio::test]
async fn what_the_provider_sends_back_counts_in_the_browser_that_asked_and_once() {
    let scene = Scene::new().await;
    scene.provider.seat("fiona", &["finance"], 0).await;
    let asked = Browser::new().unwrap();
    let back = asked.open(&format!("http://{}/login/oidc", scene.approver.addr())).await.unwrap();
    let elsewhere = Browser::new().unwrap().submit(&back, "/finish", &[]).await.unwrap();
    assert!(elsewhere.status == 403 && elsewhere.body.contains("This login is over"), "{elsewhere:?}");
    let other_state = back.body.replace("name=\"state\" value=\"", "name=\"state\" value=\"x");
    let forged = asked.submit(&Shown { body: other_state, ..back }, "/finish", &[]).await.unwrap();
    assert_eq!(forged.status, 403, "{forged:?}");

    let again = asked.open(&format!("http://{}/login/oidc", scene.approver.addr())).await.unwrap();
    assert_eq!(asked.submit(&again, "/finish", &[]).await.unwrap().status, 200);
    let replayed = asked.submit(&again, "/finish", &[]).await.unwrap();
    assert_eq!(replayed.status, 403, "{replayed:?}");
}

#[tokio::test]
async fn an_issuer_that_is_none_is_told_at_the_start() {
    let other = Upstream::start(|_| e2e::upstream::Reply::value(404, &serde_json::json!({}))).await;
    let issuer = format!("http://{}", other.addr());
    let arguments = ["--oidc-issuer", &issuer, "--oidc-client-id", "privyseal"];
    let approver = Approver::start_with(ports::free(), None, &["alice"], &arguments).await.unwrap();
    let told = e2e::eventually("the log says so", async || {
        let log = approver.process().stderr();
        log.contains("nobody can log in by single sign-on yet").then_some(log)
    });
    let log = told.await;
    assert!(log.contains("/.well-known/openid-configuration") && log.contains("404"), "{log}");
}
