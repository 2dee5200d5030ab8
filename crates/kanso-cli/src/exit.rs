//! How a command ended.

use kanso_client::{CallError, Interrupted, LoginError, ReplicaError};
use owo_colors::{OwoColorize as _, Stream};

/// The exit codes. Scripts may rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// It failed.
    Failure = 1,
    /// The command line makes no sense; clap uses the same code.
    Usage = 2,
    /// The server cannot be reached or is busy. Everything is kept; try later.
    Offline = 3,
    /// Nobody is signed in. Everything is kept; log in.
    SignedOut = 4,
    /// The server refused something that a person has to decide on.
    Conflicts = 5,
    /// Much would be removed here. Nothing was; look, then allow it.
    Deletions = 6,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command line that was understood but makes no sense for what is there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Says on stderr what went wrong and what to do about it.
pub(crate) fn explain(error: &anyhow::Error) -> Exit {
    let label = "error:";
    let label = label.if_supports_color(Stream::Stderr, |text| text.red());
    eprintln!("{label} {error:#}");
    let (exit, hint) = judge(error);
    if let Some(hint) = hint {
        eprintln!("{hint}");
    }
    exit
}

fn judge(error: &anyhow::Error) -> (Exit, Option<String>) {
    if error.is::<Usage>() {
        return (Exit::Usage, None);
    }
    let is_damaged = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<ReplicaError>(),
            Some(ReplicaError::Damaged { .. })
        )
    };
    if error.chain().any(is_damaged) {
        let hint = "Run `kanso sync --verify`: it brings back what the server has.";
        return (Exit::Failure, Some(hint.to_owned()));
    }
    let (exit, hint) = match call_of(error) {
        Some(CallError::Offline(_) | CallError::TryLater { .. }) => (
            Exit::Offline,
            Some("Nothing is lost. Try again when the server can be reached."),
        ),
        Some(CallError::SignedOut { account }) => {
            let email = account.as_deref().unwrap_or("EMAIL");
            let hint = format!("Nothing is lost. Run `kanso login {email}`, then `kanso sync`.");
            return (Exit::SignedOut, Some(hint));
        }
        Some(CallError::ManyDeletions(_)) => (
            Exit::Deletions,
            Some(
                "Nothing was removed. If they were deleted on another device, run \
                 `kanso sync --accept-deletions`.",
            ),
        ),
        Some(CallError::OtherServer { .. }) => (
            Exit::Failure,
            Some("Leave --server out, or log in again if the server has moved."),
        ),
        _ => (Exit::Failure, None),
    };
    (exit, hint.map(str::to_owned))
}

fn call_of(error: &anyhow::Error) -> Option<&CallError> {
    error.chain().find_map(|cause| {
        let direct = cause.downcast_ref::<CallError>();
        let synced = || Some(&cause.downcast_ref::<Interrupted>()?.cause);
        let login = || match cause.downcast_ref::<LoginError>()? {
            LoginError::Call(call) => Some(call),
            LoginError::OtherAccount { .. } => None,
        };
        direct.or_else(synced).or_else(login)
    })
}
