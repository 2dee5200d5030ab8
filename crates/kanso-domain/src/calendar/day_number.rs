//! Days as numbers, for loops over years of them.

use jiff::ToSpan as _;
use jiff::civil::{Date, date};

/// A civil day, counted from 1970-01-01. Steps and comparisons cost one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayNumber(i32);

const EPOCH: Date = date(1970, 1, 1);
const SECONDS_PER_DAY: i64 = 86_400;

impl DayNumber {
    /// The number of `date`.
    pub fn of(date: Date) -> Self {
        let days = date.duration_since(EPOCH).as_secs() / SECONDS_PER_DAY;
        // The calendar has fewer than 8 million days.
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// The civil date, held at the ends of the calendar.
    pub fn date(self) -> Date {
        EPOCH.saturating_add(self.0.days())
    }

    /// The day of the week, 0 = Sunday to 6 = Saturday.
    pub const fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday; the remainder is below 7.
        (self.0 + 4).rem_euclid(7).unsigned_abs().to_le_bytes()[0]
    }

    /// The day after `days` more days.
    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day `days` days before.
    #[must_use]
    pub const fn minus(self, days: i32) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// How many days lie from `earlier` to this day.
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }

    /// This day and those after it, through `last`.
    pub fn through(self, last: Self) -> impl Iterator<Item = Self> + use<> {
        (self.0..=last.0).map(Self)
    }
}
