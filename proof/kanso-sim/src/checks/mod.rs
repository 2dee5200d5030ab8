//! The checks: functions of the history and the final state. Each reads the history once.
//!
//! The checks are linear because the server decides the order: a version, a position or a receipt
//! in an answer names the place of a change. A checker of arbitrary histories would have to search
//! for such an order.
//!
//! A restore loses acknowledged operations, and devices restore the records from their replicas.
//! Versions, results and tokens from before the restore then mean nothing. The remaining checks are
//! that no acknowledged record is gone, that no acknowledged edit vanished without a conflict, and that
//! all replicas converge.

mod authors;
mod effects;
mod final_state;
mod lost_file;
mod operations;
mod records;
mod restored;
mod service;
mod streams;
#[cfg(test)]
mod tests;

use self::authors::Authors;
use crate::final_state::FinalState;
use crate::finding::Finding;
use crate::history::History;

/// Returns everything that is wrong, as far as it is visible from outside.
pub fn all(history: &History, end_state: &FinalState) -> Vec<Finding> {
    let mut findings = final_state::check(end_state);
    findings.extend(service::isolation(history));
    findings.extend(service::long_polls(history, end_state));
    findings.extend(streams::check(history, end_state));
    findings.extend(lost_file::check(history));
    let authors = Authors::of(history);
    let effects = effects::effects(history, &authors);
    // After a restore, positions and versions are reused, so the checks that compare them would
    // report false alarms.
    if end_state.restores > 0 {
        let gone = restored::creations(&effects, history, &authors, end_state);
        findings.extend(gone);
        findings.extend(restored::edits(history, &authors, end_state));
        return findings;
    }
    findings.extend(records::check(history, &authors, &effects, end_state));
    findings.extend(operations::once(history));
    findings.extend(operations::deleted(history));
    findings.extend(service::drift(history));
    findings.extend(service::expired(history, end_state));
    // Copies of a replica share a session, and a used token ends it.
    if !authors.has_copies() {
        findings.extend(service::sessions(history));
    }
    findings
}
