//! State and answers of the server in memory.

mod sessions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kanso_client::domain::accounts::{Settings, SettingsRecord};
use kanso_client::domain::entries::Entry;
use kanso_client::domain::habits::Habit;
use kanso_client::domain::sync::{
    Buckets, Cursor, CursorRefusal, Digest, Epoch, Fingerprint, FingerprintForm, Floor, Head,
    Loaded, Operation, OwnQuota, Quota, Receipt, ReceiptKey, ReceiptOutcome, Seen, Usage,
    decide_push,
};
use kanso_client::domain::{DeviceId, EntryId, HabitId, OpId, Record, Seq, Timestamp};
use kanso_client::protocol::accounts::{LoginRequest, RefreshRequest};
use kanso_client::protocol::service::{SyncConfigResponse, SyncRetention};
use kanso_client::protocol::sync::{
    Change, OperationResult, PushRequest, SyncRequest, SyncResponse, VerifyRequest, VerifyResponse,
};
use kanso_client::protocol::{self, MAX_BODY_BYTES, MAX_OPERATIONS};
use kanso_client::transport::{Reply, Request};
use serde_json::json;
use uuid::Uuid;

use super::{EMAIL, NetworkFault, PASSWORD};

pub(crate) struct State {
    account: Uuid,
    pub(crate) head: Head,
    pub(crate) settings: Settings,
    /// Position of the last change of the settings, if there was one.
    settings_at: Option<Seq>,
    pub(crate) habits: BTreeMap<HabitId, Habit>,
    pub(crate) entries: BTreeMap<EntryId, Entry>,
    pub(crate) receipts: BTreeMap<OpId, Receipt>,
    purged_habits: BTreeSet<HabitId>,
    purged_entries: BTreeSet<EntryId>,
    /// Number of buckets in the answer to a comparison.
    pub(crate) buckets_at_a_time: usize,
    pub(crate) quota: Quota,
    /// Number of answers with a wrong digest.
    pub(crate) lies: u32,
    epochs: u64,
    /// Earlier epochs, with the position at which each ended.
    ended: Vec<(Epoch, Seq)>,
    /// False for a server of 0.1.0, which does not report where its history began.
    pub(crate) reports_start: bool,
    /// Members that the server does not know, as one of 0.1.0: it refuses a push that has one.
    pub(crate) unknown_members: &'static [&'static str],
    /// True if the database was restored without a new epoch.
    pub(crate) is_forked: bool,
    /// Backup of the database.
    pub(crate) copy: Option<Backup>,
    access_tokens: BTreeSet<String>,
    refresh_tokens: BTreeSet<String>,
    /// Pair of tokens issued for each used refresh token, and the nonce of that use.
    successors: BTreeMap<String, (u32, Option<String>)>,
    /// Proofs of the log-ins that arrived.
    pub(crate) proofs: Vec<Option<String>>,
    issued: u32,
    pub(crate) page: usize,
    pub(crate) faults: VecDeque<NetworkFault>,
    /// Bodies of the applied pushes.
    pub(crate) pushes: Vec<SyncRequest>,
    /// Paths of all requests that arrived.
    pub(crate) paths: Vec<String>,
    pub(crate) changes_applied: u64,
}

/// Backup of the database.
#[derive(Clone)]
pub(crate) struct Backup {
    head: Head,
    ended: Vec<(Epoch, Seq)>,
    habits: BTreeMap<HabitId, Habit>,
    entries: BTreeMap<EntryId, Entry>,
    receipts: BTreeMap<OpId, Receipt>,
}

impl State {
    pub(super) fn new(account: Uuid) -> Self {
        let began = "2026-11-01T00:00:00Z".parse().expect("an instant");
        let head = Head::beginning(Epoch::new(7), began);
        Self {
            account,
            head,
            settings: Settings::default(),
            settings_at: None,
            purged_habits: BTreeSet::new(),
            purged_entries: BTreeSet::new(),
            buckets_at_a_time: Buckets::COUNT,
            quota: Quota::default(),
            lies: 0,
            epochs: 7,
            ended: Vec::new(),
            reports_start: true,
            unknown_members: &[],
            is_forked: false,
            copy: None,
            habits: BTreeMap::new(),
            entries: BTreeMap::new(),
            receipts: BTreeMap::new(),
            access_tokens: BTreeSet::new(),
            refresh_tokens: BTreeSet::new(),
            successors: BTreeMap::new(),
            proofs: Vec::new(),
            issued: 0,
            page: 1000,
            faults: VecDeque::new(),
            pushes: Vec::new(),
            paths: Vec::new(),
            changes_applied: 0,
        }
    }

