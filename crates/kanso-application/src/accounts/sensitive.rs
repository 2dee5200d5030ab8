//! Acts that need the password or a fresh log-in: deletion, export and a new e-mail address.

use kanso_domain::accounts::{Email, Password};
use kanso_domain::events::EventKind;

use super::Accounts;
use super::password::GuessOutcome;
use crate::ports::credentials::Identity;
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::{EmailReplacement, NewEmail};
use crate::ports::throttle::{GuessCount, Guesser};
use crate::security::Subject;
use crate::{Fault, Outcome};

/// Time in seconds after a log-in in which its session needs no password for a sensitive act.
pub const RECENT_SECONDS: i64 = 5 * 60;

/// The outcome of a proof that the user is present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Reauthentication {
    /// The password is right, or the log-in is recent.
    Proven,
    /// The log-in is not recent, and no password was given.
    Required,
    /// The password is wrong.
    Refused,
    /// Too many failures in a row. The next attempt is allowed after the wait.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// The outcome of a change of the e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum EmailChange {
    /// The address was changed.
    Changed,
    /// Another account has the address.
    Taken,
    /// The given password is wrong.
    Refused,
    /// Too many failures in a row. The next attempt is allowed after the wait.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

impl Accounts {
    /// Checks that the user is present: by `password`, or else by the time of the log-in.
    ///
    /// A stolen access token must not be enough to take all data along or to destroy it. `Some(None)` is
    /// a password that no account can have.
    #[expect(
        clippy::option_option,
        reason = "no password, and a password that no account can have, are two cases"
    )]
    pub async fn reauthenticate(
        &self,
        who: Identity,
        password: Option<Option<Password>>,
        from: ClientAddress,
    ) -> Outcome<Reauthentication> {
        let Some(password) = password else {
            let sessions = self.ports.storage.sessions(who.user_id).await?;
            let mut own = sessions
                .iter()
                .filter(|session| session.id == who.session_id);
            let now = self.ports.clock.now();
            let is_recent =
                own.any(|session| now < session.created_at.plus_seconds(RECENT_SECONDS));
            return Ok(if is_recent {
                Reauthentication::Proven
            } else {
                Reauthentication::Required
            });
        };
        let email = self.get(who.user_id).await?.email;
        let checking = async {
            let Some(password) = password else {
                return Ok(None);
            };
            Ok(self.verify_own(who, &email, password).await?.map(drop))
        };
        let outcome = self.guarded(who, &email, from, checking).await?;
        Ok(match outcome {
            GuessOutcome::Right(()) => Reauthentication::Proven,
            GuessOutcome::Wrong => Reauthentication::Refused,
            GuessOutcome::Throttled { wait_seconds } => {
                Reauthentication::Throttled { wait_seconds }
            }
        })
    }

    /// Changes the e-mail address of the account. All sessions stay open.
    pub async fn change_email(
        &self,
        who: Identity,
        password: Option<Password>,
        new: Email,
        from: ClientAddress,
    ) -> Outcome<EmailChange> {
        let email = self.get(who.user_id).await?.email;
        let replacing = async {
            let Some(password) = password else {
                return Ok(None);
            };
            while let Some(verified) = self.verify_own(who, &email, password.clone()).await? {
                let new = NewEmail {
                    checked: verified.hash,
                    email: new.clone(),
                };
                let replaced = self.ports.storage.replace_email(verified.user_id, new);
                match replaced.await? {
                    // Another request replaced the hash after the check; check against the new one.
                    EmailReplacement::Superseded => {}
                    outcome => return Ok(Some(outcome)),
                }
            }
            Ok(None)
        };
        Ok(match self.guarded(who, &email, from, replacing).await? {
            GuessOutcome::Right(EmailReplacement::Taken) => EmailChange::Taken,
            GuessOutcome::Right(_) => {
                let subject = Subject::Session(who);
                self.record(EventKind::EmailChanged, subject, from, "e-mail changed");
                EmailChange::Changed
            }
            GuessOutcome::Wrong => EmailChange::Refused,
            GuessOutcome::Throttled { wait_seconds } => EmailChange::Throttled { wait_seconds },
        })
    }

    /// Runs a check of the password for a signed-in user, and records a wrong one.
    async fn guarded<T>(
        &self,
        who: Identity,
        email: &Email,
        from: ClientAddress,
        attempt: impl Future<Output = Outcome<Option<T>>>,
    ) -> Outcome<GuessOutcome<T>> {
        // The guesses of this session only: failed log-ins of others must not keep the user out.
        let guesser = Guesser::Session(who.session_id);
        let counts = [GuessCount::of_guesser(email, guesser)];
        let outcome = self.throttled(&counts, attempt).await?;
        if matches!(outcome, GuessOutcome::Wrong) {
            self.record_refused(who, from);
        }
        Ok(outcome)
    }

    /// Records that a signed-in client gave a wrong password.
    pub(super) fn record_refused(&self, who: Identity, from: ClientAddress) {
        let subject = Subject::Session(who);
        self.record(EventKind::PasswordRefused, subject, from, "wrong password");
    }

    /// Records that an export begins.
    pub fn record_export(&self, who: Identity, from: ClientAddress) {
        let subject = Subject::Session(who);
        self.record(EventKind::Exported, subject, from, "export began");
    }

    /// Records that a device was removed.
    pub fn record_forgotten_device(&self, who: Identity, from: ClientAddress) {
        let subject = Subject::Session(who);
        let reason = "device removed and its sessions ended";
        self.record(EventKind::DeviceForgotten, subject, from, reason);
    }

    /// Deletes the account with all of its data. The caller has checked that the user is present.
    pub async fn delete(&self, who: Identity, from: ClientAddress) -> Outcome<()> {
        if !self.ports.storage.delete_account(who.user_id).await? {
            return Err(Fault::AccountGone);
        }
        let subject = Subject::Session(who);
        self.record(EventKind::AccountDeleted, subject, from, "account deleted");
        Ok(())
    }
}
