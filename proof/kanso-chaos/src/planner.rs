//! Choice of a device's next operations.

use std::collections::VecDeque;

use kanso_domain::Date;
use kanso_domain::calendar::days_before;
use kanso_harness::ids::DeviceIds;
use kanso_harness::requests;
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::acknowledged::RecordEffect;
use crate::replica::Replica;

/// Number of entries that a device keeps for itself. Few records with many versions test more than
/// many records with one version each.
const OWN_ENTRIES: usize = 40;
/// Number of days over which these entries are spread.
const DAYS: u64 = 45;

/// An operation and its effect.
pub(crate) type PlannedOperation = (OperationRequest, RecordEffect);

/// Records that all devices of an account edit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedRecords {
    habit: Uuid,
    counter: Uuid,
}

/// Plan of one device.
#[derive(Debug)]
pub(crate) struct Planner {
    ids: DeviceIds,
    today: Date,
    shared: SharedRecords,
    /// Entries of this device, the one edited longest ago first.
    own: VecDeque<Uuid>,
    planned: u64,
}

impl Planner {
    /// Returns the plan of the first device of an account, with new shared records.
    pub(crate) fn first(mut ids: DeviceIds, today: Date) -> Self {
        let shared = SharedRecords {
            habit: ids.next_id(),
            counter: ids.next_id(),
        };
        Self::new(ids, shared, today)
    }

    /// Returns the plan of another device of the same account.
    pub(crate) fn beside(&self, ids: DeviceIds) -> Self {
        Self::new(ids, self.shared, self.today)
    }

    const fn new(ids: DeviceIds, shared: SharedRecords, today: Date) -> Self {
        Self {
            ids,
            today,
            shared,
            own: VecDeque::new(),
            planned: 0,
        }
    }

    /// Returns a new id of the device.
    pub(crate) fn next_id(&mut self) -> Uuid {
        self.ids.next_id()
    }

    /// Returns the operations that create the shared records.
    pub(crate) fn create_shared(&mut self) -> Vec<PlannedOperation> {
        let SharedRecords { habit, counter } = self.shared;
        let day = self.today.to_string();
        let zero = json!({"habit_id": habit, "completion_date": day, "value": 0});
        vec![
            self.mark(EntityName::Habit, habit, None, json!({"title": "Read"})),
            self.mark(EntityName::Entry, counter, None, zero),
        ]
    }

    /// Returns the next operation: mostly an edit of an entry of the device's own.
    pub(crate) fn next(&mut self, replica: &Replica) -> PlannedOperation {
        self.planned += 1;
        // Known after the first pull. A conflict is possible if another device has edited the habit since.
        let base = replica.version(self.shared.habit);
        if self.own.len() < OWN_ENTRIES {
            return self.create_entry();
        }
        // In 16 operations: one delete, two increments of the shared counter, one edit of the
        // shared habit, which can conflict, and twelve edits of own entries.
        match (self.planned % 16, base) {
            (0, _) => self.delete_entry(replica),
            (3 | 11, _) => self.increment_counter(),
            (7, Some(base)) => {
                let title = json!({"title": format!("Read {}", self.planned)});
                self.mark(EntityName::Habit, self.shared.habit, Some(base), title)
            }
            _ => self.edit_entry(replica),
        }
    }

    fn create_entry(&mut self) -> PlannedOperation {
        let id = self.next_id();
        self.own.push_back(id);
        let back = i32::try_from(self.planned % DAYS).unwrap_or_default();
        let fields = json!({
            "habit_id": self.shared.habit,
            "completion_date": days_before(self.today, back).to_string(),
            "value": self.planned % 1_000,
        });
        self.mark(EntityName::Entry, id, None, fields)
    }

    fn edit_entry(&mut self, replica: &Replica) -> PlannedOperation {
        let Some((id, base)) = self.take_oldest(replica) else {
            return self.create_entry();
        };
        self.own.push_back(id);
        let value = json!({"value": self.planned % 1_000});
        self.mark(EntityName::Entry, id, Some(base), value)
    }

    fn delete_entry(&mut self, replica: &Replica) -> PlannedOperation {
        let Some((id, base)) = self.take_oldest(replica) else {
            return self.create_entry();
        };
        let request = self.operation(EntityName::Entry, ActionName::Delete, id);
        let request = OperationRequest {
            base_version: Some(base),
            ..request
        };
        (request, RecordEffect::Delete)
    }

    /// Takes the entry that was edited longest ago, with the version that the replica knows.
    ///
    /// The oldest one, because a push must not edit an entry twice: the second edit would name a
    /// base version that the first one has replaced. An entry whose creation is in the same push
    /// has no known version yet.
    fn take_oldest(&mut self, replica: &Replica) -> Option<(Uuid, i64)> {
        let at = (0..self.own.len()).find(|at| replica.version(self.own[*at]).is_some())?;
        let id = self.own.remove(at)?;
        Some((id, replica.version(id)?))
    }

    fn increment_counter(&mut self) -> PlannedOperation {
        let amount = self.planned % 5 + 1;
        let counter = self.shared.counter;
        let request = self.operation(EntityName::Entry, ActionName::Increment, counter);
        let request = OperationRequest {
            fields: Some(json!({"value": amount})),
            ..request
        };
        (request, RecordEffect::Add(amount.cast_signed()))
    }

    /// Returns a create, or an update of the version `base`, that writes the operation's id into
    /// the record's text.
    fn mark(
        &mut self,
        entity: EntityName,
        id: Uuid,
        base: Option<i64>,
        mut fields: Value,
    ) -> PlannedOperation {
        let action = base.map_or(ActionName::Create, |_| ActionName::Update);
        let request = self.operation(entity, action, id);
        let text = match entity {
            EntityName::Habit => "description",
            EntityName::Entry => "notes",
        };
        fields[text] = json!(request.op_id);
        let request = OperationRequest {
            base_version: base,
            fields: Some(fields),
            ..request
        };
        (request, RecordEffect::Mark)
    }

    fn operation(&mut self, entity: EntityName, action: ActionName, id: Uuid) -> OperationRequest {
        requests::operation(self.next_id(), entity, action, id)
    }
}
