//! Errors of this crate, how they map to the port's error, and which of them are retried.

use std::error::Error;
use std::fmt::Display;
use std::iter;

use kanso_application::ports::storage::StorageError;
use kanso_domain::Version;
use tokio_postgres::error::{DbError, SqlState};

use crate::measure;

/// A column holds a value that its type in the domain refuses.
#[derive(Debug, thiserror::Error)]
#[error("invalid value in a column: {0}")]
pub(crate) struct InvalidColumn(String);

impl InvalidColumn {
    pub(crate) const fn new(problem: String) -> Self {
        Self(problem)
    }

    pub(crate) fn of(error: impl Display) -> Self {
        Self(error.to_string())
    }
}

/// Error of a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DatabaseError {
    /// The server refused a statement or cannot be reached. Nothing was committed.
    #[error("postgresql failed: {}", one_line(.0))]
    Driver(tokio_postgres::Error),
    /// The connection broke during a commit, so the outcome of the commit is unknown.
    #[error("postgresql failed during a commit: {}", one_line(.0))]
    UnknownOutcome(tokio_postgres::Error),
    /// The host was the primary of a history that a newer one has replaced.
    #[error(
        "{host} is an old primary: its timeline is {timeline}, but timeline {newest} of the same cluster \
         was promoted; stop it before it accepts writes that will be lost"
    )]
    OldPrimary {
        /// Address of the host.
        host: String,
        /// Timeline of the host.
        timeline: u32,
        /// Highest timeline that this process has seen.
        newest: u32,
    },
    /// The connection leads to a history that another one replaced. Nothing was committed.
    #[error("the database behind this connection was restored, replaced or promoted meanwhile")]
    Replaced,
    /// The pool has no connection.
    #[error("no connection to postgresql: {0}")]
    NoConnection(String),
    /// A column holds an invalid value.
    #[error(transparent)]
    InvalidColumn(#[from] InvalidColumn),
    /// Stored rows contradict each other or the write.
    #[error("{0}")]
    Impossible(String),
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
    /// The work panicked.
    #[error("a database task panicked")]
    Panicked,
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl DatabaseError {
    /// Names the record if the error means that the stored version is not the replaced one.
    pub(crate) fn or_stale(self, kind: &str, id: impl Display, replaces: Option<Version>) -> Self {
        if !self.is_stale() {
            return self;
        }
        let expected = replaces.map_or("new".to_owned(), |version| format!("at version {version}"));
        Self::Impossible(format!("{kind} {id} is not {expected}"))
    }

    /// Classifies an error after the commit was sent. Only an error response on a connection that
    /// stays open proves that nothing was committed.
    pub(crate) fn at_commit(error: tokio_postgres::Error) -> Self {
        if is_answer(&error) {
            Self::Driver(error)
        } else {
            Self::UnknownOutcome(error)
        }
    }

    /// Classifies the error of a statement behind which the commit was already sent.
    pub(crate) fn after_commit_was_sent(self) -> Self {
        match self {
            Self::Driver(error) => Self::at_commit(error),
            other => other,
        }
    }

    /// Returns true if nothing was committed and a retry may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Driver(error) => is_transient(error),
            Self::Replaced => true,
            _ => false,
        }
    }

    /// Returns true if a stored version is not the replaced one, or if the id of a new record is taken.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_division_by_zero() || self.is_unique_violation()
    }

    /// Returns true if an update changed no row. Such statements divide by the number of changed
    /// rows, so that they fail, and abort the transaction, although the commit is already sent.
    fn is_division_by_zero(&self) -> bool {
        matches!(self, Self::Driver(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO))
    }

    /// Returns true if a row with this key exists already.
    fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Driver(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }
}

impl From<DatabaseError> for StorageError {
    fn from(error: DatabaseError) -> Self {
        let error = storage_error(error);
        measure::failed(&error);
        error
    }
}

fn storage_error(error: DatabaseError) -> StorageError {
    use StorageError::{Corrupt, Unavailable};
    match &error {
        DatabaseError::Driver(driver) if is_corruption(driver) => Corrupt(error.into()),
        DatabaseError::Impossible(_)
        | DatabaseError::InvalidColumn(_)
        | DatabaseError::Panicked => Corrupt(error.into()),
        DatabaseError::Driver(_)
        | DatabaseError::UnknownOutcome(_)
        | DatabaseError::OldPrimary { .. }
        | DatabaseError::Replaced
        | DatabaseError::NoConnection(_)
        | DatabaseError::Closed => Unavailable(error.into()),
    }
}

