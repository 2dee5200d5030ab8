//! Units: what a streak counts.

use jiff::civil::Date;

use crate::calendar::{DayNumber, week_begins};
use crate::habits::{Schedule, Target, TargetDirection};

use super::day_log::{DayReader, DayTotal};
use super::plan::Segment;
use super::{DayLog, Plan};

/// A stretch of days that is done or missed as a whole: a day, a week, or a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    first: DayNumber,
    last: DayNumber,
    /// What became of it.
    pub state: UnitState,
}

/// What became of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// As many days were done as it asks for.
    Done,
    /// It is over, and they were not.
    Missed,
    /// It neither counts nor breaks a streak.
    Neutral(NeutralReason),
    /// It is not done, and not over.
    Pending,
}

/// Why a unit neither counts nor breaks a streak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeutralReason {
    /// The habit was put away.
    Archived,
    /// The person took the day off.
    Skipped,
    /// The clocks were set past the date.
    NoSuchDate,
    /// A window that a border or a day off cut short, and that was not done all the same.
    CutShort,
}

impl NeutralReason {
    /// The wire name.
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
    /// Its first day.
    pub fn first_day(&self) -> Date {
        self.first.date()
    }

    /// Its last day.
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

/// The units of `plan` that begin by `today`, in order.
pub fn units(plan: &Plan, log: &DayLog, today: Date) -> Vec<Unit> {
    let mut units = Vec::new();
    visit(plan, log, DayNumber::of(today), |unit| units.push(unit));
    units
}

/// Hands the units that begin by `today` to `each`, in order.
pub(super) fn visit(plan: &Plan, log: &DayLog, today: DayNumber, mut each: impl FnMut(Unit)) {
    let mut judge = Judge {
        plan,
        today,
        days: log.reader(),
    };
    for segment in plan.segments(today) {
        let within = segment.last.map_or(today, |last| last.min(today));
        match segment.schedule {
            Schedule::Daily => {
                for day in segment.first.through(within) {
                    each(judge.day(day, segment.target));
                }
            }
            Schedule::SpecificDays { weekdays } => {
                for day in segment.first.through(within) {
                    if weekdays.contains(day.weekday()) {
                        each(judge.day(day, segment.target));
                    }
                }
            }
            Schedule::Weekly { times_per_week } => {
                let next = |day| week_begins(day, plan.week_start()).plus(7);
                for span in spans(&segment, within, next) {
                    each(judge.week(span, segment.target, i32::from(times_per_week)));
                }
            }
            Schedule::Interval { interval } => {
                let length = i32::from(interval);
                for span in spans(&segment, within, |day| day.plus(length)) {
                    each(judge.window(span, segment.target, length));
                }
            }
        }
    }
}

/// Cuts a segment into stretches, each ending before the day that `next` gives for its first, and
/// the last one at the segment's border. Those that begin after `within` are left out.
fn spans(
    segment: &Segment,
    within: DayNumber,
    next: impl Fn(DayNumber) -> DayNumber,
) -> impl Iterator<Item = (DayNumber, DayNumber)> {
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

/// Judges units in order.
struct Judge<'a> {
    plan: &'a Plan,
    today: DayNumber,
    days: DayReader<'a>,
}

/// What the days of a unit amount to.
#[derive(Default)]
struct Tally {
    done: i32,
    active: i32,
    neutral: Option<NeutralReason>,
}

impl Judge<'_> {
    fn day(&mut self, day: DayNumber, target: Target) -> Unit {
        let total = self.days.on(day);
        let state = match self.plan.neutral_reason(day) {
            Some(reason) => UnitState::Neutral(reason),
            None if self.is_done(day, total, target) => UnitState::Done,
            None if total.is_skipped => UnitState::Neutral(NeutralReason::Skipped),
            None => self.open_or_missed(day),
        };
        Unit {
            first: day,
            last: day,
            state,
        }
    }

    /// A week asks for `times` done days; one that has fewer than seven active days, for as large
    /// a part of them, rounded up.
    fn week(&mut self, (first, last): (DayNumber, DayNumber), target: Target, times: i32) -> Unit {
        let tally = self.tally(first, last, target);
        let needed = (times * tally.active + 6) / 7;
        let state = match tally.neutral {
            Some(reason) if tally.active == 0 => UnitState::Neutral(reason),
            _ if tally.done >= needed => UnitState::Done,
            _ => self.open_or_missed(last),
        };
        Unit { first, last, state }
    }

    /// A window asks for one done day; one with fewer than `length` active days may go without.
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
            _ if last >= self.today => UnitState::Pending,
            _ if tally.active < length => UnitState::Neutral(NeutralReason::CutShort),
            _ => UnitState::Missed,
        };
        Unit { first, last, state }
    }

    /// Days after today are active, but nothing can be done on them yet.
    fn tally(&mut self, first: DayNumber, last: DayNumber, target: Target) -> Tally {
        let mut tally = Tally::default();
        for day in first.through(last) {
            let total = self.days.on(day);
            let rest = self.plan.neutral_reason(day);
            if rest.is_none() && day <= self.today && self.is_done(day, total, target) {
                tally.done += 1;
                tally.active += 1;
            } else if let Some(reason) = rest.or(total.is_skipped.then_some(NeutralReason::Skipped))
            {
                tally.neutral = Some(reason);
            } else {
                tally.active += 1;
            }
        }
        tally
    }

    fn is_done(&self, day: DayNumber, total: DayTotal, target: Target) -> bool {
        // A limit can still be passed while the day is open; on a day off, only an amount that
        // was recorded shows that it was kept.
        let is_settled = target.direction() == TargetDirection::AtLeast
            || (day < self.today && (total.is_recorded || !total.is_skipped));
        is_settled && total.meets(target)
    }

    fn open_or_missed(&self, last: DayNumber) -> UnitState {
        if last >= self.today {
            UnitState::Pending
        } else {
            UnitState::Missed
        }
    }
}
