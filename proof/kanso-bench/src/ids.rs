//! Ids as devices make them.

use std::time::Instant;

use uuid::{Builder, Uuid};

use crate::load::now;

/// 2026-11-22T13:00:00Z, when every run begins.
const BEGINNING_MILLIS: u64 = 1_795_352_400_000;

/// Version 7 ids of one device. Two devices never make the same one, and it is cheaper than
/// randomness.
#[derive(Debug)]
pub(crate) struct Ids {
    began: Instant,
    device: u32,
    made: u32,
}

impl Ids {
    /// The ids of the device with this number, which must be below 2^30.
    pub(crate) fn of_device(device: u32) -> Self {
        Self {
            began: now(),
            device,
            made: 0,
        }
    }

    /// One that was never made before.
    pub(crate) fn next(&mut self) -> Uuid {
        self.made += 1;
        let elapsed = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The first two bytes and the highest two bits of the third are not all the id's own.
        let mut tail = [0; 10];
        tail[2..6].copy_from_slice(&self.device.to_be_bytes());
        tail[6..].copy_from_slice(&self.made.to_be_bytes());
        Builder::from_unix_timestamp_millis(BEGINNING_MILLIS.saturating_add(elapsed), &tail)
            .into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_made_twice() {
        let mut devices = [0, 1, 1_000, (1 << 30) - 1].map(Ids::of_device);
        let ids: HashSet<Uuid> = (0..4_000)
            .map(|number: usize| devices[number % 4].next())
            .collect();
        assert_eq!(ids.len(), 4_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
