//! Requests to the server, and what can become of them.

mod account;
mod devices;
mod session;

pub use account::LoginError;

use std::time::Duration;

use kanso_domain::Invalid;
use kanso_protocol::problem::Problem;
use serde::de::DeserializeOwned;

use crate::replica::{Hindered, ManyDeletions, ReplicaError};
use crate::transport::{Reply, Unreachable};

/// Why a call did not succeed. The replica is as it was, but for what had been done before.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No answer came. Call again later; nothing is done twice.
    #[error(transparent)]
    Offline(#[from] Unreachable),
    /// The server is busy or has trouble.
    #[error("the server is busy{}", when(.after.as_ref()))]
    TryLater {
        /// When it wants to be asked again.
        after: Option<Duration>,
    },
    /// Nobody is signed in here, or not any more. Log in again; everything local stays.
    #[error("{}", signed_out(.account.as_deref()))]
    SignedOut {
        /// Whose replica it is, if anybody was ever signed in: a session ends when it is not used
        /// for long, and when somebody ends it.
        account: Option<String>,
    },
    /// The replica belongs to an account on another server.
    #[error("this replica belongs to an account on {bound}")]
    OtherServer {
        /// That server's address.
        bound: String,
    },
    /// The server refused the request itself.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
    /// The server answered what this version does not understand.
    #[error("the server answered unexpectedly: {what}")]
    Unexpected {
        /// What it answered.
        what: String,
    },
    /// Many records at once would be removed here. Nothing was removed: ask a person, then sync
    /// with [`crate::SyncOptions::accept_deletions`].
    #[error(transparent)]
    ManyDeletions(#[from] ManyDeletions),
    /// The local store failed.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
}

impl CallError {
    /// Whether what the request asked for was certainly not done.
    pub(crate) const fn is_certainly_undone(&self) -> bool {
        match self {
            Self::Refused(_) | Self::SignedOut { .. } | Self::OtherServer { .. } => true,
            Self::Offline(unreachable) => !unreachable.may_have_arrived,
            _ => false,
        }
    }
}

impl From<Hindered> for CallError {
    fn from(hindered: Hindered) -> Self {
        match hindered {
            Hindered::ManyDeletions(many) => Self::ManyDeletions(many),
            Hindered::Replica(error) => Self::Replica(error),
        }
    }
}

fn signed_out(account: Option<&str>) -> String {
    match account {
        None => "nobody is signed in on this device".to_owned(),
        Some(email) => format!("{email} is not signed in on this device any more"),
    }
}

fn when(delay: Option<&Duration>) -> String {
    delay.map_or_else(String::new, |delay| {
        format!(", try again in {} s", delay.as_secs())
    })
}

impl From<Invalid> for CallError {
    /// A record that this version cannot keep.
    fn from(invalid: Invalid) -> Self {
        Self::Unexpected {
            what: invalid.to_string(),
        }
    }
}

/// The body of a successful answer.
pub(crate) fn read<T: DeserializeOwned>(reply: &Reply) -> Result<T, CallError> {
    if (200..300).contains(&reply.status) {
        return serde_json::from_slice(&reply.body).map_err(|error| CallError::Unexpected {
            what: error.to_string(),
        });
    }
    Err(refusal(reply))
}

/// Of an answer without a body only whether it is a success counts.
pub(crate) fn done(reply: &Reply) -> Result<(), CallError> {
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    Err(refusal(reply))
}

/// What an answer that is no success means.
pub(crate) fn refusal(reply: &Reply) -> CallError {
    if reply.status == 429 || reply.status >= 500 {
        return CallError::TryLater {
            after: reply.retry_after,
        };
    }
    match serde_json::from_slice::<Problem>(&reply.body) {
        Ok(problem) => CallError::Refused(Box::new(problem)),
        Err(_) => CallError::Unexpected {
            what: format!("status {}", reply.status),
        },
    }
}

/// A request body. The wire types are structs of texts, numbers and lists.
pub(crate) fn body(value: &impl serde::Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(value).map_err(|error| CallError::Unexpected {
        what: error.to_string(),
    })
}
