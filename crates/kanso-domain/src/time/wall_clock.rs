//! Times of day and the beginnings of days and weeks.

use std::fmt;
use std::str::FromStr;

/// A wall-clock time, to the minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(i16);

/// A text that is not `HH:MM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the form HH:MM between 00:00 and 23:59")]
pub struct NotATime;

impl TimeOfDay {
    /// Minutes since midnight.
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

/// When a person's day begins, between 00:00 and 12:00: a night owl's 01:30 is still yesterday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayStart(TimeOfDay);

/// A text that is not a day start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a time of the form HH:MM between 00:00 and 12:00")]
pub struct NotADayStart;

impl DayStart {
    /// The day begins at 00:00.
    pub const MIDNIGHT: Self = Self(TimeOfDay(0));

    /// Minutes since midnight.
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

/// The day on which a person's week begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum WeekStart {
    /// As in most of Europe (ISO 8601).
    #[default]
    Monday,
    /// As in the United States, Brazil, Japan.
    Sunday,
    /// As in much of the Middle East.
    Saturday,
}

impl WeekStart {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Monday => "monday",
            Self::Sunday => "sunday",
            Self::Saturday => "saturday",
        }
    }
}

/// A text that is not a week start.
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
