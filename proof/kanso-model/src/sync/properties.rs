//! Properties that hold in every state, and those that some state must reach.
//!
//! The `sometimes` properties guard against a model that is correct because nothing happens in it.

use std::collections::BTreeSet;

use stateright::Property;

use super::{
    Bounds, DEVICES, Effect, ModelChange, ModelCursor, ModelDevice, RECORDS, Refusal, Row, Rules,
    Slot, SyncModel, World,
};

/// Returns the properties that hold within these bounds.
pub(super) fn of(bounds: Bounds) -> Vec<Property<SyncModel>> {
    let mut properties = vec![
        Property::always("an acknowledged operation is stored", |_, world: &World| {
            world.restores > 0 || world.acknowledged.iter().all(|op| world.is_stored(*op))
        }),
        Property::always("an operation has one effect", |_, world: &World| {
            world.server.history.iter().all(|effects| is_once(effects))
        }),
        Property::always("a deleted record stays deleted", |_, world: &World| {
            world.server.history.iter().all(|effects| is_final(effects))
        }),
        Property::always(
            "a device that has read everything holds all live records",
            |_, world: &World| {
                (0..DEVICES).all(|at| !world.is_up_to_date(at) || world.holds_everything(at))
            },
        ),
        Property::always(
            "an operation waits until it is answered",
            |_, world: &World| {
                world.log.iter().zip(1..).all(|((device, ..), op)| {
                    let mut outbox = world.devices[*device].outbox.iter();
                    let is_answered =
                        world.acknowledged.contains(&op) || world.rejected.contains(&op);
                    is_answered || outbox.any(|it| it.id == op)
                })
            },
        ),
        Property::always(
            "all devices converge once faults stop",
            |model: &SyncModel, world: &World| {
                // Evaluated in every state rather than at the end of each path: the model has no
                // fairness, so an eventual property would fail on paths that never deliver a
                // request.
                let after_recovery = world.after_recovery(model.rules);
                let is_alike = (0..DEVICES).all(|at| after_recovery.holds_everything(at));
                after_recovery.has_recovered() && is_alike && after_recovery.records_survived()
            },
        ),
        Property::sometimes("a conflict is reported", |_, world: &World| {
            !world.rejected.is_empty()
        }),
    ];
    if bounds.purges > 0 {
        properties.push(Property::sometimes(
            "a cursor has expired",
            |model, world| refused(model, world, Refusal::Expired),
        ));
    }
    if bounds.restores > 0 {
        properties.push(Property::sometimes(
            "a lost record is restored",
            |_, world: &World| world.given_back > 0,
        ));
    }
    properties
}

fn is_once(effects: &[Effect]) -> bool {
    let ops: BTreeSet<u8> = effects.iter().map(|effect| effect.op).collect();
    ops.len() == effects.len()
}

/// Returns true if no effect follows a deletion.
fn is_final(effects: &[Effect]) -> bool {
    let first = effects.iter().position(|effect| effect.is_deleted);
    first.is_none_or(|at| at + 1 == effects.len())
}

fn refused(model: &SyncModel, world: &World, refusal: Refusal) -> bool {
    let mut requests = world.network.iter();
    requests.any(|it| world.server.clone().exchange(it, model.rules) == Err(refusal))
}

impl World {
    /// Returns the world after a recovery without writes and faults. Delayed requests never arrive.
    fn after_recovery(&self, rules: Rules) -> Self {
        // Twelve rounds are enough: one page a record, a refusal and its resync, the operations
        // that restore lost records, and one more round for the changes of the other device.
        const ROUNDS: usize = 12;
        let mut world = self.clone();
        for device in (0..ROUNDS).flat_map(|_| 0..DEVICES) {
            world.round_trip(device, rules);
        }
        world
    }

    fn has_recovered(&self) -> bool {
        (0..DEVICES)
            .all(|device| self.devices[device].outbox.is_empty() && self.is_up_to_date(device))
    }

    /// Returns true if a device has read everything and waits for no answer.
    pub fn is_up_to_date(&self, device: usize) -> bool {
        let ModelDevice { cursor, resync, .. } = &self.devices[device];
        let head = ModelCursor {
            epoch: self.server.epoch,
            seq: self.server.seq,
            first_pull: None,
        };
        resync.is_none() && *cursor == Some(head)
    }

    /// Returns true if the replica of a device equals the live records of the server.
    fn holds_everything(&self, device: usize) -> bool {
        // `seq` is left out: it changes when a record is restored, and a replica need not notice.
        let live = self.server.slots.map(Slot::live);
        let seen = |row: Option<Row>| row.map(|row| (row.version, row.fields));
        self.devices[device].replica.map(seen) == live.map(seen)
    }

    // A delete may be a no-op because another device deleted the record first, so any tombstone of
    // the record counts as its effect.
    fn is_stored(&self, op: u8) -> bool {
        let Some((_, record, change)) = self.log.get(usize::from(op) - 1) else {
            return false;
        };
        let mut effects = self.server.history[*record].iter();
        effects.any(|it| it.op == op || (*change == ModelChange::Delete && it.is_deleted))
    }

    /// Returns true if each acknowledged record that was never deleted is live.
    fn records_survived(&self) -> bool {
        (0..RECORDS).all(|at| {
            let of = || {
                self.log
                    .iter()
                    .zip(1..)
                    .filter(|((_, record, _), _)| *record == at)
            };
            let is_made = |(entry, op): (&(usize, usize, ModelChange), u8)| {
                entry.2 == ModelChange::Create && self.acknowledged.contains(&op)
            };
            let is_deleted = of().any(|(entry, _)| entry.2 == ModelChange::Delete);
            !of().any(is_made) || is_deleted || self.server.slots[at].live().is_some()
        })
    }
}
