//! Times of day, the start of days and the start of weeks.

use std::fmt;
use std::str::FromStr;

/// A wall-clock time to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(i16);

/// The error for a text that is not `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the form HH:MM between 00:00 and 23:59")]
pub struct NotATime;

impl TimeOfDay {
    /// Returns the minutes since midnight.
    pub const fn minutes(self) -> i16 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let [h1, h2, b':', m1, m2] = text.as_bytes() else {
            return Err(NotATime);
        };
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
        let pair = |tens, ones| Some(digit(tens)? * 10 + digit(ones)?);
        match (pair(h1, h2), pair(m1, m2)) {
            (Some(hours @ 0..24), Some(minutes @ 0..60)) => Ok(Self(hours * 60 + minutes)),
            _ => Err(NotATime),
        }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// The time at which the days of a user begin, between 00:00 and 12:00.
///
/// With a start of 03:00, 01:30 belongs to the day before.
///
/// ```
/// use kanso_domain::DayStart;
///
/// let start: DayStart = "03:30".parse()?;
/// assert_eq!(start.minutes(), 210);
/// assert!("12:01".parse::<DayStart>().is_err());
/// # Ok::<(), kanso_domain::time::NotADayStart>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayStart(TimeOfDay);

/// The error for a text that is not a day start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the form HH:MM between 00:00 and 12:00")]
pub struct NotADayStart;

impl DayStart {
    /// A day that begins at 00:00.
    pub const MIDNIGHT: Self = Self(TimeOfDay(0));

    /// Returns the minutes since midnight.
    pub const fn minutes(self) -> i16 {
        self.0.minutes()
    }
}

impl FromStr for DayStart {
    type Err = NotADayStart;

    fn from_str(text: &str) -> Result<Self, NotADayStart> {
        let time: TimeOfDay = text.parse().map_err(|_| NotADayStart)?;
        if time.minutes() <= 12 * 60 {
            Ok(Self(time))
        } else {
            Err(NotADayStart)
        }
    }
}

impl fmt::Display for DayStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The day on which the weeks of a user begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WeekStart {
    /// Monday, as in most of Europe (ISO 8601).
    #[default]
    Monday,
    /// Sunday, as in the United States, Brazil and Japan.
    Sunday,
    /// Saturday, as in much of the Middle East.
    Saturday,
}

impl WeekStart {
    /// Returns the stable name of the day. Storages and the protocol use it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Sunday => "sunday",
            Self::Saturday => "saturday",
        }
    }
}

/// The error for a text that is not a week start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of monday, sunday, saturday")]
pub struct NotAWeekStart;

impl FromStr for WeekStart {
    type Err = NotAWeekStart;

    fn from_str(text: &str) -> Result<Self, NotAWeekStart> {
        [Self::Monday, Self::Sunday, Self::Saturday]
            .into_iter()
            .find(|start| start.as_str() == text)
            .ok_or(NotAWeekStart)
    }
}
