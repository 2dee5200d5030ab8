//! Accounts: e-mail addresses, passwords and the settings by which days are read.

use std::fmt;

use crate::{DayStart, Seq, Timestamp, UserId, WeekStart, Zone};

/// An e-mail address in lower case, with which a user logs in.
///
/// ```
/// use kanso_domain::accounts::{Email, NotAnEmail};
///
/// let email: Email = " Ada@Example.org ".parse()?;
/// assert_eq!(email.as_str(), "ada@example.org");
/// assert_eq!("ada@localhost".parse::<Email>(), Err(NotAnEmail));
/// // Personal data does not reach a log by accident.
/// assert_eq!(format!("{email:?}"), "Email(…)");
/// # Ok::<(), NotAnEmail>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// The error for a text that is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters")]
pub struct NotAnEmail;

impl Email {
    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Email {
    type Err = NotAnEmail;

    /// Trims the text, puts it in lower case and checks its shape.
    ///
    /// The check is loose, because only a delivered message proves that an address exists: one `@`,
    /// something before it, a dotted host after it, and no space, control character or bracket
    /// anywhere. RFC 5321 §4.5.3 sets the lengths.
    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim().to_lowercase();
        // Split at the last `@`. A second one is then in the local part, where it is forbidden.
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmail)?;
        // Characters that have a meaning in the header of a message, so that an address cannot
        // change one.
        let forbidden =
            |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
        let labels_are_sound = host.contains('.')
            && host.split('.').all(|label| {
                !label.is_empty()
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(|c| c.is_alphanumeric() || c == '-')
            });
        let local_is_sound = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..");
        if text.len() <= 254 && local_is_sound && labels_are_sound && !local.contains(forbidden) {
            Ok(Self(text))
        } else {
            Err(NotAnEmail)
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    /// Hides the address, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// A password as the user typed it. `Debug` does not print it.
///
/// ```
/// use kanso_domain::accounts::{Password, PasswordError};
///
/// assert!(Password::choose("correct horse").is_ok());
/// assert_eq!(Password::choose("short").unwrap_err(), PasswordError::TooShort);
/// assert_eq!(Password::choose("Password1").unwrap_err(), PasswordError::Common);
/// ```
#[derive(Clone)]
pub struct Password(String);

/// The reason why a new password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than [`Password::MIN`] characters.
    #[error("must have at least 8 characters")]
    TooShort,
    /// It has more than [`Password::MAX`] characters.
    #[error("must have at most 256 characters")]
    TooLong,
    /// It is one of the passwords that attackers try first.
    #[error("is one of the most common passwords; choose another")]
    Common,
}

impl Password {
    /// Fewest characters (NIST SP 800-63B §5.1.1.2).
    pub const MIN: usize = 8;
    /// Most characters. The bound keeps an attacker from making the server hash long texts.
    pub const MAX: usize = 256;

    /// Checks a new password.
    ///
    /// There are no composition rules, as NIST SP 800-63B §5.1.1.2 recommends.
    ///
    /// # Errors
    /// [`PasswordError`] if it is too short, too long, or on the list of common passwords.
    pub fn choose(text: &str) -> Result<Self, PasswordError> {
        // Characters and not bytes, as NIST SP 800-63B counts them.
        let length = text.chars().count();
        if length < Self::MIN {
            return Err(PasswordError::TooShort);
        }
        if length > Self::MAX {
            return Err(PasswordError::TooLong);
        }
        // Compared in lower case, since attackers try the usual variants of case too.
        if COMMON.contains(&text.to_lowercase().as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(Self(text.to_owned()))
    }

    /// Wraps the password of a log-in. Returns `None` if it is too long to be a password.
    ///
    /// Only the upper bound applies: an old password may break the rules for new ones, and the
    /// stored hash decides.
    pub fn claimed(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX).then(|| Self(text.to_owned()))
    }

    /// Returns the bytes to hash.
    pub const fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The most common passwords of eight or more characters, from reports on breaches.
const COMMON: &[&str] = &[
    "00000000",
    "0123456789",
    "0987654321",
    "11111111",
    "1111111111",
    "11223344",
    "112233445566",
    "12121212",
    "123123123",
    "1234567890",
    "12341234",
    "12344321",
    "12345678",
    "123456789",
    "1234qwer",
    "123qweasd",
    "147258369",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "1qaz2wsx",
    "22222222",
    "55555555",
    "66666666",
    "77777777",
    "87654321",
    "88888888",
    "987654321",
    "99999999",
    "aa123456",
    "abc12345",
    "abcd1234",
    "abcdefgh",
    "admin123",
    "administrator",
    "asdf1234",
    "asdfasdf",
    "asdfghjk",
    "asdfghjkl",
    "baseball",
    "basketball",
    "charlie1",
    "computer",
    "football",
    "iloveyou",
    "internet",
    "jennifer",
    "jordan23",
    "letmein1",
    "liverpool",
    "michelle",
    "p@ssw0rd",
    "passw0rd",
    "password",
    "password!",
    "password1",
    "password12",
    "password123",
    "pokemon1",
    "princess",
    "q1w2e3r4",
    "qazwsxedc",
    "qwer1234",
    "qwerasdf",
    "qwerty12",
    "qwerty123",
    "qwertyui",
    "qwertyuiop",
    "samantha",
    "starwars",
    "sunshine",
    "superman",
    "trustno1",
    "welcome1",
    "whatever",
    "zaq12wsx",
    "zxcvbnm1",
];

/// A password hash in PHC string format.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Wraps a PHC string.
    pub const fn new(phc: String) -> Self {
        Self(phc)
    }

    /// Returns the PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// The settings by which the days and weeks of a user are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Home zone. It is used if a request or an entry has none.
    pub timezone: Zone,
    /// Day on which weeks begin.
    pub week_start: WeekStart,
    /// Time at which days begin.
    pub day_start: DayStart,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timezone: Zone::utc(),
            week_start: WeekStart::Monday,
            day_start: DayStart::MIDNIGHT,
        }
    }
}

/// The settings as a synced record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRecord {
    /// Settings.
    pub settings: Settings,
    /// Position of their newest change in the history of the user.
    pub seq: Seq,
    /// Time of that change.
    pub updated_at: Timestamp,
}

/// A partial change of [`Settings`]. `None` leaves a setting as it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// New home zone.
    pub timezone: Option<Zone>,
    /// New first day of weeks.
    pub week_start: Option<WeekStart>,
    /// New start of days.
    pub day_start: Option<DayStart>,
}

impl Settings {
    /// Returns the settings after `change`.
    #[must_use]
    pub fn changed(self, change: SettingsChange) -> Self {
        Self {
            timezone: change.timezone.unwrap_or(self.timezone),
            week_start: change.week_start.unwrap_or(self.week_start),
            day_start: change.day_start.unwrap_or(self.day_start),
        }
    }
}

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Id of the account.
    pub id: UserId,
    /// E-mail address with which the user logs in.
    pub email: Email,
    /// Settings of the account.
    pub settings: Settings,
    /// Time of the registration.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests;
