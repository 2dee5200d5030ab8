//! Drives the use cases over a storage in memory with the messages of the model.

use std::sync::Arc;

use kanso_application::RecordPorts;
use kanso_application::devices::Devices;
use kanso_application::ports::devices::{DeviceStore as _, Sighting};
use kanso_application::ports::housekeeping::PurgeStore as _;
use kanso_application::ports::storage::{AccountStore as _, RecordStore as _};
use kanso_application::ports::work_signal::WorkSignal;
use kanso_application::sync::{Caller, Push, Sync};
use kanso_domain::habits::HabitFields;
use kanso_domain::sync::Quota;
use kanso_domain::sync::{
    Action, Base, ConflictPolicy, Cursor, CursorRefusal, Edit, Epoch, OnConflict, Operation,
    OperationOutcome, RejectionCode, Seen,
};
use kanso_domain::text::Title;
use kanso_domain::{Record, Seq, Version};
use kanso_model::sync::{
    self as model, DEVICES, ModelAnswer, ModelChange, ModelOutcome, ModelRequest, Op, Refusal, Row,
};
use kanso_testkit::build::{device, habit, new_account, noon, on, operation, update_habit, user};
use kanso_testkit::{ManualClock, MemoryStorage, NullFeed, SequentialIds};
use tokio::runtime::Runtime;

const DAY: i64 = 86_400;

/// A work signal without a worker.
struct NoWorker;

impl WorkSignal for NoWorker {
    fn streaks(&self) {}
}

/// Steps that changed the server, recorded so that an older state can be rebuilt.
#[derive(Clone)]
enum Event {
    Exchange(ModelRequest, usize),
    Purge([bool; DEVICES]),
}

/// A server with one user.
pub(super) struct Code {
    runtime: Runtime,
    storage: Arc<MemoryStorage>,
    clock: Arc<ManualClock>,
    devices: Devices,
    sync: Sync,
    log: Vec<Event>,
}

impl Code {
    /// Returns the initial state of the model: the first device made a record.
    pub(super) fn beginning() -> Self {
        let mut code = Self::empty(1);
        let create = Op {
            id: 1,
            device: 0,
            record: 0,
            change: ModelChange::Create,
            fields: [Some(1), None],
        };
        let request = ModelRequest {
            device: 0,
            cursor: None,
            ops: vec![create],
        };
        assert!(code.exchange(&request, model::RECORDS).is_ok());
        code
    }

