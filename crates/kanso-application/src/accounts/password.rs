//! Passwords: check, change and reset.

use kanso_domain::UserId;
use kanso_domain::accounts::{Email, Password, PasswordHash};
use kanso_domain::events::EventKind;

use super::Accounts;
use crate::Outcome;
use crate::ports::credentials::{Identity, PasswordCheck, Passwords};
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::{Credentials, EndSessions, NewPassword, Storage};
use crate::ports::throttle::{Admission, GuessCount, Guesser, LoginOutcome};
use crate::security::Subject;

/// The outcome of a change of the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordChange {
    /// The password was changed, and all other sessions were ended.
    Changed,
    /// The given current password is wrong.
    Refused,
    /// Too many failures in a row. The next attempt is allowed after the wait.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// The outcome of a password guess.
pub(super) enum GuessOutcome<T> {
    /// The password was right. The value is the result of the guarded work.
    Right(T),
    /// The password was wrong, or there is no such account.
    Wrong,
    /// The throttle did not allow the guess.
    Throttled {
        /// Seconds to wait.
        wait_seconds: u32,
    },
}

/// An account whose password was verified, with the hash that was stored at that time.
pub(super) struct VerifiedPassword {
    pub(super) user_id: UserId,
    pub(super) hash: PasswordHash,
    /// True if the operator has disabled the account.
    pub(super) is_disabled: bool,
}

impl Accounts {
    /// Replaces the password and ends all sessions except the one of the request. A current
    /// password of `None` is one that no account can have.
    ///
    /// A device that lost the answer sends the change again when the account already has the new
    /// password. Such a retry succeeds without an effect: it comes from the session that made the last
    /// change, and has its two passwords.
    /// The guesses of a session do not count for other sessions, and log-ins do not slow it down: a
    /// stranger must not keep the owner from a new password.
    pub async fn change_password(
        &self,
        who: Identity,
        current: Option<Password>,
        new: Password,
        from: ClientAddress,
    ) -> Outcome<PasswordChange> {
        let email = self.get(who.user_id).await?.email;
        let counts = [GuessCount::of_guesser(
            &email,
            Guesser::Session(who.session_id),
        )];
        let Some(current) = current else {
            // No account has this password, but the attempt counts.
            return Ok(match self.throttled(&counts, async { Ok(None) }).await? {
                GuessOutcome::Throttled { wait_seconds } => {
                    PasswordChange::Throttled { wait_seconds }
                }
                GuessOutcome::Right(()) | GuessOutcome::Wrong => {
                    self.record_refused(who, from);
                    PasswordChange::Refused
                }
            });
        };
        let replacing = self.replace(who, &email, current.clone(), &new);
        let outcome = self.throttled(&counts, replacing).await?;
        let storage = &self.ports.storage;
        let replaced = storage.replaced_password(who.user_id, who.session_id);
        if let (GuessOutcome::Wrong, Some(replaced)) = (&outcome, replaced.await?) {
            // A guess of its own. One count for both would give an attacker two guesses per attempt.
            let repeating = self.repeats(&email, (current, replaced), new);
            if let GuessOutcome::Right(()) = self.throttled(&counts, repeating).await? {
                // Not recorded: the password was changed by the first attempt.
                return Ok(PasswordChange::Changed);
            }
        }
        Ok(match outcome {
            GuessOutcome::Right(()) => {
                let reason = "password changed; other sessions ended";
                let subject = Subject::Session(who);
                self.record(EventKind::PasswordChanged, subject, from, reason);
                PasswordChange::Changed
            }
            GuessOutcome::Wrong => {
                self.record_refused(who, from);
                PasswordChange::Refused
            }
            GuessOutcome::Throttled { wait_seconds } => PasswordChange::Throttled { wait_seconds },
        })
    }

    /// Returns `None` unless `current` is the password of the hash `replaced`, and `new` is the password
    /// of the account.
    async fn repeats(
        &self,
        email: &Email,
        (current, replaced): (Password, PasswordHash),
        new: Password,
    ) -> Outcome<Option<()>> {
        let check = self.ports.passwords.check(current, Some(replaced)).await?;
        if check == PasswordCheck::Wrong {
            return Ok(None);
        }
        Ok(self.verify(email, new).await?.map(drop))
    }

