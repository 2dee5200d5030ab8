//! Statistics: streaks, rates, heatmaps and the habits of today.
//!
//! Every answer is computed from the journal of one snapshot, so it is neither stale nor
//! contradicts itself.

mod answers;

pub use answers::{
    HabitGlance, HabitStats, HabitToday, HabitWeek, HeatmapAnswer, StatsOverview, TodayAnswer,
    Weekly,
};

use std::sync::Arc;

use kanso_domain::accounts::Settings;
use kanso_domain::calendar::{DayNumber, days_before, local_day};
use kanso_domain::entries::{Completion, EntryKind};
use kanso_domain::habits::Habit;
use kanso_domain::progress::{DayLog, HabitProgress};
use kanso_domain::sync::Head;
use kanso_domain::{Date, HabitId, Quantity, UserId, Zone};

use crate::ports::answers::AnswerCache;
use crate::ports::clock::Clock;
use crate::ports::storage::{Journal, JournalEntry, Storage};
use crate::{Fault, Outcome};

/// Most days of a range.
pub const MAX_RANGE_DAYS: i32 = 366;

/// Most cells of an answer with one cell for each habit and each day.
///
/// A cell is about 70 bytes of JSON, so an answer stays below about 15 MB. A year of 500 habits
/// is 183,000 cells and fits.
pub const MAX_CELLS: usize = 200_000;

/// Days of a range without bounds, including today.
pub const DEFAULT_RANGE_DAYS: i32 = 7;

/// The feature: statistics over habits and entries.
#[derive(Clone)]
pub struct Stats {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    cache: Option<Arc<dyn AnswerCache>>,
}

/// The inputs of an answer besides the journal and the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsContext {
    /// Settings of the user. The zone is that of the request, if it has one.
    pub settings: Settings,
    /// Newest change at the time of the request.
    pub head: Head,
    /// Today in the zone of the settings.
    pub today: Date,
}

/// A range of civil dates, both inclusive.
///
/// ```
/// use kanso_application::stats::{DateRange, RangeError};
/// use kanso_domain::Date;
///
/// let today = Date::constant(2026, 1, 15);
/// let week = DateRange::new(None, None, today)?;
/// assert_eq!((week.from, week.to), (Date::constant(2026, 1, 9), today));
/// let backwards = DateRange::new(Some(today), Some(week.from), today);
/// assert_eq!(backwards, Err(RangeError::Backwards));
/// # Ok::<(), RangeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    /// First date.
    pub from: Date,
    /// Last date.
    pub to: Date,
}

/// The reason why a range is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// It ends before it begins.
    #[error("the range ends before it begins")]
    Backwards,
    /// It has more than [`MAX_RANGE_DAYS`] days.
    #[error("the range has more than {MAX_RANGE_DAYS} days")]
    TooLong,
}

/// The reason why an answer is refused: it would have more than [`MAX_CELLS`] cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{habits} habits on {days} days are more than {MAX_CELLS} cells")]
pub struct TooManyCells {
    /// Number of habits of the answer.
    pub habits: usize,
    /// Number of days of the range.
    pub days: usize,
}

impl DateRange {
    /// Returns the range from `from` to `to`. A missing bound follows from the other one, from
    /// `today` and from [`DEFAULT_RANGE_DAYS`].
    ///
    /// # Errors
    /// [`RangeError`] if the range is backwards or too long.
    pub fn new(from: Option<Date>, to: Option<Date>, today: Date) -> Result<Self, RangeError> {
        let to = to.unwrap_or(today);
        let from = from.unwrap_or_else(|| days_before(to, DEFAULT_RANGE_DAYS - 1));
        // Bounded, because each answer computes every day of the range for every habit.
        match DayNumber::of(to).days_since(DayNumber::of(from)) {
            ..0 => Err(RangeError::Backwards),
            days if days >= MAX_RANGE_DAYS => Err(RangeError::TooLong),
            _ => Ok(Self { from, to }),
        }
    }

    /// Returns the number of days, at least 1.
    fn days(self) -> usize {
        let more = DayNumber::of(self.to).days_since(DayNumber::of(self.from));
        // A range never ends before it begins.
        usize::try_from(more).unwrap_or_default() + 1
    }

    /// Checks that a cell for each of `habits` and each day is not too much for one answer.
    fn check_cells(self, habits: usize) -> Result<(), TooManyCells> {
        let days = self.days();
        if habits.saturating_mul(days) > MAX_CELLS {
            return Err(TooManyCells { habits, days });
        }
        Ok(())
    }
}

