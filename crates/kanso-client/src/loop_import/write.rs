//! Creation of the records that an export has and the replica lacks.

use kanso_domain::calendar::day_begins;
use kanso_domain::entries::{Entry, EntryDetails};
use kanso_domain::{EntryId, HabitId};
use kanso_protocol::Patch;
use kanso_protocol::sync::member_name;

use super::report::{ImportOutcome, ImportRow};
use super::{
    Export, ExportedEntry, ExportedHabit, ImportError, ImportMode, ImportReport, derived_id,
};
use crate::client::Client;
use crate::replica::{Change, Editor, RecordKey, ReplicaError, members};

/// Derives the id of an entry: one id for each day of a habit, in every export.
fn entry_id(habit: HabitId, entry: &ExportedEntry) -> EntryId {
    EntryId::new(derived_id(&format!("entry\n{habit}\n{}", entry.date)))
}

impl Client {
    pub(super) fn write_export(
        &self,
        export: Export,
        mode: ImportMode,
    ) -> Result<ImportReport, ImportError> {
        let Export { habits, mut report } = export;
        self.edit(|editor| {
            for habit in habits {
                let row = self.write_habit(editor, &habit, mode)?;
                // Entries of a deleted habit would have no habit to belong to.
                let is_deleted = row.outcome == ImportOutcome::Deleted;
                let (name, id) = (habit.name, habit.id);
                report.rows.push(row);
                for entry in habit.entries {
                    let (outcome, mut remarks) = if is_deleted {
                        (ImportOutcome::Deleted, Vec::new())
                    } else {
                        self.write_entry(editor, id, &entry, mode)?
                    };
                    // Warnings tell how a new record was adapted. An existing record was not adapted now.
                    if outcome == ImportOutcome::New {
                        remarks.extend(entry.warnings);
                    }
                    report.rows.push(ImportRow {
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
        mode: ImportMode,
    ) -> Result<ImportRow, ReplicaError> {
        let key = RecordKey::habit(habit.id);
        let mut given = habit.members.clone();
        // In the zone of the account: midnight in UTC is on the day before in America.
        let settings = &editor.settings;
        let archived_at = habit
            .archived_on
            .map(|day| day_begins(day, &settings.timezone, settings.day_start));
        if let Some(at) = archived_at {
            given.archived_at = Patch::Value(at.to_string());
        }
        let (outcome, remarks) = match editor.habit(habit.id)? {
            Some(stored) => {
                let fields = given.fields();
                let mut fields = fields.map_err(ReplicaError::damaged)?;
                // The instant is derived from the zone, which may be another one by now.
                if stored.details.archived_at.is_some() && fields.archived_at.is_some() {
                    fields.archived_at = None;
                }
                let differing = fields.differing(&stored.details).into_iter();
                kept(
                    &differing
                        .map(|(_, member)| member_name(member))
                        .collect::<Vec<_>>(),
                )
            }
            None if editor.was_deleted(key)? => (ImportOutcome::Deleted, Vec::new()),
            None => {
                if mode == ImportMode::Write {
                    let create = Change::Create(members(&given)?);
                    editor.append(&self.operation(key, create))?;
                }
                (ImportOutcome::New, habit.warnings.clone())
            }
        };
        Ok(ImportRow {
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
        mode: ImportMode,
    ) -> Result<(ImportOutcome, Vec<String>), ReplicaError> {
        let id = entry_id(habit, entry);
        let key = RecordKey::entry(id);
        match editor.entry(id)? {
            Some(stored) => {
                let fields = entry.members.clone().fields();
                let fields = fields.map_err(ReplicaError::damaged)?;
                let exported = EntryDetails::create(&fields, &editor.settings);
                let exported = exported.map_err(ReplicaError::damaged)?;
                Ok(kept(&differing(&exported, &stored)))
            }
            None if editor.was_deleted(key)? => Ok((ImportOutcome::Deleted, Vec::new())),
            None => {
                if mode == ImportMode::Write {
                    let create = Change::Create(members(&entry.members)?);
                    editor.append(&self.operation(key, create))?;
                }
                Ok((ImportOutcome::New, Vec::new()))
            }
        }
    }
}

fn kept(differing: &[&str]) -> (ImportOutcome, Vec<String>) {
    if differing.is_empty() {
        return (ImportOutcome::Unchanged, Vec::new());
    }
    let remark = format!(
        "{} changed on this device, kept as it is",
        differing.join(", ")
    );
    (ImportOutcome::Kept, vec![remark])
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
