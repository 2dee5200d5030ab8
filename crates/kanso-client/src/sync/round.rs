//! One round: a part of the outbox goes out, a page of changes comes in.

use kanso_domain::Seq;
use kanso_domain::sync::Digest;
use kanso_protocol::problem::Problem;
use kanso_protocol::sync::{ChangeContent, SyncResponse};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Progress, Run};
use crate::Client;
use crate::calls::{CallError, body, read};
use crate::changes::Origin;
use crate::replica::{Applied, Batch, Delivery, Resync};
use crate::transport::{Method, Request};

/// The most bytes of operations in one request: the rest of the body has room within the limit.
const MAX_BATCH_BYTES: usize = 900 * 1024;

#[derive(Serialize)]
struct Push<'a> {
    device_id: Uuid,
    cursor: Option<&'a str>,
    limit: u32,
    operations: Vec<&'a RawValue>,
}

/// What became of one round.
pub(super) enum Round {
    /// There may be more to send, after this place in the outbox, or to read.
    More { up_to: i64 },
    /// What was sent before has to be sent again.
    Resend,
    /// Everything was sent and read.
    Complete {
        /// And both sides still do not hold the same.
        has_drifted: bool,
    },
    /// The server asked for a new start.
    StartAnew(Resync),
}

impl Client {
    pub(super) async fn round(&self, run: &mut Run<'_>, after: i64) -> Result<Round, CallError> {
        let batch = self
            .replica()?
            .next_batch(after, MAX_OPERATIONS, MAX_BATCH_BYTES)?;
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync".into(),
            bearer: None,
            body: Some(push_body(&batch)?),
        };
        let response = match self.push(run, &batch, request).await {
            Ok(response) => response,
            Err(CallError::Refused(problem)) => {
                return new_start(&problem).ok_or(CallError::Refused(problem));
            }
            Err(error) => return Err(error),
        };
        let (has_more, remaining) = (response.has_more, response.remaining);
        if has_more && response.changes.is_empty() {
            return Err(CallError::Unexpected {
                what: "a page without records that is not the last".to_owned(),
            });
        }
        let answered = response.results.len() as u64;
        let delivery = delivery(response)?;
        let mut applied = self.replica()?.apply(&batch, &delivery, self.terms(run))?;
        run.report.pulled += delivery.records.len() as u64;
        let (has_drifted, must_resend) = (applied.has_drifted, applied.must_resend);
        self.publish(
            Origin::Sync,
            std::mem::take(&mut applied.changed),
            applied.resynced.is_some(),
        );
        account(run, applied);
        let up_to = batch.positions().map_or(after, |(_, last)| last);
        let is_drained = self.replica()?.is_drained(up_to)?;
        (run.watch)(Progress {
            answered,
            waiting: self.status()?.waiting,
            pulled: run.report.pulled,
            remaining,
        });
        Ok(if must_resend {
            Round::Resend
        } else if has_more || !is_drained {
            Round::More { up_to }
        } else {
            Round::Complete { has_drifted }
        })
    }
}

impl Client {
    /// Sends what is in `batch`, and keeps in mind that its increments were sent, unless they
    /// certainly did not arrive.
    async fn push(
        &self,
        run: &Run<'_>,
        batch: &Batch,
        request: Request,
    ) -> Result<SyncResponse, CallError> {
        let sent_at = self.clock.now();
        self.replica()?.note_sending(batch, sent_at)?;
        let reply = self.authorized(run.transport, request).await;
        let answered = reply.and_then(|reply| read(&reply));
        if answered.as_ref().is_err_and(CallError::is_certainly_undone) {
            self.replica()?.note_not_done(sent_at)?;
        }
        answered
    }
}

/// Counts what an answer did.
fn account(run: &mut Run<'_>, applied: Applied) {
    let report = &mut run.report;
    report.pushed += applied.pushed;
    report.merged += applied.merged;
    report.offered += applied.offered;
    report.resynced = applied.resynced.or(report.resynced);
    // What the server put off may wait for something that stands behind it in the outbox.
    if applied.deferred > 0 {
        run.deferred_at = Some(report.pushed - applied.pushed);
    }
    report.failures.extend(applied.failures);
}

/// Whether the server asks for a new start, and why.
fn new_start(problem: &Problem) -> Option<Round> {
    match (problem.status, problem.code.as_str()) {
        (410, "epoch_changed" | "cursor_ahead") => Some(Round::StartAnew(Resync::HistoryLost)),
        (410, _) | (_, "cursor_malformed") => Some(Round::StartAnew(Resync::PlaceLost)),
        _ => None,
    }
}

/// The operations go out byte for byte as they were written.
fn push_body(batch: &Batch) -> Result<Vec<u8>, CallError> {
    let operations = batch
        .bodies()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::Unexpected {
            what: error.to_string(),
        })?;
    body(&Push {
        device_id: batch.device_id,
        cursor: batch.cursor(),
        limit: MAX_PAGE,
        operations,
    })
}

fn delivery(response: SyncResponse) -> Result<Delivery, CallError> {
    let mut records = Vec::with_capacity(response.changes.len());
    let mut settings = None;
    for change in &response.changes {
        match change.read()? {
            ChangeContent::Record(record) => records.push(*record),
            ChangeContent::Settings(changed) => settings = Some(changed.settings),
        }
    }
    let unexpected = |what| CallError::Unexpected { what };
    let head = Seq::new(response.head);
    let head = head.ok_or_else(|| unexpected(format!("head {}", response.head)))?;
    let digest = response.digest.as_deref().map(str::parse::<Digest>);
    let digest = digest.transpose();
    Ok(Delivery {
        results: response.results,
        records,
        settings,
        digest: digest.map_err(|error| unexpected(format!("a digest that {error}")))?,
        cursor: response.cursor,
        head,
        has_more: response.has_more,
    })
}
