//! Progress: done days, the units that follow from them, and streaks, rates and totals.
//!
//! Everything here is a pure function of the [`Plan`] of a habit, its [`DayLog`] and the date of
//! today. `docs/domain.md` has the rules in words.

mod day_log;
mod habit_progress;
mod heatmap;
mod plan;
mod rate;
mod streak;
mod strength;
mod today;
mod totals;
mod units;

pub use day_log::{DayLog, DayTotal};
pub use habit_progress::HabitProgress;
pub use heatmap::{Cell, CellState, heatmap};
pub use plan::{Plan, PlanSource};
pub use rate::{Rate, rate};
pub use streak::{Streak, UnitName, streak};
pub use strength::{Pace, strength, strength_step};
pub use today::{TodayState, TodayStatus};
pub use totals::{Period, PeriodTotal, totals};
pub use units::{NeutralReason, Unit, UnitState, units};