/// Formats an error of the driver in one line for the log.
///
/// The server's DETAIL is left out: it may quote a row, and with it the user's text. The driver's
/// `Display` repeats some causes and omits others, so the chain is walked here and duplicates are
/// dropped.
pub(crate) fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in iter::successors(Some(error), |&error| error.source()) {
        let text = match cause.downcast_ref::<DbError>() {
            Some(answer) => server_answer(answer),
            None => cause.to_string(),
        };
        if line.contains(&text) {
            continue;
        }
        if !line.is_empty() {
            line.push_str(": ");
        }
        line.push_str(&text);
    }
    line.replace('\n', " ")
}

fn server_answer(answer: &DbError) -> String {
    let (severity, code) = (answer.severity(), answer.code().code());
    let mut text = format!("{severity} {code}: {}", answer.message());
    if let Some(hint) = answer.hint() {
        text.push_str("; ");
        text.push_str(hint);
    }
    text
}

/// Returns true if the server answered with severity ERROR, which keeps the connection and means
/// that the transaction was rolled back. FATAL and PANIC end the connection and prove nothing.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    use tokio_postgres::error::Severity;
    error
        .as_db_error()
        .is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error))
}

/// Returns true if a retry may succeed.
///
/// * 40001 and 40P01: the transaction lost against another one and was rolled back.
/// * 57P01 to 57P03: the server shuts down, crashed or starts; its successor may already accept.
/// * 25006: the server became a read-only standby; a new connection finds the primary.
/// * Class 08 and I/O errors without a code: the connection broke.
///
/// 55P03 (`lock_timeout`) and 57014 (`statement_timeout`) are not retried: they already waited 10 s
/// and 30 s, longer than a caller does.
pub(crate) fn is_transient(error: &tokio_postgres::Error) -> bool {
    let Some(code) = error.code() else {
        return error.is_closed() || io_source(error).is_some();
    };
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::CANNOT_CONNECT_NOW,
        SqlState::READ_ONLY_SQL_TRANSACTION,
    ]
    .contains(code)
        || code.code().starts_with("08")
}

/// Returns true if the encryption failed: the server has none, or its certificate is refused.
pub(crate) fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    // The driver has no other sign of it.
    error
        .to_string()
        .starts_with("error performing TLS handshake")
}

/// Returns the kind of cause for which no connection could be opened, for the log.
pub(crate) fn connection_cause(error: &tokio_postgres::Error) -> &'static str {
    use std::io::ErrorKind;
    if is_of_tls(error) {
        return "tls";
    }
    if let Some(code) = error.code() {
        return match code.code().get(..2) {
            Some("28") => "authentication",
            Some("3D") => "no such database",
            Some("53") => "too many connections",
            Some("57") => "server starts or stops",
            _ => "refused by the server",
        };
    }
    match io_source(error).map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => "nothing listens",
        Some(ErrorKind::TimedOut) => "timeout",
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => "network",
        Some(_) => "network or name",
        None => "driver",
    }
}

/// Returns the I/O or TLS error behind an error of the driver.
pub(crate) fn io_source(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    error.source()?.downcast_ref()
}

/// Returns true if an error shows that the data is wrong, rather than the machine.
///
/// A user cannot cause a constraint violation: the statements handle every such case. So class 23
/// (constraint), class 22 (value out of range) and a damaged file mean that a changeset or the
/// stored data is invalid.
fn is_corruption(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [&SqlState::DATA_CORRUPTED, &SqlState::INDEX_CORRUPTED].contains(&code)
            || code.code().starts_with("22")
            || code.code().starts_with("23")
    })
}

#[cfg(test)]
mod tests {
    use kanso_testkit::PostgresServer;

    use super::*;
    use crate::DatabaseUrl;

    async fn cause(url: &str) -> &'static str {
        let url: DatabaseUrl = url.parse().unwrap();
        let tls = crate::tls::connector(url.encryption()).unwrap();
        let connected = url.config().connect(tls).await;
        connection_cause(&connected.err().unwrap())
    }

    #[tokio::test]
    async fn a_failed_connection_has_a_cause() {
        assert_eq!(
            cause("postgres://me@127.0.0.1:9/kanso").await,
            "nothing listens"
        );
        let server = PostgresServer::start();
        let url = server.url("postgres");
        let (account, place) = url.split_once('@').unwrap();
        assert_eq!(
            cause(&format!("{account}x@{place}")).await,
            "authentication"
        );
        assert_eq!(cause(&server.url("missing")).await, "no such database");
        assert_eq!(cause(&format!("{url}?sslmode=require")).await, "tls");
    }
}
