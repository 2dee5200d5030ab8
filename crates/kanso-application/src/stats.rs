//! Statistics: streaks, rates, heatmaps, and what is due today.
//!
//! Everything is computed from the records of one snapshot, so an answer can neither be stale nor
//! disagree with itself.

mod answers;

pub use answers::{
    HabitGlance, HabitStats, HabitToday, HabitWeek, HeatmapAnswer, Overview, TodayAnswer,
    TodayState, Weekly,
};

use std::collections::BTreeMap;
use std::sync::Arc;

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::{DayNumber, days_before, local_day};
use kanso_domain::entries::{Completion, Entry};
use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, Judged};
use kanso_domain::sync::{Head, Since};
use kanso_domain::{Date, HabitId, Record, UserId, Zone};

use crate::ports::clock::Clock;
use crate::ports::storage::{DeltaQuery, Scope, Storage};
use crate::{Fault, Outcome};

/// The most days of a range.
pub const MAX_RANGE_DAYS: i32 = 366;

/// The days of a range when none is given, today included.
pub const DEFAULT_RANGE_DAYS: i32 = 7;

/// What a person learns from habits and entries.
#[derive(Clone)]
pub struct Stats {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
}

/// What an answer depends on besides the records: where the reader is, and what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// How the person's days are read; the zone is the requested one, if one was.
    pub settings: Settings,
    /// The newest change when the question was asked.
    pub head: Head,
    /// Today, as the reader reads it.
    pub today: Date,
}

/// A range of civil dates, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// Why a range cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// It ends before it begins.
    #[error("the range ends before it begins")]
    Backwards,
    /// It has more than [`MAX_RANGE_DAYS`] days.
    #[error("the range has more than {MAX_RANGE_DAYS} days")]
    TooLong,
}

impl DateRange {
    /// The range from `from` to `to`; what is left out follows from the other end, from `today`
    /// and from [`DEFAULT_RANGE_DAYS`].
    ///
    /// # Errors
    /// Backwards or too long.
    pub fn new(from: Option<Date>, to: Option<Date>, today: Date) -> Result<Self, RangeError> {
        let to = to.unwrap_or(today);
        let from = from.unwrap_or_else(|| days_before(to, DEFAULT_RANGE_DAYS - 1));
        match DayNumber::of(to).days_since(DayNumber::of(from)) {
            ..0 => Err(RangeError::Backwards),
            days if days >= MAX_RANGE_DAYS => Err(RangeError::TooLong),
            _ => Ok(Self { from, to }),
        }
    }
}

/// The live records of one person, in one snapshot.
struct Records {
    habits: Vec<Habit>,
    entries: BTreeMap<HabitId, Vec<Entry>>,
}

