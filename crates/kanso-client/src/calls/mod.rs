//! Calls to the server outside of a sync, and the errors of all calls.

mod account;
mod devices;
mod session;

pub use account::LoginError;

use std::time::Duration;

use kanso_domain::Invalid;
use kanso_protocol::problem::Problem;
use serde::de::DeserializeOwned;

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
        match self {
            Self::Refused(_) | Self::SignedOut { .. } | Self::OtherServer { .. } => true,
            // Only the transport knows whether the request left the device.
            Self::Offline(unreachable) => !unreachable.may_have_arrived,
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
pub(crate) fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, CallError> {
    if (200..300).contains(&reply.status) {
        return serde_json::from_slice(&reply.body).map_err(|error| CallError::Unexpected {
            what: error.to_string(),
        });
    }
    Err(error_of(reply))
}

/// Checks that an answer without a body is a success.
pub(crate) fn check_success(reply: &Reply) -> Result<(), CallError> {
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    Err(error_of(reply))
}

/// Converts an unsuccessful answer to an error.
pub(crate) fn error_of(reply: &Reply) -> CallError {
    // A body is not needed here: for these the client waits, whatever the reason is.
    if reply.status == 429 || reply.status >= 500 {
        return CallError::TryLater {
            after: reply.retry_after,
        };
    }
    match serde_json::from_slice::<Problem>(&reply.body) {
        Ok(problem) => CallError::Refused(Box::new(problem)),
        // For example a page of a proxy or of a hotel's network.
        Err(_) => CallError::Unexpected {
            what: format!("status {}", reply.status),
        },
    }
}

/// Serialises a request body.
pub(crate) fn body(value: &impl serde::Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(value).map_err(|error| CallError::Unexpected {
        what: error.to_string(),
    })
}
