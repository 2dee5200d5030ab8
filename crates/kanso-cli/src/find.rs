//! Search for the habit that the command line names.

use kanso_client::domain::habits::Habit;
use unicode_normalization::UnicodeNormalization as _;

use crate::context::Context;
use crate::escape;
use crate::exit::Usage;

/// Shortest beginning of an id that is recognised. A shorter one is more likely the beginning of a name.
const SHORTEST_ID: usize = 4;

/// Returns the habit whose name is `wanted`, else begins with it, else whose id begins with it.
/// Upper and lower case are the same, and so are all Unicode forms of a letter. Among several, the only one that is not archived wins.
pub(crate) fn habit(context: &Context, wanted: &str) -> anyhow::Result<Habit> {
    let habits = context.client.habits()?;
    let habits: Vec<Habit> = habits.into_iter().map(|view| view.record).collect();
    Ok(among(&habits, wanted)?.clone())
}

/// Returns the habit among those that exist, else among the deleted ones.
pub(crate) fn habit_or_deleted(context: &Context, wanted: &str) -> anyhow::Result<Habit> {
    habit(context, wanted).or_else(|error| deleted_habit(context, wanted).map_err(|_| error))
}

/// Returns the deleted habit that is named in the same ways.
pub(crate) fn deleted_habit(context: &Context, wanted: &str) -> anyhow::Result<Habit> {
    let deleted = context.client.deleted_habits()?;
    match among(&deleted, wanted) {
        Ok(habit) => Ok(habit.clone()),
        // The message of an unknown name would point to the list of habits.
        Err(_) if deleted.is_empty() => {
            Err(Usage("no deleted habit is known on this device".to_owned()).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn among<'a>(habits: &'a [Habit], wanted: &str) -> Result<&'a Habit, Usage> {
    let name = folded(wanted.trim());
    let title = |habit: &Habit| folded(habit.details.title.as_str());
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

/// Returns the text in a form in which all ways of typing it are equal: letters with accents may be
/// one character or several, and upper and lower case are the same.
fn folded(text: &str) -> String {
    // Composed again at the end: a lower case letter may have another composition.
    text.nfc()
        .collect::<String>()
        .to_lowercase()
        .nfc()
        .collect()
}

fn ambiguous(wanted: &str, habits: &[&Habit]) -> Usage {
    let candidates: Vec<String> = habits
        .iter()
        .map(|habit| {
            let title = escape::plain(habit.details.title.as_str());
            format!("\n  {}  {title}", habit.id)
        })
        .collect();
    Usage(format!(
        "{wanted:?} matches several habits; write more of the name or of the id:{}",
        candidates.concat()
    ))
}
