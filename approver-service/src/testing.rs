//! The whole service on a free port, for tests over real HTTP.

pub mod described;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use privyseal_engine::hold::Intake;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::limits::Limits;
use crate::app::{App, Shared};
use crate::auth::certificate::Gateways;
use crate::auth::tenant::{Tenant, Tenants};
use crate::auth::{Directory, Person, Role};
use crate::mask::Mask;
use crate::receipt::keys::Keys;
use crate::receipt::{Approvers, Receipts};
use crate::secret::{DataDir, Key};
use crate::store::access::NewToken;
use crate::store::database::Address;
use crate::store::{Scope, Store};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::{auth, server, workflow};

pub const GATEWAY_KEY: [u8; 32] = [9; 32];

/// Whose everything is in tests, unless they say otherwise.
pub fn acme() -> Tenant {
    "acme".parse().unwrap()
}

pub struct Service {
    pub base: String,
    pub store: Scope,
    pub leaving: CancellationToken,
    pub stop: CancellationToken,
    pub served: tokio::task::JoinHandle<()>,
    pub http: Client,
    /// What was shown at the service's own terminal.
    lines: Arc<Mutex<Vec<String>>>,
    _database: Option<TempDir>,
    _folder: TempDir,
}

impl Service {
    pub async fn start() -> Service {
        Service::start_with(|app| app).await
    }

    pub async fn start_with(change: impl FnOnce(Shared) -> Shared) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let address = Address::file(&folder.path().join("test.db")).unwrap();
        Service { _database: Some(folder), ..Service::start_at(&address, change).await }
    }

    /// On a database of the test's own.
    pub async fn start_at(address: &Address, change: impl FnOnce(Shared) -> Shared) -> Service {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(address, Key::new(vec![7; 32])).await.unwrap().of(&acme());
        let person = |name: &str| Person { name: name.into(), identities: vec![format!("{name}@example.com")] };
        let directory = Directory { people: ["alice", "bob"].map(person).into(), ..Directory::default() };
        store.set_people(&directory.people).await.unwrap();
        store.set_workflows(&workflow::resolve(&[], &directory).unwrap()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (leaving, stop) = (CancellationToken::new(), CancellationToken::new());
        let lines = Arc::new(Mutex::new(vec![]));
        let shown = Arc::clone(&lines);
        let data = DataDir::open_or_create(&folder.path().join("data")).unwrap();
        let receipts = Receipts {
            keys: Keys::open(&data).unwrap(),
            issuer: base.clone(),
            approvers: Approvers::Names,
            storage_key: store.key().clone(),
            field_key: Key::new(privyseal_engine::keys::Keys::new(GATEWAY_KEY.into()).field),
        };
        let app = change(Shared {
            metrics: Metrics::default(),
            traces: Traces::default(),
            limits: Limits::default(),
            receipts,
            provider: None,
            tenants: Tenants { main: acme(), ..Tenants::default() },
            store: (*store).clone(),
            gateway_key: Key::new(GATEWAY_KEY.into()),
            environment: Some("test".into()),
            gateways: Gateways::default(),
            base_url: base.clone(),
            announce: Arc::new(move |line| shown.lock().unwrap().push(line.to_owned())),
            tickets: None,
            mask: Mask::new(store.key()).unwrap(),
            leaving: leaving.clone(),
            stop: stop.clone(),
        });
        let served = tokio::spawn(server::run(listener, None, App::from(app).router(), stop.clone()));
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Service { base, store, leaving, stop, served, http, lines, _database: None, _folder: folder }
    }

    pub async fn token(&self, role: Role) -> String {
        let token = NewToken { name: "test", role, scopes: &role.scopes(), owner: None, expires_ms: None };
        self.store.create_token(token).await.unwrap().1
    }

    /// A token that may do only this.
    pub async fn token_with(&self, scope: auth::scope::Scope) -> String {
        let scopes = [scope].into_iter().collect();
        let token = NewToken { name: "test", role: Role::Custom, scopes: &scopes, owner: None, expires_ms: None };
        self.store.create_token(token).await.unwrap().1
    }

    /// Asks for a login; link and code as the terminal shows them.
    pub async fn challenge(&self, person: &str) -> (String, String) {
        let asked = self.send(Method::POST, "/v1/login/request", "", Some(json!({ "person": person }))).await;
        assert_eq!(asked.status, StatusCode::ACCEPTED);
        let lines = self.lines.lock().unwrap();
        let line = lines.iter().rfind(|line| line.starts_with(&format!("login for {person}: "))).unwrap();
        let words: Vec<_> = line.split_whitespace().collect();
        (words[3].to_owned(), words[5].to_owned())
    }

    /// A session for the API.
    pub async fn login(&self, person: &str) -> String {
        let (_, code) = self.challenge(person).await;
        let login = self.send(Method::POST, "/v1/login", "", Some(json!({ "code": code }))).await;
        login.json["session"].as_str().unwrap().to_owned()
    }

    /// A session for pages: the value of the `cookie` header.
    pub async fn cookie(&self, person: &str) -> String {
        let (link, _) = self.challenge(person).await;
        let t = link.split_once("t=").unwrap().1;
        let answer = self.form("/login/confirm", "", &[("t", t)]).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        cookie.split_once(';').unwrap().0.to_owned()
    }

    pub async fn send(&self, method: Method, path: &str, bearer: &str, body: Option<Value>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.base));
        if !bearer.is_empty() {
            request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = Answer::of(request).await;
        let content_type = answer.headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap());
        described::check(&method, path, answer.status, content_type, &answer.text);
        answer
    }

    pub async fn get(&self, path: &str, bearer: &str) -> Answer {
        self.send(Method::GET, path, bearer, None).await
    }

    pub async fn post(&self, path: &str, bearer: &str, body: Value) -> Answer {
        self.send(Method::POST, path, bearer, Some(body)).await
    }

    /// A page as `cookie`'s person sees it.
    pub async fn page(&self, path: &str, cookie: &str) -> Answer {
        Answer::of(self.http.get(format!("{}{path}", self.base)).header(COOKIE, cookie)).await
    }

    /// A form as our own page would send it.
    pub fn form(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.http
            .post(format!("{}{path}", self.base))
            .header(COOKIE, cookie)
            .header(ORIGIN, &self.base)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"))
    }

    /// A hold asked for by `carol`'s agent; `n` names request and stream.
    pub async fn hold(&self, n: u32) -> String {
        self.store.intake(intake(n)).await.unwrap().id
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
    /// Null if it is none.
    pub json: Value,
}