    fn write(&mut self, operations: &[Operation], seen: Seen) -> Vec<OperationResult> {
        let current = Loaded {
            head: self.head,
            settings: self.settings.clone(),
            habits: self.habits.clone(),
            entries: self.entries.clone(),
            // All habits are loaded.
            live_habits: 0,
            usage: Usage::NONE,
            own_quota: OwnQuota::NONE,
            purged_habits: self.purged_habits.clone(),
            purged_entries: self.purged_entries.clone(),
            // All entries are loaded above.
            first_entries: [].into(),
            receipts: self.receipts.clone(),
        };
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("an instant");
        let changeset = decide_push(current, operations, seen, self.quota, now);
        self.changes_applied += changeset.head.seq.get().abs_diff(self.head.seq.get());
        self.head = changeset.head;
        for save in changeset.habits {
            self.habits.insert(save.record.id, save.record);
        }
        for save in changeset.entries {
            self.entries.insert(save.record.id, save.record);
        }
        for receipt in changeset.receipts {
            self.receipts.insert(receipt.key.op_id, receipt);
        }
        let pairs = operations.iter().zip(&changeset.outcomes);
        pairs
            .map(|(operation, outcome)| {
                OperationResult::new(operation.key.map(|key| key.op_id), outcome)
            })
            .collect()
    }

    fn knows(&self, member: &str) -> bool {
        !self.unknown_members.contains(&member)
    }

    fn sync(&mut self, body: &[u8]) -> Reply {
        if body.len() > MAX_BODY_BYTES {
            return problem(413, "too_large");
        }
        let request: SyncRequest = match protocol::read(body) {
            Ok(request) => request,
            Err(error) => return problem(422, &error.to_string()),
        };
        // Release 0.1.0 names the first member that it does not know.
        let sized = request
            .operations
            .iter()
            .position(|it| it.group_size.is_some());
        let unknown = if !self.knows("seen_versions") && request.seen_versions.is_some() {
            Some("/seen_versions".to_owned())
        } else {
            let sized = sized.filter(|_| !self.knows("group_size"));
            sized.map(|nth| format!("/operations/{nth}/group_size"))
        };
        if let Some(pointer) = unknown {
            let error = json!({"pointer": pointer, "detail": "unknown member"});
            return reply(
                422,
                &json!({"type": "urn:kanso:problem:invalid", "title": "invalid", "status": 422, "detail": "invalid",
                        "code": "invalid", "error": "invalid", "errors": [error]}),
            );
        }
        if request.operations.len() > MAX_OPERATIONS {
            return problem(422, "too_many_operations");
        }
        let cursor = request.cursor.as_deref().map(protocol::parse_cursor);
        let since = match cursor {
            None => None,
            Some(Err(_)) => return problem(400, "cursor_malformed"),
            Some(Ok(cursor)) => match cursor.since(self.head) {
                Ok(_) => Some(cursor.seq),
                Err(CursorRefusal::EpochChanged) => return self.epoch_changed(cursor.epoch),
                Err(CursorRefusal::Ahead) => return problem(410, "cursor_ahead"),
                Err(CursorRefusal::Expired) => return problem(410, "cursor_expired"),
            },
        };
        let seen = match protocol::read::<PushRequest>(body)
            .map(|push| push.seen(cursor.and_then(Result::ok)))
        {
            // Release 0.1.0 takes all edits of the device for seen.
            Ok(_) if !self.knows("seen_versions") => Seen::everything(),
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => return problem(422, &error.to_string()),
            Err(error) => return problem(422, &error.to_string()),
        };
        self.pushes.push(request.clone());
        let device = request.device_id.map(DeviceId::new);
        let operations: Vec<_> = request
            .operations
            .into_iter()
            .map(|operation| operation.operation(device, FingerprintForm::Current))
            .collect();
        let results = self.write(&operations, seen);
        reply(
            200,
            &serde_json::to_value(self.page(since, results)).expect("JSON"),
        )
    }

