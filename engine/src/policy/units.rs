//! Durations and sizes as people write them: `50s`, `10m`, `1h`; `64KiB`, `1MiB`.
//!
//! Must not go here: defaults (`settings`).

use std::time::Duration;

pub fn duration(text: &str) -> Result<Duration, &'static str> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    amount(text, &UNITS).map(Duration::from_millis).ok_or("write a number and a unit: `500ms`, `50s`, `10m`, `1h`")
}

pub fn size(text: &str) -> Result<usize, &'static str> {
    const UNITS: [(&str, u64); 5] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("kB", 1_000), ("MB", 1_000_000), ("B", 1)];
    let bytes = amount(text, &UNITS).and_then(|bytes| usize::try_from(bytes).ok());
    bytes.ok_or("write a number and a unit: `512B`, `64KiB`, `1MiB`")
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    // No setting of a policy is longer than a year or larger than memory.
    number.parse::<u64>().ok()?.checked_mul(*factor).filter(|total| *total <= 366 * 24 * 3_600_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn durations() {
        for (text, millis) in [("500ms", 500), ("50s", 50_000), ("10m", 600_000), ("1h", 3_600_000), ("2 h", 7_200_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "50", "s", "-1s", "1.5h", "1d", "99999999999h", "1h30m"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [("512B", 512), ("64KiB", 65_536), ("1MiB", 1_048_576), ("1 MB", 1_000_000)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "1", "1GiB", "MiB", "-1B"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
