//! What must hold in every state, and what must happen in some.

use std::collections::BTreeSet;

use stateright::Property;

use super::{
    Bounds, Change, Cursor, DEVICES, Device, Effect, RECORDS, Refusal, Row, Rules, Slot, SyncModel,
    World,
};

/// The properties that hold within these bounds.
pub(super) fn of(bounds: Bounds) -> Vec<Property<SyncModel>> {
    let mut properties = vec![
        Property::always("an acknowledged operation is stored", |_, world: &World| {
            world.restores > 0 || world.acknowledged.iter().all(|op| world.is_stored(*op))
        }),
        Property::always("an operation has one effect", |_, world: &World| {
            world.server.history.iter().all(|effects| is_once(effects))
        }),
        Property::always("what was deleted stays deleted", |_, world: &World| {
            world.server.history.iter().all(|effects| is_final(effects))
        }),
        Property::always(
            "whoever has read everything holds everything",
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
            "a calm brings everybody together",
            |model: &SyncModel, world: &World| {
                let after_recovery = world.after_recovery(model.rules);
                let is_alike = (0..DEVICES).all(|at| after_recovery.holds_everything(at));
                after_recovery.has_recovered() && is_alike && after_recovery.records_survived()
            },
        ),
        Property::sometimes("an edit is rejected of a clash", |_, world: &World| {
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
            "what was lost is given back",
            |_, world: &World| world.given_back > 0,
        ));
    }
    properties
}

fn is_once(effects: &[Effect]) -> bool {
    let ops: BTreeSet<u8> = effects.iter().map(|effect| effect.op).collect();
    ops.len() == effects.len()
}

/// Whether nothing follows a deletion.
fn is_final(effects: &[Effect]) -> bool {
    let first = effects.iter().position(|effect| effect.is_deleted);
    first.is_none_or(|at| at + 1 == effects.len())
}

fn refused(model: &SyncModel, world: &World, refusal: Refusal) -> bool {
    let mut requests = world.network.iter();
    requests.any(|it| world.server.clone().exchange(it, model.rules) == Err(refusal))
}

impl World {
    /// What is left once nobody writes and nothing goes wrong any more; what is late never arrives.
    fn after_recovery(&self, rules: Rules) -> Self {
        // A page a record, refusals, what is given back, and once more for what others did.
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

    /// Whether a device has read everything and waits for nothing.
    pub fn is_up_to_date(&self, device: usize) -> bool {
        let Device { cursor, resync, .. } = &self.devices[device];
        let head = Cursor {
            epoch: self.server.epoch,
            seq: self.server.seq,
            first_pull: None,
        };
        resync.is_none() && *cursor == Some(head)
    }

    /// Whether a device holds what is live.
    fn holds_everything(&self, device: usize) -> bool {
        let live = self.server.slots.map(Slot::live);
        let seen = |row: Option<Row>| row.map(|row| (row.version, row.fields));
        self.devices[device].replica.map(seen) == live.map(seen)
    }

    fn is_stored(&self, op: u8) -> bool {
        let Some((_, record, change)) = self.log.get(usize::from(op) - 1) else {
            return false;
        };
        let mut effects = self.server.history[*record].iter();
        effects.any(|it| it.op == op || (*change == Change::Delete && it.is_deleted))
    }

    /// Whether each record that was acknowledged and that nobody deleted is there.
    fn records_survived(&self) -> bool {
        (0..RECORDS).all(|at| {
            let of = || {
                self.log
                    .iter()
                    .zip(1..)
                    .filter(|((_, record, _), _)| *record == at)
            };
            let is_made = |(entry, op): (&(usize, usize, Change), u8)| {
                entry.2 == Change::Create && self.acknowledged.contains(&op)
            };
            let is_deleted = of().any(|(entry, _)| entry.2 == Change::Delete);
            !of().any(is_made) || is_deleted || self.server.slots[at].live().is_some()
        })
    }
}
