//! Registration.

use kanso_domain::accounts::{Account, Email, Password, PasswordHash, Settings};
use kanso_domain::events::EventKind;
use kanso_domain::{Timestamp, UserId};

use super::Accounts;
use crate::disk::DiskLevel;
use crate::ports::admission::{Entitlement, InvitedRegistration};
use crate::ports::ids::Ids;
use crate::ports::limiter::ClientAddress;
use crate::ports::storage::NewAccount;
use crate::security::Subject;
use crate::{Fault, Outcome};

/// The outcome of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The account was created.
    Registered(Account),
    /// The address already has an account.
    EmailTaken,
    /// The server wants an invitation, and the applicant has none.
    InvitationRequired,
    /// The invitation is unknown, used or expired. The applicant cannot distinguish them.
    InvitationRefused,
}

/// The applicant for an account on a server that wants invitations.
// No `Debug`: a code must not get into a log.
#[derive(Clone)]
pub struct Applicant {
    /// E-mail address.
    pub email: Email,
    /// Password.
    pub password: Password,
    /// Invitation code, as it was sent.
    pub code: Option<String>,
    /// True if the request comes from the server's own machine. Such a client may make the first account
    /// without a code.
    pub is_local: bool,
}

/// Returns a new account with default settings.
pub(crate) fn new_account(
    ids: &dyn Ids,
    now: Timestamp,
    email: Email,
    password_hash: PasswordHash,
) -> NewAccount {
    let account = Account {
        id: UserId::new(ids.uuid()),
        email,
        settings: Settings::default(),
        created_at: now,
    };
    NewAccount {
        account,
        password_hash,
    }
}

impl Accounts {
    /// Creates an account with default settings.
    pub async fn register(
        &self,
        email: Email,
        password: Password,
        from: ClientAddress,
    ) -> Outcome<Registration> {
        self.check_disk()?;
        let new = self.hashed(email, password).await?;
        let account = new.account.clone();
        // The storage decides on the address in one step. A look-up before would leave a gap in
        // which another request could take it.
        Ok(if self.ports.storage.create_account(new).await? {
            self.registered(account, from)
        } else {
            Registration::EmailTaken
        })
    }

    /// Creates an account with default settings for an applicant with an invitation, or the first account
    /// of the server for a local one.
    pub async fn register_invited(
        &self,
        applicant: Applicant,
        from: ClientAddress,
    ) -> Outcome<Registration> {
        let now = self.ports.clock.now();
        let (entitlement, refusal) = match applicant.code.as_deref() {
            Some(code) => match self.ports.invitation_codes.read(code) {
                Some(hash) => (
                    Entitlement::Invitation { hash, now },
                    Registration::InvitationRefused,
                ),
                None => return Ok(Registration::InvitationRefused),
            },
            None if applicant.is_local => {
                (Entitlement::FirstAccount, Registration::InvitationRequired)
            }
            None => return Ok(Registration::InvitationRequired),
        };
        let storage = &self.ports.storage;
        // Also before the hash: a guess of a code must not cost the time of one.
        if !storage.is_entitled(entitlement).await? {
            return Ok(refusal);
        }
        self.check_disk()?;
        let new = self.hashed(applicant.email, applicant.password).await?;
        let account = new.account.clone();
        Ok(
            match storage.create_invited_account(new, entitlement).await? {
                InvitedRegistration::Created => self.registered(account, from),
                InvitedRegistration::EmailTaken => Registration::EmailTaken,
                InvitedRegistration::NotEntitled => refusal,
            },
        )
    }

    /// Fails if the disk has no room for another account.
    fn check_disk(&self) -> Outcome<()> {
        match self.ports.disk.level() {
            DiskLevel::Enough => Ok(()),
            DiskLevel::Low | DiskLevel::Full => Err(Fault::DiskFull),
        }
    }

    async fn hashed(&self, email: Email, password: Password) -> Outcome<NewAccount> {
        let hash = self.ports.passwords.hash(password).await?;
        let now = self.ports.clock.now();
        Ok(new_account(&*self.ports.ids, now, email, hash))
    }

    fn registered(&self, account: Account, from: ClientAddress) -> Registration {
        let subject = Subject::Tried(&account.email, Some(account.id));
        self.record(EventKind::Registered, subject, from, "registered");
        Registration::Registered(account)
    }
}
