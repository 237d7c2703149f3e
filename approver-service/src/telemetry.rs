//! JSON logs on stderr.
//!
//! Never logged: bodies, header values, previews, reasons, tokens, links, codes, keys, SQL parameters.

pub mod metrics;
pub mod traces;

use tracing::level_filters::LevelFilter;

/// Starts logging; a second call changes nothing.
pub fn start() {
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_max_level(LevelFilter::INFO)
        .with_writer(std::io::stderr)
        // Its own way to say that a line was not written is to panic where stderr is gone, in whatever task wrote it.
        .log_internal_errors(false)
        .finish();
    // Fails only if a subscriber is set already, as in tests.
    let _already_set = tracing::subscriber::set_global_default(subscriber);
}
