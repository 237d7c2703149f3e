//! Every call of the API, made by one tenant with what belongs to another.

use e2e::postgres::Postgres;
use reqwest::Method;
use serde_json::{Value, json};

use crate::auth::tenant::Tenant;
use crate::auth::{Directory, Person, Role};
use crate::store::access::NewToken;
use crate::store::database::{Address, Backend};
use crate::testing::described::operations;
use crate::testing::{Service, intake_json};
use crate::workflow;

/// Of the hold and the tenant that is asked about; the same call about nothing must be answered the same.
struct Call {
    method: Method,
    path: String,
    body: Option<Value>,
    /// Who makes it.
    role: Who,
    /// What another tenant must be told.
    told: Told,
}

#[derive(Clone, Copy)]
enum Who {
    Filter,
    Person,
    Reader,
}

enum Told {
    /// 404, as of what is not there.
    Nothing,
    /// A list or text without a trace of the other.
    Own,
    /// `wrong_tenant`: what is said of another tenant counts for nothing.
    Refused,
    /// It says nothing of tenants.
    Public,
}

/// The case of each call: a new one without a case fails.
fn case(method: &Method, template: &str, hold: &str) -> Call {
    let asker = json!({ "v": 1, "tenant": "acme", "environment": "test", "principal": "agent-7", "answer": "x" });
    let stream = json!({ "v": 1, "nonce": format!("{:032x}", 1), "outcome": "succeeded" });
    let release = json!({
        "v": 1, "nonce": format!("{:032x}", 1), "digest": format!("{:064x}", 1), "terms": "1".repeat(64),
        "tenant": "acme", "environment": "test", "principal": "agent-7",
    });
    let batch = json!({ "v": 1, "tenant": "acme", "environment": "test", "gateway": "g", "counts": [] });
    let words = json!({ "reason": "no", "question": "why?" });
    let (role, told, body) = match (method.as_str(), template) {
        ("POST", "/v1/holds") => (Who::Filter, Told::Refused, Some(intake_json(9))),
        ("GET", "/v1/holds")
        | ("GET", "/v1/audit")
        | ("GET", "/v1/observations")
        | ("GET", "/v1/fleet")
        | ("GET", "/metrics") => (Who::Reader, Told::Own, None),
        ("GET", "/v1/events") => (Who::Reader, Told::Public, None),
        ("GET", "/v1/holds/{id}") => (Who::Reader, Told::Nothing, None),
        ("GET", "/v1/holds/{id}/wait") => (Who::Filter, Told::Nothing, None),
        ("POST", "/v1/holds/{id}/release") => (Who::Filter, Told::Nothing, Some(release)),
        ("POST", "/v1/holds/{id}/detach" | "/v1/holds/{id}/outcome") => (Who::Filter, Told::Nothing, Some(stream)),
        // What is not of one's own tenant is as if it were not there.
        ("POST", "/v1/detach") => (Who::Filter, Told::Own, Some(stream)),
        ("POST", "/v1/holds/{id}/status" | "/v1/holds/{id}/answer" | "/v1/holds/{id}/withdraw") => {
            (Who::Filter, Told::Nothing, Some(asker))
        }
        ("POST", "/v1/holds/{id}/approve" | "/v1/holds/{id}/deny" | "/v1/holds/{id}/ask" | "/v1/holds/{id}/revoke") => {
            (Who::Person, Told::Nothing, Some(words))
        }
        ("GET", "/v1/grants" | "/v1/kills") => (Who::Reader, Told::Own, None),
        ("POST", "/v1/grants/{id}/revoke") => (Who::Person, Told::Nothing, Some(words)),
        ("GET", "/v1/control") => (Who::Filter, Told::Own, None),
        ("POST", "/v1/control") => (Who::Person, Told::Own, Some(json!({ "kill": "hold" }))),
        ("POST", "/v1/observations") => (Who::Filter, Told::Refused, Some(batch)),
        ("POST", "/v1/login" | "/v1/login/request" | "/v1/login/oidc/device" | "/v1/login/oidc/device/token")
        | ("GET", "/.well-known/jwks.json" | "/healthz" | "/readyz" | "/v1/openapi.json" | "/problems") => {
            (Who::Reader, Told::Public, None)
        }
        _ => panic!("{method} {template} has no case here: what may another tenant learn from it?"),
    };
    Call { method: method.clone(), path: template.replace("{id}", hold), body, role, told }
}

async fn nobody_learns_of_another_tenant(backend: Backend) {
    let folder = tempfile::tempdir().unwrap();
    let address = match backend {
        Backend::Postgres => Address::server(&Postgres::shared().database(), None),
        Backend::Sqlite => Address::file(&folder.path().join("test.db")),
    };
    let globex: Tenant = "globex".parse().unwrap();
    let service = Service::start_at(&address.unwrap(), |mut app| {
        app.tenants.others.insert("globex".parse().unwrap());
        app
    })
    .await;
    let store = service.store.of(&globex);
    let people = vec![Person { name: "bob".into(), identities: vec![] }];
    let directory = Directory { people, ..Directory::default() };
    store.set_people(&directory.people).await.unwrap();
    store.set_workflows(&workflow::resolve(&[], &directory).unwrap()).await.unwrap();
    let token = async |role: Role| {
        let new = NewToken { name: "globex-tool", role, scopes: &role.scopes(), owner: None, expires_ms: None };
        store.create_token(new).await.unwrap().1
    };
    let (filter, reader) = (token(Role::Filter).await, token(Role::Admin).await);
    let person = service.login("globex/bob").await;
    let own_filter = service.token(Role::Filter).await;
    let hold = service.hold(1).await;
    let nothing = "0199aaaa-0000-7000-8000-000000000000";
    let before = service.store.audit(0, 500).await.unwrap();
    for (method, template) in operations() {
        let [call, unknown] = [&hold, nothing].map(|id| case(&method, &template, id));
        let bearer = match call.role {
            Who::Filter => &filter,
            Who::Person => &person,
            Who::Reader => &reader,
        };
        if let Told::Public = call.told {
            continue;
        }
        let what = format!("{method} {template}");
        let answer = service.send(call.method, &call.path, bearer, call.body).await;
        let told = answer.text.replace(&hold, nothing);
        let of_nothing = service.send(unknown.method, &unknown.path, bearer, unknown.body).await.text;
        match call.told {
            Told::Nothing => assert_eq!((answer.code(), told), ("not_found", of_nothing), "{what}"),
            Told::Refused => assert_eq!(answer.code(), "wrong_tenant", "{what}"),
            Told::Own => {
                assert!(answer.status.is_success(), "{what}: {}", answer.text);
                for trace in ["acme", "agent-7", &hold, "state=\"pending\"} 1"] {
                    assert!(!answer.text.contains(trace), "{what}: {}", answer.text);
                }
            }
            Told::Public => {}
        }
    }
    assert_eq!(service.get("/v1/control", &own_filter).await.json["kill"], "off", "theirs is turned, not ours");
    let page = service.page(&format!("/holds/{hold}"), &service.cookie("globex/bob").await).await;
    assert_eq!(page.status, 404);
    assert_eq!(service.store.hold(&hold).await.unwrap().revision, 1);
    assert_eq!(service.store.audit(0, 500).await.unwrap(), before, "nothing was done to ours");
}

#[tokio::test]
async fn nobody_learns_of_another_tenant_on_sqlite() {
    nobody_learns_of_another_tenant(Backend::Sqlite).await;
}

#[tokio::test]
async fn nobody_learns_of_another_tenant_on_postgres() {
    nobody_learns_of_another_tenant(Backend::Postgres).await;
}
