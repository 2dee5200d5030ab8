//! Accounts: e-mail addresses, passwords and the settings by which days are read.

mod weak;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use crate::unicode;
use crate::{DayStart, Seq, Timestamp, UserId, WeekStart, Zone};

/// An e-mail address with which a user logs in, in one spelling.
///
/// ```
/// use kanso_domain::accounts::{Email, NotAnEmail};
///
/// let email: Email = " Ada@Example.org ".parse()?;
/// assert_eq!(email.as_str(), "ada@example.org");
/// // Two ways to write one letter.
/// assert_eq!("ju\u{308}rgen@example.org".parse::<Email>()?, "jürgen@example.org".parse()?);
/// assert_eq!("ada@localhost".parse::<Email>(), Err(NotAnEmail));
/// // Personal data does not reach a log by accident.
/// assert_eq!(format!("{email:?}"), "Email(…)");
/// # Ok::<(), NotAnEmail>(())
/// ```
#[derive(Clone)]
pub struct Email {
    address: String,
    /// The spelling that release 0.1.0 would have stored, if it is another one.
    older_spelling: Option<String>,
}

/// The error for a text that is not an e-mail address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters")]
pub struct NotAnEmail;

impl Email {
    /// Returns a stored address as it is. It may have a spelling of release 0.1.0.
    pub const fn restored(address: String) -> Self {
        Self {
            address,
            older_spelling: None,
        }
    }

    /// Returns the address.
    pub fn as_str(&self) -> &str {
        &self.address
    }

    /// Returns the spelling under which release 0.1.0 stored an account that registered with this text,
    /// if it is another one.
    ///
    /// A server brings stored addresses to the present spelling, unless that is the address of another
    /// account. Then only the text that the user types distinguishes them.
    pub fn older_spelling(&self) -> Option<&str> {
        self.older_spelling.as_deref()
    }

    /// Returns the host in Unicode, or `None` if it is not one.
    fn host(text: &str) -> Option<String> {
        let is_plain = text.is_ascii() && !text.split('.').any(|label| label.starts_with("xn--"));
        let host = if is_plain {
            text.to_owned()
        } else {
            // IDNA (UTS 46): the same host has many spellings, of which this is the readable one.
            let (host, is_valid) = idna::domain_to_unicode(text);
            is_valid.ok()?;
            host
        };
        let is_sound = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                // IDNA has checked the others.
                && label.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || c == '-')
        };
        (host.contains('.') && host.split('.').all(is_sound)).then_some(host)
    }

    /// Puts a text in lower case, and trims it, as release 0.1.0 did. `None` if that release refused it.
    fn by_older_rules(text: &str) -> Option<String> {
        let text = text.trim().to_lowercase();
        let (local, host) = text.rsplit_once('@')?;
        let is_sound = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let is_host = host.contains('.') && host.split('.').all(is_sound);
        (is_host && is_local_part(local) && text.len() <= MAX_EMAIL).then_some(text)
    }
}

/// Most bytes of an address and of its part before the `@` (RFC 5321 §4.5.3).
const MAX_EMAIL: usize = 254;
const MAX_LOCAL_PART: usize = 64;

fn is_local_part(local: &str) -> bool {
    // Characters that have a meaning in the header of a message, so that an address cannot change
    // one.
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
    !local.is_empty()
        && local.len() <= MAX_LOCAL_PART
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && !local.contains(forbidden)
}

impl std::str::FromStr for Email {
    type Err = NotAnEmail;

    /// Brings the text to its one spelling and checks its shape.
    ///
    /// The text is trimmed and put in lower case and in normalisation form C. Characters that are drawn
    /// as nothing are left out, and the host is read by the rules of IDNA.
    ///
    /// The check is loose, because only a delivered message proves that an address exists: one `@`,
    /// something before it, a dotted host after it, and no space, control character or bracket
    /// anywhere.
    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let visible: String = text
            .chars()
            .filter(|c| !unicode::is_ignorable(*c))
            .collect();
        let lower = visible.trim().to_lowercase();
        // Split at the last `@`. A second one is then in the local part, where it is forbidden.
        let (local, host) = lower.rsplit_once('@').ok_or(NotAnEmail)?;
        let local = unicode::composed(local);
        let host = Self::host(host).ok_or(NotAnEmail)?;
        let address = format!("{local}@{host}");
        if address.len() > MAX_EMAIL || !is_local_part(&local) {
            return Err(NotAnEmail);
        }
        let older_spelling = Self::by_older_rules(text).filter(|older| *older != address);
        Ok(Self {
            address,
            older_spelling,
        })
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
    }
}

