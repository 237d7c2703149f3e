//! `privyseal scan`: what a policy would find in files, with line and column.
//!
//! Values themselves are not printed. Must not go here: changing files (`redact`).

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use privyseal_engine::redact::{self, Finding, Labels, Profile, StyleSource};
use serde_json::json;

use super::client::Failure;
use super::progress;
use super::terminal::{self, Tone};
use super::texts::{self, LookFor};

/// Find personal data and secrets in files, or in standard input
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal scan fixtures/*.json
  git diff | privyseal scan --entities credentials
  privyseal scan --policy policy.yaml --json dump.ndjson

Exit codes: 0 nothing found, 1 something found or a file cannot be read, 2 wrong usage")]
pub struct Scan {
    /// Files; `-` or none: standard input
    files: Vec<PathBuf>,
    #[command(flatten)]
    look_for: LookFor,
    /// One JSON object per finding
    #[arg(long)]
    json: bool,
}

impl Scan {
    pub fn run(self) -> Result<(), Failure> {
        let profile = self.look_for.profile(StyleSource::Label)?;
        let input = [PathBuf::from("-")];
        let files = if self.files.is_empty() { &input[..] } else { &self.files };
        let (mut found, mut failed) = (0, 0);
        for (i, file) in files.iter().enumerate() {
            match self.scan(file, &profile, &format!("file {} of {}", i + 1, files.len())) {
                Ok(count) => found += count,
                Err(error) => {
                    failed += 1;
                    terminal::complain(&format!("{error:#}"));
                }
            }
        }
        match (found, failed) {
            (0, 0) => Ok(()),
            (found, 0) => Err(anyhow!("{found} found").into()),
            (found, failed) => Err(anyhow!("{found} found, {failed} of {} files not read", files.len()).into()),
        }
    }

    fn scan(&self, file: &Path, profile: &Profile, which: &str) -> anyhow::Result<usize> {
        let bytes = texts::read(file)?;
        let name = terminal::safe(&file.display().to_string());
        let far = || format!("{which}: {name}, {}", texts::size(bytes.len()));
        let find = || redact::body(texts::content_type(file), &bytes, profile, &mut Labels::new());
        let done = progress::during(far, find).map_err(|refusal| anyhow!("`{name}`: {refusal}"))?;
        let mut places = Places { bytes: &bytes, at: 0, line: 1, line_start: 0 };
        let mut findings = done.findings;
        findings.sort_by_key(|finding| finding.range.start);
        for Finding { entity, range, score } in &findings {
            let (line, column) = places.of(range.start);
            let score = f64::from(*score) / 100.0;
            terminal::say(&if self.json {
                json!({"file": name, "line": line, "column": column, "start": range.start, "end": range.end, "type": entity, "score": score})
                    .to_string()
            } else {
                format!("{name}:{line}:{column}: {} {score:.2}", terminal::paint(entity, Tone::Bold))
            });
        }
        Ok(findings.len())
    }
}

/// Counts lines on the way through a text, so that all findings together cost one pass.
struct Places<'a> {
    bytes: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
}

impl Places<'_> {
    /// Line and column of a byte, both from 1; the column counts characters.
    fn of(&mut self, at: usize) -> (usize, usize) {
        let between = self.bytes.get(self.at..at).unwrap_or_default();
        for (i, _) in between.iter().enumerate().filter(|(_, b)| **b == b'\n') {
            self.line += 1;
            self.line_start = self.at + i + 1;
        }
        self.at = self.at.max(at);
        let before = self.bytes.get(self.line_start..at).unwrap_or_default();
        (self.line, String::from_utf8_lossy(before).chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters() {
        let mut places = Places { bytes: "a\nbé c\n\nd".as_bytes(), at: 0, line: 1, line_start: 0 };
        assert_eq!(places.of(0), (1, 1));
        assert_eq!(places.of(6), (2, 4));
        assert_eq!(places.of(9), (4, 1));
    }
}
