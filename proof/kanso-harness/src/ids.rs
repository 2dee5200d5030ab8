//! Ids as devices create them.

use std::time::Instant;

use uuid::{Builder, Uuid};

/// 2026-11-22T13:00:00Z. Each run starts its ids at this time, so that runs are comparable.
const START_MILLIS: u64 = 1_795_352_400_000;

/// Generator of the version 7 ids of one device.
///
/// Ids are unique among the devices of a run because the device number and a counter are part of
/// each. No randomness is drawn: the load generator must use as little processor time as possible.
#[derive(Debug)]
pub struct DeviceIds {
    started: Instant,
    device: u32,
    count: u32,
}

impl DeviceIds {
    /// Returns the generator of the device with this number, which must be below 2^30.
    #[expect(
        clippy::disallowed_methods,
        reason = "the harness runs against real servers on a real clock"
    )]
    pub fn of_device(device: u32) -> Self {
        Self {
            started: Instant::now(),
            device,
            count: 0,
        }
    }

    /// Returns the next id.
    pub fn next_id(&mut self) -> Uuid {
        self.count += 1;
        // The time advances as on a real device, because the order of new ids decides where a
        // database inserts them into its indexes.
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // RFC 9562, section 5.7: version and variant overwrite bits of the first three bytes of
        // the tail. Bytes 2 to 5 lose only their two highest bits, hence the limit of 2^30.
        let mut tail = [0; 10];
        tail[2..6].copy_from_slice(&self.device.to_be_bytes());
        tail[6..].copy_from_slice(&self.count.to_be_bytes());
        Builder::from_unix_timestamp_millis(START_MILLIS.saturating_add(elapsed), &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_unique_across_devices() {
        let mut devices = [0, 1, 1_000, (1 << 30) - 1].map(DeviceIds::of_device);
        let ids: HashSet<Uuid> = (0..4_000)
            .map(|number: usize| devices[number % 4].next_id())
            .collect();
        assert_eq!(ids.len(), 4_000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }
}
