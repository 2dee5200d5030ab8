//! Units: the days, weeks and windows that a streak counts.

use jiff::civil::Date;

use crate::calendar::{DayNumber, week_begins};
use crate::habits::{Schedule, Target, TargetDirection};

use super::day_log::{DayReader, DayTotal};
use super::plan::Segment;
use super::{DayLog, Plan};

/// A range of days that is done or missed as a whole: a day, a week or a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    first: DayNumber,
    last: DayNumber,
    /// State of the unit.
    pub state: UnitState,
}

/// The states of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// Enough of its days are done.
    Done,
    /// It is over, and not enough of its days are done.
    Missed,
    /// It neither counts for a streak nor breaks it.
    Neutral(NeutralReason),
    /// It is not done and not over.
    Pending,
}

/// The reasons why a unit is neutral.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeutralReason {
    /// The habit was archived.
    Archived,
    /// The user took the day off.
    Skipped,
    /// The clocks were set past the date.
    NoSuchDate,
    /// The window was cut short by a border or a day off and was not done.
    CutShort,
}

impl NeutralReason {
    /// Returns the stable name of the reason, as the protocol uses it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::Skipped => "skipped",
            Self::NoSuchDate => "no_such_date",
            Self::CutShort => "cut_short",
        }
    }
}

impl Unit {
    /// Returns the first day.
    pub fn first_day(&self) -> Date {
        self.first.date()
    }

    /// Returns the last day.
    pub fn last_day(&self) -> Date {
        self.last.date()
    }

    pub(super) const fn last(&self) -> DayNumber {
        self.last
    }

    pub(super) const fn first(&self) -> DayNumber {
        self.first
    }
}

/// Returns the units of `plan` that begin by `today`, in order.
pub fn units(plan: &Plan, log: &DayLog, today: Date) -> Vec<Unit> {
    let mut units = Vec::new();
    visit(plan, log, DayNumber::of(today), |unit| units.push(unit));
    units
}

/// Passes the units that begin by `today` to `each`, in order. This avoids a list when only a sum
/// is needed.
pub(super) fn visit(plan: &Plan, log: &DayLog, today: DayNumber, mut each: impl FnMut(Unit)) {
    // One evaluator for the whole visit, because its reader of the log only moves forward. The
    // segments are in order, so the days are too.
    let mut evaluator = UnitEvaluator {
        plan,
        today,
        days: log.reader(),
    };
    for segment in plan.segments(today) {
        // Units that begin after today do not exist yet, so the loops stop at today. A week or a
        // window that contains today still ends at its own last day.
        let within = segment.last.map_or(today, |last| last.min(today));
        match segment.schedule {
            Schedule::Daily => {
                for day in segment.first.through(within) {
                    each(evaluator.day(day, segment.target));
                }
            }
            Schedule::SpecificDays { weekdays } => {
                for day in segment.first.through(within) {
                    if weekdays.contains(day.weekday()) {
                        each(evaluator.day(day, segment.target));
                    }
                }
            }
            Schedule::Weekly { times_per_week } => {
                // Weeks of a segment end where calendar weeks end, so the first one may be short.
                let next = |day| week_begins(day, plan.week_start()).plus(7);
                for span in spans(&segment, within, next) {
                    each(evaluator.week(span, segment.target, i32::from(times_per_week)));
                }
            }
            Schedule::Interval { interval } => {
                let length = i32::from(interval);
                // Windows count from the first day of the segment, so an edit of the interval
                // begins a new window.
                for span in spans(&segment, within, |day| day.plus(length)) {
                    each(evaluator.window(span, segment.target, length));
                }
            }
        }
    }
}

/// Cuts a segment into ranges. Each ends before the day that `next` returns for its first day, and
/// the last one ends at the border of the segment. Ranges that begin after `within` are left out.
fn spans(
    segment: &Segment,
    within: DayNumber,
    next: impl Fn(DayNumber) -> DayNumber,
) -> impl Iterator<Item = (DayNumber, DayNumber)> {
    // The last day of a range is cut at the border of its segment. The rest of the week or window
    // belongs to the next version.
    let border = segment.last;
    let begins = |first: &DayNumber| Some(next(*first));
    std::iter::successors(Some(segment.first), begins)
        .take_while(|first| *first <= within)
        .map(|first| {
            let last = next(first).minus(1);
            (first, border.map_or(last, |border| last.min(border)))
        })
        .collect::<Vec<_>>()
        .into_iter()
}

