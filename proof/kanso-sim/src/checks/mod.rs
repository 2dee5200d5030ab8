//! The checks: functions of what happened and how it ended. Each reads the history once.
//!
//! Where an older copy of the database was put back, the server has lost what it had acknowledged,
//! and devices give it back. Then versions, results and tokens of before mean nothing, and what is
//! checked is that nothing that a device held is gone and that all come to hold the same.

mod effects;
mod endings;
mod operations;
mod records;
mod service;
mod streams;
#[cfg(test)]
mod tests;

use crate::ends::Ends;
use crate::finding::Finding;
use crate::history::History;

/// What is wrong, of everything that can be told from the outside.
pub fn all(history: &History, ends: &Ends) -> Vec<Finding> {
    let mut findings = endings::check(ends);
    findings.extend(service::isolation(history));
    findings.extend(service::wake_ups(history, ends));
    findings.extend(streams::check(history, ends));
    let effects = effects::effects(history);
    if ends.restores > 0 {
        findings.extend(records::survives(&effects, history, ends));
        return findings;
    }
    findings.extend(records::check(history, &effects, ends));
    findings.extend(operations::once(history));
    findings.extend(operations::deleted(history));
    findings.extend(service::drift(history));
    findings.extend(service::sessions(history));
    findings
}
