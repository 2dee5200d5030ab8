//! The recorded amounts, day by day.

use std::cmp::Ordering;

use jiff::civil::Date;

use crate::Quantity;
use crate::calendar::DayNumber;
use crate::entries::{Entry, EntryKind};
use crate::habits::{HabitType, Target, TargetDirection};

/// The totals of the live entries of one day.
///
/// ```
/// use jiff::civil::date;
/// use kanso_domain::Quantity;
/// use kanso_domain::entries::EntryKind;
/// use kanso_domain::progress::DayLog;
///
/// let today = date(2026, 1, 15);
/// let amount = |text: &str| text.parse::<Quantity>();
/// let log: DayLog = [
///     (today, EntryKind::Value, amount("0.1")?),
///     (today, EntryKind::Value, amount("0.2")?),
/// ]
/// .into_iter()
/// .collect();
/// assert_eq!(log.total(today).sum, 300);
/// # Ok::<(), kanso_domain::quantity::QuantityError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DayTotal {
    /// Sum of the values in thousandths. It is exact.
    pub sum: i64,
    /// Largest single value in thousandths.
    pub largest: i64,
    /// True if one of the entries is a day off.
    pub is_skipped: bool,
    /// True if one of the entries is an amount, including 0.
    pub is_recorded: bool,
}

impl DayTotal {
    fn add(&mut self, kind: EntryKind, value: Quantity) {
        match kind {
            EntryKind::Skip => self.is_skipped = true,
            EntryKind::Value => {
                self.is_recorded = true;
                self.sum = self.sum.saturating_add(value.thousandths());
                self.largest = self.largest.max(value.thousandths());
            }
        }
    }

    /// Returns true if a day with this total meets `target`.
    ///
    /// The result for a limit is final only when the day is over.
    pub const fn meets(self, target: Target) -> bool {
        match (target.kind(), target.direction()) {
            // A tick counts once a day: two entries of 0.5 do not make one.
            (HabitType::Boolean, _) => self.largest >= Quantity::ONE.thousandths(),
            (_, TargetDirection::AtLeast) => self.sum >= target.value().thousandths(),
            (_, TargetDirection::AtMost) => self.sum <= target.value().thousandths(),
        }
    }
}

/// The days of one habit with entries, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DayLog {
    days: Vec<(DayNumber, DayTotal)>,
}

impl DayLog {
    /// Returns the log of the live entries by their local dates. Their order does not matter.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        entries
            .into_iter()
            .filter(|entry| !entry.stamp.is_deleted())
            .map(|entry| {
                (
                    entry.details.local_date,
                    entry.details.kind,
                    entry.details.value,
                )
            })
            .collect()
    }

    /// Returns the first day with an entry.
    pub fn first_day(&self) -> Option<Date> {
        self.days.first().map(|(day, _)| day.date())
    }

    /// Returns the total of `date`.
    pub fn total(&self, date: Date) -> DayTotal {
        self.on(DayNumber::of(date))
    }

    pub(super) fn on(&self, day: DayNumber) -> DayTotal {
        match self.days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(place) => self.days[place].1,
            Err(_) => DayTotal::default(),
        }
    }

    /// Returns the days on which an amount was recorded.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (DayNumber, DayTotal)> {
        self.days
            .iter()
            .copied()
            .filter(|(_, total)| total.is_recorded)
    }

    /// Returns a reader for ascending days. It takes a step per day instead of a search.
    pub(super) fn reader(&self) -> DayReader<'_> {
        DayReader { rest: &self.days }
    }
}

impl FromIterator<(Date, EntryKind, Quantity)> for DayLog {
    fn from_iter<I: IntoIterator<Item = (Date, EntryKind, Quantity)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries
            .into_iter()
            .map(|(date, kind, value)| (DayNumber::of(date), kind, value))
            .collect();
        // Sums and maxima do not depend on the order within a day.
        entries.sort_unstable_by_key(|(day, ..)| *day);
        let mut days: Vec<(DayNumber, DayTotal)> = Vec::with_capacity(entries.len());
        for (day, kind, value) in entries {
            match days.last_mut() {
                Some((last, total)) if *last == day => total.add(kind, value),
                _ => {
                    let mut total = DayTotal::default();
                    total.add(kind, value);
                    days.push((day, total));
                }
            }
        }
        Self { days }
    }
}

/// Reads a log at ascending days.
pub(super) struct DayReader<'a> {
    rest: &'a [(DayNumber, DayTotal)],
}

impl DayReader<'_> {
    pub(super) fn on(&mut self, day: DayNumber) -> DayTotal {
        // The position only moves forward, so a loop over ascending days costs one pass over the
        // log.
        while let [(first, total), rest @ ..] = self.rest {
            match first.cmp(&day) {
                Ordering::Less => self.rest = rest,
                Ordering::Equal => return *total,
                Ordering::Greater => break,
            }
        }
        DayTotal::default()
    }
}
