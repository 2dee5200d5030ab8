//! What can go wrong that no user caused.

use crate::ports::credentials::{PasswordFault, SigningFault};
use crate::ports::storage::StorageError;

/// Why a use case could not find out its answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Passwords cannot be hashed now.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// An access token could not be signed.
    #[error(transparent)]
    Signing(#[from] SigningFault),
    /// The account was deleted while the request was on its way.
    #[error("the account no longer exists")]
    AccountGone,
}

/// A use case's answer, or the fault that kept it from finding out.
pub type Outcome<T> = Result<T, Fault>;
