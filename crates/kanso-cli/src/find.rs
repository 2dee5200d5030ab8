//! The habit that a person means.

use kanso_client::domain::habits::Habit;

use crate::context::Context;
use crate::exit::Usage;

/// The fewest characters by which an id is recognised.
const SHORTEST_ID: usize = 4;

/// The habit whose name is `wanted`, else begins with it, in either case, else whose id begins
/// with it. Habits that are not archived go first.
pub(crate) fn habit(context: &Context, wanted: &str) -> anyhow::Result<Habit> {
    let habits = context.client.habits()?;
    let habits: Vec<Habit> = habits.into_iter().map(|shown| shown.record).collect();
    Ok(among(&habits, wanted)?.clone())
}

fn among<'a>(habits: &'a [Habit], wanted: &str) -> Result<&'a Habit, Usage> {
    let name = wanted.trim().to_lowercase();
    let title = |habit: &Habit| habit.details.title.as_str().to_lowercase();
    let id = |habit: &Habit| habit.id.to_string();
    let is_id = name.len() >= SHORTEST_ID;
    let ways: [&dyn Fn(&Habit) -> bool; 3] = [
        &|habit| title(habit) == name,
        &|habit| !name.is_empty() && title(habit).starts_with(&name),
        &|habit| is_id && id(habit).starts_with(&name),
    ];
    for is_meant in ways {
        let found: Vec<&Habit> = habits.iter().filter(|habit| is_meant(habit)).collect();
        let live = |habit: &&&Habit| habit.details.archived_at.is_none();
        let live: Vec<&Habit> = found.iter().filter(live).copied().collect();
        match (found.as_slice(), live.as_slice()) {
            ([], _) => {}
            ([one], _) | (_, [one]) => return Ok(one),
            (several, _) => return Err(ambiguous(wanted, several)),
        }
    }
    Err(Usage(format!(
        "there is no habit {wanted:?}; `kanso habit list` shows them"
    )))
}

fn ambiguous(wanted: &str, habits: &[&Habit]) -> Usage {
    let candidates: Vec<String> = habits
        .iter()
        .map(|habit| format!("\n  {}  {}", habit.id, habit.details.title))
        .collect();
    Usage(format!(
        "{wanted:?} may be any of these; write more of its name, or of its id:{}",
        candidates.concat()
    ))
}