impl Eq for Email {}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.address.cmp(&other.address)
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address.hash(state);
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl fmt::Debug for Email {
    /// Hides the address, which is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// A password, prepared by the profile `OpaqueString` (RFC 8265 §4.2). `Debug` does not print it.
///
/// ```
/// use kanso_domain::accounts::{Password, PasswordError};
///
/// assert!(Password::choose("correct horse").is_ok());
/// assert_eq!(Password::choose("short").unwrap_err(), PasswordError::TooShort);
/// assert_eq!(Password::choose("Password1").unwrap_err(), PasswordError::Common);
/// // Two ways to write the same letters.
/// let (one, other) = (Password::choose("Pa\u{308}sswo\u{308}rter")?, Password::choose("Pässwörter")?);
/// assert_eq!(one.expose(), other.expose());
/// # Ok::<(), PasswordError>(())
/// ```
#[derive(Clone)]
pub struct Password {
    prepared: String,
    /// The text as it was typed, if it is another one.
    typed: Option<String>,
}

/// The reason why a new password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than [`Password::MIN`] characters.
    #[error("must have at least 8 characters")]
    TooShort,
    /// It has more than [`Password::MAX`] characters.
    #[error("must have at most 256 characters")]
    TooLong,
    /// It has a character that the user cannot see, or cannot type again on another device.
    #[error("must not contain control characters, invisible characters or unassigned characters")]
    Unprintable,
    /// It is one of the passwords that attackers try first.
    #[error("is one of the most common passwords, or close to one; choose another")]
    Common,
    /// It repeats a few characters, or is a run of them.
    #[error("must not repeat a few characters or follow the alphabet; choose another")]
    Simple,
    /// It is made from the e-mail address or the name of the service.
    #[error("must not be made from the e-mail address or the name of this service; choose another")]
    Personal,
}

impl Password {
    /// Fewest characters (NIST SP 800-63B §5.1.1.2).
    pub const MIN: usize = 8;
    /// Most characters. The bound keeps an attacker from making the server hash long texts.
    pub const MAX: usize = 256;

    /// Checks a new password for the account of `email`; `None` if the address is not known.
    ///
    /// There are no composition rules, as NIST SP 800-63B §5.1.1.2 recommends.
    ///
    /// ```
    /// use kanso_domain::accounts::{Email, Password, PasswordError};
    ///
    /// let ada: Email = "ada.byron-king@example.org".parse()?;
    /// let refused = Password::choose_for("byron-king.1", Some(&ada));
    /// assert_eq!(refused.unwrap_err(), PasswordError::Personal);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`PasswordError`] if it is too short, too long or easy to guess, or has a character that is not
    /// printed.
    pub fn choose_for(text: &str, email: Option<&Email>) -> Result<Self, PasswordError> {
        let prepared = prepared(text);
        // Characters and not bytes, as NIST SP 800-63B counts them.
        let length = prepared.chars().count();
        if length < Self::MIN {
            return Err(PasswordError::TooShort);
        }
        if length > Self::MAX {
            return Err(PasswordError::TooLong);
        }
        if !prepared.chars().all(unicode::is_freeform) {
            return Err(PasswordError::Unprintable);
        }
        if weak::is_common(&prepared) {
            return Err(PasswordError::Common);
        }
        if weak::is_simple(&prepared) {
            return Err(PasswordError::Simple);
        }
        if weak::is_personal(&prepared, email) {
            return Err(PasswordError::Personal);
        }
        Ok(Self {
            prepared,
            typed: None,
        })
    }

    /// Checks a new password for an account whose address is not known, like
    /// [`choose_for`](Self::choose_for).
    ///
    /// # Errors
    /// [`PasswordError`] as there.
    pub fn choose(text: &str) -> Result<Self, PasswordError> {
        Self::choose_for(text, None)
    }

    /// Wraps the password of a log-in. Returns `None` if it is too long to be a password.
    ///
    /// Only the upper bound applies: an old password may break the rules for new ones, and the
    /// stored hash decides.
    pub fn claimed(text: &str) -> Option<Self> {
        let prepared = prepared(text);
        let fits = |text: &str| text.chars().count() <= Self::MAX;
        let is_other = prepared != text && fits(text);
        fits(&prepared).then(|| Self {
            prepared,
            typed: is_other.then(|| text.to_owned()),
        })
    }

    /// Returns the bytes to hash.
    pub const fn expose(&self) -> &[u8] {
        self.prepared.as_bytes()
    }

    /// Returns the bytes that release 0.1.0 hashed, if they are others: the text as it was typed.
    pub fn expose_typed(&self) -> Option<&[u8]> {
        self.typed.as_ref().map(String::as_bytes)
    }
}

/// Prepares a password: each blank becomes U+0020, and the text gets normalisation form C.
fn prepared(text: &str) -> String {
    let space = |c: char| if unicode::is_other_space(c) { ' ' } else { c };
    let spaced: String = text.chars().map(space).collect();
    unicode::composed(&spaced).into_owned()
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

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
