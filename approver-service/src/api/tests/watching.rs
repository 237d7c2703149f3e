//! Metrics and events: what tools read beside the holds themselves.

use reqwest::StatusCode;
use reqwest::header::AUTHORIZATION;

use super::approve;
use crate::auth::Role;
use crate::testing::Service;

#[tokio::test]
async fn metrics_count_answers_refusals_and_what_waits() {
    let service = Service::start().await;
    let auditor = service.token(Role::Auditor).await;
    service.hold(1).await;
    let approved = service.hold(2).await;
    approve(&service, &approved).await;
    service.get("/v1/holds/none", &auditor).await;
    let metrics = service.get("/metrics", &auditor).await;
    assert_eq!(metrics.status, StatusCode::OK);
    for line in [
        "privyseal_holds{state=\"pending\"} 1",
        "privyseal_holds{state=\"info_requested\"} 0",
        "privyseal_holds{state=\"approved\"} 1",
        "privyseal_http_requests_total{method=\"GET\",route=\"/v1/holds/{id}\",status=\"404\"} 1",
        "privyseal_refusals_total{code=\"not_found\"} 1",
    ] {
        assert!(metrics.text.lines().any(|found| found == line), "{line} is not in\n{}", metrics.text);
    }
    assert_eq!(service.get("/metrics", "").await.status, StatusCode::UNAUTHORIZED);
    let filter = service.token(Role::Filter).await;
    assert_eq!(service.get("/metrics", &filter).await.status, StatusCode::FORBIDDEN);
}

/// Reads the stream until it has told `wanted` events; their ids and names.
async fn listen(service: &Service, token: &str, last: Option<&str>, wanted: usize) -> Vec<(String, String)> {
    let request =
        service.http.get(format!("{}/v1/events", service.base)).header(AUTHORIZATION, format!("Bearer {token}"));
    let request = match last {
        Some(last) => request.header("last-event-id", last),
        None => request,
    };
    let mut answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    loop {
        let told: Vec<_> = text.split("\n\n").filter(|event| event.contains("data:")).collect();
        if text.ends_with("\n\n") && told.len() >= wanted {
            let field = |event: &str, name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            return told.iter().map(|event| (field(event, "id:"), field(event, "event:"))).collect();
        }
        let piece = answer.chunk().await.unwrap().expect("the stream goes on");
        text.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn events_come_in_order_and_again_from_where_somebody_left_off() {
    let service = Service::start().await;
    let token = service.token(Role::Approver).await;
    let id = service.hold(1).await;
    approve(&service, &id).await;
    let all = listen(&service, &token, Some("0"), 2).await;
    let names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
    assert_eq!(names, ["created", "approved"], "and nothing of tokens and logins");
    let rest = listen(&service, &token, Some(&all[0].0), 1).await;
    assert_eq!(rest, all[1..]);

    // Who names no event hears what happens from now on.
    let (new, _) = tokio::join!(listen(&service, &token, None, 1), async {
        let watched = "privyseal_http_requests_total{method=\"GET\",route=\"/v1/events\",status=\"200\"} 3";
        while !service.get("/metrics", &token).await.text.contains(watched) {}
        service.hold(2).await
    });
    assert_eq!(new[0].1, "created");

    let filter = service.token(Role::Filter).await;
    assert_eq!(service.get("/v1/events", &filter).await.status, StatusCode::FORBIDDEN);
    let odd = service.http.get(format!("{}/v1/events", service.base));
    let odd = odd.header(AUTHORIZATION, format!("Bearer {token}")).header("last-event-id", "x").send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::UNPROCESSABLE_ENTITY);
}
