//! Ids that count up.

use std::sync::atomic::{AtomicU64, Ordering};

use kanso_application::ports::ids::Ids;
use uuid::Uuid;

/// Ids in the layout of version 7 that count up, the same in every run.
#[derive(Debug, Default)]
pub struct SequentialIds {
    made: AtomicU64,
}

impl Ids for SequentialIds {
    fn uuid(&self) -> Uuid {
        // Version 7 and variant 10, with a timestamp in 2025; the low bits count.
        const FORM: u128 = 0x0198_0000_0000_7000_8000_0000_0000_0000;
        let nth = self.made.fetch_add(1, Ordering::SeqCst) + 1;
        Uuid::from_u128(FORM | u128::from(nth))
    }
}
