//! Digest of a replica, computed from its definition in `docs/sync.md`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Number of buckets of a replica. The last byte of a record's id is the number of its bucket.
const BUCKETS: usize = 256;

/// Live records that were delivered to a device.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replica(BTreeMap<u128, LiveRecord>);

#[derive(Clone, Debug)]
struct LiveRecord {
    kind: u64,
    version: u64,
    /// Habit of an entry.
    habit: Option<u128>,
}

impl Replica {
    /// Applies delivered changes.
    pub(crate) fn apply(&mut self, changes: &[Value]) {
        for change in changes {
            let record = &change["record"];
            // Settings are a change without an id. They are not part of a replica.
            let (Some(id), Some(kind)) = (number(&record["id"]), kind(&change["entity"])) else {
                continue;
            };
            if !record["deleted_at"].is_null() {
                self.0.remove(&id);
                // The server does not send the entries of a deleted habit: its tombstone covers them.
                if kind == 1 {
                    self.0.retain(|_, held| held.habit != Some(id));
                }
                continue;
            }
            let held = LiveRecord {
                kind,
                version: record["version"].as_u64().unwrap_or_default(),
                habit: number(&record["habit_id"]),
            };
            self.0.insert(id, held);
        }
    }

    /// Number of live records.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the digest of all live records.
    pub(crate) fn digest(&self) -> String {
        let sum = self
            .hashes()
            .fold(0_u64, |sum, (_, hash)| sum.wrapping_add(hash));
        hexadecimal(sum)
    }

    /// Returns the digests of the buckets.
    pub(crate) fn buckets(&self) -> Value {
        // Sums and not lists of hashes: a server can then update a bucket without reading its records.
        let mut buckets = vec![0_u64; BUCKETS];
        for (id, hash) in self.hashes() {
            let sum = &mut buckets[bucket(id)];
            *sum = sum.wrapping_add(hash);
        }
        buckets.into_iter().map(hexadecimal).collect()
    }

    /// Removes one record and returns its bucket.
    pub(crate) fn remove_one(&mut self) -> Option<usize> {
        self.0.pop_first().map(|(id, _)| bucket(id))
    }

    fn hashes(&self) -> impl Iterator<Item = (u128, u64)> + '_ {
        let hash = |(&id, held): (&u128, &LiveRecord)| (id, hash(held.kind, id, held.version));
        self.0.iter().map(hash)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the halves of the number and its last byte are wanted"
)]
fn halves(id: u128) -> (u64, u64, u8) {
    ((id >> 64) as u64, id as u64, id as u8)
}

fn bucket(id: u128) -> usize {
    usize::from(halves(id).2)
}

fn hash(kind: u64, id: u128, version: u64) -> u64 {
    let (high, low, _) = halves(id);
    // The order of the fields is part of the definition: kind, high half, low half, version.
    mix(mix(mix(mix(kind) ^ high) ^ low) ^ version)
}

/// Mixes the bits of a number: one step of SplitMix64, as `docs/sync.md` prescribes.
const fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn hexadecimal(sum: u64) -> String {
    format!("{sum:016x}")
}

fn kind(entity: &Value) -> Option<u64> {
    match entity.as_str() {
        Some("habit") => Some(1),
        Some("entry") => Some(2),
        _ => None,
    }
}

fn number(id: &Value) -> Option<u128> {
    let id = uuid::Uuid::parse_str(id.as_str()?).ok()?;
    Some(id.as_u128())
}

/// Returns a change as a page has it.
#[cfg(test)]
fn change(entity: &str, id: &str, version: u64) -> Value {
    json!({"entity": entity, "record": {"id": id, "version": version, "deleted_at": null}})
}

/// Returns the body of `POST /sync/verify` for a replica.
pub(crate) fn verify_request(replica: &Replica) -> Value {
    json!({"buckets": replica.buckets()})
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e";

    /// Vectors from the table in `docs/sync.md`.
    #[test]
    fn digests_equal_the_documented_ones() {
        let zero = "00000000-0000-0000-0000-000000000000";
        let ones = "ffffffff-ffff-ffff-ffff-ffffffffffff";
        let most = 9_223_372_036_854_775_807;
        for (records, digest) in [
            (vec![], "0000000000000000"),
            (vec![change("habit", ID, 1)], "a3eb69ac60122dd5"),
            (vec![change("habit", ID, 2)], "6d514d1d2300b224"),
            (vec![change("entry", ID, 1)], "ccd21a8c3a287435"),
            (vec![change("entry", zero, 1)], "e8ea51c2baa1360c"),
            (vec![change("habit", ones, most)], "1a8c358ab7b5f7c2"),
            (
                vec![change("habit", ID, 2), change("entry", zero, 1)],
                "563b9edfdda1e830",
            ),
        ] {
            let mut replica = Replica::default();
            replica.apply(&records);
            assert_eq!(replica.digest(), digest, "{records:?}");
        }
    }

    #[test]
    fn deleted_habit_removes_its_entries() {
        let mut replica = Replica::default();
        let mut entry = change("entry", "00000000-0000-0000-0000-000000000001", 1);
        entry["record"]["habit_id"] = json!(ID);
        let mut gone = change("habit", ID, 2);
        gone["record"]["deleted_at"] = json!("2026-11-22T12:00:00.000000Z");
        replica.apply(&[change("habit", ID, 1), entry]);
        assert_eq!(replica.len(), 2);
        replica.apply(&[gone]);
        assert_eq!(replica.len(), 0);
    }
}
