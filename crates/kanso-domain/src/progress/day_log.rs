//! What was recorded, day by day.

use std::cmp::Ordering;

use jiff::civil::Date;

use crate::Quantity;
use crate::calendar::DayNumber;
use crate::entries::{Entry, EntryKind};
use crate::habits::{HabitType, Target, TargetDirection};

/// What the live entries of one day add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct DayTotal {
    /// The sum of the values, in thousandths. Exact.
    pub sum: i64,
    /// The largest single value, in thousandths.
    pub largest: i64,
    /// Whether one of the entries is a day off.
    pub is_skipped: bool,
    /// Whether one of the entries is an amount, be it 0.
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

    /// Whether a day with this total has reached `target`; of a limit, whether it was kept, which
    /// is only certain once the day is over.
    pub const fn meets(self, target: Target) -> bool {
        match (target.kind(), target.direction()) {
            (HabitType::Boolean, _) => self.largest >= Quantity::ONE.thousandths(),
            (_, TargetDirection::AtLeast) => self.sum >= target.value().thousandths(),
            (_, TargetDirection::AtMost) => self.sum <= target.value().thousandths(),
        }
    }
}

/// The days of one habit on which something was recorded, in order.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct DayLog {
    days: Vec<(DayNumber, DayTotal)>,
}

impl DayLog {
    /// The log of the live ones among `entries`, by their recorded days. Their order is no matter.
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

    /// The first day on which something was recorded.
    pub fn first_day(&self) -> Option<Date> {
        self.days.first().map(|(day, _)| day.date())
    }

    /// What was recorded on `date`.
    pub fn total(&self, date: Date) -> DayTotal {
        self.on(DayNumber::of(date))
    }

    pub(super) fn on(&self, day: DayNumber) -> DayTotal {
        match self.days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(place) => self.days[place].1,
            Err(_) => DayTotal::default(),
        }
    }

    /// The days on which an amount was recorded.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (DayNumber, DayTotal)> {
        self.days
            .iter()
            .copied()
            .filter(|(_, total)| total.is_recorded)
    }

    /// A reader for ascending days, which costs a step a day instead of a search.
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

/// Reads a log at days that never go back.
pub(super) struct DayReader<'a> {
    rest: &'a [(DayNumber, DayTotal)],
}

impl DayReader<'_> {
    pub(super) fn on(&mut self, day: DayNumber) -> DayTotal {
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
