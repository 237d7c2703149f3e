//! Roles, logins, decisions, the audit log, the switch.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::auth::Role;
use crate::testing::{Service, intake_json};

#[tokio::test]
async fn each_role_may_do_what_it_is_for_and_nothing_else() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let hold = |verb: &str| format!("/v1/holds/{id}{verb}");
    let (get, post) = (Method::GET, Method::POST);
    let no_one: &[Role] = &[];
    let readers: &[Role] = &[Role::Approver, Role::Operator, Role::Auditor, Role::Admin];
    let calls = [
        (post.clone(), "/v1/holds".to_owned(), intake_json(2), &[Role::Filter][..]),
        (get.clone(), hold("/wait"), json!(null), &[Role::Filter][..]),
        (post.clone(), hold("/release"), json!({}), &[Role::Filter][..]),
        (post.clone(), hold("/detach"), json!({}), &[Role::Filter][..]),
        (post.clone(), hold("/outcome"), json!({}), &[Role::Filter][..]),
        (post.clone(), hold("/status"), json!({}), &[Role::Filter][..]),
        (get.clone(), "/v1/control".to_owned(), json!(null), &[Role::Filter][..]),
        (get.clone(), "/v1/holds".to_owned(), json!(null), readers),
        (get.clone(), hold(""), json!(null), readers),
        (get, "/v1/audit".to_owned(), json!(null), &[Role::Operator, Role::Auditor, Role::Admin][..]),
        (post.clone(), "/v1/control".to_owned(), json!({ "kill": "off" }), &[Role::Operator, Role::Admin][..]),
        (post.clone(), hold("/answer"), json!({}), &[Role::Filter][..]),
        (post.clone(), hold("/withdraw"), json!({}), &[Role::Filter][..]),
        (post.clone(), hold("/ask"), json!({ "question": "x" }), no_one),
        (post.clone(), hold("/revoke"), json!({ "reason": "x" }), no_one),
        (post.clone(), hold("/approve"), json!({ "reason": "x" }), no_one),
        (post, hold("/deny"), json!({ "reason": "x" }), no_one),
    ];
    for role in [Role::Filter, Role::Approver, Role::Operator, Role::Auditor, Role::Admin] {
        let token = service.token(role).await;
        for (method, path, body, allowed) in &calls {
            let body = (!body.is_null()).then(|| body.clone());
            let answer = service.send(method.clone(), path, &token, body).await;
            let is_refused = answer.status == StatusCode::FORBIDDEN;
            assert_eq!(!is_refused, allowed.contains(&role), "{role:?} {method} {path}: {}", answer.text);
        }
    }
    for (method, path, body, _) in calls {
        for bearer in ["", "pvs_wrong", "pvl_wrong"] {
            let answer = service.send(method.clone(), &path, bearer, Some(body.clone())).await;
            assert_eq!((answer.status, answer.code()), (StatusCode::UNAUTHORIZED, "unauthorized"), "{path}");
        }
    }
    assert_eq!(service.store.hold(&id).await.unwrap().state.as_str(), "pending");
}

#[tokio::test]
async fn a_person_decides_after_a_login_and_a_token_never() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let path = format!("/v1/holds/{id}/approve");
    let admin = service.token(Role::Admin).await;
    let answer = service.post(&path, &admin, json!({})).await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "login_required"));
    let bob = service.login("bob").await;
    let decided = service.post(&path, &bob, json!({ "reason": " agreed with bob@example.com " })).await;
    assert_eq!((decided.status, &decided.json["state"]), (StatusCode::OK, &json!("approved")));
    assert_eq!(decided.json["reason"], "agreed with <EMAIL_ADDRESS>", "masked before it is stored");
    assert_eq!(decided.json["decided_by"], "bob");
    let again = service.post(&path, &bob, json!({})).await;
    assert_eq!(
        (again.status, again.code(), &again.json["state"]),
        (StatusCode::CONFLICT, "already_decided", &json!("approved"))
    );
    let unknown = service.post("/v1/holds/0/approve", &bob, json!({})).await;
    assert_eq!((unknown.status, unknown.code()), (StatusCode::NOT_FOUND, "not_found"));
}

