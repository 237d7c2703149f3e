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

/// A length of time for people: `42 s`, `17 min`, `3 h`, `2 d`.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(written(0), "1970-01-01 00:00:00Z");
        let spans = [(-5, "0 s"), (119_999, "119 s"), (120_000, "2 min"), (7_200_000, "2 h"), (172_800_000, "2 d")];
        for (ms, expected) in spans {
            assert_eq!(span(ms), expected);
        }
    }
}