impl Answer {
    pub async fn of(request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let json = serde_json::from_str(&text).unwrap_or_default();
        Answer { status, headers, text, json }
    }

    pub fn code(&self) -> &str {
        self.json["code"].as_str().unwrap_or_default()
    }
}

pub fn intake(n: u32) -> Intake {
    serde_json::from_value(intake_json(n)).unwrap()
}

pub fn intake_json(n: u32) -> Value {
    json!({
        "v": 1, "nonce": format!("{n:032x}"), "digest": format!("{n:064x}"), "terms": "1".repeat(64),
        "fields": { "method": "0".repeat(16), "body": format!("{n:016x}"), "path": format!("{n:016x}") },
        "tenant": "acme", "environment": "test", "gateway": "edge-1",
        "principal": "agent-7", "on_behalf_of": "carol@example.com",
        "rules": ["crm-export"], "category": "bulk_export", "risk": "high", "workflow": "default",
        "why": "exports every contact",
        "deadline_ms": 3_600_000, "approval_ttl_ms": 600_000, "rejoin_ms": 900_000, "max_live": 20_000,
        "preview": {
            "method": "POST", "scheme": "https", "authority": "crm.example.com", "path": "/v1/contacts/export",
            "headers": [["accept", "application/json"]],
            "body": "{\"to\":\"<EMAIL_ADDRESS_1 external>\"}", "content_type": "application/json",
            "body_bytes": 40, "truncated": false, "findings": { "EMAIL_ADDRESS": 1 },
            "captures": { "account": "7" },
        },
    })
}