#[tokio::test]
async fn own_requests_missing_and_endless_reasons_are_refused() {
    let service = Service::start().await;
    let mut own = intake_json(1);
    own["on_behalf_of"] = "Bob+night@example.com".into();
    let gateway = service.token(Role::Filter).await;
    let own = service.post("/v1/holds", &gateway, own).await.json["id"].as_str().unwrap().to_owned();
    let id = service.hold(2).await;
    let bob = service.login("bob").await;
    for verb in ["approve", "deny"] {
        let answer = service.post(&format!("/v1/holds/{own}/{verb}"), &bob, json!({ "reason": "mine" })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "own_request"));
    }
    let deny = format!("/v1/holds/{id}/deny");
    assert_eq!(service.post(&deny, &bob, json!({ "reason": "  " })).await.code(), "reason_required");
    for long in [5_000, 10 << 20] {
        let answer = service.post(&deny, &bob, json!({ "reason": "x".repeat(long) })).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    }
    assert_eq!(service.store.open_holds(10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_question_its_answer_and_a_revocation_over_http() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let (bob, gateway) = (service.login("bob").await, service.token(Role::Filter).await);
    let call = |verb: &str| format!("/v1/holds/{id}/{verb}");
    assert_eq!(service.post(&call("ask"), &bob, json!({ "question": " " })).await.code(), "reason_required");
    let asked = service.post(&call("ask"), &bob, json!({ "question": "is bob@example.com in it?" })).await;
    assert_eq!((asked.status, &asked.json["state"]), (StatusCode::OK, &json!("info_requested")));
    let own = json!({ "v": 1, "tenant": "acme", "environment": "test", "principal": "agent-7" });
    let status = service.post(&call("status"), &gateway, own.clone()).await;
    assert_eq!(status.json["reason"], "is <EMAIL_ADDRESS> in it?");

    let answer = |text: &str| {
        let mut answer = own.clone();
        answer["answer"] = text.into();
        answer
    };
    let long = service.post(&call("answer"), &gateway, answer(&"x".repeat(4097))).await;
    assert_eq!((long.status, long.code()), (StatusCode::PAYLOAD_TOO_LARGE, "too_large"));
    let mut other = answer("mine");
    other["principal"] = "agent-8".into();
    assert_eq!(service.post(&call("answer"), &gateway, other).await.code(), "not_found");
    let answered = service.post(&call("answer"), &gateway, answer("only carol@example.com")).await;
    assert_eq!((answered.status, &answered.json["state"]), (StatusCode::OK, &json!("pending")));
    let shown = service.get(&format!("/v1/holds/{id}"), &bob).await.json;
    assert_eq!(shown["questions"][0]["answer"], "only <EMAIL_ADDRESS>", "masked here too");
    assert_eq!(service.post(&call("answer"), &gateway, answer("again")).await.code(), "not_asked");

    assert_eq!(service.post(&call("revoke"), &bob, json!({ "reason": "no" })).await.code(), "undecided");
    service.post(&call("approve"), &bob, json!({})).await;
    assert_eq!(service.post(&call("revoke"), &bob, json!({})).await.code(), "reason_required");
    let revoked = service.post(&call("revoke"), &bob, json!({ "reason": "the wrong one" })).await;
    assert_eq!((&revoked.json["state"], &revoked.json["revoked_by"]), (&json!("revoked"), &json!("bob")));
    assert_eq!(service.post(&call("withdraw"), &gateway, own).await.code(), "already_decided");
}

#[tokio::test]
async fn asking_for_a_login_tells_nothing_and_shows_nothing_to_who_asks() {
    let service = Service::start().await;
    let known = service.post("/v1/login/request", "", json!({ "person": "bob" })).await;
    let unknown = service.post("/v1/login/request", "", json!({ "person": "mallory" })).await;
    assert_eq!((known.status, known.text.as_str()), (StatusCode::ACCEPTED, ""));
    assert_eq!((unknown.status, unknown.text.as_str()), (StatusCode::ACCEPTED, ""));
    let (_, code) = service.challenge("bob").await;
    let spaced = format!(" {} ", code.replace('-', " "));
    assert_eq!(service.post("/v1/login", "", json!({ "code": spaced })).await.json["person"], "bob");
    let used = service.post("/v1/login", "", json!({ "code": code })).await;
    assert_eq!((used.status, used.code()), (StatusCode::FORBIDDEN, "login_over"));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let service = Service::start().await;
    let reader = service.token(Role::Approver).await;
    for n in 1..=5 {
        service.hold(n).await;
    }
    let mut seen = vec![];
    let mut path = "/v1/holds?limit=2&state=pending".to_owned();
    loop {
        let page = service.get(&path, &reader).await.json;
        seen.extend(page["holds"].as_array().unwrap().iter().map(|hold| hold["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/holds?limit=2&state=pending&cursor={next}");
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|newer, older| newer > older));
    assert_eq!(service.get("/v1/holds?state=denied", &reader).await.json["holds"], json!([]));
    assert_eq!(service.get("/v1/holds?state=nonsense", &reader).await.code(), "invalid_request");
    let shown = service.get(&format!("/v1/holds/{}", seen[0]), &reader).await.json;
    assert_eq!(shown["preview"]["path"], "/v1/contacts/export");
    assert!(shown.get("digest_mac").is_none() && shown.get("terms").is_none());
}

#[tokio::test]
async fn the_audit_log_tells_who_did_what() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let bob = service.login("bob").await;
    service.post(&format!("/v1/holds/{id}/deny"), &bob, json!({ "reason": "no" })).await;
    service.post("/v1/control", &bob, json!({ "kill": "hold" })).await;
    let auditor = service.token(Role::Auditor).await;
    let first = service.get("/v1/audit?limit=2", &auditor).await.json;
    let rest = service.get(&format!("/v1/audit?after={}", first["next"]), &auditor).await.json;
    let all: Vec<_> = [&first, &rest].iter().flat_map(|page| page["entries"].as_array().unwrap().clone()).collect();
    let told: Vec<_> = all
        .iter()
        .map(|e| {
            [&e["kind"], &e["actor"]["kind"], &e["actor"]["name"]].map(|v| v.as_str().unwrap().to_owned()).join(" ")
        })
        .collect();
    let expected = [
        "workflows operator local",
        "created gateway edge-1",
        "login person bob",
        "denied person bob",
        "kill person bob",
        "token_created operator local",
    ];
    assert_eq!(told, expected);
    assert_eq!((&all[3]["details"]["reason"], &all[3]["hold"]), (&json!("no"), &json!(id)));
    assert!(all.iter().zip(1..).all(|(entry, n)| entry["seq"] == n));
}

#[tokio::test]
async fn every_error_is_a_problem_document() {
    let service = Service::start().await;
    let admin = service.token(Role::Admin).await;
    let answers = [
        service.get("/nowhere", "").await,
        service.get("/v1/holds", "").await,
        service.get("/v1/holds/0", &admin).await,
        service.send(Method::DELETE, "/v1/holds", &admin, None).await,
        service.post("/v1/control", &admin, json!({ "kill": "everybody" })).await,
    ];
    for (answer, code) in
        answers.iter().zip(["not_found", "unauthorized", "not_found", "method_not_allowed", "invalid_request"])
    {
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.code(), code);
        assert_eq!(answer.json["status"], answer.status.as_u16());
        assert!(answer.json["detail"].is_string() && answer.json["title"].is_string());
    }
}

#[tokio::test]
async fn health_says_alive_ready_and_about_to_stop() {
    let service = Service::start().await;
    assert_eq!(service.get("/healthz", "").await.text, "ok\n");
    assert_eq!(service.get("/readyz", "").await.status, StatusCode::OK);
    service.store.run_for_tests("ALTER TABLE control RENAME TO away").await;
    assert_eq!(service.get("/readyz", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(service.get("/healthz", "").await.status, StatusCode::OK);
    service.leaving.cancel();
    assert_eq!(service.get("/readyz", "").await.code(), "stopping");
    assert_eq!(service.get("/healthz", "").await.status, StatusCode::OK, "it serves on");
}
