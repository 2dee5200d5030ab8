//! Two devices, a server and a network: the steps of the model.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use super::properties;
use super::{
    DEVICES, FIELDS, ModelChange, ModelDevice, ModelRequest, ModelServer, Op, RECORDS, Rules,
    SyncBug,
};

/// Limits of one exploration.
///
/// Each limit is the smallest that reaches every rule once: the third write can clash with a merged
/// edit, the second fault can delay the retry of a lost answer, a second purge finds a floor that
/// is already raised, and one restore is enough because epochs are only compared for equality.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Number of writes by users.
    pub writes: u8,
    /// Number of faults: lost answers, late and repeated requests.
    pub faults: u8,
    /// Number of purges.
    pub purges: u8,
    /// Number of restores.
    pub restores: u8,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct SyncModel {
    /// Limits of the exploration.
    pub bounds: Bounds,
    /// Rules of the server.
    pub rules: Rules,
}

/// Writes of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// Creates the record.
    Create,
    /// Edits a field.
    Edit(usize),
    /// Deletes the record.
    Delete,
}

/// Steps of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModelAction {
    /// A user writes on a device, online or offline.
    Write(usize, usize, Write),
    /// A device sends its outbox and its cursor.
    Send(usize),
    /// A request arrives; the flag is `false` if the answer is lost.
    Arrive(ModelRequest, bool),
    /// A device stops waiting: the request was lost or is late.
    GiveUp(usize),
    /// Tombstones are purged while the marked devices were absent for too long.
    Purge([bool; DEVICES]),
    /// A backup is taken.
    Copy,
    /// The backup is restored.
    Restore,
}

/// State of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The server.
    pub server: ModelServer,
    /// The backup.
    pub copy: Option<Box<ModelServer>>,
    /// The devices.
    pub devices: [ModelDevice; DEVICES],
    /// Requests that may arrive, any number of times. After its device gave up, a request stays
    /// only if it can still change something.
    pub network: BTreeSet<ModelRequest>,
    /// All writes: device, record and kind.
    pub log: Vec<(usize, usize, ModelChange)>,
    /// Operations that were acknowledged to their device.
    pub acknowledged: BTreeSet<u8>,
    /// Operations that were rejected and reported to their device.
    pub rejected: BTreeSet<u8>,
    next_op: u8,
    faults: u8,
    purges: u8,
    pub(super) restores: u8,
    pub(super) given_back: u8,
}

impl World {
    /// Returns the initial state: the first device made one record and has read it, the second
    /// knows nothing.
    fn beginning() -> Self {
        let mut world = Self {
            server: ModelServer::default(),
            copy: None,
            devices: Default::default(),
            network: BTreeSet::new(),
            log: Vec::new(),
            acknowledged: BTreeSet::new(),
            rejected: BTreeSet::new(),
            next_op: 1,
            faults: 0,
            purges: 0,
            restores: 0,
            given_back: 0,
        };
        let rules = Rules {
            page: RECORDS,
            bug: None,
        };
        world.write(0, 0, Write::Create);
        // The beginning is one record that is acknowledged, so that the few writes of an
        // exploration start with something to edit.
        world.round_trip(0, rules);
        world
    }

    fn write(&mut self, device: usize, record: usize, write: Write) {
        let base = self.devices[device].shows(record).unwrap_or_default();
        let is_strict = false;
        let id = self.next_op;
        let mut fields = [None; FIELDS];
        let change = match write {
            Write::Create => {
                fields[0] = Some(id);
                ModelChange::Create
            }
            Write::Edit(field) => {
                fields[field] = Some(id);
                ModelChange::Edit { base, is_strict }
            }
            Write::Delete => ModelChange::Delete,
        };
        let op = Op {
            id,
            device: u8::try_from(device).unwrap_or_default(),
            record,
            change,
            fields,
        };
        self.devices[device].outbox.push(op);
        self.log.push((device, record, change));
        self.next_op += 1;
    }

    fn send(&mut self, device: usize, bug: Option<SyncBug>) {
        let request = self.devices[device].request(u8::try_from(device).unwrap_or_default());
        self.devices[device].waiting = Some(request.clone());
        if bug == Some(SyncBug::SentIsDone) {
            self.devices[device].outbox.clear();
        }
        self.network.insert(request);
    }

    fn arrive(&mut self, request: &ModelRequest, is_answered: bool, rules: Rules) {
        let answer = self.server.exchange(request, rules);
        let device = usize::from(request.device);
        if is_answered && self.devices[device].waiting.as_ref() == Some(request) {
            let before = self.next_op;
            let taken = self.devices[device].take(answer, &mut self.next_op, rules.bug);
            self.acknowledged.extend(taken.acknowledged);
            self.rejected.extend(taken.rejected);
            for op in before..self.next_op {
                let offer = self.devices[device].outbox.iter().find(|it| it.id == op);
                self.log
                    .extend(offer.map(|it| (device, it.record, it.change)));
                self.given_back += 1;
            }
        } else {
            self.devices[device].waiting = None;
        }
    }

