//! Cases, one file for each topic.

mod accounts;
mod cursors;
mod entries;
mod habits;
mod hostile;
mod keys;
mod live;
mod merge;
mod pull;
mod push;
mod replica;
mod rules;
mod service;
mod stats;
mod unreadable;
mod validation;

use crate::case::Case;

/// Returns every case. Cases that wait for heartbeats and limits come first, so that others run at the
/// same time.
pub fn catalogue() -> Vec<Case> {
    let groups = [
        live::CASES,
        accounts::CASES,
        habits::CASES,
        entries::CASES,
        validation::CASES,
        pull::CASES,
        cursors::CASES,
        push::CASES,
        unreadable::CASES,
        keys::CASES,
        merge::CASES,
        rules::CASES,
        replica::CASES,
        stats::CASES,
        service::CASES,
        hostile::CASES,
    ];
    groups.concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_case_has_a_unique_name_a_promise_and_a_source() {
        let cases = catalogue();
        let paths: BTreeSet<_> = cases.iter().map(Case::path).collect();
        assert_eq!(paths.len(), cases.len());
        for case in cases {
            assert!(
                case.promise.ends_with('.') && case.promise.len() <= 90,
                "{case:?}"
            );
            assert!(
                case.section.contains(".md") || case.section.contains(".json"),
                "{case:?}"
            );
        }
    }
}
