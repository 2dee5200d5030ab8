//! A user's browser: no replica, only HTTP. It reads page by page, long-polls, revives deleted
//! records and writes with other conflict rules than the client does.

mod changed_tags;
mod unreadable;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply};
use kanso_protocol::sync::{
    ActionName, ChangeContent, EntityName, OnConflictName, OperationRequest, SyncRequest,
    SyncResponse,
};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::a_while;
use super::edits::mark;
use super::page_replica::PageReplica;
use super::wire_client::WireClient;

const PAUSE_MILLIS: u64 = 25_000;

/// Longest wait of a long poll, in milliseconds.
const WAIT_MILLIS: u32 = 15_000;

/// Attempts for a request without an answer.
const TRIES: u32 = 40;

/// The browser of one user.
pub struct Browser {
    client: WireClient,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    replica: PageReplica,
    /// Kind, version and deletion state of each record that it has seen.
    seen: BTreeMap<Uuid, (EntityName, i64, bool)>,
}

impl Browser {
    /// Creates a browser without a session.
    pub fn new(client: WireClient) -> Self {
        Self {
            client,
            state: Mutex::default(),
        }
    }

    /// Uses the browser for as many actions as the plan has.
    pub async fn run(&self) {
        for number in 0..self.client.plan.actions {
            a_while(&self.client.chance, PAUSE_MILLIS).await;
            let (plan, chance) = (&self.client.plan, &self.client.chance);
            // Nothing is drawn in a plan without these, as in plans from before there were any.
            if plan.unreadable > 0 && chance.happens(plan.unreadable) {
                self.write_beside_unreadable(number).await;
                continue;
            }
            if plan.changed_tags > 0 && chance.happens(plan.changed_tags) {
                self.write_with_changed_tag().await;
                continue;
            }
            match self.client.chance.between(0, 9) {
                0..=4 => self.read_page().await,
                5..=6 => self.wait_for_news().await,
                7 => self.change_settings(number).await,
                _ => self.write(number).await,
            }
        }
    }

    /// Reads to the end and checks the digest of the last page.
    pub async fn read_all(&self) {
        for _ in 0..200 {
            if !self.read_some(1_000).await {
                return;
            }
        }
        self.client.wrong("never reaches the last page");
    }

    async fn read_page(&self) {
        let limit = self.client.chance.between(1, 6);
        let pages = self.client.chance.between(1, 4);
        for _ in 0..pages {
            if !self.read_some(limit).await {
                return;
            }
        }
    }

    /// Reads one page; returns true if another follows.
    async fn read_some(&self, limit: u64) -> bool {
        let cursor = self.with(|state| state.replica.cursor.clone());
        let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/api/v1/sync?limit={limit}{from}");
        let Some(reply) = self.client.ask(Method::Get, path, None).await else {
            return false;
        };
        self.take(&reply)
    }

    async fn wait_for_news(&self) {
        let Some(cursor) = self.with(|state| state.replica.cursor.clone()) else {
            return self.read_page().await;
        };
        let path = format!("/api/v1/sync?limit=100&wait_ms={WAIT_MILLIS}&cursor={cursor}");
        if let Some(reply) = self.client.ask(Method::Get, path, None).await {
            self.take(&reply);
        }
    }

    fn take(&self, reply: &Reply) -> bool {
        if reply.status == 410 {
            self.client.did("starts over from the beginning");
            self.with(|state| state.replica = PageReplica::default());
            return true;
        }
        let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
            return false;
        };
        let taken = self.with(|state| {
            for change in &page.changes {
                if let Ok(ChangeContent::Record(record)) = change.read() {
                    let stamp = record.stamp();
                    let seen = (entity(&record), stamp.version.get(), stamp.is_deleted());
                    state.seen.insert(record.id(), seen);
                }
            }
            state.replica.take(&page)
        });
        if let Err(wrong) = taken {
            self.client.wrong(&wrong);
        }
        page.has_more
    }

    /// Edits, deletes or revives a record that it has seen, with a random conflict rule.
    async fn write(&self, number: u32) {
        let seen = self.with(|state| {
            let all: Vec<_> = state.seen.iter().map(|(id, seen)| (*id, *seen)).collect();
            self.client.chance.one_of(&all).copied()
        });
        let Some((id, (entity, version, is_deleted))) = seen else {
            return self.read_page().await;
        };
        let text = mark(self.client.actor, number + 1);
        let member = if entity == EntityName::Habit {
            "title"
        } else {
            "notes"
        };
        let action = if !is_deleted && self.client.chance.happens(25) {
            ActionName::Delete
        } else {
            ActionName::Update
        };
        let terms = [
            None,
            Some(OnConflictName::Reject),
            Some(OnConflictName::Server),
            Some(OnConflictName::Client),
        ];
        let operation = OperationRequest {
            op_id: kanso_client::clock::Ids::next_id(&self.client.chance),
            entity,
            action,
            id,
            base_version: Some(version),
            on_conflict: self.client.chance.one_of(&terms).copied().flatten(),
            revive: action == ActionName::Update && is_deleted,
            purge: false,
            group: None,
            group_size: None,
            fields: (action == ActionName::Update).then(|| json!({ member: text })),
        };
        let what = if is_deleted { "revives" } else { "writes to" };
        self.client.did(format!("{what} {member} of {id}: {text}"));
        let request = SyncRequest {
            operations: vec![operation],
            limit: Some(1),
            ..SyncRequest::default()
        };
        // Repeats the same operation until it is answered, as a client with an outbox does: the
        // retry must find its receipt.
        for _ in 0..TRIES {
            let path = "/api/v1/sync".to_owned();
            let reply = self
                .client
                .ask(Method::Post, path, serde_json::to_vec(&request).ok())
                .await;
            if reply.is_some_and(|reply| reply.status == 200) {
                return;
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn change_settings(&self, number: u32) {
        let zones = [
            "UTC",
            "Europe/Rome",
            "America/New_York",
            "Pacific/Kiritimati",
        ];
        let zone = zones[number as usize % zones.len()];
        let Some(token) = self.client.token().await else {
            return;
        };
        self.client.did(format!("changes its time zone to {zone}"));
        let body = json!({ "timezone": zone }).to_string().into_bytes();
        // The outcome does not matter: another try follows anyway.
        let link = &self.client.link;
        let _: Option<u16> = link.patch("/api/v1/auth/user", token, None, body).await;
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn entity(record: &kanso_domain::Record) -> EntityName {
    match record {
        kanso_domain::Record::Habit(_) => EntityName::Habit,
        kanso_domain::Record::Entry(_) => EntityName::Entry,
    }
}
