//! Conversion of Loop's "n times in k days" to a schedule.

use kanso_protocol::Patch;
use kanso_protocol::habits::{FrequencyType, HabitMembers};

/// Longest interval that the server accepts, in days.
const MAX_INTERVAL: u32 = 3_660;

/// A schedule that matches the frequency exactly, or the nearest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScheduleFit {
    Exact(LoopSchedule),
    Nearest(LoopSchedule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopSchedule {
    Daily,
    Weekly(u8),
    Interval(u16),
}

impl LoopSchedule {
    pub(super) fn fill(self, members: &mut HabitMembers) {
        match self {
            Self::Daily => members.frequency_type = Patch::Value(FrequencyType::Daily),
            Self::Weekly(times) => {
                members.frequency_type = Patch::Value(FrequencyType::Weekly);
                members.times_per_week = Patch::Value(times);
            }
            Self::Interval(days) => {
                members.frequency_type = Patch::Value(FrequencyType::Interval);
                members.interval = Patch::Value(days);
            }
        }
    }
}

impl std::fmt::Display for LoopSchedule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Daily => write!(f, "daily"),
            Self::Weekly(times) => write!(f, "{times} times a week"),
            Self::Interval(days) => write!(f, "every {days} days"),
        }
    }
}

/// Returns the schedule for `times` in `days` days; `None` if there is none.
///
/// Two frequencies exist here as well: n times in 7 days, and once in k days. Any other becomes an
/// interval if it can be split into equal intervals, else a number of days per week. The number is
/// rounded up, so that the imported habit does not demand less than before.
pub(super) fn schedule(times: u32, days: u32) -> Option<ScheduleFit> {
    if times == 0 || days == 0 || days > MAX_INTERVAL {
        return None;
    }
    // More than once a day has no schedule here: daily is the nearest.
    if times >= days {
        let is_exact = times == days;
        return Some(fit(is_exact, LoopSchedule::Daily));
    }
    if days == 7 {
        return Some(ScheduleFit::Exact(LoopSchedule::Weekly(narrow(times))));
    }
    let interval = u16::try_from(days / times).ok()?;
    if times == 1 {
        return Some(ScheduleFit::Exact(LoopSchedule::Interval(interval)));
    }
    // 10 times in 30 days is every 3 days. 3 times in 14 days has no equal intervals, so it becomes a
    // number of days per week.
    let is_even = days.is_multiple_of(times);
    let schedule = match interval {
        7 if is_even => LoopSchedule::Weekly(1),
        ..7 if !is_even => LoopSchedule::Weekly(narrow((times * 7).div_ceil(days))),
        _ => LoopSchedule::Interval(interval),
    };
    Some(ScheduleFit::Nearest(schedule))
}

fn fit(is_exact: bool, schedule: LoopSchedule) -> ScheduleFit {
    if is_exact {
        ScheduleFit::Exact(schedule)
    } else {
        ScheduleFit::Nearest(schedule)
    }
}

fn narrow(times: u32) -> u8 {
    u8::try_from(times.clamp(1, 7)).unwrap_or(7)
}

#[cfg(test)]
mod tests {
    use super::LoopSchedule::{Daily, Interval, Weekly};
    use super::ScheduleFit::{Exact, Nearest};
    use super::*;

    #[test]
    fn loop_frequency_becomes_a_schedule_or_none() {
        for ((times, days), expected) in [
            ((1, 1), Some(Exact(Daily))),
            ((5, 5), Some(Exact(Daily))),
            ((7, 7), Some(Exact(Daily))),
            ((2, 1), Some(Nearest(Daily))),
            ((1, 7), Some(Exact(Weekly(1)))),
            ((3, 7), Some(Exact(Weekly(3)))),
            ((6, 7), Some(Exact(Weekly(6)))),
            ((1, 2), Some(Exact(Interval(2)))),
            ((1, 14), Some(Exact(Interval(14)))),
            ((1, 30), Some(Exact(Interval(30)))),
            ((1, 31), Some(Exact(Interval(31)))),
            ((2, 14), Some(Nearest(Weekly(1)))),
            ((3, 14), Some(Nearest(Weekly(2)))),
            ((2, 3), Some(Nearest(Weekly(5)))),
            ((2, 30), Some(Nearest(Interval(15)))),
            ((10, 30), Some(Nearest(Interval(3)))),
            ((20, 30), Some(Nearest(Weekly(5)))),
            ((3, 100), Some(Nearest(Interval(33)))),
            ((0, 1), None),
            ((1, 0), None),
            ((1, 3_660), Some(Exact(Interval(3_660)))),
            ((1, 3_661), None),
            ((u32::MAX, u32::MAX), None),
        ] {
            assert_eq!(schedule(times, days), expected, "{times} in {days}");
        }
    }
}
