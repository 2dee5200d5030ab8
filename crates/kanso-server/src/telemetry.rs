//! Log lines on standard error, with times in UTC.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use crate::config::{Config, ConfigError, LogFormat};

/// Whatever is to be logged, the database driver keeps to itself what it sends: its debug lines have
/// the values of every statement, people's notes and the hashes of passwords among them.
const QUIET: [&str; 3] = [
    "tokio_postgres=info",
    "tokio_postgres::query=info",
    "tokio_postgres::prepare=info",
];

/// Starts logging as `config` says. Called once, by `main`; a test's server stays silent.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let place = "KANSO_LOG";
    let mut filter = EnvFilter::try_new(&config.log)
        .map_err(|error| ConfigError::invalid(place, error.to_string()))?;
    for quiet in QUIET {
        let quiet = quiet.parse::<Directive>();
        let quiet = quiet.map_err(|error| ConfigError::invalid(place, error.to_string()))?;
        filter = filter.add_directive(quiet);
    }
    let lines = tracing_subscriber::fmt()
        // A line that cannot be written would be reported where lines cannot be written, and failing
        // at that is a panic of the thread that logs: a full disk must not end the writer.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(stderr);
    let started = match config.log_format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init(),
    };
    started.map_err(|error| ConfigError::invalid(place, error.to_string()))
}
