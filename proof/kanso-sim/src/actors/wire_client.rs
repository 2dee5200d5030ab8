//! Requests of a user without the client library.

use std::sync::{Arc, Mutex, PoisonError};

use kanso_client::transport::{Method, Reply, Request, Transport as _, Unreachable};
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};
use serde::Serialize;

use super::{PASSWORD, email};
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Actor, Recorder};
use crate::network::{Link, OpenReply};
use crate::plan::WorldPlan;

/// One program with a login: the parts that browser, follower and snapshot reader share.
pub struct WireClient {
    pub(super) actor: Actor,
    pub(super) link: Link,
    pub(super) plan: WorldPlan,
    pub(super) chance: Chance,
    recorder: Arc<Recorder>,
    findings: Findings,
    token: Mutex<Option<String>>,
}

impl WireClient {
    /// Creates a program without a session.
    pub fn new(
        plan: WorldPlan,
        link: (Actor, Link),
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> Self {
        let (actor, link) = link;
        Self {
            actor,
            link,
            plan,
            chance: Chance::stream(plan.seed, &actor.stream_name()),
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
            token: Mutex::default(),
        }
    }

    /// Records an action of this program.
    pub(super) fn did(&self, text: impl Into<String>) {
        self.recorder.did(self.actor, text);
    }

    /// Notes that pages do not add up.
    pub(super) fn wrong(&self, text: &str) {
        let text = format!("{}: {text}", self.actor);
        self.findings.note(Check::PagesAddUp, text);
    }

    /// Notes that a promise is broken.
    pub(super) fn note(&self, check: Check, text: String) {
        self.findings.note(check, text);
    }

    /// Sends a request with the access token. Returns `None` if no answer arrived or the token was
    /// rejected.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: String,
        body: Option<Vec<u8>>,
    ) -> Option<Reply> {
        let bearer = Some(self.token().await?);
        let request = Request {
            method,
            path: path.into(),
            bearer,
            body,
        };
        let reply = self.link.exchange(request).await.ok()?;
        if reply.status == 401 {
            self.keep(None);
            return None;
        }
        Some(reply)
    }

    /// Opens an answer in pieces, authorised by a ticket in the path or by the access token.
    pub(super) async fn open(
        &self,
        path: String,
        has_ticket: bool,
        ahead: usize,
    ) -> Option<OpenReply> {
        let bearer = if has_ticket {
            None
        } else {
            Some(self.token().await?)
        };
        let opened = self.link.open(path, bearer, ahead).await.ok()?;
        // The token is dropped, not renewed: the next request logs in again, which is the shortest
        // way back.
        if !has_ticket && matches!(&opened, OpenReply::Refused(reply) if reply.status == 401) {
            self.keep(None);
        }
        Some(opened)
    }

    /// Returns the access token; logs in first if there is none.
    pub(super) async fn token(&self) -> Option<String> {
        if let Some(token) = self.kept() {
            return Some(token);
        }
        let reply = self.log_in(email(self.actor.person)).await.ok()?;
        let tokens: TokenResponse = serde_json::from_slice(&reply.body).ok()?;
        self.keep(Some(tokens.token.clone()));
        Some(tokens.token)
    }

    /// Tries to log in with an address that has no account.
    pub(super) async fn mistype(&self) {
        // The outcome does not matter: no later success clears this failure, so only eviction can.
        let unknown = format!("p{}@example.com", self.actor.person);
        drop(self.log_in(unknown).await);
    }

    async fn log_in(&self, email: String) -> Result<Reply, Unreachable> {
        let password = PASSWORD.to_owned();
        let request = Request {
            method: Method::Post,
            path: "/api/v1/auth/login".into(),
            bearer: None,
            body: bytes(&CredentialsRequest { email, password }),
        };
        self.link.exchange(request).await
    }

    fn kept(&self) -> Option<String> {
        let token = self.token.lock();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, token: Option<String>) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = token;
    }
}

fn bytes(value: &impl Serialize) -> Option<Vec<u8>> {
    serde_json::to_vec(value).ok()
}
