//! Totals: what was recorded, by week, month, quarter and year.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::WeekStart;
use crate::calendar::{DayNumber, week_begins};
use crate::habits::Target;

use super::DayLog;

/// The periods by which days are added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// From the person's first day of the week.
    Week(WeekStart),
    /// A calendar month.
    Month,
    /// Three calendar months, from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
}

/// What was recorded in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeriodTotal {
    /// The first day of the period.
    pub first_day: Date,
    /// The sum, in thousandths.
    pub sum: i64,
    /// On how many days something of at least 1 was recorded.
    pub ticked_days: u32,
}

/// The totals of the periods in which something was recorded, oldest first.
pub fn totals(log: &DayLog, period: Period) -> Vec<PeriodTotal> {
    let mut totals: Vec<PeriodTotal> = Vec::new();
    for (day, total) in log.recorded() {
        let first_day = period.first_day(day);
        let ticked = u32::from(total.meets(Target::TICK));
        match totals.last_mut() {
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