/// Evaluates units in order.
struct UnitEvaluator<'a> {
    plan: &'a Plan,
    today: DayNumber,
    days: DayReader<'a>,
}

/// The counts over the days of a unit.
#[derive(Default)]
struct Tally {
    done: i32,
    active: i32,
    neutral: Option<NeutralReason>,
}

impl UnitEvaluator<'_> {
    fn day(&mut self, day: DayNumber, target: Target) -> Unit {
        let total = self.days.on(day);
        let state = match self.neutral_reason(day, total) {
            _ if self.is_done(day, total, target) => UnitState::Done,
            Some(reason) => UnitState::Neutral(reason),
            None => self.open_or_missed(day),
        };
        Unit {
            first: day,
            last: day,
            state,
        }
    }

    /// Evaluates a week, which needs `times` done days.
    ///
    /// A week with fewer than seven active days needs the same share of them, rounded up.
    fn week(&mut self, (first, last): (DayNumber, DayNumber), target: Target, times: i32) -> Unit {
        let tally = self.tally(first, last, target);
        // Rounded up: a week of one active day still needs that day. Rounded down, a short week
        // would be done without any entry.
        let needed = (times * tally.active + 6) / 7;
        let state = match tally.neutral {
            // A week without an active day asks for nothing.
            Some(reason) if tally.active == 0 => UnitState::Neutral(reason),
            _ if tally.done >= needed => UnitState::Done,
            _ => self.open_or_missed(last),
        };
        Unit { first, last, state }
    }

    /// Evaluates a window, which needs one done day. A window with fewer than `length` active days
    /// is neutral without one.
    fn window(
        &mut self,
        (first, last): (DayNumber, DayNumber),
        target: Target,
        length: i32,
    ) -> Unit {
        let tally = self.tally(first, last, target);
        let state = match tally.neutral {
            _ if tally.done > 0 => UnitState::Done,
            Some(reason) if tally.active == 0 => UnitState::Neutral(reason),
            // Pending comes before cut short: while the window is open, an entry can still make it
            // done.
            _ if last >= self.today => UnitState::Pending,
            _ if tally.active < length => UnitState::Neutral(NeutralReason::CutShort),
            _ => UnitState::Missed,
        };
        Unit { first, last, state }
    }

    /// Counts the days of a unit.
    ///
    /// Days after today are active, but they cannot be done yet.
    fn tally(&mut self, first: DayNumber, last: DayNumber, target: Target) -> Tally {
        let mut tally = Tally::default();
        for day in first.through(last) {
            let total = self.days.on(day);
            // Done first: a done day counts even if the habit was archived on it, or if it is a day off.
            if day <= self.today && self.is_done(day, total, target) {
                tally.done += 1;
                tally.active += 1;
            } else if let Some(reason) = self.neutral_reason(day, total) {
                tally.neutral = Some(reason);
            } else {
                tally.active += 1;
            }
        }
        tally
    }

    /// Returns the reason why `day` asks for nothing under every schedule, or `None`. A day that is done
    /// counts all the same.
    fn neutral_reason(&self, day: DayNumber, total: DayTotal) -> Option<NeutralReason> {
        if !self.plan.exists(day) {
            Some(NeutralReason::NoSuchDate)
        } else if self.plan.is_archived(day) {
            Some(NeutralReason::Archived)
        } else {
            total.is_skipped.then_some(NeutralReason::Skipped)
        }
    }

    fn is_done(&self, day: DayNumber, total: DayTotal, target: Target) -> bool {
        // A limit can still be exceeded while the day is open. On a day that asks for nothing, only a
        // recorded amount shows that it was kept.
        let is_settled = target.direction() == TargetDirection::AtLeast
            || (day < self.today
                && (total.is_recorded || self.neutral_reason(day, total).is_none()));
        is_settled && total.meets(target) && self.plan.exists(day)
    }

    fn open_or_missed(&self, last: DayNumber) -> UnitState {
        if last >= self.today {
            UnitState::Pending
        } else {
            UnitState::Missed
        }
    }
}