    pub(super) fn round_trip(&mut self, device: usize, rules: Rules) {
        self.send(device, rules.bug);
        if let Some(request) = self.devices[device].waiting.clone() {
            self.network.remove(&request);
            self.arrive(&request, true, rules);
        }
    }

    /// Drops delayed requests that can have no effect: without operations, or after the last fault.
    /// Dropping them keeps the number of states small.
    fn drop_late_requests(&mut self, bounds: Bounds) {
        let is_over = self.faults >= bounds.faults;
        let devices = &self.devices;
        self.network.retain(|request| {
            let is_awaited = devices[usize::from(request.device)].waiting.as_ref() == Some(request);
            is_awaited || (!is_over && !request.ops.is_empty())
        });
    }
}

impl Model for SyncModel {
    type State = World;
    type Action = ModelAction;

    fn init_states(&self) -> Vec<World> {
        vec![World::beginning()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<ModelAction>) {
        let may_fail = world.faults < self.bounds.faults;
        for (at, device) in world.devices.iter().enumerate() {
            // The log starts with one creation, and operations that restore records are not writes
            // of a user.
            if world.log.len() <= usize::from(self.bounds.writes + world.given_back) {
                actions.extend(writes(world, at));
            }
            match device.waiting {
                None => actions.push(ModelAction::Send(at)),
                Some(_) if may_fail => actions.push(ModelAction::GiveUp(at)),
                Some(_) => {}
            }
        }
        for request in &world.network {
            let waiting = world.devices[usize::from(request.device)].waiting.as_ref();
            if waiting == Some(request) {
                actions.push(ModelAction::Arrive(request.clone(), true));
            }
            if may_fail {
                actions.push(ModelAction::Arrive(request.clone(), false));
            }
        }
        if world.purges < self.bounds.purges {
            // All four combinations, because the purge looks at each device by itself.
            let absences = [[false, false], [true, false], [false, true], [true, true]];
            actions.extend(absences.map(ModelAction::Purge));
        }
        if world.restores < self.bounds.restores {
            let next = world
                .copy
                .as_ref()
                .map_or(ModelAction::Copy, |_| ModelAction::Restore);
            actions.push(next);
        }
    }

    fn next_state(&self, last: &World, action: ModelAction) -> Option<World> {
        let mut world = last.clone();
        match action {
            ModelAction::Write(device, record, write) => world.write(device, record, write),
            ModelAction::Send(device) => {
                let is_idle =
                    |device: &ModelDevice| device.outbox.is_empty() && device.resync.is_none();
                if is_idle(&world.devices[device]) && world.is_up_to_date(device) {
                    return None;
                }
                world.send(device, self.rules.bug);
            }
            ModelAction::Arrive(request, is_answered) => {
                world.faults += u8::from(!is_answered);
                let waiting = world.devices[usize::from(request.device)].waiting.clone();
                world.arrive(&request, is_answered, self.rules);
                if waiting.as_ref() != Some(&request) {
                    // The request was late; its device waits for another one.
                    world.devices[usize::from(request.device)].waiting = waiting;
                }
            }
            ModelAction::GiveUp(device) => {
                world.devices[device].waiting = None;
                world.faults += 1;
            }
            ModelAction::Purge(absent) => {
                if !world.server.purge(absent, self.rules.bug) {
                    return None;
                }
                world.purges += 1;
            }
            ModelAction::Copy => world.copy = Some(Box::new(world.server.clone())),
            // The restored server gets a new epoch, as an operator's restore does. Everything else
            // is as it was when the backup was taken.
            ModelAction::Restore => {
                let copy = world.copy.take()?;
                let epoch =
                    world.server.epoch + u8::from(self.rules.bug != Some(SyncBug::EpochUnchanged));
                world.server = ModelServer { epoch, ..*copy };
                world.restores += 1;
            }
        }
        world.drop_late_requests(self.bounds);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self.bounds)
    }
}

/// Returns the writes that a user may make on this device.
fn writes(world: &World, device: usize) -> Vec<ModelAction> {
    let mut writes = Vec::new();
    for record in 0..RECORDS {
        if world.devices[device].shows(record).is_some() {
            // The first device edits one field only, so that edits merge as well as clash.
            writes.extend((0..=device).map(Write::Edit).map(|it| (record, it)));
            writes.push((record, Write::Delete));
        }
    }
    let is_made = world
        .log
        .iter()
        .any(|(_, record, _)| *record == RECORDS - 1);
    if !is_made && device == 0 {
        writes.push((RECORDS - 1, Write::Create));
    }
    let action = |(record, write)| ModelAction::Write(device, record, write);
    writes.into_iter().map(action).collect()
}
