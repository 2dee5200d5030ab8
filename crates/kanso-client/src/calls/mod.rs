//! Calls to the server outside of a sync, and the errors of all calls.

mod account;
mod consent;
mod devices;
mod session;

pub use account::LoginError;
pub use consent::check_new_password;

use std::time::Duration;

use kanso_domain::Invalid;
use kanso_protocol::problem::Problem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::replica::{ApplyError, ManyDeletions, ReplicaError};
use crate::transport::{Reply, Unreachable};

/// Reason why a call failed. Work that was completed before the failure stays stored.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer arrived. Call again later; no operation is applied twice.
    #[error(transparent)]
    Offline(#[from] Unreachable),
    /// The server is overloaded or failed (status 429 or 5xx).
    #[error("the server is busy{}", when(.after.as_ref()))]
    TryLater {
        /// Time after which to call again, if the server sent one.
        after: Option<Duration>,
    },
    /// The device has no session. Log in again; all local data stays.
    #[error("{}", signed_out(.account.as_deref()))]
    SignedOut {
        /// E-mail address of the replica's account; `None` before the first log-in. With an address,
        /// the session has expired or was ended.
        account: Option<String>,
    },
    /// The replica belongs to an account on another server.
    #[error("this replica belongs to an account on {bound}")]
    OtherServer {
        /// Address of that server.
        bound: String,
    },
    /// The server rejected the request (status 4xx).
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// Something between this device and the server answered: a proxy, or the log-in page of a
    /// network. It says nothing about the session or the data. Call again later.
    #[error(
        "something between this device and the server answered (status {status}), \
         such as a proxy or the log-in page of a network; or the address is not that of a Kanso server"
    )]
    Intercepted {
        /// HTTP status of that answer.
        status: u16,
    },
    /// The replica belongs to an account already, and this call is for a replica without one.
    #[error("this device belongs to {email} already")]
    HasAccount {
        /// E-mail address of that account.
        email: String,
    },
    /// The answer is not one that this version understands.
    #[error("the server answered unexpectedly: {what}")]
    Unexpected {
        /// Description of the answer.
        what: String,
    },
    /// The sync would remove many records from this device. Nothing was removed. Ask the user, then
    /// sync with [`crate::SyncOptions::accept_deletions`].
    #[error(transparent)]
    ManyDeletions(#[from] ManyDeletions),
    /// The local database failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl CallError {
    /// Returns true if the request certainly had no effect on the server.
    ///
    /// An answer with status 5xx is not certain: the server may have committed before it failed.
    pub(crate) const fn is_certainly_undone(&self) -> bool {
        // A stranger's answer is not certain either: it may have passed the request on.
        match self {
            Self::Refused(_) | Self::SignedOut { .. } | Self::OtherServer { .. } => true,
            // Only the transport knows whether the request left the device.
            Self::Offline(unreachable) => !unreachable.may_have_arrived,
            _ => false,
        }
    }

    /// Returns true if the request was larger than the server, or a proxy before it, accepts.
    pub(crate) fn is_too_large(&self) -> bool {
        match self {
            Self::Refused(problem) => problem.status == 413,
            Self::Intercepted { status } => *status == 413,
            _ => false,
        }
    }
}

impl From<ApplyError> for CallError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::ManyDeletions(many) => Self::ManyDeletions(many),
            ApplyError::Replica(error) => Self::Replica(error),
        }
    }
}

fn signed_out(account: Option<&str>) -> String {
    match account {
        None => "this device is not signed in".to_owned(),
        Some(email) => format!("the session of {email} on this device has ended"),
    }
}

fn when(delay: Option<&Duration>) -> String {
    delay.map_or_else(String::new, |delay| {
        format!(", try again in {} s", delay.as_secs())
    })
}

impl From<Invalid> for CallError {
    /// A record that this version cannot store.
    fn from(invalid: Invalid) -> Self {
        Self::Unexpected {
            what: invalid.to_string(),
        }
    }
}

/// Parses the body of a successful answer.
pub(crate) fn read<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T, CallError> {
    if (200..300).contains(&reply.status) {
        return serde_json::from_slice(&reply.body).map_err(|error| {
            if serde_json::from_slice::<IgnoredAny>(&reply.body).is_err() {
                // Every answer of the server is JSON.
                let status = reply.status;
                return CallError::Intercepted { status };
            }
            CallError::Unexpected {
                what: error.to_string(),
            }
        });
    }
    Err(error_of(reply))
}

/// Checks that an answer is a success.
pub(crate) fn check_success(reply: &Reply) -> Result<(), CallError> {
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    Err(error_of(reply))
}

/// Beginning of the type of every problem that a Kanso server sends.
const PROBLEM_TYPE: &str = "urn:kanso:problem:";

/// Returns the problem that the server sent; `None` if the answer is not the server's.
pub(crate) fn problem_of(reply: &Reply) -> Option<Problem> {
    let problem: Problem = serde_json::from_slice(&reply.body).ok()?;
    problem.kind.starts_with(PROBLEM_TYPE).then_some(problem)
}

/// Converts an unsuccessful answer to an error.
pub(crate) fn error_of(reply: &Reply) -> CallError {
    let status = reply.status;
    // A body is not needed here: for these the client waits, whatever the reason is. Status 511 is
    // that of a network which demands a log-in (RFC 6585 §6).
    if status == 429 || (status >= 500 && status != 511) {
        return CallError::TryLater {
            after: reply.retry_after,
        };
    }
    match problem_of(reply) {
        Some(problem) => CallError::Refused(Box::new(problem)),
        None => CallError::Intercepted { status },
    }
}

/// Serialises a request body.
pub(crate) fn body(value: &impl serde::Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(value).map_err(|error| CallError::Unexpected {
        what: error.to_string(),
    })
}
