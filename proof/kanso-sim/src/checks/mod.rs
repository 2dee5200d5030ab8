//! The checks: functions of what happened and how it ended. Each reads the history once.
//!
//! Where an older copy of the database was put back, the server has lost what it had acknowledged,
//! and devices give it back. Then versions, results and tokens of before mean nothing, and what is
//! checked is that nothing that a device held is gone and that all come to hold the same.

mod effects;
mod final_state;
mod operations;
mod records;
mod service;
mod streams;
#[cfg(test)]
mod tests;

use crate::final_state::FinalState;
use crate::finding::Finding;
use crate::history::History;

/// What is wrong, of everything that can be told from the outside.
pub fn all(history: &History, end_state: &FinalState) -> Vec<Finding> {
    let mut findings = final_state::check(end_state);
    findings.extend(service::isolation(history));
    findings.extend(service::long_polls(history, end_state));
    findings.extend(streams::check(history, end_state));
    let effects = effects::effects(history);
    if end_state.restores > 0 {
        findings.extend(records::survives(&effects, history, end_state));
        return findings;
    }
    findings.extend(records::check(history, &effects, end_state));
    findings.extend(operations::once(history));
    findings.extend(operations::deleted(history));
    findings.extend(service::drift(history));
    findings.extend(service::sessions(history));
    findings
}