impl Stats {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self { storage, clock }
    }

    /// Where `user` stands: in `zone`, or in the person's own. With what is asked for, this is all
    /// that an answer depends on, so it makes a validator.
    pub async fn reader(&self, user: UserId, zone: Option<Zone>) -> Outcome<Reader> {
        let head = self.storage.head(user).await?.ok_or(Fault::AccountGone)?;
        let account = self
            .storage
            .account(user)
            .await?
            .ok_or(Fault::AccountGone)?;
        let mut settings = account.settings;
        if let Some(zone) = zone {
            settings.timezone = zone;
        }
        let today = local_day(self.clock.now(), &settings.timezone, settings.day_start);
        Ok(Reader {
            settings,
            head,
            today,
        })
    }

    /// Each habit's days in `range`. Instants are read in the reader's zone; streaks follow the
    /// days that were recorded, which travel does not move.
    pub async fn weekly(&self, user: UserId, reader: &Reader, range: DateRange) -> Outcome<Weekly> {
        let records = self.records(user).await?;
        let habits = records.habits.iter().map(|habit| {
            let entries = records.of(habit.id);
            let read = entries
                .iter()
                .map(|entry| reader.requested(entry))
                .collect();
            let requested = reader.judge(habit, read);
            HabitWeek::new(
                &requested,
                reader.judge(habit, DayLog::of(entries)).streak(),
                range,
            )
        });
        Ok(Weekly::new(habits.collect(), range))
    }

    /// Everything about one habit; `None` when the person has no such habit.
    pub async fn habit(
        &self,
        user: UserId,
        reader: &Reader,
        id: HabitId,
    ) -> Outcome<Option<HabitStats>> {
        let records = self.records(user).await?;
        let habit = records.habits.iter().find(|habit| habit.id == id);
        Ok(habit.map(|habit| {
            let judged = reader.judge(habit, DayLog::of(records.of(id)));
            HabitStats::new(&judged, reader.settings.week_start)
        }))
    }

    /// The cells of one habit, or of each of them.
    pub async fn heatmap(
        &self,
        user: UserId,
        reader: &Reader,
        range: DateRange,
        habit: Option<HabitId>,
    ) -> Outcome<Vec<HeatmapAnswer>> {
        let records = self.records(user).await?;
        let wanted = |candidate: &&Habit| habit.is_none_or(|id| candidate.id == id);
        let cells = records
            .habits
            .iter()
            .filter(wanted)
            .map(|habit| HeatmapAnswer {
                habit_id: habit.id,
                cells: reader
                    .judge(habit, DayLog::of(records.of(habit.id)))
                    .cells(range.from, range.to),
            });
        Ok(cells.collect())
    }

    /// All habits at a glance.
    pub async fn overview(&self, user: UserId, reader: &Reader) -> Outcome<Overview> {
        let records = self.records(user).await?;
        Ok(Overview::new(&records.judged(reader), reader.today))
    }

    /// What is due, done, open and at risk today.
    pub async fn today(&self, user: UserId, reader: &Reader) -> Outcome<TodayAnswer> {
        let records = self.records(user).await?;
        Ok(TodayAnswer::new(&records.judged(reader), reader))
    }

    async fn records(&self, user: UserId) -> Outcome<Records> {
        let query = DeltaQuery {
            since: Since::Beginning,
            scope: Scope::Everything,
            limit: None,
        };
        let page = self
            .storage
            .delta(user, query)
            .await?
            .ok_or(Fault::AccountGone)?;
        let mut records = Records {
            habits: Vec::new(),
            entries: BTreeMap::new(),
        };
        for record in page.records {
            match record {
                Record::Habit(habit) => records.habits.push(habit),
                Record::Entry(entry) => {
                    records
                        .entries
                        .entry(entry.details.habit_id)
                        .or_default()
                        .push(entry);
                }
            }
        }
        let place = |habit: &Habit| {
            (
                habit.details.sort_order,
                std::cmp::Reverse(habit.stamp.created_at),
            )
        };
        records.habits.sort_by_key(place);
        Ok(records)
    }
}

impl Records {
    fn of(&self, habit: HabitId) -> &[Entry] {
        self.entries.get(&habit).map_or(&[], Vec::as_slice)
    }

    /// The habits that are not put away, as they stand for `reader`.
    fn judged(&self, reader: &Reader) -> Vec<Judged<'_>> {
        self.habits
            .iter()
            .filter(|habit| habit.details.archived_at.is_none())
            .map(|habit| reader.judge(habit, DayLog::of(self.of(habit.id))))
            .collect()
    }
}

impl Reader {
    fn judge<'a>(&self, habit: &'a Habit, log: DayLog) -> Judged<'a> {
        Judged::new(habit, log, &self.settings, self.today)
    }

    /// An entry on the day on which its instant falls for this reader. One that was sent as a
    /// date is on that date in every zone.
    fn requested(
        &self,
        entry: &Entry,
    ) -> (
        Date,
        kanso_domain::entries::EntryKind,
        kanso_domain::Quantity,
    ) {
        let day = match entry.details.completion {
            Completion::Day(date) => date,
            Completion::At(instant) => {
                local_day(instant, &self.settings.timezone, self.settings.day_start)
            }
        };
        (day, entry.details.kind, entry.details.value)
    }
}
