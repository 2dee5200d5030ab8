//! Passwords: whether one is right, and another one in its place.

use kanso_domain::UserId;
use kanso_domain::accounts::{Email, Password, PasswordHash};

use super::Accounts;
use crate::Outcome;
use crate::ports::credentials::{Identity, PasswordCheck, Passwords};
use crate::ports::storage::{Credentials, EndSessions, NewPassword, Storage};
use crate::ports::throttle::{Admission, LoginOutcome};

/// What became of a change of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordChange {
    /// The new password is the account's, and every other session has ended.
    Changed,
    /// The current password is another one.
    Refused,
    /// Too many failures in a row; the next attempt may be made after so many seconds.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// What came of an attempt to prove that somebody knows a password.
pub(super) enum GuessOutcome<T> {
    /// They do, and this is what they get.
    Right(T),
    /// They do not.
    Wrong,
    /// It was not made.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// A password that was right, as it was stored then.
pub(super) struct VerifiedPassword {
    pub(super) user_id: UserId,
    pub(super) hash: PasswordHash,
}

impl Accounts {
    /// Replaces the password and ends all sessions but the one that asks. `None` stands for a
    /// password that nobody can have.
    ///
    /// A device that never saw the answer asks again, when the account has the new password already;
    /// that is not a mistake, and what is true afterwards is the same. Guesses are slowed down
    /// together with those of log-ins.
    pub async fn change_password(
        &self,
        who: Identity,
        current: Option<Password>,
        new: Password,
    ) -> Outcome<PasswordChange> {
        let email = self.get(who.user_id).await?.email;
        let mut outcome = GuessOutcome::Wrong;
        for known in current.into_iter().chain([new.clone()]) {
            // Each is a guess of its own.
            let replacing = self.replace(who, &email, known, &new);
            outcome = self.throttled(&email, replacing).await?;
            if !matches!(outcome, GuessOutcome::Wrong) {
                break;
            }
        }
        Ok(match outcome {
            GuessOutcome::Right(()) => PasswordChange::Changed,
            GuessOutcome::Wrong => PasswordChange::Refused,
            GuessOutcome::Throttled { wait_seconds } => PasswordChange::Throttled { wait_seconds },
        })
    }

    /// `None` when `known` is not the password.
    async fn replace(
        &self,
        who: Identity,
        email: &Email,
        known: Password,
        new: &Password,
    ) -> Outcome<Option<()>> {
        while let Some(verified) = self.verify(email, known.clone()).await? {
            let new = NewPassword {
                replaces: verified.hash,
                hash: self.ports.passwords.hash(new.clone()).await?,
                sessions: EndSessions::AllBut(who.session_id),
            };
            let storage = &self.ports.storage;
            if storage.replace_password(verified.user_id, new).await? {
                tracing::info!(user_id = %who.user_id, "password changed");
                return Ok(Some(()));
            }
            // Somebody else replaced it meanwhile.
        }
        Ok(None)
    }

    /// Gives the account with this log-in name another password, whatever its old one is, and ends
    /// all of its sessions: for whoever runs the server, when somebody has forgotten theirs. `false`
    /// when there is no such account.
    pub async fn reset_password(
        storage: &dyn Storage,
        passwords: &dyn Passwords,
        email: &Email,
        new: Password,
    ) -> Outcome<bool> {
        let hash = passwords.hash(new).await?;
        while let Some(credentials) = storage.credentials(email).await? {
            let new = NewPassword {
                replaces: credentials.password_hash,
                hash: hash.clone(),
                sessions: EndSessions::All,
            };
            if storage.replace_password(credentials.user_id, new).await? {
                return Ok(true);
            }
            // Its owner replaced it meanwhile.
        }
        Ok(false)
    }

    /// Makes an attempt, if the brake on guessing lets it pass, and tells the brake what came of it.
    /// Nothing else asks whether a password is right.
    pub(super) async fn throttled<T>(
        &self,
        email: &Email,
        attempt: impl Future<Output = Outcome<Option<T>>>,
    ) -> Outcome<GuessOutcome<T>> {
        let throttle = &self.ports.throttle;
        if let Admission::Wait { seconds } = throttle.admit(email).await {
            let wait_seconds = seconds;
            return Ok(GuessOutcome::Throttled { wait_seconds });
        }
        let outcome = attempt.await;
        let verdict = match &outcome {
            Ok(Some(_)) => LoginOutcome::Right,
            Ok(None) => LoginOutcome::Wrong,
            Err(_) => LoginOutcome::Unknown,
        };
        throttle.settle(email, verdict).await;
        Ok(outcome?.map_or(GuessOutcome::Wrong, GuessOutcome::Right))
    }

    /// Whether this is the password of the account with this log-in name. A hash that is weaker
    /// than those of today is replaced by the way.
    pub(super) async fn verify(
        &self,
        email: &Email,
        password: Password,
    ) -> Outcome<Option<VerifiedPassword>> {
        let credentials = self.ports.storage.credentials(email).await?;
        let stored = credentials
            .as_ref()
            .map(|found| found.password_hash.clone());
        let check = self.ports.passwords.check(password, stored).await?;
        let Some(Credentials {
            user_id,
            password_hash,
        }) = credentials
        else {
            return Ok(None);
        };
        Ok(match check {
            PasswordCheck::Wrong => None,
            PasswordCheck::Right => Some(VerifiedPassword {
                user_id,
                hash: password_hash,
            }),
            PasswordCheck::RightRehashed(hash) => {
                let new = NewPassword {
                    replaces: password_hash,
                    hash: hash.clone(),
                    sessions: EndSessions::None,
                };
                // If somebody else was faster, whoever asked finds that out by the hash.
                self.ports.storage.replace_password(user_id, new).await?;
                Some(VerifiedPassword { user_id, hash })
            }
        })
    }
}
