//! Accounts: who a person is to the server, and the settings by which their days are read.

use std::fmt;

use crate::{DayStart, Seq, Timestamp, UserId, WeekStart, Zone};

/// An e-mail address in lower case: the name under which a person logs in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Email(String);

/// A text that is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters")]
pub struct NotAnEmail;

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Email {
    type Err = NotAnEmail;

    /// Trims and lower-cases. Only a message that arrives can tell whether an address is real, so
    /// the shape is checked loosely: one `@`, something before it, a dotted host after it, and no
    /// space, control character or bracket anywhere (RFC 5321 §4.5.3 sets the lengths).
    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let text = text.trim().to_lowercase();
        let (local, host) = text.rsplit_once('@').ok_or(NotAnEmail)?;
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
    /// Personal data: never printed by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// A password as a person typed it. It prints nowhere.
#[derive(Clone)]
pub struct Password(String);

/// Why a password was refused at registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`Password::MIN`] characters.
    #[error("must have at least 8 characters")]
    TooShort,
    /// More than [`Password::MAX`] characters.
    #[error("must have at most 256 characters")]
    TooLong,
    /// One of those that attackers try first.
    #[error("is one of the most common passwords; choose another")]
    Common,
}

impl Password {
    /// The fewest characters (NIST SP 800-63B §5.1.1.2).
    pub const MIN: usize = 8;
    /// The most characters; hashing must not be a way to burn the server's time.
    pub const MAX: usize = 256;

    /// A password that somebody wants to use from now on.
    ///
    /// # Errors
    /// Too short, too long, or on the list of common ones. There are no composition rules.
    pub fn choose(text: &str) -> Result<Self, PasswordError> {
        let length = text.chars().count();
        if length < Self::MIN {
            return Err(PasswordError::TooShort);
        }
        if length > Self::MAX {
            return Err(PasswordError::TooLong);
        }
        if COMMON.contains(&text.to_lowercase().as_str()) {
            return Err(PasswordError::Common);
        }
        Ok(Self(text.to_owned()))
    }

    /// A password that somebody claims to have chosen before; `None` when it cannot be one.
    pub fn claimed(text: &str) -> Option<Self> {
        (text.chars().count() <= Self::MAX).then(|| Self(text.to_owned()))
    }

    /// The bytes to hash.
    pub const fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The most common passwords of eight or more characters, as breach reports rank them.
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

    /// The PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// How a person's days and weeks are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The home zone, used where a request or an entry names none.
    pub timezone: Zone,
    /// The day on which weeks begin.
    pub week_start: WeekStart,
    /// The time at which days begin.
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

/// Settings as they are synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsRecord {
    /// The settings.
    pub settings: Settings,
    /// Where their newest change stands in the user's history.
    pub seq: Seq,
    /// When that was.
    pub updated_at: Timestamp,
}

/// A partial change of [`Settings`]; `None` leaves a setting as it is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// The new home zone.
    pub timezone: Option<Zone>,
    /// The new first day of weeks.
    pub week_start: Option<WeekStart>,
    /// The new start of days.
    pub day_start: Option<DayStart>,
}

impl Settings {
    /// The settings after `change`.
    #[must_use]
    pub fn changed(self, change: SettingsChange) -> Self {
        Self {
            timezone: change.timezone.unwrap_or(self.timezone),
            week_start: change.week_start.unwrap_or(self.week_start),
            day_start: change.day_start.unwrap_or(self.day_start),
        }
    }
}

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account's id.
    pub id: UserId,
    /// The log-in name.
    pub email: Email,
    /// How days and weeks are read.
    pub settings: Settings,
    /// When the account was registered.
    pub created_at: Timestamp,
}

#[cfg(test)]
mod tests;
