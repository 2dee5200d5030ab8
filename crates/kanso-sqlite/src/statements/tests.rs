use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    pub(super) static PREPARED: RefCell<BTreeSet<&'static str>> =
        const { RefCell::new(BTreeSet::new()) };
}
