//! Totals: the recorded amounts by week, month, quarter and year.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::WeekStart;
use crate::calendar::{DayNumber, week_begins};
use crate::habits::Target;

use super::DayLog;

/// The periods over which days are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A week from the given first day.
    Week(WeekStart),
    /// A calendar month.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
}

/// The total of one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodTotal {
    /// First day of the period.
    pub first_day: Date,
    /// Sum in thousandths.
    pub sum: i64,
    /// Number of days with an entry of at least 1.
    pub ticked_days: u32,
}

/// Returns the totals of the periods with entries, oldest first.
pub fn totals(log: &DayLog, period: Period) -> Vec<PeriodTotal> {
    let mut totals: Vec<PeriodTotal> = Vec::new();
    for (day, total) in log.recorded() {
        let first_day = period.first_day(day);
        let ticked = u32::from(total.meets(Target::TICK));
        match totals.last_mut() {
            // The log is in order, so the days of a period follow each other.
            Some(last) if last.first_day == first_day => {
                last.sum += total.sum;
                last.ticked_days += ticked;
            }
            _ => totals.push(PeriodTotal {
                first_day,
                sum: total.sum,
                ticked_days: ticked,
            }),
        }
    }
    totals
}

impl Period {
    fn first_day(self, day: DayNumber) -> Date {
        let date = day.date();
        match self {
            Self::Week(week_start) => week_begins(day, week_start).date(),
            Self::Month => date.first_of_month(),
            Self::Quarter => {
                let months_in = (date.month() - 1) % 3;
                date.first_of_month()
                    .saturating_sub(i64::from(months_in).months())
            }
            Self::Year => date.first_of_year(),
        }
    }
}
