//! What a history of promises and its final state must have in common.
//!
//! Every operation of a round writes something of its own, so each version of a record belongs to
//! exactly one of them. That makes the checks linear: the versions that were promised must be all
//! the versions there are, once each.

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

use kanso_domain::Record;
use uuid::Uuid;

use crate::ledger::{Acknowledged, Effect};

/// How many findings are told in words; the rest are counted.
const TOLD: usize = 20;

/// A record as it is in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// Its version.
    pub version: i64,
    /// Whether it is no tombstone.
    pub is_live: bool,
    /// Which operation wrote its words last.
    pub mark: Option<Uuid>,
    /// Its value, if it is an entry.
    pub value: Option<i64>,
}

impl Final {
    /// What is checked of a record.
    pub fn of(record: &Record) -> Self {
        let (words, value) = match record {
            Record::Habit(habit) => (habit.details.description.as_str(), None),
            Record::Entry(entry) => {
                let value = entry.details.value.to_string().parse().ok();
                (entry.details.notes.as_str(), value)
            }
        };
        Self {
            version: record.stamp().version.get(),
            is_live: !record.stamp().is_deleted(),
            mark: words.parse().ok(),
            value,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Acknowledged operations that are neither in the final state nor before it.
    pub lost: u64,
    /// Effects that nobody was told of, or was told of twice.
    pub doubled: u64,
    /// Anything else that must not be.
    pub wrong: u64,
    /// The first of them, in words.
    pub told: Vec<String>,
}

impl Findings {
    /// Whether nothing was found.
    pub const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong == 0
    }

    /// Notes something that is neither a loss nor a doubling.
    pub fn wrong(&mut self, what: impl Into<String>) {
        self.wrong += 1;
        self.tell(what.into());
    }

    /// Notes all of these.
    pub fn all_wrong(&mut self, what: Vec<String>) {
        for one in what {
            self.wrong(one);
        }
    }

    /// Takes over what another check found.
    pub fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong += other.wrong;
        for one in other.told {
            self.tell(one);
        }
    }

    fn lost(&mut self, what: String) {
        self.lost += 1;
        self.tell(what);
    }

    fn doubled(&mut self, what: String) {
        self.doubled += 1;
        self.tell(what);
    }

    fn tell(&mut self, what: String) {
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}

/// Compares everything that a person was promised with how their records are in the end.
pub fn check(promised: &[Acknowledged], finals: &BTreeMap<Uuid, Final>) -> Findings {
    let mut findings = Findings::default();
    let operations = once_each(promised, &mut findings);
    ensure_own_places(&operations, &mut findings);
    let mut by_record: BTreeMap<Uuid, Vec<&Acknowledged>> = BTreeMap::new();
    for operation in operations {
        by_record
            .entry(operation.record)
            .or_default()
            .push(operation);
    }
    for (id, operations) in &by_record {
        match finals.get(id) {
            Some(last) => check_record(*id, operations, last, &mut findings),
            None => {
                for operation in operations {
                    findings.lost(format!("{}: there is no record {id}", operation.operation));
                }
            }
        }
    }
    for id in finals.keys().filter(|id| !by_record.contains_key(id)) {
        findings.doubled(format!("nobody was promised the record {id}"));
    }
    findings
}

/// The operations that were done. The same one always has the same result.
fn once_each<'a>(promised: &'a [Acknowledged], findings: &mut Findings) -> Vec<&'a Acknowledged> {
    let mut known: BTreeMap<Uuid, &Acknowledged> = BTreeMap::new();
    for one in promised.iter().filter(|one| one.is_done()) {
        match known.entry(one.operation) {
            Slot::Vacant(slot) => {
                slot.insert(one);
            }
            Slot::Occupied(slot) => {
                let first = slot.get();
                if (first.version, first.seq) != (one.version, one.seq) {
                    findings.doubled(format!(
                        "{}: version {:?} at {:?}, then version {:?} at {:?}",
                        one.operation, first.version, first.seq, one.version, one.seq
                    ));
                }
            }
        }
    }
    known.into_values().collect()
}

/// Each change has a place of its own in the history of its person.
fn ensure_own_places(operations: &[&Acknowledged], findings: &mut Findings) {
    let mut places = BTreeSet::new();
    for operation in operations {
        if !places.insert((operation.person, operation.seq)) {
            findings.lost(format!(
                "{}: another operation has the position {:?} too",
                operation.operation, operation.seq
            ));
        }
    }
}

fn check_record(id: Uuid, operations: &[&Acknowledged], last: &Final, findings: &mut Findings) {
    let mut versions: BTreeMap<i64, &Acknowledged> = BTreeMap::new();
    for operation in operations {
        let version = operation.version.unwrap_or_default();
        if !(1..=last.version).contains(&version) {
            findings.lost(format!(
                "{}: made version {version} of {id}, which ended at {}",
                operation.operation, last.version
            ));
        } else if versions.insert(version, operation).is_some() {
            findings.lost(format!(
                "{}: another operation made version {version} of {id} too",
                operation.operation
            ));
        }
    }
    for version in (1..=last.version).filter(|version| !versions.contains_key(version)) {
        findings.doubled(format!("nobody was promised version {version} of {id}"));
    }
    check_content(id, &versions, last, findings);
}

fn check_content(
    id: Uuid,
    versions: &BTreeMap<i64, &Acknowledged>,
    last: &Final,
    findings: &mut Findings,
) {
    let newest = versions.values().next_back();
    let is_deleted = newest.is_some_and(|newest| newest.effect == Effect::Delete);
    if is_deleted == last.is_live {
        findings.lost(format!(
            "{id}: is_live is {}, after {newest:?}",
            last.is_live
        ));
    }
    if !last.is_live {
        return;
    }
    let mut marks = versions.values().rev();
    let mark = marks.find(|operation| operation.effect == Effect::Mark);
    if let Some(mark) = mark
        && last.mark != Some(mark.operation)
    {
        findings.lost(format!(
            "{}: its words in {id} are those of {:?}",
            mark.operation, last.mark
        ));
    }
    let added: Vec<i64> = versions
        .values()
        .filter_map(|operation| match operation.effect {
            Effect::Add(amount) => Some(amount),
            _ => None,
        })
        .collect();
    let sum: i64 = added.iter().sum();
    match last.value {
        Some(value) if !added.is_empty() && value < sum => {
            findings.lost(format!("{id}: has {value}, promised were {sum}"));
        }
        Some(value) if !added.is_empty() && value > sum => {
            findings.doubled(format!("{id}: has {value}, promised were {sum}"));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
