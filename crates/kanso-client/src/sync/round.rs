//! One round of sync: one request that pushes a batch and pulls a page.
//!
//! Push and pull share a request, so that the page already contains the effects of the pushed
//! operations, and so that a sync with little to do costs one round trip.

use std::collections::BTreeMap;

use kanso_domain::Seq;
use kanso_domain::sync::Digest;
use kanso_protocol::problem::Problem;
use kanso_protocol::sync::{ChangeContent, SyncResponse};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Progress, SyncRun};
use crate::calls::{CallError, body, read};
use crate::changes::Origin;
use crate::client::Client;
use crate::replica::{ApplyReport, Batch, ResyncReason, SyncAnswer};
use crate::transport::{Method, Request};

/// Largest total size of the operations in one request, in bytes. The server accepts bodies of
/// 1 MiB; the difference is room for the other members.
const MAX_BATCH_BYTES: usize = 900 * 1024;

#[derive(Serialize)]
struct PushRequest<'a> {
    device_id: Uuid,
    cursor: Option<&'a str>,
    limit: u32,
    // Left out if empty: a server of release 0.1.0 refuses the member.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    seen_versions: &'a BTreeMap<Uuid, Vec<i64>>,
    operations: Vec<&'a RawValue>,
}

/// Outcome of one round.
pub(super) enum RoundOutcome {
    /// There are more operations after the outbox position `up_to`, or more pages.
    More { up_to: i64 },
    /// The server lost operations that it had acknowledged: send them again.
    Resend,
    /// Everything was sent and read.
    Complete {
        /// True if the digests of the two sides differ.
        has_drifted: bool,
    },
    /// The server rejected the cursor: read everything again. The position is the newest one that both
    /// histories have, if the server reports it.
    MustResync(ResyncReason, Option<Seq>),
}

impl Client {
    /// Sends the next batch after the outbox position `after` and applies the answer.
    pub(super) async fn round(
        &self,
        run: &mut SyncRun<'_>,
        after: i64,
    ) -> Result<RoundOutcome, CallError> {
        let batch = self
            .replica()?
            .next_batch(after, MAX_OPERATIONS, MAX_BATCH_BYTES)?;
        let mut answered = self.push(run, &batch, &batch.seen_versions).await;
        // A server of 0.1.0 refuses the whole push for the member that it does not know, and has
        // applied nothing. Without the member it may see a conflict of this device with itself.
        if answered.as_ref().is_err_and(refuses_seen_versions) {
            answered = self.push(run, &batch, &BTreeMap::new()).await;
        }
        let response = match answered {
            Ok(response) => response,
            Err(CallError::Refused(problem)) => {
                return must_resync(&problem).ok_or(CallError::Refused(problem));
            }
            Err(error) => return Err(error),
        };
        let (has_more, remaining) = (response.has_more, response.remaining);
        // Such pages could follow each other for ever.
        if has_more && response.changes.is_empty() {
            return Err(CallError::Unexpected {
                what: "an empty page that is not the last".to_owned(),
            });
        }
        let answered = response.results.len() as u64;
        let answer = sync_answer(response)?;
        let options = self.repair_options(run);
        let mut applied = self.replica()?.apply(&batch, &answer, options)?;
        run.report.pulled += answer.records.len() as u64;
        let (has_drifted, must_resend) = (applied.has_drifted, applied.must_resend);
        self.publish(
            Origin::Sync,
            std::mem::take(&mut applied.changed),
            applied.resynced.is_some(),
        );
        count(run, applied);
        // Without operations the position stays, so that a pull of many pages does not start over.
        let up_to = batch.positions().map_or(after, |(_, last)| last);
        // The user may have edited while the request was under way; these operations go out with the
        // next round.
        let is_drained = self.replica()?.is_drained(up_to)?;
        (run.on_progress)(Progress {
            answered,
            waiting: self.status()?.waiting,
            pulled: run.report.pulled,
            remaining,
        });
        Ok(if must_resend {
            RoundOutcome::Resend
        } else if has_more || !is_drained {
            RoundOutcome::More { up_to }
        } else {
            RoundOutcome::Complete { has_drifted }
        })
    }
}

impl Client {
    /// Sends `batch` and records that its increments were sent, unless they certainly had no effect.
    async fn push(
        &self,
        run: &SyncRun<'_>,
        batch: &Batch,
        seen_versions: &BTreeMap<Uuid, Vec<i64>>,
    ) -> Result<SyncResponse, CallError> {
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync".into(),
            bearer: None,
            body: Some(push_body(batch, seen_versions)?),
        };
        // The mark is stored before the request: after a crash the increments count as sent. It is
        // removed only if the request certainly had no effect. A timeout keeps it, because the
        // server may have applied the increments.
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

/// Returns true if the server refused the push because of `seen_versions`.
fn refuses_seen_versions(error: &CallError) -> bool {
    let CallError::Refused(problem) = error else {
        return false;
    };
    let mut errors = problem.errors.iter();
    problem.status == 422 && errors.any(|error| error.pointer.starts_with("/seen_versions"))
}

/// Adds the effects of an answer to the report.
fn count(run: &mut SyncRun<'_>, applied: ApplyReport) {
    let report = &mut run.report;
    report.pushed += applied.pushed;
    report.merged += applied.merged;
    report.offered += applied.offered;
    report.resynced = applied.resynced.or(report.resynced);
    // A deferred operation may wait for one that is later in the outbox. Remember the count from
    // before this answer, so that acknowledgements of the same answer count as progress.
    if applied.deferred > 0 {
        run.deferred_at = Some(report.pushed - applied.pushed);
    }
    report.failures.extend(applied.failures);
}

/// Returns the resync that the server demands, if `problem` is such a demand.
fn must_resync(problem: &Problem) -> Option<RoundOutcome> {
    match (problem.status, problem.code.as_str()) {
        // A new epoch, or a cursor beyond the server's head: the database was restored from a backup.
        (410, "epoch_changed" | "cursor_ahead") => {
            let shared = problem.history_start.and_then(Seq::new);
            Some(RoundOutcome::MustResync(ResyncReason::HistoryLost, shared))
        }
        // The cursor is older than the purged tombstones, or this server cannot read it.
        (410, _) | (_, "cursor_malformed") => {
            Some(RoundOutcome::MustResync(ResyncReason::CursorLost, None))
        }
        _ => None,
    }
}

/// Builds the request body.
///
/// The operations are copied as raw JSON, so that a retry is the same text even if a newer version of
/// this library would write it in another form.
fn push_body(
    batch: &Batch,
    seen_versions: &BTreeMap<Uuid, Vec<i64>>,
) -> Result<Vec<u8>, CallError> {
    let operations = batch
        .bodies()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|error| CallError::Unexpected {
            what: error.to_string(),
        })?;
    body(&PushRequest {
        device_id: batch.device_id,
        cursor: batch.cursor(),
        limit: MAX_PAGE,
        seen_versions,
        operations,
    })
}

fn sync_answer(response: SyncResponse) -> Result<SyncAnswer, CallError> {
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
    let head = head.ok_or_else(|| unexpected(format!("the head {}", response.head)))?;
    let digest = response.digest.as_deref().map(str::parse::<Digest>);
    let digest = digest.transpose();
    Ok(SyncAnswer {
        results: response.results,
        records,
        settings,
        digest: digest.map_err(|error| unexpected(format!("a digest that {error}")))?,
        cursor: response.cursor,
        head,
        has_more: response.has_more,
        // A start below 0 counts as unknown. It can only change which records are compared.
        history_start: response.history_start.and_then(Seq::new),
    })
}
