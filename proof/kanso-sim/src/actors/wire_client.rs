//! Somebody who asks in a person's name without the client library.

use std::sync::{Mutex, PoisonError};

use kanso_client::transport::{Method, Reply, Request, Transport as _, Unreachable};
use kanso_protocol::accounts::{CredentialsRequest, TokenResponse};
use serde::Serialize;

use super::{PASSWORD, email};
use crate::history::Actor;
use crate::network::{Link, OpenReply};

/// One program that a person has logged in with, or will.
pub(super) struct WireClient {
    pub(super) actor: Actor,
    pub(super) link: Link,
    token: Mutex<Option<String>>,
}

impl WireClient {
    pub(super) fn new(link: (Actor, Link)) -> Self {
        let (actor, link) = link;
        let token = Mutex::default();
        Self { actor, link, token }
    }

    /// Asks in the person's name; none when no answer came.
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

    /// Asks for an answer in pieces, by a ticket in the path or else in the person's name.
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
        if !has_ticket && matches!(&opened, OpenReply::Refused(reply) if reply.status == 401) {
            self.keep(None);
        }
        Some(opened)
    }

    /// The access token, after a log-in if there is none.
    pub(super) async fn token(&self) -> Option<String> {
        if let Some(token) = self.kept() {
            return Some(token);
        }
        let reply = self.log_in(email(self.actor.person)).await.ok()?;
        let tokens: TokenResponse = serde_json::from_slice(&reply.body).ok()?;
        self.keep(Some(tokens.token.clone()));
        Some(tokens.token)
    }

    /// Tries to log in with an address that nobody has.
    pub(super) async fn mistype(&self) {
        // Whatever becomes of it: no success takes this failure back.
        let nobody = format!("p{}@example.com", self.actor.person);
        drop(self.log_in(nobody).await);
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