    /// Returns the refusal of a cursor of another history. It names the newest position that both
    /// histories have: 0 if this database does not know the other one.
    fn epoch_changed(&self, epoch: Epoch) -> Reply {
        let shared = self.ended.iter().find(|(ended, _)| *ended == epoch);
        let shared = shared.map_or(Seq::ZERO, |(_, at)| *at);
        let mut reply = problem(410, "epoch_changed");
        if self.reports_start {
            let mut body: serde_json::Value =
                serde_json::from_slice(&reply.body).expect("a problem is JSON");
            body["history_start"] = json!(shared.get());
            reply.body = body.to_string().into_bytes();
        }
        reply
    }

    /// Records that a replica should have: habits, and the entries of live habits.
    fn visible(&self) -> impl Iterator<Item = Record> {
        let habits = self.habits.values().cloned().map(Record::Habit);
        let is_shown = |entry: &&Entry| {
            let habit = self.habits.get(&entry.details.habit_id);
            habit.is_some_and(|habit| !habit.stamp.is_deleted())
        };
        let entries = self.entries.values().filter(is_shown).cloned();
        habits.chain(entries.map(Record::Entry))
    }

    fn buckets(&self) -> Buckets {
        let mut buckets = Buckets::empty();
        let live = self.visible().filter(|record| !record.stamp().is_deleted());
        live.for_each(|record| {
            let version = record.stamp().version;
            buckets.add(record.entity(), record.id().as_u128(), version);
        });
        buckets
    }

    fn digest(&mut self) -> String {
        if self.lies > 0 {
            self.lies -= 1;
            return Digest::new(1).to_string();
        }
        self.buckets().total().to_string()
    }

    fn verify(&mut self, body: &[u8]) -> Reply {
        let request: VerifyRequest = protocol::read(body).expect("buckets");
        let held = request.read().expect("256 digests");
        let differing = self.buckets().differing(&held);
        let listed: BTreeSet<u8> = differing
            .iter()
            .copied()
            .take(self.buckets_at_a_time)
            .collect();
        let mut buckets: BTreeMap<u8, Vec<Record>> =
            listed.iter().map(|&bucket| (bucket, Vec::new())).collect();
        for record in self.visible() {
            let bucket = buckets.get_mut(&Buckets::place(record.id().as_u128()));
            if let Some(bucket) = bucket.filter(|_| !record.stamp().is_deleted()) {
                bucket.push(record);
            }
        }
        let digest = self.digest();
        let answer = VerifyResponse {
            digest,
            ..VerifyResponse::new(self.head, differing, &buckets)
        };
        reply(200, &serde_json::to_value(answer).expect("JSON"))
    }

    fn page(&mut self, since: Option<Seq>, results: Vec<OperationResult>) -> SyncResponse {
        let mut records: Vec<Record> = self.visible().collect();
        records.retain(|record| match since {
            Some(since) => record.stamp().seq > since,
            None => !record.stamp().is_deleted(),
        });
        records.sort_by_key(|record| record.stamp().seq);
        let remaining = records.len().saturating_sub(self.page);
        records.truncate(self.page);
        let last = records.last().map(|record| record.stamp().seq);
        let seq = match last {
            Some(last) if remaining > 0 => last,
            _ => self.head.seq,
        };
        let settings = self.settings_at.filter(|_| remaining == 0);
        let settings = settings.filter(|&at| since.is_none_or(|since| at > since));
        let settings = settings.map(|seq| {
            let record = SettingsRecord {
                settings: self.settings.clone(),
                seq,
                updated_at: self.head.changed_at,
            };
            Change::User {
                seq: seq.get(),
                record: (&record).into(),
            }
        });
        SyncResponse {
            results,
            changes: records.iter().map(Change::from).chain(settings).collect(),
            cursor: protocol::format_cursor(Cursor {
                epoch: self.head.epoch,
                seq,
                first_pull: None,
            }),
            head: self.head.seq.get(),
            has_more: remaining > 0,
            remaining: remaining as u64,
            digest: (remaining == 0).then(|| self.digest()),
            history_start: (self.reports_start && since.is_none())
                .then(|| self.head.history_start.get()),
        }
    }

    /// Changes the settings, as another device would.
    pub(crate) fn set(&mut self, settings: Settings) {
        self.head.seq = self.head.seq.next();
        self.settings = settings;
        self.settings_at = Some(self.head.seq);
    }

