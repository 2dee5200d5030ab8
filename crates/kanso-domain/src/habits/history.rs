//! What a habit asked for over time: an edit takes effect from a day on, the past stays.

use jiff::civil::Date;

use super::{Schedule, Target};
use crate::calendar::DayNumber;

/// What a habit asks for from a day on, until the next version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleVersion {
    /// The first day that is judged by it; the first version also judges all days before.
    pub effective_from: Date,
    /// How often.
    pub schedule: Schedule,
    /// How much.
    pub target: Target,
}

/// From when on an edit of a schedule judges days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectiveFrom {
    /// From the beginning: the past is judged anew.
    Start,
    /// From this day on.
    Day(Date),
}

impl std::str::FromStr for EffectiveFrom {
    type Err = NotAnEffectiveFrom;

    fn from_str(text: &str) -> Result<Self, NotAnEffectiveFrom> {
        match text {
            "start" => Ok(Self::Start),
            _ => crate::time::parse_date(text)
                .map(Self::Day)
                .ok_or(NotAnEffectiveFrom),
        }
    }
}

/// A text that does not say from when on an edit judges days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a date YYYY-MM-DD or \"start\"")]
pub struct NotAnEffectiveFrom;

/// The versions of a habit's schedule and target, in strictly ascending order of their first
/// days; at least one. The newest is what the habit asks for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleHistory {
    first: ScheduleVersion,
    later: Vec<ScheduleVersion>,
}

impl ScheduleHistory {
    /// The history of a habit that was made on `day`.
    pub const fn starting(day: Date, schedule: Schedule, target: Target) -> Self {
        let first = ScheduleVersion {
            effective_from: day,
            schedule,
            target,
        };
        Self {
            first,
            later: Vec::new(),
        }
    }

    /// A history that was taken apart; `None` when it has no version or they are out of order.
    pub fn restored(versions: Vec<ScheduleVersion>) -> Option<Self> {
        let is_ordered = versions
            .windows(2)
            .all(|pair| pair[0].effective_from < pair[1].effective_from);
        let mut versions = versions.into_iter();
        let first = versions.next().filter(|_| is_ordered)?;
        Some(Self {
            first,
            later: versions.collect(),
        })
    }

    /// The day on which the habit was made.
    pub const fn begins(&self) -> Date {
        self.first.effective_from
    }

    /// The versions, oldest first.
    pub fn versions(&self) -> impl DoubleEndedIterator<Item = &ScheduleVersion> + Clone {
        std::iter::once(&self.first).chain(&self.later)
    }

    /// What the habit asks for now.
    pub fn newest(&self) -> &ScheduleVersion {
        self.later.last().unwrap_or(&self.first)
    }

    /// The version in force on `date`.
    pub fn on(&self, date: Date) -> &ScheduleVersion {
        let begun = self
            .later
            .partition_point(|version| version.effective_from <= date);
        begun
            .checked_sub(1)
            .map_or(&self.first, |place| &self.later[place])
    }

    /// The history after an edit to `schedule` and `target`. Versions that would begin on its
    /// first day or later are replaced; an edit that changes nothing on its day adds nothing.
    #[must_use]
    pub fn edited(mut self, schedule: Schedule, target: Target, from: EffectiveFrom) -> Self {
        let day = match from {
            EffectiveFrom::Day(day) if day > self.first.effective_from => day,
            EffectiveFrom::Day(_) | EffectiveFrom::Start => {
                return Self::starting(self.first.effective_from, schedule, target);
            }
        };
        self.later.retain(|version| version.effective_from < day);
        let before = self.newest();
        if (before.schedule, before.target) != (schedule, target) {
            self.later.push(ScheduleVersion {
                effective_from: day,
                schedule,
                target,
            });
        }
        self
    }
}

/// Days on which a habit was put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchivedSpan {
    /// The first of them.
    pub from: Date,
    /// The day on which the habit came back; none while it is away.
    pub until: Option<Date>,
}

impl ArchivedSpan {
    /// Whether the habit was away on `day`.
    pub fn contains(&self, day: DayNumber) -> bool {
        DayNumber::of(self.from) <= day && self.until.is_none_or(|until| day < DayNumber::of(until))
    }
}

/// The spans in `spans` after the habit was put away on `away`, or came back on `today`.
pub(super) fn archived(
    mut spans: Vec<ArchivedSpan>,
    away: Option<Date>,
    today: Date,
) -> Vec<ArchivedSpan> {
    let open = spans.pop_if(|span| span.until.is_none());
    match (open, away) {
        (_, Some(from)) => {
            // An earlier day takes back what ended after it.
            spans.retain(|span| span.from < from);
            if let Some(last) = spans.last_mut() {
                last.until = last.until.map(|until| until.min(from));
            }
            spans.push(ArchivedSpan { from, until: None });
        }
        (Some(span), None) if span.from < today => {
            spans.push(ArchivedSpan {
                until: Some(today),
                ..span
            });
        }
        (Some(_) | None, None) => {}
    }
    spans
}

#[cfg(test)]
mod tests;
