//! The checks: functions of what happened and how it ended, in time linear in both.

mod endings;

use crate::ends::Ends;
use crate::finding::Finding;
use crate::history::History;

/// What is wrong, of everything that can be told from the outside.
pub fn all(history: &History, ends: &Ends) -> Vec<Finding> {
    let _ = history;
    endings::check(ends)
}