    /// Purges tombstones except for their ids. A device with an older cursor has to resync.
    pub(crate) fn purge(&mut self) {
        let gone = |id: &HabitId, habits: &BTreeMap<HabitId, Habit>| {
            habits.get(id).is_none_or(|habit| habit.stamp.is_deleted())
        };
        let habits = self.habits.clone();
        self.entries.retain(|&id, entry| {
            let is_kept = !entry.stamp.is_deleted() && !gone(&entry.details.habit_id, &habits);
            if !is_kept {
                self.purged_entries.insert(id);
            }
            is_kept
        });
        self.habits.retain(|&id, habit| {
            if habit.stamp.is_deleted() {
                self.purged_habits.insert(id);
            }
            !habit.stamp.is_deleted()
        });
        self.receipts.clear();
        self.head.floor = Floor {
            seq: self.head.seq,
            at: self.head.changed_at,
        };
    }

    /// Makes a backup.
    pub(crate) fn backup(&self) -> Backup {
        Backup {
            head: self.head,
            ended: self.ended.clone(),
            habits: self.habits.clone(),
            entries: self.entries.clone(),
            receipts: self.receipts.clone(),
        }
    }

    /// Begins a new history.
    pub(crate) fn renew_epoch(&mut self) {
        self.epochs += 1;
        self.ended.push((self.head.epoch, self.head.seq));
        self.head = self.head.in_epoch(Epoch::new(self.epochs));
        self.is_forked = false;
    }

    /// Restores the database from a backup.
    pub(crate) fn restore(&mut self, backup: Backup) {
        self.head = backup.head;
        self.ended = backup.ended;
        self.habits = backup.habits;
        self.entries = backup.entries;
        self.receipts = backup.receipts;
    }

    pub(super) fn serve(&mut self, request: &Request) -> Reply {
        let body = request.body.as_deref().unwrap_or_default();
        let text = String::from_utf8_lossy(body).into_owned();
        let is_authorized = request
            .bearer
            .as_ref()
            .is_some_and(|token| self.access_tokens.contains(token));
        match request.path.as_ref() {
            "/api/v1/auth/login" | "/api/v1/auth/refresh" if self.is_unknown_to_it(&text) => {
                problem(422, "invalid")
            }
            "/api/v1/auth/login" if text.contains(PASSWORD) => {
                let log_in: LoginRequest = protocol::read(body).expect("a log-in");
                self.proofs.push(log_in.device_proof);
                self.new_tokens()
            }
            "/api/v1/auth/refresh" => {
                let used: RefreshRequest = protocol::read(body).expect("a refresh token");
                self.renewed(&used.refresh_token, used.nonce)
            }
            "/api/v1/auth/user" if is_authorized => reply(
                200,
                &json!({"id": self.account, "email": EMAIL,
                       "timezone": self.settings.timezone.name(),
                       "week_start": self.settings.week_start.as_str(),
                       "day_start": self.settings.day_start.to_string(),
                       "created_at": "2026-11-01T00:00:00.000000Z"}),
            ),
            "/api/v1/auth/logout" if is_authorized => {
                self.revoke();
                reply(204, &json!(null))
            }
            "/api/v1/sync" if is_authorized => self.sync(body),
            "/api/v1/sync/config" if is_authorized => {
                let config = SyncConfigResponse::new(SyncRetention {
                    operation_results_days: 90,
                    tombstones_days: 180,
                });
                reply(200, &serde_json::to_value(config).expect("JSON"))
            }
            "/api/v1/sync/verify" if is_authorized => self.verify(body),
            _ => problem(401, "unauthorized"),
        }
    }

    /// Makes an operation with this id known, with other content.
    pub(crate) fn know(&mut self, op_id: Uuid) {
        let op_id = OpId::new(op_id);
        let receipt = Receipt {
            key: ReceiptKey {
                op_id,
                fingerprint: Fingerprint::of_hash([0; 32]),
            },
            device: None,
            outcome: ReceiptOutcome::Conflict,
        };
        self.receipts.insert(op_id, receipt);
    }
}

fn reply(status: u16, body: &serde_json::Value) -> Reply {
    Reply {
        status,
        retry_after: None,
        body: body.to_string().into_bytes(),
    }
}

pub(super) fn problem(status: u16, code: &str) -> Reply {
    reply(
        status,
        &json!({"type": format!("urn:kanso:problem:{code}"), "title": code, "status": status, "detail": code,
               "code": code, "error": code}),
    )
}
