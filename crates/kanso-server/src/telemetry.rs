//! Logging to standard error, with times in UTC.

use std::io::{self, IsTerminal as _, Write, stderr};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::fmt::{MakeWriter, SubscriberBuilder};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, ConfigError, LogFormat};

/// Directives that no log filter can override. The debug lines of the PostgreSQL driver contain the
/// parameters of every statement: notes of users and password hashes, which must not be logged.
const QUIET: [&str; 3] = [
    "tokio_postgres=info",
    "tokio_postgres::query=info",
    "tokio_postgres::prepare=info",
];

/// Escapes control characters, so that a text of a client can neither begin a line of its own nor steer a
/// terminal that shows the file. JSON escapes them itself.
pub struct Escaped<W>(pub W);

impl<W: Write> Write for Escaped<W> {
    /// Writes one line, as the formatter passes it: its last character is the end of the line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let (text, end) = match text.strip_suffix('\n') {
            Some(text) => (text, "\n"),
            None => (&*text, ""),
        };
        let mut escaped = String::with_capacity(line.len());
        for character in text.chars() {
            if character.is_control() {
                escaped.extend(character.escape_default());
            } else {
                escaped.push(character);
            }
        }
        escaped.push_str(end);
        self.0.write_all(escaped.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Starts logging with the filter and format of `config`. Called once, by `main`; a server in a test
/// logs nothing.
///
/// # Errors
/// If the filter is malformed, or a logger is already installed.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let place = "KANSO_LOG";
    let mut filter = EnvFilter::try_new(&config.log)
        .map_err(|error| ConfigError::invalid(place, error.to_string()))?;
    for quiet in QUIET {
        // Added after the operator's directives: the last one for a target wins.
        let quiet = quiet.parse::<Directive>();
        let quiet = quiet.map_err(|error| ConfigError::invalid(place, error.to_string()))?;
        filter = filter.add_directive(quiet);
    }
    let is_terminal = stderr().is_terminal();
    let started = if is_terminal && config.log_format == LogFormat::Text {
        // Colours are control characters themselves.
        formatter(filter, stderr)
            .with_ansi(true)
            .finish()
            .try_init()
    } else {
        subscriber(config.log_format, filter, || Escaped(stderr())).try_init()
    };
    started.map_err(|error| ConfigError::invalid(place, error.to_string()))
}

/// Returns a subscriber that writes one line for each event in this format, without colours.
pub fn subscriber<W>(
    format: LogFormat,
    filter: EnvFilter,
    writer: W,
) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = formatter(filter, writer).with_ansi(false);
    match format {
        LogFormat::Text => Box::new(lines.finish()),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_span_list(false);
            Box::new(lines.finish())
        }
    }
}

fn formatter<W>(
    filter: EnvFilter,
    writer: W,
) -> SubscriberBuilder<DefaultFields, Format, EnvFilter, W>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    tracing_subscriber::fmt()
        // Otherwise a line that cannot be written is reported with `eprintln!`, which panics when
        // standard error is the full disk that caused it. That would end the storage's writer.
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(writer)
}
