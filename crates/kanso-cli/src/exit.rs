//! Exit codes, and the messages of failed commands.

use kanso_client::{CallError, Interrupted, LoginError, ReplicaError};
use owo_colors::{OwoColorize as _, Stream};

use crate::output::say;

/// Exit codes. They are stable: scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// The command failed.
    Failure = 1,
    /// The command line is invalid. clap uses the same code.
    Usage = 2,
    /// The server is unreachable or overloaded. No data is lost; try again later.
    Offline = 3,
    /// The device has no session. No data is lost; log in.
    SignedOut = 4,
    /// There are rejected changes that the user has to decide on.
    Conflicts = 5,
    /// Many records would be removed from this device. Nothing was removed.
    Deletions = 6,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command line that clap accepts but that does not fit the data, for example an unknown habit.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Prints the error and a hint to stderr, and returns the exit code.
pub(crate) fn explain(error: &anyhow::Error) -> Exit {
    let label = "error:";
    let label = label.if_supports_color(Stream::Stderr, |text| text.red());
    // `{:#}` prints the causes after the error on one line.
    say(&format!("{label} {error:#}"));
    let (exit, hint) = exit_and_hint(error);
    if let Some(hint) = hint {
        say(&hint);
    }
    exit
}

fn exit_and_hint(error: &anyhow::Error) -> (Exit, Option<String>) {
    // The order matters: a usage error needs no hint, and damage needs one that no call error has.
    if error.is::<Usage>() {
        return (Exit::Usage, None);
    }
    // Damage can be the cause of any command's error, so the whole chain is searched.
    let is_broken = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<ReplicaError>(),
            Some(ReplicaError::Broken { .. } | ReplicaError::Foreign { .. })
        )
    };
    if error.chain().any(is_broken) {
        let hint = "Run `kanso recover`: it sets the file aside and begins a new one. Your records come \
                    back from the server with the next sync.";
        return (Exit::Failure, Some(hint.to_owned()));
    }
    let is_damaged = |cause: &(dyn std::error::Error + 'static)| {
        matches!(
            cause.downcast_ref::<ReplicaError>(),
            Some(ReplicaError::Damaged { .. })
        )
    };
    if error.chain().any(is_damaged) {
        let hint = "The server is not at fault. Run `kanso sync --verify`: it repairs the records that \
                    the server has. If that fails, run `kanso recover`.";
        return (Exit::Failure, Some(hint.to_owned()));
    }
    if let Some(LoginError::OtherAccount {
        email,
        has_same_address,
    }) = error.downcast_ref()
    {
        let hint = if *has_same_address {
            format!("Run `kanso adopt {email}` to bring them to the new account.")
        } else {
            "`kanso adopt` brings the records of this device to another account.".to_owned()
        };
        return (Exit::Failure, Some(hint));
    }
    let (exit, hint) = match call_of(error) {
        Some(
            CallError::Offline(_) | CallError::TryLater { .. } | CallError::Intercepted { .. },
        ) => (
            Exit::Offline,
            Some("Nothing is lost. Try again when the server is reachable."),
        ),
        Some(CallError::HasAccount { email }) => {
            let hint = format!(
                "Use another folder (--home) for another account. If the server was set up anew, \
                 `kanso adopt {email} --register` makes the account again and brings all records of \
                 this device to it."
            );
            return (Exit::Failure, Some(hint));
        }
        Some(CallError::SignedOut { account }) => {
            // Before the first log-in there is no address to suggest.
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
        Some(CallError::Refused(problem)) => (Exit::Failure, refusal_hint(&problem.code)),
        Some(CallError::OtherServer { .. }) => (
            Exit::Failure,
            Some("Omit --server, or log in again if the server has moved."),
        ),
        _ => (Exit::Failure, None),
    };
    (exit, hint.map(str::to_owned))
}

/// Returns what to do about a refusal.
fn refusal_hint(code: &str) -> Option<&'static str> {
    match code {
        "invitation_required" => Some(
            "This server makes accounts by invitation. Ask its operator for a code, then run \
             `kanso register EMAIL --invite CODE`.",
        ),
        "account_disabled" => Some(
            "Nothing is lost. Your changes stay on this device. Ask the operator of the server.",
        ),
        _ => None,
    }
}

/// Finds the error of a call, which may be inside of a sync or a log-in.
fn call_of(error: &anyhow::Error) -> Option<&CallError> {
    // `anyhow` wraps errors at several levels, and each of these types carries the call's error in its
    // own way.
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
