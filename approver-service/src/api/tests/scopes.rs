//! Every call of the description with every scope alone: the one that it names lets in, no other does.

use clap::ValueEnum;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::auth::scope::Scope;
use crate::testing::described::{operations, scope_of};
use crate::testing::{Service, intake_json};

/// What each call takes to get as far as its scope; calls without a body take none.
fn body(method: &str, template: &str) -> Option<Value> {
    match (method, template) {
        ("POST", "/v1/holds") => Some(intake_json(2)),
        ("POST", "/v1/control") => Some(json!({ "kill": "off" })),
        ("POST", _) => Some(json!({ "reason": "x", "question": "x", "answer": "x" })),
        _ => None,
    }
}

#[tokio::test]
async fn each_call_takes_the_scope_that_it_names_and_no_other() {
    let service = Service::start().await;
    let hold = service.hold(1).await;
    let mut checked = 0;
    for scope in Scope::value_variants() {
        let token = service.token_with(*scope).await;
        for (method, template) in operations() {
            let Some(needed) = scope_of(&method, &template) else { continue };
            let what = format!("{method} {template} with `{}`", scope.as_str());
            let request =
                service.http.request(method.clone(), format!("{}{}", service.base, template.replace("{id}", &hold)));
            let request = match body(method.as_str(), &template) {
                Some(body) => request.json(&body),
                None => request,
            };
            // A stream of events has a head, but no end.
            let answer = request.bearer_auth(&token).send().await.unwrap();
            let (status, is_allowed) = (answer.status(), needed.iter().any(|needed| needed == scope.as_str()));
            checked += 1;
            if is_allowed {
                assert!(status != StatusCode::FORBIDDEN && status != StatusCode::UNAUTHORIZED, "{what}: {status}");
                continue;
            }
            assert_eq!(status, StatusCode::FORBIDDEN, "{what}");
            let problem: Value = answer.json().await.unwrap();
            match needed.first() {
                Some(needed) => {
                    assert_eq!(problem["code"], "insufficient_scope", "{what}");
                    let detail = problem["detail"].as_str().unwrap();
                    assert!(detail.contains(&format!("`{needed}`")), "{what}: {detail}");
                }
                None => assert_eq!(problem["code"], "login_required", "{what}: no token decides"),
            }
        }
    }
    assert!(checked > 200, "{checked}");
    assert_eq!(service.store.hold(&hold).await.unwrap().state.as_str(), "pending");
}

#[tokio::test]
async fn a_person_needs_no_scope_but_speaks_for_no_gateway() {
    let service = Service::start().await;
    let hold = service.hold(1).await;
    let bob = service.login("bob").await;
    for (method, template) in operations() {
        let Some(needed) = scope_of(&method, &template) else { continue };
        if template == "/v1/events" || needed.is_empty() {
            continue;
        }
        let path = template.replace("{id}", &hold);
        let answer = service.send(method.clone(), &path, &bob, body(method.as_str(), &template)).await;
        let is_for_gateways = needed.iter().any(|scope| matches!(scope.as_str(), "holds:create" | "gateway:serve"));
        assert_eq!(answer.code() == "insufficient_scope", is_for_gateways, "{method} {template}: {}", answer.text);
    }
}
