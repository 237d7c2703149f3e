//! The numbers that measurements take on their command line, such as `--rounds 9`.

use anyhow::{Context, Result};

/// The number after `name`, or `default`.
pub fn number(name: &str, default: usize) -> Result<usize> {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().map_or(Ok(default), |v| v.parse().with_context(|| format!("`{name} {v}`: expected a number")))
}
