//! Ids that count.

use std::sync::atomic::{AtomicU64, Ordering};

use kanso_application::ports::ids::Ids;
use uuid::Uuid;

/// Ids of the form of version 7, one after another, the same in every run.
#[derive(Debug, Default)]
pub struct SequentialIds {
    made: AtomicU64,
}

impl Ids for SequentialIds {
    fn uuid(&self) -> Uuid {
        const FORM: u128 = 0x0198_0000_0000_7000_8000_0000_0000_0000;
        let nth = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        Uuid::from_u128(FORM | u128::from(nth))
    }
}
