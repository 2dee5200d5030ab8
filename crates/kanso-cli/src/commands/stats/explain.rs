//! Explanation of a streak, unit by unit.

use kanso_client::domain::progress::{NeutralReason, Unit, UnitState};

use crate::arguments::Stats;
use crate::output::{Tone, table};

/// Number of units that are listed without `--all`.
const NEWEST: usize = 30;

/// Returns the units to list, oldest first.
pub(super) fn shown<'a>(units: &'a [Unit], stats: &Stats) -> &'a [Unit] {
    let left_out = match (stats.explain, stats.all) {
        (false, _) => units.len(),
        (true, true) => 0,
        (true, false) => units.len().saturating_sub(NEWEST),
    };
    units.get(left_out..).unwrap_or_default()
}

/// Returns the units as a table, newest first.
pub(super) fn as_table(units: &[Unit]) -> String {
    let mut table = table(&["DAYS", "STATE", "WHY"]);
    // The newest units are the ones that decide about the current streak.
    for unit in units.iter().rev() {
        let (state, why, tone) = words(unit.state);
        table.add_row([
            Tone::Plain.cell(days(unit)),
            tone.cell(state),
            Tone::Faint.cell(why),
        ]);
    }
    table.trim_fmt()
}

fn days(unit: &Unit) -> String {
    let (first, last) = (unit.first_day(), unit.last_day());
    if first == last {
        first.to_string()
    } else {
        format!("{first} to {last}")
    }
}

const fn words(state: UnitState) -> (&'static str, &'static str, Tone) {
    match state {
        UnitState::Done => ("done", "", Tone::Good),
        UnitState::Missed => ("missed", "", Tone::Bad),
        UnitState::Pending => ("open", "it is not over", Tone::Now),
        UnitState::Neutral(reason) => ("does not count", why(reason), Tone::Rest),
    }
}

const fn why(reason: NeutralReason) -> &'static str {
    match reason {
        NeutralReason::Archived => "the habit was archived",
        NeutralReason::Skipped => "a day off",
        NeutralReason::NoSuchDate => "the clocks were set past this date",
        NeutralReason::CutShort => "cut short by a change or a day off",
    }
}
