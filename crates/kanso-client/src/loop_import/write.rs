//! Making what an export has and the replica has not.

use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::{EntryId, HabitId};
use kanso_protocol::sync::member_name;

use super::report::{Outcome, Row};
use super::{Export, ExportedEntry, ExportedHabit, ImportError, ImportReport, Mode, derived_id};
use crate::Client;
use crate::edits::{Change, members};
use crate::replica::{Editor, Key, ReplicaError};

/// One day of one habit has one id, in every export.
fn entry_id(habit: HabitId, entry: &ExportedEntry) -> EntryId {
    EntryId::new(derived_id(&format!("entry\n{habit}\n{}", entry.date)))
}

impl Client {
    pub(super) fn write_export(
        &self,
        export: Export,
        mode: Mode,
    ) -> Result<ImportReport, ImportError> {
        let Export { habits, mut report } = export;
        self.edit(|editor| {
            for habit in habits {
                let row = self.write_habit(editor, &habit, mode)?;
                let is_deleted = row.outcome == Outcome::Deleted;
                let (name, id) = (habit.name, habit.id);
                report.rows.push(row);
                for entry in habit.entries {
                    let (outcome, mut remarks) = if is_deleted {
                        (Outcome::Deleted, Vec::new())
                    } else {
                        self.write_entry(editor, id, &entry, mode)?
                    };
                    if outcome == Outcome::New {
                        remarks.extend(entry.warnings);
                    }
                    report.rows.push(Row {
                        habit: name.clone(),
                        date: Some(entry.date),
                        outcome,
                        remarks,
                    });
                }
            }
            Ok(report)
        })
    }

    fn write_habit(
        &self,
        editor: &Editor<'_>,
        habit: &ExportedHabit,
        mode: Mode,
    ) -> Result<Row, ReplicaError> {
        let key = Key::habit(habit.id);
        let (outcome, remarks) = match editor.habit(habit.id)? {
            Some(stored) => {
                let fields = habit.members.clone().fields();
                let fields = fields.map_err(ReplicaError::damaged)?;
                let differing = fields.differing(&stored.details).into_iter();
                kept(
                    &differing
                        .map(|(_, member)| member_name(member))
                        .collect::<Vec<_>>(),
                )
            }
            None if editor.was_deleted(key)? => (Outcome::Deleted, Vec::new()),
            None => {
                if mode == Mode::Write {
                    let create = Change::Create(members(&habit.members)?);
                    editor.append(&self.operation(key, create))?;
                }
                (Outcome::New, habit.warnings.clone())
            }
        };
        Ok(Row {
            habit: habit.name.clone(),
            date: None,
            outcome,
            remarks,
        })
    }

    fn write_entry(
        &self,
        editor: &Editor<'_>,
        habit: HabitId,
        entry: &ExportedEntry,
        mode: Mode,
    ) -> Result<(Outcome, Vec<String>), ReplicaError> {
        let id = entry_id(habit, entry);
        let key = Key::entry(id);
        match editor.entry(id)? {
            Some(stored) => {
                let fields = entry.members.clone().fields();
                let fields = fields.map_err(ReplicaError::damaged)?;
                let exported = EntryDetails::create(&fields, &editor.settings);
                let exported = exported.map_err(ReplicaError::damaged)?;
                Ok(kept(&differing(&exported, &stored)))
            }
            None if editor.was_deleted(key)? => Ok((Outcome::Deleted, Vec::new())),
            None => {
                if mode == Mode::Write {
                    let create = Change::Create(members(&entry.members)?);
                    editor.append(&self.operation(key, create))?;
                }
                Ok((Outcome::New, Vec::new()))
            }
        }
    }
}

fn kept(differing: &[&str]) -> (Outcome, Vec<String>) {
    if differing.is_empty() {
        return (Outcome::Unchanged, Vec::new());
    }
    let remark = format!("{} changed here, which is kept", differing.join(", "));
    (Outcome::Kept, vec![remark])
}

fn differing(exported: &EntryDetails, stored: &Entry) -> Vec<&'static str> {
    let stored = &stored.details;
    [
        ("the day", exported.local_date != stored.local_date),
        ("the kind", exported.kind != stored.kind),
        ("the value", exported.value != stored.value),
        ("the note", exported.notes != stored.notes),
    ]
    .into_iter()
    .filter_map(|(name, differs)| differs.then_some(name))
    .collect()
}
