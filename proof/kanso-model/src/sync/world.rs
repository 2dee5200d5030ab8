//! Two devices, a server and a network: what may happen, and what must hold.

use std::collections::BTreeSet;

use stateright::{Model, Property};

use super::properties;
use super::{Change, DEVICES, Device, FIELDS, Op, RECORDS, Request, Rules, Server, SyncBug};

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How often people write.
    pub writes: u8,
    /// How often something goes wrong: an answer is lost, a request is late or comes again.
    pub faults: u8,
    /// How often tombstones are purged.
    pub purges: u8,
    /// How often an older copy is put back.
    pub restores: u8,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct SyncModel {
    /// How much may happen.
    pub bounds: Bounds,
    /// By which rules.
    pub rules: Rules,
}

/// What a person does to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// Makes it.
    Create,
    /// Edits a field.
    Edit(usize),
    /// Deletes it.
    Delete,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A person writes on a device, with or without a network.
    Write(usize, usize, Write),
    /// A device sends its outbox and what it has read.
    Send(usize),
    /// A request arrives, and its answer or, `false`, not.
    Arrive(Request, bool),
    /// A device waits no longer: the request was lost, or is late.
    GiveUp(usize),
    /// Tombstones are purged, while these devices were away for too long.
    Purge([bool; DEVICES]),
    /// A copy of the database is made.
    Copy,
    /// The copy is put back.
    Restore,
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// The server.
    pub server: Server,
    /// The copy of its database.
    pub copy: Option<Box<Server>>,
    /// The devices.
    pub devices: [Device; DEVICES],
    /// What was sent and may arrive, any number of times. Only what would change something is
    /// kept after its device gave up.
    pub network: BTreeSet<Request>,
    /// All that was written: by which device, to which record, and how.
    pub log: Vec<(usize, usize, Change)>,
    /// What was acknowledged to its device.
    pub acknowledged: BTreeSet<u8>,
    /// What could not be carried out, and its device was told.
    pub rejected: BTreeSet<u8>,
    next_op: u8,
    faults: u8,
    purges: u8,
    pub(super) restores: u8,
    pub(super) given_back: u8,
}

impl World {
    /// One record that the first device made, has read, and the second knows nothing of.
    fn beginning() -> Self {
        let mut world = Self {
            server: Server::default(),
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
                Change::Create
            }
            Write::Edit(field) => {
                fields[field] = Some(id);
                Change::Edit { base, is_strict }
            }
            Write::Delete => Change::Delete,
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

    fn arrive(&mut self, request: &Request, is_answered: bool, rules: Rules) {
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

    /// After this many faults what is late never arrives.
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
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::beginning()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        let may_fail = world.faults < self.bounds.faults;
        for (at, device) in world.devices.iter().enumerate() {
            if world.log.len() <= usize::from(self.bounds.writes + world.given_back) {
                actions.extend(writes(world, at));
            }
            match device.waiting {
                None => actions.push(Action::Send(at)),
                Some(_) if may_fail => actions.push(Action::GiveUp(at)),
                Some(_) => {}
            }
        }
        for request in &world.network {
            let waiting = world.devices[usize::from(request.device)].waiting.as_ref();
            if waiting == Some(request) {
                actions.push(Action::Arrive(request.clone(), true));
            }
            if may_fail {
                actions.push(Action::Arrive(request.clone(), false));
            }
        }
        if world.purges < self.bounds.purges {
            let absences = [[false, false], [true, false], [false, true], [true, true]];
            actions.extend(absences.map(Action::Purge));
        }
        if world.restores < self.bounds.restores {
            let next = world
                .copy
                .as_ref()
                .map_or(Action::Copy, |_| Action::Restore);
            actions.push(next);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Write(device, record, write) => world.write(device, record, write),
            Action::Send(device) => {
                let is_idle = |device: &Device| device.outbox.is_empty() && device.resync.is_none();
                if is_idle(&world.devices[device]) && world.is_up_to_date(device) {
                    return None;
                }
                world.send(device, self.rules.bug);
            }
            Action::Arrive(request, is_answered) => {
                world.faults += u8::from(!is_answered);
                let waiting = world.devices[usize::from(request.device)].waiting.clone();
                world.arrive(&request, is_answered, self.rules);
                if waiting.as_ref() != Some(&request) {
                    // It was late: its device waits for something else.
                    world.devices[usize::from(request.device)].waiting = waiting;
                }
            }
            Action::GiveUp(device) => {
                world.devices[device].waiting = None;
                world.faults += 1;
            }
            Action::Purge(absent) => {
                if !world.server.purge(absent, self.rules.bug) {
                    return None;
                }
                world.purges += 1;
            }
            Action::Copy => world.copy = Some(Box::new(world.server.clone())),
            Action::Restore => {
                let copy = world.copy.take()?;
                let epoch =
                    world.server.epoch + u8::from(self.rules.bug != Some(SyncBug::EpochUnchanged));
                world.server = Server { epoch, ..*copy };
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

/// What a person may write on this device.
fn writes(world: &World, device: usize) -> Vec<Action> {
    let mut writes = Vec::new();
    for record in 0..RECORDS {
        if world.devices[device].shows(record).is_some() {
            // The first device keeps to one field, so that edits merge as well as clash.
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
    let action = |(record, write)| Action::Write(device, record, write);
    writes.into_iter().map(action).collect()
}
