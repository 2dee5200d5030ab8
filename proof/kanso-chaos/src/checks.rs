//! Comparison of the acknowledged operations with the final records.
//!
//! Every operation of a round makes a change of its own, so each version of a record belongs to
//! exactly one operation. Therefore the checks are linear in the number of operations: the
//! acknowledged versions must be exactly the versions of the record, each of them once. A search
//! for a legal order, as general history checkers need it, is not necessary.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::Record;
use uuid::Uuid;

use crate::acknowledged::{AcknowledgedOperation, RecordEffect};

/// Number of violations that are described; the rest are only counted.
const DESCRIBED: usize = 20;

/// State of a record at the end of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinalRecord {
    /// Version of the record.
    pub version: i64,
    /// True if the record is not a tombstone.
    pub is_live: bool,
    /// Id of the operation that wrote the text last.
    pub mark: Option<Uuid>,
    /// Value, if the record is an entry.
    pub value: Option<i64>,
}

impl FinalRecord {
    /// Extracts the checked fields of a record.
    pub fn of(record: &Record) -> Self {
        let (text, value) = match record {
            Record::Habit(habit) => (habit.details.description.as_str(), None),
            Record::Entry(entry) => {
                let value = entry.details.value.to_string().parse().ok();
                (entry.details.notes.as_str(), value)
            }
        };
        Self {
            version: record.stamp().version.get(),
            is_live: !record.stamp().is_deleted(),
            mark: text.parse().ok(),
            value,
        }
    }
}

/// Violations that the checks found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// Number of acknowledged operations that the final records do not contain.
    pub lost: u64,
    /// Number of effects that were not acknowledged, or acknowledged twice.
    pub doubled: u64,
    /// Number of other violations.
    pub wrong: u64,
    /// Descriptions of the first violations.
    pub descriptions: Vec<String>,
}

impl Violations {
    /// Returns true if there are none.
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong == 0
    }

    /// Adds a violation that is neither a loss nor a doubling.
    pub fn wrong(&mut self, description: impl Into<String>) {
        self.wrong += 1;
        self.describe(description.into());
    }

    /// Adds one such violation for each description.
    pub fn all_wrong(&mut self, descriptions: Vec<String>) {
        for description in descriptions {
            self.wrong(description);
        }
    }

    /// Adds the violations of another check.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        for description in other.descriptions {
            self.describe(description);
        }
    }

    fn lost(&mut self, description: String) {
        self.lost += 1;
        self.describe(description);
    }

    fn doubled(&mut self, description: String) {
        self.doubled += 1;
        self.describe(description);
    }

    fn describe(&mut self, description: String) {
        if self.descriptions.len() < DESCRIBED {
            self.descriptions.push(description);
        }
    }
}

/// Compares the acknowledged operations of one account with its final records.
pub fn check(
    acknowledged: &[AcknowledgedOperation],
    finals: &BTreeMap<Uuid, FinalRecord>,
) -> Violations {
    let mut violations = Violations::default();
    let operations = once_each(acknowledged, &mut violations);
    check_positions(&operations, &mut violations);
    let mut by_record: BTreeMap<Uuid, Vec<&AcknowledgedOperation>> = BTreeMap::new();
    for operation in operations {
        by_record
            .entry(operation.record)
            .or_default()
            .push(operation);
    }
    for (id, operations) in &by_record {
        match finals.get(id) {
            Some(last) => check_record(*id, operations, last, &mut violations),
            None => {
                // The record itself is missing, so all of its operations are lost, and not only the last one.
                for operation in operations {
                    let operation = operation.operation;
                    violations.lost(format!("{operation}: there is no record {id}"));
                }
            }
        }
    }
    for id in finals.keys().filter(|id| !by_record.contains_key(id)) {
        violations.doubled(format!("no acknowledged operation created the record {id}"));
    }
    violations
}

