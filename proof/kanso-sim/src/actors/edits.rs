//! Actions of a user on a device, all through the client's own interface.

use jiff::ToSpan as _;
use kanso_client::{Client, EditError, ResolveError};
use kanso_domain::entries::Entry;
use kanso_domain::habits::Habit;
use kanso_domain::{Date, EntryId, HabitId, QuantityChange};
use kanso_protocol::Patch;
use kanso_protocol::entries::EntryMembers;
use kanso_protocol::habits::{FrequencyType, HabitMembers, HabitType};

use crate::chance::Chance;
use crate::history::Actor;

/// Description of an action, and the write that could not be read back, if any.
pub(super) struct EditReport {
    pub(super) what: String,
    pub(super) unread: Option<String>,
}

fn report(what: impl Into<String>) -> EditReport {
    EditReport {
        what: what.into(),
        unread: None,
    }
}

/// Returns a text that is unique in a run and names its author. The isolation check reads the
/// author from it.
pub(super) fn mark(actor: Actor, number: u32) -> String {
    format!("p{}~d{}~{number}", actor.person, actor.device)
}

struct Editor<'a> {
    client: &'a Client,
    chance: &'a Chance,
    mark: String,
    number: u32,
}

/// Carries out one random action, in `focus` percent of the cases on the oldest habit.
pub(super) fn act(
    client: &Client,
    chance: &Chance,
    actor: Actor,
    number: u32,
    focus: u32,
) -> Result<EditReport, EditError> {
    let editor = Editor {
        client,
        chance,
        mark: mark(actor, number),
        number,
    };
    let habits = client.habits()?;
    let any = chance.one_of(&habits);
    // Nothing is drawn in a plan without a focus, as in plans from before there was one.
    let oldest = || {
        habits
            .iter()
            .min_by_key(|shown| shown.record.stamp.created_at)
    };
    let chosen = if focus > 0 && chance.happens(focus) {
        oldest()
    } else {
        any
    };
    let Some(habit) = chosen.map(|shown| shown.record.clone()) else {
        return editor.create_habit();
    };
    // Weights in percent. Edits of existing records dominate, because conflicts need them;
    // deletions are rare, so that records live long enough to conflict.
    match chance.between(0, 99) {
        0..=7 => editor.create_habit(),
        8..=24 => editor.edit_habit(&habit),
        25..=30 => editor.edit_schedule(&habit),
        31..=52 => editor.create_entry(habit.id),
        53..=64 => editor.edit_entry(&habit),
        65..=76 => editor.add_to_entry(&habit),
        77..=82 => editor.delete_entry(&habit),
        83..=86 => editor.delete_habit(&habit),
        87..=93 => editor.group(&habit),
        _ => editor.decide(),
    }
}

