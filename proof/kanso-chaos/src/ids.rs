//! Ids as devices make them.

use uuid::{Builder, Uuid};

/// 2026-11-22T13:00:00Z, when every round begins.
const BEGINNING_MILLIS: u64 = 1_795_352_400_000;

/// Version 7 ids of one device. Two devices of a round never make the same one.
#[derive(Debug)]
pub(crate) struct Ids {
    device: u32,
    made: u32,
}

impl Ids {
    /// The ids of the device with this number, which must be below 2^30.
    pub(crate) const fn of_device(device: u32) -> Self {
        Self { device, made: 0 }
    }

    /// One that was never made before.
    pub(crate) fn next(&mut self) -> Uuid {
        self.made += 1;
        // The first two bytes and the highest two bits of the third are not all the id's own.
        let mut tail = [0; 10];
        tail[2..6].copy_from_slice(&self.device.to_be_bytes());
        tail[6..].copy_from_slice(&self.made.to_be_bytes());
        Builder::from_unix_timestamp_millis(BEGINNING_MILLIS, &tail).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_devices_make_the_same_id() {
        let (mut one, mut other) = (Ids::of_device(1), Ids::of_device(2));
        let made: std::collections::BTreeSet<_> =
            (0..100).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(made.len(), 200);
        assert!(made.iter().all(|id| id.get_version_num() == 7));
    }
}
