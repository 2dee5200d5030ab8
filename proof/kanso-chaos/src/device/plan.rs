//! What a device does next.

use kanso_domain::calendar::days_before;
use kanso_protocol::sync::{ActionName, EntityName, OperationRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Device, Planned, Shared};
use crate::ledger::Effect;

/// How many entries of its own a device keeps, so that a history gets long and not wide.
const OWN: usize = 40;
/// How many days its entries are spread over.
const DAYS: u64 = 45;

impl Device {
    /// What the devices of a person share.
    pub(super) fn plan_shared(&mut self) -> Vec<Planned> {
        let Shared { habit, counter } = self.shared;
        let day = self.today.to_string();
        let zero = json!({"habit_id": habit, "completion_date": day, "value": 0});
        vec![
            self.mark(EntityName::Habit, habit, None, json!({"title": "Read"})),
            self.mark(EntityName::Entry, counter, None, zero),
        ]
    }

    /// The next operation: mostly an edit of an entry of its own, sometimes something else.
    pub(super) fn plan(&mut self) -> Planned {
        self.made += 1;
        let known = self.replica.version(self.shared.habit);
        if self.own.len() < OWN {
            return self.plan_entry();
        }
        match (self.made % 16, known) {
            (0, _) => self.plan_delete(),
            (3 | 11, _) => self.plan_increment(),
            (7, Some(base)) => {
                let title = json!({"title": format!("Read {}", self.made)});
                self.mark(EntityName::Habit, self.shared.habit, Some(base), title)
            }
            _ => self.plan_edit(),
        }
    }

    fn plan_entry(&mut self) -> Planned {
        let id = self.ids.next();
        self.own.push_back(id);
        let back = i32::try_from(self.made % DAYS).unwrap_or_default();
        let fields = json!({
            "habit_id": self.shared.habit,
            "completion_date": days_before(self.today, back).to_string(),
            "value": self.made % 1_000,
        });
        self.mark(EntityName::Entry, id, None, fields)
    }

    /// The entry that was not touched for longest, so that no push has two edits of one.
    fn plan_edit(&mut self) -> Planned {
        let Some((id, base)) = self.oldest() else {
            return self.plan_entry();
        };
        self.own.push_back(id);
        let value = json!({"value": self.made % 1_000});
        self.mark(EntityName::Entry, id, Some(base), value)
    }

    fn plan_delete(&mut self) -> Planned {
        let Some((id, base)) = self.oldest() else {
            return self.plan_entry();
        };
        let request = self.request(EntityName::Entry, ActionName::Delete, id);
        let request = OperationRequest {
            base_version: Some(base),
            ..request
        };
        (request, Effect::Delete)
    }

    /// An entry of its own whose version it knows.
    fn oldest(&mut self) -> Option<(Uuid, i64)> {
        let at = (0..self.own.len()).find(|at| self.replica.version(self.own[*at]).is_some())?;
        let id = self.own.remove(at)?;
        Some((id, self.replica.version(id)?))
    }

    fn plan_increment(&mut self) -> Planned {
        let amount = self.made % 5 + 1;
        let request = self.request(
            EntityName::Entry,
            ActionName::Increment,
            self.shared.counter,
        );
        let request = OperationRequest {
            fields: Some(json!({"value": amount})),
            ..request
        };
        (request, Effect::Add(amount.cast_signed()))
    }

    /// A create, or an update of what stands at `base`, that leaves its id in the record's words.
    pub(super) fn mark(
        &mut self,
        entity: EntityName,
        id: Uuid,
        base: Option<i64>,
        mut fields: Value,
    ) -> Planned {
        let action = base.map_or(ActionName::Create, |_| ActionName::Update);
        let request = self.request(entity, action, id);
        let words = match entity {
            EntityName::Habit => "description",
            EntityName::Entry => "notes",
        };
        fields[words] = json!(request.op_id);
        let request = OperationRequest {
            base_version: base,
            fields: Some(fields),
            ..request
        };
        (request, Effect::Mark)
    }

    fn request(&mut self, entity: EntityName, action: ActionName, id: Uuid) -> OperationRequest {
        OperationRequest {
            op_id: self.ids.next(),
            entity,
            action,
            id,
            base_version: None,
            on_conflict: None,
            revive: false,
            group: None,
            fields: None,
        }
    }
}
