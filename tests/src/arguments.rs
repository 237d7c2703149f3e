//! What measurements take on their command line, such as `--rounds 9`.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The number after `name`, or `default`.
pub fn number(name: &str, default: usize) -> Result<usize> {
    let mut arguments = std::env::args().skip_while(|a| a != name).skip(1);
    arguments.next().map_or(Ok(default), |v| v.parse().with_context(|| format!("`{name} {v}`: expected a number")))
}

/// The files after each `name`.
pub fn files(name: &str) -> Vec<PathBuf> {
    let arguments: Vec<String> = std::env::args().collect();
    arguments.iter().zip(arguments.iter().skip(1)).filter(|(a, _)| *a == name).map(|(_, file)| file.into()).collect()
}

/// Whether `name` stands there.
pub fn flag(name: &str) -> bool {
    std::env::args().any(|a| a == name)
}