impl Stats {
    /// Returns the feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            clock,
            cache: None,
        }
    }

    /// Returns the feature with a cache of answers.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<dyn AnswerCache>>) -> Self {
        self.cache = cache;
        self
    }

    /// Returns the stored bytes of an earlier answer to `question`. The question must name
    /// everything that the answer depends on.
    pub async fn cached(&self, user: UserId, question: &str) -> Option<Vec<u8>> {
        self.cache.as_ref()?.find(user, question).await
    }

    /// Stores the bytes of an answer for the same question.
    pub fn cache_answer(&self, user: UserId, question: &str, answer: &[u8]) {
        if let Some(cache) = &self.cache {
            cache.keep(user, question, answer);
        }
    }

    /// Returns the context of an answer for `user`, in `zone` or in the zone of the account.
    ///
    /// Together with the question it is everything that an answer depends on, so it makes a
    /// validator for HTTP caches.
    pub async fn context(&self, user: UserId, zone: Option<Zone>) -> Outcome<StatsContext> {
        // The head is read first. If a change comes in between, the answer is newer than its
        // validator, and the next request computes it again. In the other order an old answer would
        // be cached under the new head.
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
        Ok(StatsContext {
            settings,
            head,
            today,
        })
    }

    /// Returns the days of each habit in `range`.
    ///
    /// Instants are read in the zone of the context. Streaks follow the stored local dates, which a
    /// journey does not change.
    ///
    /// The answer is refused before any cell is computed if it would have too many.
    pub async fn weekly(
        &self,
        user: UserId,
        context: &StatsContext,
        range: DateRange,
    ) -> Outcome<Result<Weekly, TooManyCells>> {
        let journal = self.journal(user, None).await?;
        if let Err(refusal) = range.check_cells(journal.habits.len()) {
            return Ok(Err(refusal));
        }
        let habits = journal.habits.iter().map(|habit| {
            let entries = journal.of(habit.id);
            // Evaluated twice: the cells and the rate in the requested zone, the streak by the
            // stored days. A journey must not break a streak.
            let read = entries
                .iter()
                .map(|entry| context.in_requested_zone(entry))
                .collect();
            let requested = context.progress(habit, read);
            HabitWeek::new(
                &requested,
                context.progress(habit, journal.log(habit.id)).streak(),
                range,
            )
        });
        Ok(Ok(Weekly::new(habits.collect(), range)))
    }

    /// Returns the statistics of one habit, or `None` if the user has no such habit.
    pub async fn habit(
        &self,
        user: UserId,
        context: &StatsContext,
        id: HabitId,
    ) -> Outcome<Option<HabitStats>> {
        let journal = self.journal(user, Some(&[id])).await?;
        Ok(journal.habits.first().map(|habit| {
            let progress = context.progress(habit, journal.log(id));
            HabitStats::new(&progress, context.settings.week_start)
        }))
    }

    /// Returns the cells of one habit or of all habits.
    ///
    /// The answer is refused before any cell is computed if it would have too many.
    pub async fn heatmap(
        &self,
        user: UserId,
        context: &StatsContext,
        range: DateRange,
        habit: Option<HabitId>,
    ) -> Outcome<Result<Vec<HeatmapAnswer>, TooManyCells>> {
        let only = habit.as_ref().map(std::slice::from_ref);
        let journal = self.journal(user, only).await?;
        if let Err(refusal) = range.check_cells(journal.habits.len()) {
            return Ok(Err(refusal));
        }
        let cells = journal.habits.iter().map(|habit| HeatmapAnswer {
            habit_id: habit.id,
            cells: context
                .progress(habit, journal.log(habit.id))
                .cells(range.from, range.to),
        });
        Ok(Ok(cells.collect()))
    }

    /// Returns the overview over all habits.
    pub async fn overview(&self, user: UserId, context: &StatsContext) -> Outcome<StatsOverview> {
        let journal = self.journal(user, None).await?;
        Ok(StatsOverview::new(&context.active_progress(&journal)))
    }

    /// Returns the due, done, open and risky habits of today.
    pub async fn today(&self, user: UserId, context: &StatsContext) -> Outcome<TodayAnswer> {
        let journal = self.journal(user, None).await?;
        Ok(TodayAnswer::new(
            &context.active_progress(&journal),
            context,
        ))
    }

    async fn journal(&self, user: UserId, only: Option<&[HabitId]>) -> Outcome<Journal> {
        self.storage
            .journal(user, only)
            .await?
            .ok_or(Fault::AccountGone)
    }
}

impl Journal {
    fn of(&self, habit: HabitId) -> &[JournalEntry] {
        self.entries.get(&habit).map_or(&[], Vec::as_slice)
    }

    /// Returns the log of `habit` by the stored local dates.
    pub(crate) fn log(&self, habit: HabitId) -> DayLog {
        let entries = self.of(habit).iter();
        entries
            .map(|entry| (entry.local_date, entry.kind, entry.value))
            .collect()
    }
}

impl StatsContext {
    /// Returns the progress of the habits that are not archived.
    fn active_progress<'a>(&self, journal: &'a Journal) -> Vec<HabitProgress<'a>> {
        let present = |habit: &&Habit| habit.details.archived_at.is_none();
        let progress = |habit: &'a Habit| self.progress(habit, journal.log(habit.id));
        journal
            .habits
            .iter()
            .filter(present)
            .map(progress)
            .collect()
    }

    fn progress<'a>(&self, habit: &'a Habit, log: DayLog) -> HabitProgress<'a> {
        HabitProgress::new(habit, log, &self.settings, self.today)
    }

    /// Returns an entry with the day on which its instant falls in the zone of the context. An
    /// entry that was sent as a date has that date in every zone.
    fn in_requested_zone(&self, entry: &JournalEntry) -> (Date, EntryKind, Quantity) {
        let day = match entry.completion {
            Completion::Day(date) => date,
            Completion::At(instant) => {
                local_day(instant, &self.settings.timezone, self.settings.day_start)
            }
        };
        (day, entry.kind, entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_habits_times_days() {
        let today = Date::constant(2026, 11, 22);
        let day = DateRange::new(Some(today), Some(today), today).expect("a day");
        let from = days_before(today, MAX_RANGE_DAYS - 1);
        let year = DateRange::new(Some(from), Some(today), today).expect("a year");
        assert_eq!((day.days(), year.days()), (1, 366));
        for (range, habits, expected) in [
            (day, 0, true),
            (day, MAX_CELLS, true),
            (day, MAX_CELLS + 1, false),
            (year, 500, true),
            (year, 546, true),
            (year, 547, false),
            (year, usize::MAX, false),
        ] {
            assert_eq!(range.check_cells(habits).is_ok(), expected, "{habits}");
        }
    }
}
