//! Checks before a request is sent: the strength of a new password, and the consent to clear text.

use kanso_domain::accounts::{Email, Password, PasswordError};

use crate::client::Client;
use crate::replica::ReplicaError;

/// Checks a new password by the rules of the server, for the account of `email`.
///
/// It is a function of its own, so that a program without it does not carry the list of common passwords.
///
/// # Errors
/// The rule that the password breaks.
///
/// # Examples
/// ```
/// use kanso_client::check_new_password;
///
/// assert!(check_new_password("ada@example.org", "two slow kettles").is_ok());
/// assert!(check_new_password("ada@example.org", "Password123").is_err());
/// ```
pub fn check_new_password(email: &str, password: &str) -> Result<(), PasswordError> {
    let email: Option<Email> = email.parse().ok();
    Password::choose_for(password, email.as_ref()).map(drop)
}

impl Client {
    /// Returns true if the user has allowed this replica to speak to `server` in clear text.
    ///
    /// # Errors
    /// The local database failed.
    pub fn allows_clear_text(&self, server: &str) -> Result<bool, ReplicaError> {
        let allowed = self.replica()?.clear_text_server()?;
        Ok(allowed.as_deref() == Some(server))
    }

    /// Remembers that the user allows this replica to speak to `server` in clear text, and to no other.
    ///
    /// The client itself does not ask: a program asks its user where
    /// [`sends_clear_text`](crate::transport::HttpTransport::sends_clear_text) is true.
    ///
    /// # Errors
    /// The local database failed.
    pub fn allow_clear_text(&self, server: &str) -> Result<(), ReplicaError> {
        self.replica()?.allow_clear_text(server)
    }
}