impl Editor<'_> {
    fn title(&self) -> HabitMembers {
        HabitMembers {
            title: Patch::Value(self.mark.clone()),
            ..HabitMembers::default()
        }
    }

    fn create_habit(&self) -> Result<EditReport, EditError> {
        // Increments need numeric habits, so more than half are numeric.
        let is_numeric = self.chance.happens(60);
        let kind = if is_numeric {
            HabitType::Numeric
        } else {
            HabitType::Boolean
        };
        let members = HabitMembers {
            kind: Patch::Value(kind),
            ..self.title()
        };
        let habit = self.client.create_habit(members)?;
        Ok(self.read_back(habit.id, format!("creates habit {}", self.mark)))
    }

    /// Checks that a write is visible at once on its own device; a write that is not is already
    /// lost.
    fn read_back(&self, id: HabitId, what: String) -> EditReport {
        let shown = self.client.habit(id);
        let is_shown = shown.is_ok_and(|shown| {
            shown.is_some_and(|shown| {
                let details = shown.record.details;
                details.title.as_str() == self.mark || details.description.as_str() == self.mark
            })
        });
        let unread = (!is_shown).then(|| format!("{what}, and does not see it"));
        EditReport { what, unread }
    }

    fn edit_habit(&self, habit: &Habit) -> Result<EditReport, EditError> {
        let members = match self.chance.between(0, 3) {
            0 => self.title(),
            1 => HabitMembers {
                description: Patch::Value(self.mark.clone()),
                ..HabitMembers::default()
            },
            2 => HabitMembers {
                color: Patch::Value(format!("#{:06x}", self.chance.between(0, 0xFF_FFFF))),
                ..HabitMembers::default()
            },
            _ => {
                let archived = habit.details.archived_at.is_none();
                self.client.archive_habit(habit.id, archived)?;
                let what = if archived { "archives" } else { "restores" };
                return Ok(report(format!("{what} habit {}", habit.id)));
            }
        };
        let named = members
            .title
            .value()
            .or(members.description.value())
            .is_some();
        self.client.update_habit(habit.id, members)?;
        let what = format!("edits habit {}: {}", habit.id, self.mark);
        Ok(if named {
            self.read_back(habit.id, what)
        } else {
            report(what)
        })
    }

    fn edit_schedule(&self, habit: &Habit) -> Result<EditReport, EditError> {
        let days = self.chance.between(1, 7);
        let times = u8::try_from(days).unwrap_or(7);
        let members = match self.chance.between(0, 2) {
            0 => HabitMembers {
                frequency_type: Patch::Value(FrequencyType::Weekly),
                times_per_week: Patch::Value(times),
                ..HabitMembers::default()
            },
            1 => HabitMembers {
                frequency_type: Patch::Value(FrequencyType::Interval),
                interval: Patch::Value(u16::from(times)),
                ..HabitMembers::default()
            },
            _ => HabitMembers {
                frequency_type: Patch::Value(FrequencyType::Daily),
                effective_from: Patch::Value("start".to_owned()),
                ..HabitMembers::default()
            },
        };
        match self.client.update_habit(habit.id, members) {
            Ok(_) | Err(EditError::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(report(format!("edits when habit {} is due", habit.id)))
    }

    fn day(&self) -> Result<Date, EditError> {
        let back = i64::try_from(self.chance.between(0, 6)).unwrap_or_default();
        let today = self.client.today(None)?;
        Ok(today.saturating_sub(back.days()))
    }

    fn new_entry(&self, habit: HabitId) -> Result<EntryMembers, EditError> {
        Ok(EntryMembers {
            habit_id: Patch::Value(habit.to_string()),
            completion_date: Patch::Value(self.day()?.to_string()),
            notes: Patch::Value(self.mark.clone()),
            ..EntryMembers::default()
        })
    }

    fn create_entry(&self, habit: HabitId) -> Result<EditReport, EditError> {
        let members = self.new_entry(habit)?;
        match self.client.create_entry(members) {
            Ok(entry) => {
                Ok(self.read_entry(entry.id, format!("records {} for {habit}", self.mark)))
            }
            // An archived habit takes no entries.
            Err(EditError::Invalid(_)) => Ok(report("cannot record for an archived habit")),
            Err(error) => Err(error),
        }
    }

    fn read_entry(&self, id: EntryId, what: String) -> EditReport {
        let shown = self.client.entry(id);
        let is_shown = shown.is_ok_and(|shown| {
            shown.is_some_and(|shown| shown.record.details.notes.as_str() == self.mark)
        });
        let unread = (!is_shown).then(|| format!("{what}, and does not see it"));
        EditReport { what, unread }
    }

    fn some_entry(&self, habit: &Habit) -> Result<Option<Entry>, EditError> {
        let all = self.client.entries(Some(habit.id), Date::MIN, Date::MAX)?;
        Ok(self.chance.one_of(&all).map(|shown| shown.record.clone()))
    }

    fn edit_entry(&self, habit: &Habit) -> Result<EditReport, EditError> {
        let Some(entry) = self.some_entry(habit)? else {
            return self.create_entry(habit.id);
        };
        let members = EntryMembers {
            notes: Patch::Value(self.mark.clone()),
            ..EntryMembers::default()
        };
        self.client.update_entry(entry.id, members)?;
        Ok(self.read_entry(entry.id, format!("edits entry {}: {}", entry.id, self.mark)))
    }

    fn add_to_entry(&self, habit: &Habit) -> Result<EditReport, EditError> {
        let Some(entry) = self.some_entry(habit)? else {
            return self.create_entry(habit.id);
        };
        let amount = 1_000 * (i64::from(self.number % 5) + 1);
        let Ok(change) = QuantityChange::from_thousandths(amount) else {
            return Ok(report("adds nothing"));
        };
        match self.client.add_to_entry(entry.id, change) {
            Ok(_) | Err(EditError::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(report(format!(
            "adds {amount} thousandths to entry {}",
            entry.id
        )))
    }

    fn delete_entry(&self, habit: &Habit) -> Result<EditReport, EditError> {
        let Some(entry) = self.some_entry(habit)? else {
            return self.create_entry(habit.id);
        };
        self.client.delete_entry(entry.id)?;
        Ok(report(format!("deletes entry {}", entry.id)))
    }

    fn delete_habit(&self, habit: &Habit) -> Result<EditReport, EditError> {
        // Sometimes with an entry just before, so that both deletions are in one outbox.
        if self.chance.happens(50)
            && let Some(entry) = self.some_entry(habit)?
        {
            self.client.delete_entry(entry.id)?;
        }
        self.client.delete_habit(habit.id)?;
        Ok(report(format!("deletes habit {}", habit.id)))
    }

    /// Makes several edits as a group, which the server accepts all or none of.
    fn group(&self, habit: &Habit) -> Result<EditReport, EditError> {
        // Read before the group: within its transaction the client refuses other calls.
        let entry = self.new_entry(habit.id)?;
        let made = self.client.group(|edits| {
            edits.update_habit(habit.id, self.title())?;
            for _ in 0..self.chance.between(1, 3) {
                edits.create_entry(entry.clone())?;
            }
            Ok::<_, EditError>(())
        });
        match made {
            Ok(()) | Err(EditError::Invalid(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(report(format!(
            "edits habit {} and records, as a group: {}",
            habit.id, self.mark
        )))
    }

    /// Decides a conflict, if there is one.
    fn decide(&self) -> Result<EditReport, EditError> {
        let failures = self.client.failures()?;
        let Some(failure) = self.chance.one_of(&failures) else {
            return Ok(report("looks around"));
        };
        let (what, decided) = match self.chance.between(0, 2) {
            0 => ("takes theirs", self.client.take_theirs(failure.id)),
            1 => ("keeps its own", self.client.keep_mine(failure.id)),
            _ => ("merges", self.client.merge(failure.id)),
        };
        match decided {
            Err(ResolveError::Replica(error)) => Err(error.into()),
            // Some decisions are not possible, for example a merge of the same field.
            _ => Ok(report(format!("{what} in {}", failure.operation.id))),
        }
    }
}
