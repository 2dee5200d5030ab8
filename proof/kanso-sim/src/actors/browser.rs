//! A person's browser: no replica, only the wire. It reads page by page, waits for news, brings
//! back what was deleted and writes on other terms than the client does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kanso_client::transport::{Method, Reply};
use kanso_protocol::sync::{
    ActionName, ChangeContent, EntityName, OnConflictName, OperationRequest, SyncRequest, SyncResponse,
};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::a_while;
use super::caller::Caller;
use super::edits::mark;
use super::fold::Fold;
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Recorder, Who};
use crate::network::Link;
use crate::plan::Plan;

const PAUSE_MILLIS: u64 = 25_000;

/// How long it lets a pull wait for news.
const WAIT_MILLIS: u32 = 15_000;

/// How often it tries again what has no answer.
const TRIES: u32 = 40;

/// One person's browser.
pub struct Browser {
    who: Who,
    plan: Plan,
    caller: Caller,
    chance: Chance,
    recorder: Arc<Recorder>,
    findings: Findings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    fold: Fold,
    /// The version, and whether it is a tombstone, of whatever it has heard of.
    heard: BTreeMap<Uuid, (EntityName, i64, bool)>,
}

impl Browser {
    /// A browser that nobody has logged in with.
    pub fn new(
        plan: Plan,
        link: (Who, Link),
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> Self {
        let who = link.0;
        Self {
            who,
            plan,
            caller: Caller::new(link),
            chance: Chance::stream(plan.seed, &who.to_string()),
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
            state: Mutex::default(),
        }
    }

    /// A person uses it for as long as the plan says.
    pub async fn live(&self) {
        for number in 0..self.plan.actions {
            a_while(&self.chance, PAUSE_MILLIS).await;
            match self.chance.between(0, 9) {
                0..=4 => self.read_page().await,
                5..=6 => self.wait_for_news().await,
                7 => self.change_settings(number).await,
                _ => self.write(number).await,
            }
        }
    }

    /// Reads to the end, where everything must add up.
    pub async fn read_all(&self) {
        for _ in 0..200 {
            if !self.read_some(1_000).await {
                return;
            }
        }
        self.findings
            .note(Check::PagesAddUp, format!("{} reads for ever", self.who));
    }

    async fn read_page(&self) {
        let limit = self.chance.between(1, 6);
        let pages = self.chance.between(1, 4);
        for _ in 0..pages {
            if !self.read_some(limit).await {
                return;
            }
        }
    }

    /// Reads a page; whether another follows.
    async fn read_some(&self, limit: u64) -> bool {
        let cursor = self.with(|state| state.fold.cursor.clone());
        let from = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let path = format!("/api/v1/sync?limit={limit}{from}");
        let Some(reply) = self.caller.ask(Method::Get, path, None).await else {
            return false;
        };
        self.take(&reply)
    }

    async fn wait_for_news(&self) {
        let Some(cursor) = self.with(|state| state.fold.cursor.clone()) else {
            return self.read_page().await;
        };
        let path = format!("/api/v1/sync?limit=100&wait_ms={WAIT_MILLIS}&cursor={cursor}");
        if let Some(reply) = self.caller.ask(Method::Get, path, None).await {
            self.take(&reply);
        }
    }

    fn take(&self, reply: &Reply) -> bool {
        if reply.status == 410 {
            self.recorder.did(self.who, "reads everything anew");
            self.with(|state| state.fold = Fold::default());
            return true;
        }
        let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
            return false;
        };
        let taken = self.with(|state| {
            for change in &page.changes {
                if let Ok(ChangeContent::Record(record)) = change.read() {
                    let stamp = record.stamp();
                    let heard = (entity(&record), stamp.version.get(), stamp.is_deleted());
                    state.heard.insert(record.id(), heard);
                }
            }
            state.fold.take(&page)
        });
        if let Err(wrong) = taken {
            self.findings
                .note(Check::PagesAddUp, format!("{}: {wrong}", self.who));
        }
        page.has_more
    }

    /// Edits, deletes or brings back a record that it has heard of, on some terms.
    async fn write(&self, number: u32) {
        let heard = self.with(|state| {
            let all: Vec<_> = state
                .heard
                .iter()
                .map(|(id, heard)| (*id, *heard))
                .collect();
            self.chance.one_of(&all).copied()
        });
        let Some((id, (entity, version, is_deleted))) = heard else {
            return self.read_page().await;
        };
        let text = mark(self.who, number + 1);
        let member = if entity == EntityName::Habit {
            "title"
        } else {
            "notes"
        };
        let action = if !is_deleted && self.chance.happens(25) {
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
            op_id: kanso_client::clock::Ids::next_id(&self.chance),
            entity,
            action,
            id,
            base_version: Some(version),
            on_conflict: self.chance.one_of(&terms).copied().flatten(),
            revive: action == ActionName::Update && is_deleted,
            group: None,
            fields: (action == ActionName::Update).then(|| json!({ member: text })),
        };
        let what = if is_deleted {
            "brings back"
        } else {
            "writes to"
        };
        self.recorder
            .did(self.who, format!("{what} {member} of {id}: {text}"));
        let request = SyncRequest {
            operations: vec![operation],
            limit: Some(1),
            ..SyncRequest::default()
        };
        // The same operation until it is answered.
        for _ in 0..TRIES {
            let path = "/api/v1/sync".to_owned();
            let reply = self
                .caller
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
        let Some(token) = self.caller.token().await else {
            return;
        };
        self.recorder.did(self.who, format!("moves to {zone}"));
        let body = json!({ "timezone": zone }).to_string().into_bytes();
        self.caller
            .link
            .patch("/api/v1/auth/user", token, body)
            .await;
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
