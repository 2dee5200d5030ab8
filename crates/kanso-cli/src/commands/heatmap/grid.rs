//! Calendar of a habit: weeks are columns, days of the week are rows.

use jiff::civil::Date;
use kanso_client::domain::WeekStart;
use kanso_client::domain::calendar::{DayNumber, days_after, week_begins};
use kanso_client::domain::habits::{Habit, TargetDirection};
use kanso_client::domain::progress::{Cell, CellState};

use crate::output::Tone;
use crate::words;

/// Largest number of weeks with a gap between the columns. With `Mon ` and two characters per week,
/// 37 weeks fit into 80 columns together with the last month's name.
const WIDE_WEEKS: usize = 37;
/// Width of `Mon `.
const LABEL_WIDTH: usize = 4;
/// Width of `Jan `.
const MONTH_WIDTH: usize = 4;

/// Cells of a habit, by week and by day of the week.
pub(super) struct Grid<'a> {
    /// First day of each week.
    weeks: Vec<Date>,
    /// Rows in the order of the user's week. A day without a cell is blank.
    rows: [Vec<Option<&'a Cell>>; 7],
    week_start: WeekStart,
    to: Date,
}

impl<'a> Grid<'a> {
    pub(super) fn new(cells: &'a [Cell], from: Date, to: Date, week_start: WeekStart) -> Self {
        let begins = |date| week_begins(DayNumber::of(date), week_start);
        let first = begins(from);
        // `next > week` ends the sequence at the last date of the calendar, where adding a week changes
        // nothing.
        let weeks: Vec<Date> = std::iter::successors(Some(first.date()), |week| {
            Some(days_after(*week, 7)).filter(|next| next > week && *next <= to)
        })
        .collect();
        let mut rows = std::array::from_fn(|_| vec![None; weeks.len()]);
        for cell in cells {
            let days = DayNumber::of(cell.date).days_since(first);
            // The number of days since the first Monday, or Sunday, gives column and row by division.
            let place = usize::try_from(days).unwrap_or_default();
            let row: Option<&mut Vec<_>> = rows.get_mut(place % 7);
            if let Some(slot) = row.and_then(|row| row.get_mut(place / 7)) {
                *slot = Some(cell);
            }
        }
        Self {
            weeks,
            rows,
            week_start,
            to,
        }
    }

    /// Draws the calendar as lines of at most 80 columns.
    pub(super) fn draw(&self, habit: &Habit) -> String {
        let is_limit = habit.details.target().direction() == TargetDirection::AtMost;
        let gap = if self.column_width() > 1 { " " } else { "" };
        let mut lines = vec![self.months()];
        for (day, row) in words::days_of_week(self.week_start).zip(&self.rows) {
            let mut line = format!("{:<LABEL_WIDTH$}", words::day_name(day));
            for cell in row {
                let (sign, tone) = cell.map_or((" ", Tone::Plain), |cell| sign(cell, is_limit));
                line.push_str(&tone.paint(sign));
                line.push_str(gap);
            }
            lines.push(line.trim_end().to_owned());
        }
        lines.join("\n")
    }

    const fn column_width(&self) -> usize {
        if self.weeks.len() <= WIDE_WEEKS { 2 } else { 1 }
    }

    /// Returns the line of month names. A name stands above the week in which its month begins, and
    /// is left out if the next one is too close.
    fn months(&self) -> String {
        let mut line = " ".repeat(LABEL_WIDTH);
        let mut names = self.month_names().peekable();
        while let Some((week, name)) = names.next() {
            let place = |week: usize| LABEL_WIDTH + week * self.column_width();
            // Month names overlap only at the beginning, where the first month may have few days left.
            let is_cramped = names
                .peek()
                .is_some_and(|(next, _)| place(*next) < place(week) + MONTH_WIDTH);
            if !is_cramped {
                let gap = place(week).saturating_sub(line.len());
                line.push_str(&" ".repeat(gap));
                line.push_str(&name);
            }
        }
        line
    }

    /// Returns the months with the index of the week in which each begins.
    fn month_names(&self) -> impl Iterator<Item = (usize, String)> {
        self.weeks.iter().enumerate().filter_map(|(place, week)| {
            let last = days_after(*week, 6).min(self.to);
            // A week whose last day is among the first seven contains the first of the month.
            let begins = last.day() <= 7;
            (begins || place == 0).then(|| {
                let shown = if begins { last } else { *week };
                (place, shown.strftime("%b").to_string())
            })
        })
    }
}

/// Returns the sign and the colour of a cell. Each state has its own sign, so colours are optional.
fn sign(cell: &Cell, is_limit: bool) -> (&'static str, Tone) {
    match (cell.state, cell.level) {
        (CellState::Done, _) => ("█", Tone::Good),
        (CellState::Partial, _) if is_limit => ("!", Tone::Bad),
        (CellState::Partial, 0 | 1) => ("░", Tone::Half),
        (CellState::Partial, 2) => ("▒", Tone::Half),
        (CellState::Partial, _) => ("▓", Tone::Half),
        (CellState::Missed, _) => ("×", Tone::Bad),
        (CellState::Skip, _) => ("-", Tone::Rest),
        (CellState::NotDue, _) => ("·", Tone::Faint),
        (CellState::Open, _) => ("○", Tone::Now),
        (CellState::None, _) => (" ", Tone::Plain),
    }
}

/// Returns the legend of the signs.
pub(super) fn legend() -> String {
    let signs = [
        ("█", Tone::Good, "done"),
        ("░▒▓", Tone::Half, "partly"),
        ("×", Tone::Bad, "missed"),
        ("!", Tone::Bad, "over the limit"),
        ("-", Tone::Rest, "day off"),
        ("·", Tone::Faint, "not due"),
        ("○", Tone::Now, "open"),
    ];
    let word = |(sign, tone, word): (&str, Tone, &str)| format!("{} {word}", tone.paint(sign));
    signs.map(word).join("  ")
}
