//! Instants, zones and times of day.
//!
//! Zones come from the time-zone database that is compiled in, never from the machine.

mod wall_clock;

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::tz::{TimeZone, TimeZoneDatabase};

pub use wall_clock::{DayStart, NotADayStart, NotATime, NotAWeekStart, TimeOfDay, WeekStart};

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An instant in UTC, to the microsecond, within the years 1 to 9999 in every zone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// Why a text is not a [`Timestamp`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Not RFC 3339.
    #[error("must be an RFC 3339 instant such as 2026-11-22T13:05:09.123456Z")]
    NotRfc3339,
    /// Outside the years that every zone can show with four digits.
    #[error("must lie between 0001-01-03 and 9999-12-29")]
    OutOfRange,
}

impl Timestamp {
    /// 0001-01-03T00:00:00Z: far enough from year 1 for any zone's offset and day start.
    pub const MIN: Self = Self(-62_135_424_000_000_000);
    /// 9999-12-29T00:00:00Z.
    pub const MAX: Self = Self(253_402_041_600_000_000);

    /// Microseconds since 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Out of range.
    pub const fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(TimestampError::OutOfRange);
        }
        Ok(Self(micros))
    }

    /// An instant of jiff's, cut to the microsecond.
    ///
    /// # Errors
    /// Out of range.
    pub fn from_jiff(instant: jiff::Timestamp) -> Result<Self, TimestampError> {
        Self::from_micros(instant.as_microsecond())
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// The same instant as jiff's.
    pub fn to_jiff(self) -> jiff::Timestamp {
        // Within jiff's range by construction; the fallback keeps this total.
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }

    /// This instant moved by `seconds`, held at the ends of the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(1_000_000))
    }

    /// This instant moved by `micros`, held at the ends of the range.
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

    /// Whole seconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn seconds_since(self, earlier: Self) -> i64 {
        (self.0 - earlier.0).div_euclid(1_000_000)
    }

    /// The civil date in UTC.
    pub fn utc_date(self) -> jiff::civil::Date {
        TimeZone::UTC.to_datetime(self.to_jiff()).date()
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        // RFC 3339 has neither a zone annotation nor a basic format; jiff reads both.
        let plain = text.is_ascii() && text.as_bytes().get(10).is_some_and(|b| b"Tt ".contains(b));
        if !plain || text.contains('[') {
            return Err(TimestampError::NotRfc3339);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError::NotRfc3339)?;
        Self::from_jiff(instant)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, always 27 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.to_jiff())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a civil date of the form `YYYY-MM-DD` within the range of [`Timestamp`].
pub fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    let shape = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 10 || !text.bytes().enumerate().all(shape) {
        return None;
    }
    let date: jiff::civil::Date = text.parse().ok()?;
    let range = Timestamp::MIN.utc_date()..=Timestamp::MAX.utc_date();
    range.contains(&date).then_some(date)
}

/// A named IANA time zone.
#[derive(Clone)]
pub struct Zone(TimeZone);

/// A text that names no zone of the compiled-in database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA time zone name such as Europe/Rome")]
pub struct UnknownZone;

impl Zone {
    /// Coordinated universal time.
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The zone's IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The rules of the zone.
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
