//! Statistics: streaks, rates, heatmaps, and what is due today.
//!
//! Everything is computed from the journal of one snapshot, so an answer can neither be stale nor
//! disagree with itself.

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

/// The most days of a range.
pub const MAX_RANGE_DAYS: i32 = 366;

/// The days of a range when none is given, today included.
pub const DEFAULT_RANGE_DAYS: i32 = 7;

/// What a person learns from habits and entries.
#[derive(Clone)]
pub struct Stats {
    storage: Arc<dyn Storage>,
    clock: Arc<dyn Clock>,
    cache: Option<Arc<dyn AnswerCache>>,
}

/// What an answer depends on besides the journal: where the context is, and what is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsContext {
    /// How the person's days are read; the zone is the requested one, if one was.
    pub settings: Settings,
    /// The newest change when the question was asked.
    pub head: Head,
    /// Today, as the context reads it.
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

impl Stats {
    /// The feature over its ports.
    pub fn new(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        Self {
            storage,
            clock,
            cache: None,
        }
    }

    /// The same, which keeps answers in `cache`.
    #[must_use]
    pub fn with_cache(mut self, cache: Option<Arc<dyn AnswerCache>>) -> Self {
        self.cache = cache;
        self
    }

    /// The answer that somebody was given before to `question`, which names all that the answer
    /// depends on, in the form in which it was kept.
    pub async fn cached(&self, user: UserId, question: &str) -> Option<Vec<u8>> {
        self.cache.as_ref()?.find(user, question).await
    }

    /// Keeps an answer for whoever asks the same.
    pub fn cache_answer(&self, user: UserId, question: &str, answer: &[u8]) {
        if let Some(cache) = &self.cache {
            cache.keep(user, question, answer);
        }
    }

    /// Where `user` stands: in `zone`, or in the person's own. With what is asked for, this is all
    /// that an answer depends on, so it makes a validator.
    pub async fn context(&self, user: UserId, zone: Option<Zone>) -> Outcome<StatsContext> {
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

    /// Each habit's days in `range`. Instants are read in the context's zone; streaks follow the
    /// days that were recorded, which travel does not move.
    pub async fn weekly(
        &self,
        user: UserId,
        context: &StatsContext,
        range: DateRange,
    ) -> Outcome<Weekly> {
        let journal = self.journal(user, None).await?;
        let habits = journal.habits.iter().map(|habit| {
            let entries = journal.of(habit.id);
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
        Ok(Weekly::new(habits.collect(), range))
    }

    /// Everything about one habit; `None` when the person has no such habit.
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

    /// The cells of one habit, or of each of them.
    pub async fn heatmap(
        &self,
        user: UserId,
        context: &StatsContext,
        range: DateRange,
        habit: Option<HabitId>,
    ) -> Outcome<Vec<HeatmapAnswer>> {
        let only = habit.as_ref().map(std::slice::from_ref);
        let journal = self.journal(user, only).await?;
        let cells = journal.habits.iter().map(|habit| HeatmapAnswer {
            habit_id: habit.id,
            cells: context
                .progress(habit, journal.log(habit.id))
                .cells(range.from, range.to),
        });
        Ok(cells.collect())
    }

    /// All habits at a glance.
    pub async fn overview(&self, user: UserId, context: &StatsContext) -> Outcome<StatsOverview> {
        let journal = self.journal(user, None).await?;
        Ok(StatsOverview::new(&context.active_progress(&journal)))
    }

    /// What is due, done, open and at risk today.
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

    /// What is recorded for `habit`, by the recorded days.
    pub(crate) fn log(&self, habit: HabitId) -> DayLog {
        let entries = self.of(habit).iter();
        entries
            .map(|entry| (entry.local_date, entry.kind, entry.value))
            .collect()
    }
}

impl StatsContext {
    /// The habits that are not put away.
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

    /// An entry on the day on which its instant falls for this context. One that was sent as a
    /// date is on that date in every zone.
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
