//! An intake is parsed here or refused with words: formats, lengths, ranges.
//!
//! Must not go here: join or create (`store::intake`).

use privyseal_engine::hold::{Forwarded, Intake, OLDEST, Preview, VERSION};

/// The longest that people may be given to decide, and a client to come back.
const MAX_WAIT_MS: u64 = 7 * 24 * 3600 * 1000;
/// The longest that an approval may wait to be collected.
const MAX_APPROVAL_MS: u64 = 24 * 3600 * 1000;
const MAX_FIELDS: usize = 256;
const MAX_RULES: usize = 64;
/// Tenant, environment, gateway, principal, names of rules and fields.
const MAX_NAME: usize = 512;
const MAX_TEXT: usize = 4096;
const MAX_PATH: usize = 16 * 1024;
const MAX_HEADER: usize = 8 * 1024;

/// What is wrong with a message, for its sender.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`{field}`: {expected}")]
pub struct Invalid {
    pub field: &'static str,
    pub expected: String,
}

fn invalid(field: &'static str, expected: impl Into<String>) -> Invalid {
    Invalid { field, expected: expected.into() }
}

/// Refuses an intake that no filter of a known version sends. Returns the version to answer in.
pub fn check(intake: &Intake) -> Result<u16, Invalid> {
    let v = version(intake.v)?;
    nonce(&intake.nonce)?;
    hex64("digest", &intake.digest)?;
    hex64("terms", &intake.terms)?;
    intake.grant_target.as_deref().map_or(Ok(()), |target| hex64("grant_target", target))?;
    name("tenant", &intake.tenant)?;
    name("environment", &intake.environment)?;
    name("workflow", &intake.workflow)?;
    at_most("gateway", &intake.gateway, MAX_NAME)?;
    intake.principal.as_deref().map_or(Ok(()), |p| name("principal", p))?;
    intake.on_behalf_of.as_deref().map_or(Ok(()), |p| name("on_behalf_of", p))?;
    intake.category.as_deref().map_or(Ok(()), |c| at_most("category", c, MAX_NAME))?;
    at_most("why", &intake.why, MAX_TEXT)?;
    count("rules", intake.rules.len(), MAX_RULES)?;
    intake.rules.iter().try_for_each(|rule| name("rules", rule))?;
    count("fields", intake.fields.len(), MAX_FIELDS)?;
    for (field, value) in &intake.fields {
        at_most("fields", field, MAX_NAME)?;
        if value.len() != 16 || !is_hex(value) {
            return Err(invalid("fields", "values are 16 lower-case hex digits"));
        }
    }
    range("deadline_ms", intake.deadline_ms, MAX_WAIT_MS)?;
    range("approval_ttl_ms", intake.approval_ttl_ms, MAX_APPROVAL_MS)?;
    range("rejoin_ms", intake.rejoin_ms, MAX_WAIT_MS)?;
    preview(&intake.preview)?;
    Ok(v)
}

/// Filters of the version before, of this one and of the next are served. Returns the version to answer in.
pub fn version(v: u16) -> Result<u16, Invalid> {
    if (OLDEST..=VERSION + 1).contains(&v) {
        return Ok(v.min(VERSION));
    }
    Err(invalid("v", format!("this approver speaks versions {OLDEST} to {VERSION}; upgrade the older of the two")))
}

/// Refuses what no filter says that it forwards.
pub fn forwarded(forwarded: &Forwarded) -> Result<(), Invalid> {
    name("forwarded.method", &forwarded.method)?;
    name("forwarded.authority", &forwarded.authority)?;
    at_most("forwarded.path", &forwarded.path, MAX_PATH)?;
    hex64("forwarded.body_sha256", &forwarded.body_sha256)
}

pub fn nonce(nonce: &str) -> Result<(), Invalid> {
    if nonce.len() == 32 && is_hex(nonce) { Ok(()) } else { Err(invalid("nonce", "32 lower-case hex digits")) }
}

fn preview(preview: &Preview) -> Result<(), Invalid> {
    at_most("preview.method", &preview.method, MAX_NAME)?;
    at_most("preview.scheme", &preview.scheme, MAX_NAME)?;
    at_most("preview.authority", &preview.authority, MAX_NAME)?;
    at_most("preview.path", &preview.path, MAX_PATH)?;
    at_most("preview.body", &preview.body, Preview::MAX_BODY)?;
    count("preview.headers", preview.headers.len(), Preview::MAX_HEADERS)?;
    count("preview.findings", preview.findings.len(), MAX_FIELDS)?;
    for (field, texts) in [("preview.stated", &preview.stated), ("preview.captures", &preview.captures)] {
        count(field, texts.len(), MAX_FIELDS)?;
        texts.iter().try_for_each(|(name, text)| at_most(field, name, MAX_NAME).and(at_most(field, text, MAX_PATH)))?;
    }
    match preview.headers.iter().all(|(name, value)| name.len() + value.len() <= MAX_HEADER) {
        true => Ok(()),
        false => Err(invalid("preview.headers", format!("at most {MAX_HEADER} bytes each"))),
    }
}

fn hex64(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.len() == 64 && is_hex(value) { Ok(()) } else { Err(invalid(field, "64 lower-case hex digits")) }
}

fn is_hex(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

pub fn name(field: &'static str, value: &str) -> Result<(), Invalid> {
    if value.is_empty() || value.contains('\0') {
        return Err(invalid(field, "must not be empty, nor have a NUL character"));
    }
    at_most(field, value, MAX_NAME)
}

fn at_most(field: &'static str, value: &str, max: usize) -> Result<(), Invalid> {
    if value.len() <= max { Ok(()) } else { Err(invalid(field, format!("at most {max} bytes"))) }
}

pub fn count(field: &'static str, n: usize, max: usize) -> Result<(), Invalid> {
    if n <= max { Ok(()) } else { Err(invalid(field, format!("at most {max} entries"))) }
}

fn range(field: &'static str, value: u64, max: u64) -> Result<(), Invalid> {
    if (1..=max).contains(&value) { Ok(()) } else { Err(invalid(field, format!("between 1 and {max} ms"))) }
}
