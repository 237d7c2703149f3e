//! The time, as Unix milliseconds, behind a function so that tests can turn it.
//!
//! With SQLite the database runs in this process: its clock is this clock.

use std::sync::Arc;

use jiff::Timestamp;

pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub fn system() -> Clock {
    Arc::new(|| Timestamp::now().as_millisecond())
}

/// `2026-11-22 14:03:09Z`
pub fn written(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |t| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}