/// Returns each operation that was carried out once. A retry must have the result of the first
/// attempt.
fn once_each<'a>(
    acknowledged: &'a [AcknowledgedOperation],
    violations: &mut Violations,
) -> Vec<&'a AcknowledgedOperation> {
    let mut known: BTreeMap<Uuid, &AcknowledgedOperation> = BTreeMap::new();
    for operation in acknowledged.iter().filter(|operation| operation.is_done()) {
        match known.entry(operation.operation) {
            Slot::Vacant(slot) => {
                slot.insert(operation);
            }
            Slot::Occupied(slot) => {
                let first = slot.get();
                if (first.version, first.seq) != (operation.version, operation.seq) {
                    violations.doubled(format!(
                        "{}: version {:?} at {:?}, then version {:?} at {:?}",
                        operation.operation,
                        first.version,
                        first.seq,
                        operation.version,
                        operation.seq
                    ));
                }
            }
        }
    }
    known.into_values().collect()
}

/// Checks that each operation has a position of its own in the history of its account. Two with one
/// position mean that the history forked, and a client that pulls sees only one branch.
fn check_positions(operations: &[&AcknowledgedOperation], violations: &mut Violations) {
    let mut positions = BTreeSet::new();
    for operation in operations {
        if !positions.insert((operation.account, operation.seq)) {
            violations.lost(format!(
                "{}: another operation has the position {:?} too",
                operation.operation, operation.seq
            ));
        }
    }
}

fn check_record(
    id: Uuid,
    operations: &[&AcknowledgedOperation],
    last: &FinalRecord,
    violations: &mut Violations,
) {
    let mut versions: BTreeMap<i64, &AcknowledgedOperation> = BTreeMap::new();
    for operation in operations {
        // A result that was carried out always has a version. Without one it counts as version 0, which is
        // never valid.
        let version = operation.version.unwrap_or_default();
        if !(1..=last.version).contains(&version) {
            violations.lost(format!(
                "{}: acknowledged as version {version} of {id}, which ended at {}",
                operation.operation, last.version
            ));
        } else if versions.insert(version, operation).is_some() {
            violations.lost(format!(
                "{}: another operation made version {version} of {id} too",
                operation.operation
            ));
        }
    }
    // A version without an acknowledged operation: a retry was carried out a second time, or an
    // operation was carried out and never acknowledged although its device retried it.
    for version in (1..=last.version).filter(|version| !versions.contains_key(version)) {
        violations.doubled(format!(
            "no acknowledged operation made version {version} of {id}"
        ));
    }
    check_content(id, &versions, last, violations);
}

fn check_content(
    id: Uuid,
    versions: &BTreeMap<i64, &AcknowledgedOperation>,
    last: &FinalRecord,
    violations: &mut Violations,
) {
    let newest = versions.values().next_back();
    let is_deleted = newest.is_some_and(|newest| newest.effect == RecordEffect::Delete);
    if is_deleted == last.is_live {
        violations.lost(format!(
            "{id}: is_live is {}, after {newest:?}",
            last.is_live
        ));
    }
    // A tombstone has no content to compare.
    if !last.is_live {
        return;
    }
    // The newest mark: increments and deletes do not change the text.
    let mut marks = versions.values().rev();
    let mark = marks.find(|operation| operation.effect == RecordEffect::Mark);
    if let Some(mark) = mark
        && last.mark != Some(mark.operation)
    {
        violations.lost(format!(
            "{}: the text of {id} is that of {:?}",
            mark.operation, last.mark
        ));
    }
    check_sum(id, versions, last, violations);
}

/// Compares a counter with the sum of its increments. Only the shared counter has increments, and
/// it starts at 0; the value of every other entry is overwritten and not summed.
fn check_sum(
    id: Uuid,
    versions: &BTreeMap<i64, &AcknowledgedOperation>,
    last: &FinalRecord,
    violations: &mut Violations,
) {
    let added: Vec<i64> = versions
        .values()
        .filter_map(|operation| match operation.effect {
            RecordEffect::Add(amount) => Some(amount),
            _ => None,
        })
        .collect();
    let sum: i64 = added.iter().sum();
    match last.value {
        Some(value) if !added.is_empty() && value < sum => {
            violations.lost(format!("{id}: has {value}, acknowledged were {sum}"));
        }
        Some(value) if !added.is_empty() && value > sum => {
            violations.doubled(format!("{id}: has {value}, acknowledged were {sum}"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
