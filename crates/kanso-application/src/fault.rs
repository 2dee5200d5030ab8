//! Failures that no user caused.

use crate::ports::credentials::{PasswordFault, SigningFault};
use crate::ports::storage::StorageError;

/// The reason why a use case has no answer.
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
    /// The disk has too little space left for this ([`crate::disk`]).
    #[error("the disk has too little free space")]
    DiskFull,
    /// The account was deleted during the request.
    #[error("the account no longer exists")]
    AccountGone,
}

/// The answer of a use case, or the fault that prevented it.
pub type Outcome<T> = Result<T, Fault>;
