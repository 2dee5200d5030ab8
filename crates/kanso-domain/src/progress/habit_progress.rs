//! One habit with its plan and its records, ready to be asked.

use jiff::civil::Date;

use crate::accounts::Settings;
use crate::calendar::{DayNumber, days_before};
use crate::habits::{Habit, TargetDirection};

use super::{
    Cell, DayLog, Pace, Plan, PlanSource, Rate, Streak, Unit, heatmap, rate, streak, strength,
    units,
};

/// A habit as it stands on a day.
#[derive(Clone, Debug)]
pub struct HabitProgress<'a> {
    /// The habit.
    pub habit: &'a Habit,
    plan: Plan,
    log: DayLog,
    today: Date,
}

impl<'a> HabitProgress<'a> {
    /// `habit` with what was recorded in `log`, on `today`, for a person with `settings`.
    pub fn new(habit: &'a Habit, log: DayLog, settings: &Settings, today: Date) -> Self {
        let plan = Plan::new(&PlanSource::of(habit, settings), &log, today);
        Self {
            habit,
            plan,
            log,
            today,
        }
    }

    /// The day on which the habit is judged.
    pub const fn today(&self) -> Date {
        self.today
    }

    /// What was recorded.
    pub const fn log(&self) -> &DayLog {
        &self.log
    }

    /// The streak.
    pub fn streak(&self) -> Streak {
        streak(&self.plan, &self.log, self.today)
    }

    /// The units that have begun, in order.
    pub fn units(&self) -> Vec<Unit> {
        units(&self.plan, &self.log, self.today)
    }

    /// The rate over the units that end between `from` and `to`, inclusive.
    pub fn rate(&self, from: Date, to: Date) -> Rate {
        rate(&self.plan, &self.log, self.today, from, to)
    }

    /// The rate over the units that end in the last `days` days, today included.
    pub fn recent_rate(&self, days: i32) -> Rate {
        self.rate(days_before(self.today, days - 1), self.today)
    }

    /// The rate over all units.
    pub fn overall_rate(&self) -> Rate {
        self.rate(Date::MIN, Date::MAX)
    }

    /// One cell for each date from `from` to `to`, inclusive.
    pub fn cells(&self, from: Date, to: Date) -> Vec<Cell> {
        heatmap(&self.plan, &self.log, self.today, from, to)
    }

    /// How firm the habit is, between 0 and 1; `None` before anything was recorded.
    pub fn strength(&self) -> Option<f64> {
        let target = self.habit.details.target();
        let pace = Pace::from(self.habit.details.schedule());
        strength(pace, target, &self.log, self.today).pop()
    }

    /// On how many recorded days the target in force was met, from Sunday.
    pub fn done_by_weekday(&self) -> [u32; 7] {
        let mut days = [0; 7];
        let today = DayNumber::of(self.today);
        for (day, total) in self.log.recorded().take_while(|(day, _)| *day <= today) {
            let is_over = day < today;
            let target = self.plan.version_on(day.date()).target;
            let is_settled = is_over || target.direction() == TargetDirection::AtLeast;
            days[usize::from(day.weekday())] += u32::from(is_settled && total.meets(target));
        }
        days
    }

    /// The unit that contains today, if something is asked for.
    pub fn unit_today(&self) -> Option<Unit> {
        self.units()
            .pop()
            .filter(|unit| unit.last_day() >= self.today)
    }
}
