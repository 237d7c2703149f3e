//! Steady load over kept connections, for measurements: the same bytes again and again.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tokio::task::JoinSet;

use crate::client::Connection;

/// Sends `request` `count` times over `connections`, each waiting for its answer; every answer must be 200.
pub async fn run(addr: SocketAddr, request: &[u8], connections: usize, count: usize) -> Result<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let request = request.to_vec();
        tasks.spawn(async move {
            let mut connection = Connection::open(addr).await?;
            for _ in 0..count.div_ceil(connections) {
                connection.write(&request).await?;
                let response = connection.response().await?;
                ensure!(response.status == 200, "answered {response:?}");
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