    /// Replaces the password if `known` is the current one. Returns `None` if it is not.
    async fn replace(
        &self,
        who: Identity,
        email: &Email,
        known: Password,
        new: &Password,
    ) -> Outcome<Option<()>> {
        while let Some(verified) = self.verify_own(who, email, known.clone()).await? {
            let new = NewPassword {
                replaces: verified.hash,
                hash: self.ports.passwords.hash(new.clone()).await?,
                sessions: EndSessions::AllBut(who.session_id),
            };
            let storage = &self.ports.storage;
            if storage.replace_password(verified.user_id, new).await? {
                return Ok(Some(()));
            }
            // Another request replaced the hash after the check. The loop checks against the new
            // one, so an outdated password cannot win.
        }
        Ok(None)
    }

    /// Verifies the password of the user `who`, and of no other account that the address may have moved to.
    pub(super) async fn verify_own(
        &self,
        who: Identity,
        email: &Email,
        password: Password,
    ) -> Outcome<Option<VerifiedPassword>> {
        let verified = self.verify(email, password).await?;
        Ok(verified.filter(|verified| verified.user_id == who.user_id))
    }

    /// Sets a new password without a check of the old one and ends all sessions. Returns `false` if
    /// there is no such account.
    ///
    /// It is for the operator of the server, when a user has forgotten the password.
    pub async fn reset_password(
        storage: &dyn Storage,
        passwords: &dyn Passwords,
        email: &Email,
        new: Password,
    ) -> Outcome<bool> {
        // Hashed once, outside of the loop: a hash takes long, and it does not depend on the
        // account.
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
            // The user replaced the hash meanwhile.
        }
        Ok(false)
    }

    /// Runs `attempt` if every count admits a guess, and reports its outcome to them.
    ///
    /// Every check of a password goes through here. The first count is that of the guesser.
    pub(super) async fn throttled<T>(
        &self,
        counts: &[GuessCount],
        attempt: impl Future<Output = Outcome<Option<T>>>,
    ) -> Outcome<GuessOutcome<T>> {
        let throttle = &self.ports.throttle;
        // The guesser's own count first: one that has to wait must not use up the attempts that all
        // addresses have together.
        for (place, count) in counts.iter().enumerate() {
            if let Admission::Wait { seconds } = throttle.admit(count).await {
                for admitted in &counts[..place] {
                    throttle.settle(admitted, LoginOutcome::Unknown).await;
                }
                let wait_seconds = seconds;
                return Ok(GuessOutcome::Throttled { wait_seconds });
            }
        }
        let outcome = attempt.await;
        let verdict = match &outcome {
            Ok(Some(_)) => LoginOutcome::Right,
            Ok(None) => LoginOutcome::Wrong,
            // A failure of the server must not lock a user out, and it must not clear earlier
            // failures.
            Err(_) => LoginOutcome::Unknown,
        };
        for (place, count) in counts.iter().enumerate() {
            // A right password clears the failures of its guesser only: those of the account are by
            // others too.
            let verdict = match verdict {
                LoginOutcome::Right if place > 0 => LoginOutcome::Unknown,
                verdict => verdict,
            };
            throttle.settle(count, verdict).await;
        }
        Ok(outcome?.map_or(GuessOutcome::Wrong, GuessOutcome::Right))
    }

    /// Returns the account if `password` is its password.
    ///
    /// A hash that is weaker than the present parameters is replaced on the way.
    pub(super) async fn verify(
        &self,
        email: &Email,
        password: Password,
    ) -> Outcome<Option<VerifiedPassword>> {
        let credentials = self.ports.storage.credentials(email).await?;
        let stored = credentials
            .as_ref()
            .map(|found| found.password_hash.clone());
        // Even without an account: the port then takes the same time, so the response time does not
        // reveal which addresses have an account.
        let check = self.ports.passwords.check(password, stored).await?;
        let Some(Credentials {
            user_id,
            password_hash,
            is_disabled,
        }) = credentials
        else {
            return Ok(None);
        };
        Ok(match check {
            PasswordCheck::Wrong => None,
            PasswordCheck::Right => Some(VerifiedPassword {
                user_id,
                hash: password_hash,
                is_disabled,
            }),
            PasswordCheck::RightRehashed(hash) => {
                let new = NewPassword {
                    replaces: password_hash,
                    hash: hash.clone(),
                    sessions: EndSessions::None,
                };
                // The result is ignored on purpose. If another request replaced the hash first, the
                // caller finds out, because its write requires the hash that this returns.
                self.ports.storage.replace_password(user_id, new).await?;
                Some(VerifiedPassword {
                    user_id,
                    hash,
                    is_disabled,
                })
            }
        })
    }
}
