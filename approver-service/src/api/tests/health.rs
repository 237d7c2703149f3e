//! Can it serve?

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use e2e::postgres::Postgres;

use crate::store::database::Address;
use crate::testing::Service;

#[tokio::test]
async fn who_asks_is_not_kept_waiting_for_a_database_that_is_away() {
    let server = Postgres::start(&[]);
    let service = Service::start_at(&Address::server(&server.database(), None).unwrap(), |app| app).await;
    let ready = async || service.send(Method::GET, "/readyz", "", None).await.status;
    assert_eq!(ready().await, StatusCode::OK);
    server.kill_and_keep_down();
    // Its processes go on until they notice.
    while ready().await == StatusCode::OK {}
    for _ in 0..2 {
        let asked = Instant::now();
        assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
    server.let_up();
    while ready().await != StatusCode::OK {
        tokio::task::yield_now().await;
    }
}
