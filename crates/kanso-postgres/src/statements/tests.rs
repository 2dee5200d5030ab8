use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// What was prepared in this process.
static PREPARED: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

pub(super) fn note(sql: &'static str) {
    let mut prepared = PREPARED.lock().unwrap_or_else(PoisonError::into_inner);
    prepared.insert(sql);
}
