//! Pages and forms over real HTTP: who sees what, and which forms count.

use std::collections::BTreeSet;

use privyseal_engine::hold::{Intake, Kill, State};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, COOKIE, ORIGIN};

use crate::app::Shared;
use crate::auth::oidc::Identity;
use crate::auth::{Directory, Person, Role};
use crate::grant::Terms;
use crate::store::login::READ_MS;
use crate::testing::{Answer, Service, intake, intake_json};
use crate::workflow::{self, Workflow};

/// The token that stands in the forms of a page.
fn csrf(page: &Answer) -> String {
    let rest = page.text.split_once("name=\"csrf\" value=\"").unwrap().1;
    rest.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn pages_need_a_login_and_opening_the_link_is_none() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    for path in ["/".to_owned(), format!("/holds/{id}")] {
        let answer = service.page(&path, "").await;
        assert_eq!((answer.status, &answer.headers["location"]), (StatusCode::SEE_OTHER, &"/login".parse().unwrap()));
    }
    let (link, _) = service.challenge("bob").await;
    let path = link.strip_prefix(&service.base).unwrap();
    for _ in 0..3 {
        let shown = service.page(path, "").await;
        assert_eq!(shown.status, StatusCode::OK);
        assert!(shown.text.contains("Log in as bob?") && shown.headers.get("set-cookie").is_none());
    }
    let t = path.split_once("t=").unwrap().1;
    let confirmed = service.form("/login/confirm", "", &[("t", t)]).send().await.unwrap();
    assert_eq!(confirmed.status(), StatusCode::SEE_OTHER);
    let cookie = confirmed.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let again = service.form("/login/confirm", "", &[("t", t)]).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    assert_eq!(service.page(path, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn behind_tls_the_cookie_is_bound_to_the_host() {
    let service = Service::start_with(|app| Shared { base_url: "https://approve.example.com".into(), ..app }).await;
    let (link, _) = service.challenge("bob").await;
    let t = link.strip_prefix("https://approve.example.com/login/confirm?t=").unwrap();
    let form = service.form("/login/confirm", "", &[("t", t)]);
    let confirmed = form.send().await.unwrap();
    let cookie = confirmed.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-privyseal=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn a_person_logs_in_with_the_code_and_out_again() {
    let service = Service::start().await;
    let asked = Answer::of(service.form("/login", "", &[("person", "bob")])).await;
    assert!(asked.text.contains("name=\"code\""));
    let (_, code) = service.challenge("bob").await;
    assert!(!asked.text.contains(&code));
    let answer = service.form("/login/code", "", &[("code", &code)]).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split_once(';').unwrap().0.to_owned();
    let home = service.page("/", &cookie).await;
    assert_eq!(home.status, StatusCode::OK);
    service.form("/logout", &cookie, &[("csrf", &csrf(&home))]).send().await.unwrap();
    assert_eq!(service.page("/", &cookie).await.status, StatusCode::SEE_OTHER, "the session itself is over");
}

#[tokio::test]
async fn where_two_must_approve_the_page_counts_and_others_only_read() {
    let service = Service::start().await;
    let reviewers = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let default = Workflow {
        name: "default".into(),
        quorum: 2,
        seats: vec![],
        require_reason: true,
        check_ticket: false,
        deadline_ms: None,
        grants: None,
        reviewers: reviewers(&["bob", "alice"]),
        groups: BTreeSet::new(),
    };
    service.store.set_workflows(std::slice::from_ref(&default)).await.unwrap();
    let id = service.hold(1).await;
    let (path, approve) = (format!("/holds/{id}"), format!("/holds/{id}/approve"));
    let (bob, alice) = (service.cookie("bob").await, service.cookie("alice").await);
    let token = csrf(&service.page(&path, &bob).await);
    let without_reason = Answer::of(service.form(&approve, &bob, &[("csrf", &token)])).await;
    assert_eq!(without_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    service.form(&approve, &bob, &[("csrf", &token), ("reason", "agreed")]).send().await.unwrap();
    let voted = service.page(&path, &bob).await.text;
    assert!(voted.contains("<dt>In the path</dt><dd>account: 7</dd>"), "{voted}");
    assert!(voted.contains("1 of 2 approved") && voted.contains("You have approved this request."), "{voted}");
    assert!(!voted.contains("class=\"approve\"") && voted.contains("class=\"deny\""));
    assert!(service.page("/", &bob).await.text.contains("1 of 2 approved"));

    service
        .store
        .set_workflows(&[Workflow { reviewers: reviewers(&["bob", "dan"]), ..default.clone() }])
        .await
        .unwrap();
    let other = service.page(&path, &alice).await;
    assert!(other.text.contains("You are not a reviewer") && !other.text.contains("class=\"deny\""), "{}", other.text);
    let refused = Answer::of(service.form(&approve, &alice, &[("csrf", &csrf(&other)), ("reason", "x")])).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    service.store.set_workflows(&[default]).await.unwrap();
    service.form(&approve, &alice, &[("csrf", &csrf(&other)), ("reason", "me too")]).send().await.unwrap();
    assert!(service.page(&path, &bob).await.text.contains("Approved by bob and alice."));
}

/// A page was loaded by somebody who could decide then: its form says nothing of who may decide now.
#[tokio::test]
async fn a_role_that_is_lost_while_the_page_is_open_decides_nothing() {
    let service = Service::start().await;
    let bob = Person { name: "bob".into(), identities: vec![] };
    let named = workflow::resolve(&[], &Directory { people: vec![bob], ..Directory::default() }).unwrap().remove(0);
    let finance =
        Workflow { reviewers: BTreeSet::new(), groups: BTreeSet::from(["finance".to_owned()]), ..named.clone() };
    let fiona = Identity {
        tenant: None,
        name: "fiona".into(),
        identities: vec![],
        groups: vec!["finance".into()],
        proven_ms: Some(service.store.now()),
    };
    let (_, secret) = service.store.log_in_as(&fiona, READ_MS).await.unwrap();
    let bob = service.cookie("bob").await;
    let nobody = Workflow { reviewers: BTreeSet::new(), groups: BTreeSet::new(), ..named.clone() };
    for (n, (before, cookie)) in [(named, bob), (finance, format!("privyseal={secret}"))].into_iter().enumerate() {
        service.store.set_workflows(std::slice::from_ref(&before)).await.unwrap();
        let id = service.hold(n as u32).await;
        let page = service.page(&format!("/holds/{id}"), &cookie).await;
        assert!(page.text.contains("class=\"approve\"") && page.text.contains("class=\"deny\""), "{}", page.text);
        let token = csrf(&page);

        service.store.set_workflows(std::slice::from_ref(&nobody)).await.unwrap();
        let records = service.store.last_record().await.unwrap();
        for verb in ["approve", "deny", "ask"] {
            let fields = [("csrf", token.as_str()), ("reason", "fine"), ("question", "why?")];
            let refused = Answer::of(service.form(&format!("/holds/{id}/{verb}"), &cookie, &fields)).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{verb}: {}", refused.text);
            assert!(refused.text.contains("You are not a reviewer of this request"), "{verb}: {}", refused.text);
        }
        assert_eq!(service.store.hold(&id).await.unwrap().state, State::Pending);
        assert_eq!(service.store.last_record().await.unwrap(), records, "nothing is recorded as decided");

        // The same form counts again with the role.
        service.store.set_workflows(&[before]).await.unwrap();
        let form = service.form(&format!("/holds/{id}/approve"), &cookie, &[("csrf", &token), ("reason", "fine")]);
        assert_eq!(form.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        assert_eq!(service.store.hold(&id).await.unwrap().state, State::Approved);
    }
}

#[tokio::test]
async fn an_answer_is_shown_as_the_agents_own_words() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let bob = service.cookie("bob").await;
    let path = format!("/holds/{id}");
    let token = csrf(&service.page(&path, &bob).await);
    let say = async |verb: &str, text: &str| {
        let form = service.form(&format!("{path}/{verb}"), &bob, &[("csrf", &token), ("reason", text)]);
        assert_eq!(form.send().await.unwrap().status(), StatusCode::SEE_OTHER);
        service.page(&path, &bob).await.text
    };
    let asked = say("ask", "why?").await;
    assert!(asked.contains("has not answered yet") && !asked.contains("/ask\""), "{asked}");
    let asker = serde_json::from_value(serde_json::json!({
        "v": 1, "tenant": "acme", "environment": "test", "principal": "agent-7",
    }));
    let forged = "ok</dd><b>approved by alice</b>\u{202E}\u{200B}".to_owned();
    service.store.answer(&id, &asker.unwrap(), forged).await.unwrap();
    let answered = service.page(&path, &bob).await.text;
    assert!(answered.contains("unverified") && answered.contains("2 invisible or control characters were taken out"));
    assert!(!answered.contains("<b>approved") && !answered.contains('\u{202E}'), "{answered}");
    assert!(say("approve", "").await.contains("Take the approval back"));
    assert!(say("revoke", "the wrong one").await.contains("taken back by bob"));
}

#[tokio::test]
async fn a_person_approves_and_denies() {
    let service = Service::start().await;
    let (first, second) = (service.hold(1).await, service.hold(2).await);
    let bob = service.cookie("bob").await;
    let home = service.page("/", &bob).await;
    assert!(home.text.contains(&first) && home.text.contains(&second));
    let csrf = csrf(&home);
    for (id, verb, fields, shown) in [
        (&first, "approve", vec![("csrf", csrf.as_str()), ("reason", "")], "Approved by bob."),
        (&second, "deny", vec![("csrf", csrf.as_str()), ("reason", "too <b>much</b>")], "Denied by bob."),
    ] {
        let answer = service.form(&format!("/holds/{id}/{verb}"), &bob, &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER);
        assert_eq!(answer.headers()["location"], format!("/holds/{id}"));
        let page = service.page(&format!("/holds/{id}"), &bob).await;
        assert!(page.text.contains(shown), "{}", page.text);
        assert!(!page.text.contains("<b>much"), "escaped");
    }
    let late =
        Answer::of(service.form(&format!("/holds/{first}/deny"), &bob, &[("csrf", &csrf), ("reason", "x")])).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("already approved"), "{}", late.text);
    let silent = Answer::of(service.form(&format!("/holds/{second}/deny"), &bob, &[("csrf", &csrf)])).await;
    assert!(silent.text.contains("Say why") && silent.text.contains(&format!("href=\"/holds/{second}\"")));
}

/// The page sends minutes and uses also where the box is not ticked.
#[tokio::test]
async fn a_person_grants_the_same_again() {
    let service = Service::start().await;
    let pay = Workflow {
        name: "default".into(),
        quorum: 1,
        seats: vec![],
        require_reason: false,
        check_ticket: false,
        deadline_ms: None,
        grants: Some(Terms { duration_ms: 3_600_000, uses: 5 }),
        reviewers: BTreeSet::from(["bob".to_owned()]),
        groups: BTreeSet::new(),
    };
    service.store.set_workflows(&[pay]).await.unwrap();
    let bob = service.cookie("bob").await;
    for (n, ticked) in [(1, false), (2, true)] {
        let asked = Intake { grant_target: Some("a".repeat(64)), ..intake(n) };
        let id = service.store.intake(asked).await.unwrap().id;
        let page = service.page(&format!("/holds/{id}"), &bob).await;
        let token = csrf(&page);
        let mut fields = vec![("csrf", token.as_str()), ("minutes", "60"), ("uses", "3")];
        fields.extend(ticked.then_some(("grant", "yes")));
        let answer = service.form(&format!("/holds/{id}/approve"), &bob, &fields).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "ticked {ticked}");
        let grants = service.page("/grants", &bob).await.text;
        assert_eq!(grants.contains(&id), ticked, "{grants}");
    }
}

#[tokio::test]
async fn the_kill_switch_is_turned_on_the_page() {
    let service = Service::start().await;
    let cookie = service.cookie("bob").await;
    let csrf = csrf(&service.page("/kill", &cookie).await);
    let turn = async |csrf: &str, kill: &str, principal: &str| {
        let fields = [("csrf", csrf), ("kill", kill), ("principal", principal)];
        service.form("/kill", &cookie, &fields).send().await.unwrap().status()
    };
    assert_eq!(turn("", "deny", "").await, StatusCode::FORBIDDEN);
    assert_eq!(service.store.control().kill, Kill::Off);
    assert_eq!(turn(&csrf, "deny", " <b>agent-7 ").await, StatusCode::SEE_OTHER);
    assert_eq!((service.store.control().kill, service.store.control().deny.len()), (Kill::Off, 1));
    let page = service.page("/kill", &cookie).await;
    assert!(
        page.text.contains("&#60;b&#62;agent-7") && page.text.contains("<td data-label=\"Is\">denied"),
        "{}",
        page.text
    );
    assert!(service.page("/", &cookie).await.text.contains("The kill switch is on for single principals."));
    assert_eq!(turn(&csrf, "off", "<b>agent-7").await, StatusCode::SEE_OTHER);
    assert_eq!(turn(&csrf, "hold", "").await, StatusCode::SEE_OTHER);
    assert_eq!((service.store.control().kill, service.store.control().deny.len()), (Kill::Hold, 0));
}

#[tokio::test]
async fn forms_of_other_sites_and_sessions_change_nothing() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let (alice, bob) = (service.cookie("alice").await, service.cookie("bob").await);
    let (of_alice, of_bob) = (csrf(&service.page("/", &alice).await), csrf(&service.page("/", &bob).await));
    let path = format!("/holds/{id}/approve");
    let url = format!("{}{path}", service.base);
    let good = format!("csrf={of_bob}");
    let send = |change: fn(reqwest::RequestBuilder) -> reqwest::RequestBuilder, body: &str| {
        let request = service.http.post(&url).header(COOKIE, &bob).body(body.to_owned());
        change(request).header(CONTENT_TYPE, "application/x-www-form-urlencoded").send()
    };
    let forgeries = [
        send(|r| r, &good).await,
        send(|r| r.header(ORIGIN, "https://evil.example"), &good).await,
        send(|r| r.header(ORIGIN, "null"), &good).await,
        service.form(&path, &bob, &[("csrf", &of_bob)]).header("sec-fetch-site", "cross-site").send().await,
        service.form(&path, &bob, &[("csrf", &of_alice)]).send().await,
        service.form(&path, &bob, &[("csrf", "")]).send().await,
        service.form(&path, &bob, &[("reason", "no token")]).send().await,
        service
            .http
            .post(&url)
            .header(COOKIE, &bob)
            .header(ORIGIN, &service.base)
            .header(CONTENT_TYPE, "text/plain")
            .body(good.clone())
            .send()
            .await,
    ];
    for (i, answer) in forgeries.into_iter().enumerate() {
        assert_eq!(answer.unwrap().status(), StatusCode::FORBIDDEN, "forgery {i}");
    }
    let get = service.page(&path, &bob).await;
    assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED, "GET never changes anything");
    let bearer = service.post(&format!("/v1{path}"), "", serde_json::json!({})).await;
    assert_eq!(bearer.status, StatusCode::UNAUTHORIZED, "the API does not take cookies");
    assert_eq!(service.store.open_holds(10).await.unwrap().len(), 1);
    assert_eq!(service.form(&path, &bob, &[("csrf", &of_bob)]).send().await.unwrap().status(), StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn nobody_is_offered_or_given_their_own_request() {
    let service = Service::start().await;
    let mut own = intake(1);
    own.on_behalf_of = Some("bob@example.com".into());
    let id = service.store.intake(own).await.unwrap().id;
    let bob = service.cookie("bob").await;
    let page = service.page(&format!("/holds/{id}"), &bob).await;
    assert!(page.text.contains("You cannot decide your own request") && !page.text.contains("/approve"));
    let token = csrf(&page);
    let answer = Answer::of(service.form(&format!("/holds/{id}/approve"), &bob, &[("csrf", &token)])).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("You cannot decide your own request"));
}

#[tokio::test]
async fn an_old_login_reads_but_is_not_offered_to_decide() {
    let service = Service::start().await;
    let id = service.hold(1).await;
    let bob = service.cookie("bob").await;
    let token = csrf(&service.page("/", &bob).await);
    service.store.run_for_tests("UPDATE sessions SET decide_until_ms = 0").await;
    let page = service.page(&format!("/holds/{id}"), &bob).await;
    assert!(page.text.contains("Log in again") && !page.text.contains("/approve"));
    let answer = Answer::of(service.form(&format!("/holds/{id}/approve"), &bob, &[("csrf", &token)])).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.text.contains("Log in again to decide"));
}

#[tokio::test]
async fn what_the_agent_wrote_is_shown_as_text() {
    let service = Service::start().await;
    let mut hostile = intake_json(1);
    let script = "<script>alert(1)</script>\"'&\u{202E}";
    for pointer in
        ["/why", "/preview/path", "/preview/body", "/preview/method", "/principal", "/on_behalf_of", "/category"]
    {
        *hostile.pointer_mut(pointer).unwrap() = script.into();
    }
    hostile["preview"]["headers"] = serde_json::json!([[script, script]]);
    hostile["preview"]["truncated"] = true.into();
    let gateway = service.token(Role::Filter).await;
    let id = service.post("/v1/holds", &gateway, hostile).await.json["id"].as_str().unwrap().to_owned();
    let bob = service.cookie("bob").await;
    for path in ["/".to_owned(), format!("/holds/{id}")] {
        let page = service.page(&path, &bob).await;
        assert!(page.text.contains("&#60;script&#62;"), "{}", page.text);
        assert!(!page.text.contains("<script") && !page.text.contains('\u{202E}'));
    }
    let page = service.page(&format!("/holds/{id}"), &bob).await;
    assert!(page.text.contains("invisible or control characters were taken out"));
    assert!(page.text.contains("Not all of the request is shown"));
}

#[tokio::test]
async fn every_page_forbids_scripts_frames_and_caches() {
    let service = Service::start().await;
    let bob = service.cookie("bob").await;
    for path in ["/", "/login", "/holds/unknown", "/login/confirm?t=x", "/style.css"] {
        let headers = service.page(path, &bob).await.headers;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
    let unknown = service.page("/holds/unknown", &bob).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let long = service.form("/login", "", &[("person", &"x".repeat(20_000))]).send().await.unwrap();
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}
