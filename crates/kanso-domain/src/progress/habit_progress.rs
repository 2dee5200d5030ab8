//! One habit with its plan and its log, for all questions about its progress.

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::{DayNumber, days_before};
use crate::habits::{Habit, TargetDirection};

use super::{
    Cell, DayLog, Pace, Plan, PlanSource, Rate, Streak, Unit, heatmap, rate, streak, strength,
    units,
};

/// The progress of one habit on one day.
#[derive(Clone, Debug)]
pub struct HabitProgress<'a> {
    /// The habit.
    pub habit: &'a Habit,
    plan: Plan,
    log: DayLog,
    today: Date,
}

impl<'a> HabitProgress<'a> {
    /// Returns the progress of `habit` with the entries in `log`, on `today`, for a user with
    /// `settings`.
    pub fn new(habit: &'a Habit, log: DayLog, settings: &Settings, today: Date) -> Self {
        let plan = Plan::new(&PlanSource::of(habit, settings), &log, today);
        Self {
            habit,
            plan,
            log,
            today,
        }
    }

    /// Returns the day of the evaluation.
    pub const fn today(&self) -> Date {
        self.today
    }

    /// Returns the log.
    pub const fn log(&self) -> &DayLog {
        &self.log
    }

    /// Returns the streak.
    pub fn streak(&self) -> Streak {
        streak(&self.plan, &self.log, self.today)
    }

    /// Returns the units that have begun, in order.
    pub fn units(&self) -> Vec<Unit> {
        units(&self.plan, &self.log, self.today)
    }

    /// Returns the rate over the units that end between `from` and `to`, inclusive.
    pub fn rate(&self, from: Date, to: Date) -> Rate {
        rate(&self.plan, &self.log, self.today, from, to)
    }

    /// Returns the rate over the units that end in the last `days` days, including today.
    pub fn recent_rate(&self, days: i32) -> Rate {
        self.rate(days_before(self.today, days - 1), self.today)
    }

    /// Returns the rate over all units.
    pub fn overall_rate(&self) -> Rate {
        self.rate(Date::MIN, Date::MAX)
    }

    /// Returns one cell for each date from `from` to `to`, inclusive.
    pub fn cells(&self, from: Date, to: Date) -> Vec<Cell> {
        heatmap(&self.plan, &self.log, self.today, from, to)
    }

    /// Returns the strength of the habit between 0 and 1, or `None` before the first entry.
    pub fn strength(&self) -> Option<f64> {
        let target = self.habit.details.target();
        // The score uses the present schedule and target for the whole past, as Loop does.
        let pace = Pace::from(self.habit.details.schedule());
        strength(pace, target, &self.log, self.today).pop()
    }

    /// Returns the number of recorded days that met the target in force, by weekday from Sunday.
    pub fn done_by_weekday(&self) -> [u32; 7] {
        let mut days = [0; 7];
        let today = DayNumber::of(self.today);
        for (day, total) in self.log.recorded().take_while(|(day, _)| *day <= today) {
            let is_over = day < today;
            let target = self.plan.version_on(day.date()).target;
            // A limit can still be exceeded while the day is open.
            let is_settled = is_over || target.direction() == TargetDirection::AtLeast;
            days[usize::from(day.weekday())] += u32::from(is_settled && total.meets(target));
        }
        days
    }

    /// Returns the unit that contains today, if the schedule has one.
    pub fn unit_today(&self) -> Option<Unit> {
        self.units()
            .pop()
            // The last unit that has begun may be over, for example on a day between two due
            // weekdays.
            .filter(|unit| unit.last_day() >= self.today)
    }
}
