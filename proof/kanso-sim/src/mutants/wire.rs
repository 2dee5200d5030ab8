//! Bugs of the wire: how requests and answers are read on either side.
//!
//! Some of them are rules of release 0.1.0, which the product has no longer. A bug of a client is
//! planted into the answers that it gets: it then does the same as the old client did with the right
//! ones.

use std::collections::BTreeSet;

use kanso_client::transport::{Method, Reply, Request};
use kanso_protocol::problem::Problem;
use kanso_protocol::sync::{SyncRequest, SyncResponse};
use kanso_protocol::{format_cursor, parse_cursor};

use super::Bug;
use crate::chance::Chance;
use crate::server::ServerAnswer;

impl Bug {
    /// Changes an answer on its way, if the bug is on the wire. A developer might drop the digest
    /// to save bytes; check 6 then sees that the replicas differ.
    pub fn mutate_answer(self, body: &mut Vec<u8>, chance: &Chance) {
        if !matches!(self, Self::DigestNotCompared | Self::HistoriesCompared) {
            return;
        }
        if self == Self::HistoriesCompared {
            // Not in the refusal of a cursor either, as with release 0.1.0.
            if let Ok(serde_json::Value::Object(mut answer)) = serde_json::from_slice(body)
                && answer.remove("history_start").is_some()
                && let Ok(mutated) = serde_json::to_vec(&answer)
            {
                *body = mutated;
            }
            return;
        }
        let Ok(mut response) = serde_json::from_slice::<SyncResponse>(body) else {
            return;
        };
        response.digest = None;
        if response.changes.len() > 1 && chance.happens(30) {
            response.changes.pop();
        }
        if let Ok(mutated) = serde_json::to_vec(&response) {
            *body = mutated;
        }
    }

    /// Changes a request on its way, if the bug is in how a server reads it.
    pub fn mutate_request(self, request: &mut Request) {
        match self {
            Self::SameDeviceKnowsAll => {
                let body = request.body.as_deref();
                let read = body.and_then(|body| serde_json::from_slice::<SyncRequest>(body).ok());
                let Some(mut push) = read.filter(|push| !push.operations.is_empty()) else {
                    return;
                };
                let records: BTreeSet<_> = push.operations.iter().map(|it| it.id).collect();
                // No record of a run reaches this version.
                let versions = || (1..=30).collect::<Vec<_>>();
                let known = records.iter().map(|id| (id.to_string(), versions()));
                push.seen_versions = Some(known.collect());
                request.body = serde_json::to_vec(&push).ok();
            }
            Self::FirstPullByPosition => {
                let Some((before, rest)) = request.path.split_once("cursor=") else {
                    return;
                };
                let (cursor, after) = rest.split_at(rest.find('&').unwrap_or(rest.len()));
                let Ok(mut cursor) = parse_cursor(cursor) else {
                    return;
                };
                cursor.first_pull = None;
                let path = format!("{before}cursor={}{after}", format_cursor(cursor));
                request.path = path.into();
            }
            Self::LastNameWins => {
                // A map keeps the last of two equal names. A text that is no JSON stays as it is.
                let body = request.body.as_deref();
                let read = body.and_then(|body| serde_json::from_slice::<SyncRequest>(body).ok());
                if let Some(push) = read {
                    request.body = serde_json::to_vec(&push).ok();
                }
            }
            _ => {}
        }
    }

    /// Returns the answer to a push that the bug refuses, whatever its operations are.
    pub fn refuse(self, request: &Request) -> Option<ServerAnswer> {
        let is_push = request.method == Method::Post && request.path == "/api/v1/sync";
        let body = request.body.as_deref().unwrap_or_default();
        let is_refused = self == Self::PushRefusedAsAWhole
            && is_push
            && serde_json::from_slice::<SyncRequest>(body).is_err();
        is_refused.then(|| ServerAnswer {
            status: 422,
            retry_after: None,
            body: problem(422, "invalid"),
        })
    }

    /// Changes the value of `If-Match`.
    pub fn mutate_tag(self, tag: &str) -> &str {
        let is_strong = tag.starts_with('"') && tag.trim_matches('"').parse::<i64>().is_ok();
        if self == Self::ChangedTagRefused && !is_strong {
            // The tag of another server, which matches no version.
            return "\"x\"";
        }
        tag
    }

    /// Changes an answer that something else than a server gives to a device.
    pub fn mutate_intercepted(self, reply: &mut Reply) {
        match (self, reply.status) {
            // To the client of release 0.1.0, a 413 was a status like any other.
            (Self::TooLargeStopsSync, 413) => reply.status = 400,
            (Self::StrangerEndsSession, 401) => reply.body = problem(401, "unauthorized"),
            _ => {}
        }
    }

    /// Changes an answer to a device that may have things which this version does not know.
    pub fn mutate_strange(self, body: &mut Vec<u8>) {
        let is_page = body.starts_with(b"{\"results\":");
        let is_read = || {
            let page = serde_json::from_slice::<SyncResponse>(body);
            page.is_ok_and(|page| page.changes.iter().all(|change| change.read().is_ok()))
        };
        if self == Self::StrangeRecordStopsSync && is_page && !is_read() {
            // Nothing of it can be read.
            *body = b"{}".to_vec();
        }
    }
}

/// Returns a problem as a server sends it.
fn problem(status: u16, code: &str) -> Vec<u8> {
    let problem = Problem {
        kind: format!("urn:kanso:problem:{code}"),
        title: code.to_owned(),
        status,
        detail: code.to_owned(),
        code: code.to_owned(),
        request_id: None,
        errors: Vec::new(),
        error: code.to_owned(),
        record: None,
        clashing: None,
        mergeable: None,
        history_start: None,
    };
    serde_json::to_vec(&problem).unwrap_or_default()
}
