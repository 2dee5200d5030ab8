//! Search for the habit that the command line names.

use kanso_client::domain::habits::Habit;

use crate::context::Context;
use crate::exit::Usage;

/// Shortest beginning of an id that is recognised. A shorter one is more likely the beginning of a name.
const SHORTEST_ID: usize = 4;

/// Returns the habit whose name is `wanted`, else begins with it, else whose id begins with it.
/// Upper and lower case are the same. Among several, the only one that is not archived wins.
pub(crate) fn habit(context: &Context, wanted: &str) -> anyhow::Result<Habit> {
    let habits = context.client.habits()?;
    let habits: Vec<Habit> = habits.into_iter().map(|view| view.record).collect();
    Ok(among(&habits, wanted)?.clone())
}

fn among<'a>(habits: &'a [Habit], wanted: &str) -> Result<&'a Habit, Usage> {
    let name = wanted.trim().to_lowercase();
    let title = |habit: &Habit| habit.details.title.as_str().to_lowercase();
    let id = |habit: &Habit| habit.id.to_string();
    let is_id = name.len() >= SHORTEST_ID;
    // From the most exact match to the least. A later way counts only if the earlier ones find nothing:
    // `read` finds "Read" even if there is also "Read aloud".
    let ways: [&dyn Fn(&Habit) -> bool; 3] = [
        &|habit| title(habit) == name,
        &|habit| !name.is_empty() && title(habit).starts_with(&name),
        &|habit| is_id && id(habit).starts_with(&name),
    ];
    for is_meant in ways {
        let found: Vec<&Habit> = habits.iter().filter(|habit| is_meant(habit)).collect();
        // Old habits often share a name with a current one, and the user means the current one.
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
        "{wanted:?} matches several habits; write more of the name or of the id:{}",
        candidates.concat()
    ))
}
