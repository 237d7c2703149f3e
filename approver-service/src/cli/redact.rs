//! `privyseal redact`: files, or a batch of texts, with what is found replaced.
//!
//! Must not go here: what is found and written instead (the engine).

use std::io::{self, BufRead, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use privyseal_engine::redact::{self, Labels, Profile, Redacted, StyleSource};
use serde::{Deserialize, Serialize};

use super::client::Failure;
use super::texts::{self, LookFor};
use super::{progress, terminal};

/// Print a file, or standard input, with personal data and secrets replaced
#[derive(Args)]
#[command(after_help = "\
Examples:
  privyseal redact request.json
  kubectl logs app | privyseal redact --style numbered
  privyseal redact --jsonl < texts.jsonl     lines {\"text\": …, \"content_type\": …} in,
                                             lines {\"spans\": […], \"text\": …} out")]
pub struct Redact {
    /// File; `-` or none: standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    look_for: LookFor,
    /// What is written instead
    #[arg(long, value_enum, default_value = "label", conflicts_with = "policy")]
    style: Style,
    /// `Content-Type` of the input; otherwise told by the file's name, or by a look at it
    #[arg(long, conflicts_with = "jsonl")]
    content_type: Option<String>,
    /// Each line is a JSON object with a text of its own
    #[arg(long)]
    jsonl: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Style {
    /// <EMAIL_ADDRESS>
    Label,
    /// <EMAIL_ADDRESS_1>, the same for the same value
    Numbered,
    /// Stars, with the last four letters and digits kept
    Mask,
    /// <EMAIL_ADDRESS_2f6b…>, the same for the same value in every run
    Pseudonym,
    /// Nothing
    Drop,
}

impl From<Style> for StyleSource {
    fn from(style: Style) -> StyleSource {
        match style {
            Style::Drop => StyleSource::Drop,
            Style::Label => StyleSource::Label,
            Style::Mask => StyleSource::Mask { keep_last: 4 },
            Style::Numbered => StyleSource::Numbered,
            Style::Pseudonym => StyleSource::Pseudonym,
        }
    }
}

impl Redact {
    pub fn run(self) -> Result<(), Failure> {
        let profile = self.look_for.profile(self.style.into())?;
        let file = self.file.clone().unwrap_or_else(|| PathBuf::from("-"));
        if self.jsonl {
            let lines = AtomicUsize::new(0);
            let far = || format!("{} lines", lines.load(Ordering::Relaxed));
            return Ok(progress::during(far, || batch(&file, &profile, &lines))?);
        }
        let bytes = texts::read(&file)?;
        let named = self.content_type.as_deref().map(str::as_bytes);
        let content_type = named.or_else(|| texts::content_type(&file));
        let far = || format!("{}, {}", terminal::safe(&file.display().to_string()), texts::size(bytes.len()));
        let done = progress::during(far, || redact::body(content_type, &bytes, &profile, &mut Labels::new()))
            .map_err(|refusal| anyhow!("`{}`: {refusal} ({})", file.display(), refusal.code()))?;
        let mut out = io::stdout().lock();
        let _reader_is_gone = out.write_all(done.body.as_deref().unwrap_or(&bytes)).and_then(|()| out.flush());
        Ok(())
    }
}

#[derive(Deserialize)]
struct Line {
    text: String,
    content_type: Option<String>,
}

#[derive(Serialize)]
struct Done<'a> {
    spans: Vec<Span<'a>>,
    text: &'a str,
    /// Why the text was not read; it is not repeated then.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
}

/// Byte offsets into the text as it stands.
#[derive(Serialize)]
struct Span<'a> {
    start: usize,
    end: usize,
    r#type: &'a str,
    score: f64,
}

fn batch(file: &Path, profile: &Profile, lines: &AtomicUsize) -> anyhow::Result<()> {
    let input: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(io::BufReader::new(
            std::fs::File::open(file).with_context(|| format!("cannot read `{}`", file.display()))?,
        )),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    for (number, line) in input.lines().enumerate() {
        let line = line.with_context(|| format!("line {}", number + 1))?;
        let Line { text, content_type } = serde_json::from_str(&line)
            .with_context(|| format!("line {}: expected an object with `text`", number + 1))?;
        let content_type = content_type.as_deref().map(str::as_bytes);
        let answer = redact::body(content_type, text.as_bytes(), profile, &mut Labels::new());
        let (done, refused) = match answer {
            Ok(done) => (done, None),
            Err(refusal) => (Redacted { body: Some(Vec::new()), findings: Vec::new() }, Some(refusal.code())),
        };
        let spans = done.findings.iter().map(|f| Span {
            start: f.range.start,
            end: f.range.end,
            r#type: &f.entity,
            score: f64::from(f.score) / 100.0,
        });
        let redacted = done.body.as_deref().map(String::from_utf8_lossy);
        let done = Done { spans: spans.collect(), text: redacted.as_deref().unwrap_or(&text), refused };
        serde_json::to_writer(&mut out, &done)?;
        out.write_all(b"\n")?;
        lines.store(number + 1, Ordering::Relaxed);
    }
    Ok(out.flush()?)
}