    fn empty(epoch: u8) -> Self {
        let storage = Arc::new(MemoryStorage::new(Epoch::new(epoch.into())));
        let clock = Arc::new(ManualClock::at(noon()));
        let ports = RecordPorts {
            quota: Quota::default(),
            storage: storage.clone(),
            clock: clock.clone(),
            ids: Arc::new(SequentialIds::default()),
            wake: Arc::new(NoWorker),
            feed: Arc::new(NullFeed),
        };
        let devices = Devices::new(storage.clone(), clock.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let created = storage.create_account(new_account(1));
        assert!(runtime.block_on(created).unwrap());
        Self {
            sync: Sync::new(ports, devices.clone()),
            runtime,
            storage,
            clock,
            devices,
            log: Vec::new(),
        }
    }

    /// Number of recorded steps.
    pub(super) fn event_count(&self) -> usize {
        self.log.len()
    }

    /// Rebuilds the state after this many steps, with another epoch. Replaying is simpler than
    /// copying a storage and covers the same behaviour.
    pub(super) fn restore(&mut self, event_count: usize, epoch: u8) {
        let events = std::mem::replace(self, Self::empty(epoch)).log;
        for event in events.into_iter().take(event_count) {
            match event {
                Event::Exchange(mut request, page) => {
                    request.cursor.iter_mut().for_each(|it| it.epoch = epoch);
                    assert!(self.exchange(&request, page).is_ok());
                }
                Event::Purge(absent) => self.purge(absent),
            }
        }
    }

    pub(super) fn exchange(
        &mut self,
        request: &ModelRequest,
        page: usize,
    ) -> Result<ModelAnswer, Refusal> {
        self.clock.advance_seconds(1);
        let caller = Caller {
            session: None,
            user: user(1),
            device: Some(device(request.device.into())),
            cursor: request.cursor.map(cursor),
        };
        let operations: Vec<_> = request.ops.iter().map(sent).collect();
        let limit = u32::try_from(page).unwrap();
        // The model has no copies of a replica: a device has seen each of its own edits.
        let mut seen = Seen::default();
        for record in 0..model::RECORDS {
            let id = habit(record as u128 + 1).uuid();
            let versions = (1..=i64::from(u8::MAX)).filter_map(Version::new);
            versions.for_each(|version| seen.add(id, version));
        }
        let push = Push { operations, seen };
        let exchange = self.sync.exchange(caller, limit, push);
        let synced = self.runtime.block_on(exchange).unwrap();
        let synced = synced.map_err(|refusal| match refusal {
            CursorRefusal::EpochChanged => Refusal::EpochChanged,
            CursorRefusal::Ahead => Refusal::Ahead,
            CursorRefusal::Expired => Refusal::Expired,
        })?;
        self.log.push(Event::Exchange(request.clone(), page));
        let read = synced.page.cursor();
        Ok(ModelAnswer {
            outcomes: synced.outcomes.iter().map(outcome).collect(),
            records: synced
                .page
                .records
                .iter()
                .map(|record| (place(record), row(record)))
                .collect(),
            cursor: model::ModelCursor {
                epoch: small(read.epoch.get()),
                seq: small(read.seq.get()),
                first_pull: read.first_pull.map(|seq| small(seq.get())),
            },
            has_more: synced.page.has_more(),
        })
    }

    /// Purges all tombstones, a day after the last sighting of each device except the absent ones.
    pub(super) fn purge(&mut self, absent: [bool; DEVICES]) {
        self.log.push(Event::Purge(absent));
        self.clock.advance_seconds(DAY);
        let now = kanso_application::ports::clock::Clock::now(&*self.clock);
        self.runtime.block_on(async {
            self.devices.store_sightings().await.unwrap();
            let known = self.storage.devices(user(1)).await.unwrap().into_iter();
            let is_present = |at: usize| !absent[at];
            let seen = known.map(|it| Sighting {
                session: None,
                user: user(1),
                device: it.id,
                position: it.position,
                at: now,
            });
            let present = (0..DEVICES).filter(|at| is_present(*at));
            let present: Vec<_> = present.map(|at| device(at as u128)).collect();
            let seen = seen.filter(|it| present.contains(&it.device)).collect();
            self.storage.note_devices(seen).await.unwrap();
            self.storage.purge_tombstones(now, 500).await.unwrap();
        });
    }

    /// Returns the floor of the storage.
    pub(super) fn floor(&self) -> u8 {
        let head = self.runtime.block_on(self.storage.head(user(1)));
        small(head.unwrap().unwrap().floor.seq.get())
    }
}

/// Strips the members of an answer that are not visible from outside.
pub(super) fn visible(answer: Result<ModelAnswer, Refusal>) -> Result<ModelAnswer, Refusal> {
    let bare = |row: Row| Row {
        edits: [(0, 0); model::FIELDS],
        written_in: 0,
        ..row
    };
    let mut answer = answer?;
    answer
        .records
        .iter_mut()
        .for_each(|(_, row)| *row = bare(*row));
    for outcome in &mut answer.outcomes {
        match outcome {
            ModelOutcome::Applied(row)
            | ModelOutcome::Merged(row)
            | ModelOutcome::Noop(row)
            | ModelOutcome::Conflict(row)
            | ModelOutcome::Gone(row) => *row = bare(*row),
            ModelOutcome::Duplicate { row, .. } => *row = row.map(bare),
            ModelOutcome::Purged | ModelOutcome::NotFound => {}
        }
    }
    Ok(answer)
}

fn small<T: TryInto<u8>>(number: T) -> u8 {
    number.try_into().ok().unwrap()
}

fn cursor(cursor: model::ModelCursor) -> Cursor {
    let position = |seq: u8| Seq::new(seq.into()).unwrap();
    Cursor {
        epoch: Epoch::new(cursor.epoch.into()),
        seq: position(cursor.seq),
        first_pull: cursor.first_pull.map(position),
    }
}

fn sent(op: &Op) -> Operation {
    let id = habit(op.record as u128 + 1);
    let fields = HabitFields {
        title: op.fields[0].map(|text| Title::new(&text.to_string()).unwrap()),
        sort_order: op.fields[1].map(i32::from),
        ..HabitFields::default()
    };
    let (action, on_conflict) = match op.change {
        ModelChange::Create => (Action::Habit(id, Edit::Create(fields)), OnConflict::Merge),
        ModelChange::Edit { base, is_strict } => {
            let policy = [OnConflict::Merge, OnConflict::Reject][usize::from(is_strict)];
            (update_habit(id, on(base.into()), fields), policy)
        }
        // A delete wins over an edit that it has not seen.
        ModelChange::Delete => (
            Action::Habit(id, Edit::Delete { base: Base::Any }),
            OnConflict::Merge,
        ),
    };
    Operation {
        device: Some(device(op.device.into())),
        policy: ConflictPolicy {
            on_conflict,
            revive: false,
        },
        ..operation(op.id, action)
    }
}

fn outcome(outcome: &OperationOutcome) -> ModelOutcome {
    match outcome {
        OperationOutcome::Applied(record) => ModelOutcome::Applied(row(record)),
        OperationOutcome::Merged(record) => ModelOutcome::Merged(row(record)),
        OperationOutcome::Noop(record) => ModelOutcome::Noop(row(record)),
        OperationOutcome::Duplicate {
            version,
            seq,
            record,
        } => ModelOutcome::Duplicate {
            version: small(version.get()),
            seq: small(seq.get()),
            row: record.as_ref().map(row),
        },
        OperationOutcome::Conflict(conflict) => ModelOutcome::Conflict(row(&conflict.record)),
        OperationOutcome::Gone(record) => ModelOutcome::Gone(row(record)),
        OperationOutcome::Purged(_) => ModelOutcome::Purged,
        OperationOutcome::Rejected(rejection)
            if matches!(rejection.code, RejectionCode::NotFound(_)) =>
        {
            ModelOutcome::NotFound
        }
        other => panic!("the model knows nothing of {other:?}"),
    }
}

fn place(record: &Record) -> usize {
    usize::try_from(record.id().as_u128()).unwrap() - 1
}

fn row(record: &Record) -> Row {
    let Record::Habit(habit) = record else {
        panic!("the model has no entries");
    };
    let title = habit.details.title.as_str().parse().unwrap();
    Row {
        version: small(habit.stamp.version.get()),
        seq: small(habit.stamp.seq.get()),
        is_deleted: habit.stamp.is_deleted(),
        fields: [title, small(habit.details.sort_order)],
        edits: [(0, 0); model::FIELDS],
        written_in: 0,
    }
}
