//! Log lines on standard error, with times in UTC.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat};

/// Starts logging as `config` says. Called once, by `main`; a test's server stays silent.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let place = "KANSO_LOG";
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| ConfigError::invalid(place, error.to_string()))?;
    let lines = tracing_subscriber::fmt()
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
