//! Instants, zones and times of day.
//!
//! Zones come from the time-zone database that is compiled in, never from the machine, so a record
//! falls on the same day everywhere.

mod wall_clock;

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

pub use wall_clock::{DayStart, NotADayStart, NotATime, NotAWeekStart, TimeOfDay, WeekStart};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An instant in UTC to the microsecond, within the years 1 to 9999 in every zone.
///
/// ```
/// use kanso_domain::Timestamp;
/// use kanso_domain::time::TimestampError;
///
/// let noon: Timestamp = "2026-01-15T13:00:00+01:00".parse()?;
/// assert_eq!(noon.to_string(), "2026-01-15T12:00:00.000000Z");
/// assert_eq!(noon.plus_seconds(90).seconds_since(noon), 90);
/// assert_eq!("2026-01-15".parse::<Timestamp>(), Err(TimestampError::NotRfc3339));
/// # Ok::<(), TimestampError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The reason why a text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It is not RFC 3339.
    #[error("must be an RFC 3339 instant such as 2026-11-22T13:05:09.123456Z")]
    NotRfc3339,
    /// It is outside of the years that every zone can show with four digits.
    #[error("must lie between 0001-01-03 and 9999-12-29")]
    OutOfRange,
}

impl Timestamp {
    /// Smallest instant, 0001-01-03T00:00:00Z. It is far enough from year 1 for the offset and the
    /// day start of every zone.
    pub const MIN: Self = Self(-62_135_424_000_000_000);
    /// Largest instant, 9999-12-29T00:00:00Z.
    pub const MAX: Self = Self(253_402_041_600_000_000);

    /// Returns the instant `micros` microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`].
    pub const fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(TimestampError::OutOfRange);
        }
        Ok(Self(micros))
    }

    /// Returns an instant of jiff, cut to the microsecond.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`].
    pub fn from_jiff(instant: jiff::Timestamp) -> Result<Self, TimestampError> {
        Self::from_micros(instant.as_microsecond())
    }

    /// Returns the microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns the same instant as a value of jiff.
    pub fn to_jiff(self) -> jiff::Timestamp {
        // In the range of jiff by construction. The fallback avoids a panic.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// Returns this instant moved by `seconds`, within the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(1_000_000))
    }

    /// Returns this instant moved by `micros`, within the range.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        let moved = self.0.saturating_add(micros);
        if moved < Self::MIN.0 {
            Self::MIN
        } else if moved > Self::MAX.0 {
            Self::MAX
        } else {
            Self(moved)
        }
    }

    /// Returns the whole seconds from `earlier` to this instant. They are negative if `earlier` is
    /// later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).div_euclid(1_000_000)
    }

    /// Returns the civil date in UTC.
    pub fn utc_date(self) -> jiff::civil::Date {
        TimeZone::UTC.to_datetime(self.to_jiff()).date()
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // RFC 3339 has neither a zone annotation nor a basic format, but jiff reads both.
        let plain = text.is_ascii() && text.as_bytes().get(10).is_some_and(|b| b"Tt ".contains(b));
        if !plain || text.contains('[') {
            return Err(TimestampError::NotRfc3339);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError::NotRfc3339)?;
        Self::from_jiff(instant)
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC, always with 27 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a civil date of the form `YYYY-MM-DD` in the range of [`Timestamp`].
pub fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    let shape = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    // A date must have a midnight that is a valid instant, because first clients get it as one.
    let range = Timestamp::MIN.utc_date()..=Timestamp::MAX.utc_date();
    range.contains(&date).then_some(date)
}

/// A named IANA time zone.
///
/// ```
/// use kanso_domain::Zone;
///
/// let zone: Zone = "europe/rome".parse()?;
/// assert_eq!(zone.name(), "Europe/Rome");
/// assert!("+02:00".parse::<Zone>().is_err());
/// # Ok::<(), kanso_domain::time::UnknownZone>(())
/// ```
#[derive(Clone)]
pub struct Zone(TimeZone);

/// The error for a text that is not the name of a zone in the compiled-in database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA time zone name such as Europe/Rome")]
pub struct UnknownZone;

impl Zone {
    /// Returns Coordinated Universal Time.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// Returns the IANA name of the zone.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// Returns the rules of the zone.
    pub const fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let zone = ZONES.get(name).map_err(|_| UnknownZone)?;
        match zone.iana_name() {
            // The database has an entry for an unknown zone, which behaves like UTC. It is not
            // accepted as a name.
            Some(_) if !zone.is_unknown() => Ok(Self(zone)),
            _ => Err(UnknownZone),
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

#[cfg(test)]
mod tests;
