//! What goes wrong inside, which of the port's errors it is, and whether it is worth another
//! attempt.

use std::error::Error;
use std::fmt::Display;
use std::iter;

use kanso_application::ports::storage::StorageError;
use kanso_domain::Version;
use tokio_postgres::error::{DbError, SqlState};

use crate::measure;

/// A column that does not hold what it must.
#[derive(Debug, thiserror::Error)]
#[error("a column holds what it cannot: {0}")]
pub(crate) struct Invalid(String);

impl Invalid {
    pub(crate) const fn new(problem: String) -> Self {
        Self(problem)
    }

    pub(crate) fn of(error: impl Display) -> Self {
        Self(error.to_string())
    }
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The database refused a statement, or is away; nothing was committed.
    #[error("postgresql failed: {}", told_of(.0))]
    Driver(tokio_postgres::Error),
    /// The same, but the commit was under way, and it is not known what became of it.
    #[error("postgresql failed during a commit: {}", told_of(.0))]
    Unsure(tokio_postgres::Error),
    /// No connection could be had.
    #[error("no connection to postgresql: {0}")]
    NoConnection(String),
    /// A column holds what its type cannot.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The rows contradict each other, or what is to be stored contradicts them.
    #[error("{0}")]
    Impossible(String),
    /// The storage was closed.
    #[error("the storage is closed")]
    Closed,
    /// The work panicked.
    #[error("the work on the database panicked")]
    Panicked,
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Driver(error)
    }
}

impl Failure {
    /// A record that was to be stored does not follow the stored one.
    pub(crate) fn stale(kind: &str, id: impl Display, replaces: Option<Version>) -> Self {
        let expected = replaces.map_or("new".to_owned(), |version| format!("at version {version}"));
        Self::Impossible(format!("{kind} {id} is not {expected}"))
    }

    /// A failure after the commit was sent. Only an error that the server answers with, and goes
    /// on, says that it was not carried out.
    pub(crate) fn at_commit(error: tokio_postgres::Error) -> Self {
        if is_answer(&error) {
            Self::Driver(error)
        } else {
            Self::Unsure(error)
        }
    }

    /// The same, of a statement that the commit was sent behind.
    pub(crate) fn after_commit_was_sent(self) -> Self {
        match self {
            Self::Driver(error) => Self::at_commit(error),
            other => other,
        }
    }

    /// Whether nothing was done, and the same may succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Driver(error) if is_passing(error))
    }

    /// Whether the statement refused to go on because a row was not as it had to be: it divides by
    /// the number of rows that it changed.
    pub(crate) fn is_of_no_row(&self) -> bool {
        matches!(self, Self::Driver(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO))
    }

    /// Whether a row with this key is there already.
    pub(crate) fn is_of_a_taken_key(&self) -> bool {
        matches!(self, Self::Driver(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION))
    }
}

impl From<Failure> for StorageError {
    fn from(failure: Failure) -> Self {
        let error = told(failure);
        measure::failed(&error);
        error
    }
}

fn told(failure: Failure) -> StorageError {
    use StorageError::{Corrupt, Unavailable};
    match &failure {
        Failure::Driver(error) if is_corruption(error) => Corrupt(failure.into()),
        Failure::Impossible(_) | Failure::Invalid(_) | Failure::Panicked => Corrupt(failure.into()),
        Failure::Driver(_) | Failure::Unsure(_) | Failure::NoConnection(_) | Failure::Closed => {
            Unavailable(failure.into())
        }
    }
}

/// An error of the driver in one line, for the log. Of what the server says its detail is left out,
/// which may quote a row, and with it what somebody wrote. The driver repeats some causes and
/// leaves others out.
pub(crate) fn told_of(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for cause in iter::successors(Some(error), |&error| error.source()) {
        let text = match cause.downcast_ref::<DbError>() {
            Some(answer) => answer_of(answer),
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

fn answer_of(answer: &DbError) -> String {
    let (severity, code) = (answer.severity(), answer.code().code());
    let mut text = format!("{severity} {code}: {}", answer.message());
    if let Some(hint) = answer.hint() {
        text.push_str("; ");
        text.push_str(hint);
    }
    text
}

/// Whether the server answered with an error and kept the connection: then the transaction was
/// rolled back. With what ends the connection nothing is certain.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    use tokio_postgres::error::Severity;
    error
        .as_db_error()
        .is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error))
}

/// Serialization failures and deadlocks; a server that shuts down, starts, or gave its role to
/// another; connections that broke; a lock that was not had in time is not one of them.
pub(crate) fn is_passing(error: &tokio_postgres::Error) -> bool {
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

/// What the system, or the encryption on top of it, said of the connection.
pub(crate) fn io_source(error: &tokio_postgres::Error) -> Option<&std::io::Error> {
    error.source()?.downcast_ref()
}

/// Whether an error shows that the data is wrong, rather than that the machine is.
///
/// What a user can cause breaks no constraint: the statements allow for it. A broken constraint
/// (class 23), a value that its type cannot hold (22) and a damaged file mean that a changeset or
/// the data is not what it must be.
fn is_corruption(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        [&SqlState::DATA_CORRUPTED, &SqlState::INDEX_CORRUPTED].contains(&code)
            || code.code().starts_with("22")
            || code.code().starts_with("23")
    })
}
