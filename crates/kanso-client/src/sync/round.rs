//! One round of sync: one request that pushes a batch and pulls a page.
//!
//! Push and pull share a request, so that the page already contains the effects of the pushed
//! operations, and so that a sync with little to do costs one round trip.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use kanso_domain::Seq;
use kanso_domain::sync::Digest;
use kanso_protocol::problem::Problem;
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::collected::CollectedPages;
use super::delivery::{Delivery, LenientResponse};
use super::{Progress, SyncRun};
use crate::calls::{CallError, body, check_success, read};
use crate::changes::Origin;
use crate::client::Client;
use crate::replica::{ApplyReport, Batch, ReplicaError, ResyncReason, SyncAnswer};
use crate::transport::{Method, Reply, Request};

/// Largest total size of the operations in one request, in bytes. The server accepts bodies of
/// 1 MiB; the difference is room for the other members.
pub(crate) const MAX_BATCH_BYTES: usize = 900 * 1024;

#[derive(Serialize)]
struct PushRequest<'a> {
    device_id: Uuid,
    cursor: Option<&'a str>,
    limit: u32,
    // Left out of a request without operations, and for a server of release 0.1.0.
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_versions: Option<&'a BTreeMap<Uuid, Vec<i64>>>,
    operations: Vec<Cow<'a, RawValue>>,
}

/// The members of a push that servers of release 0.1.0 refuse.
#[derive(Clone, Copy)]
pub(super) struct NewerMembers {
    seen_versions: bool,
    group_size: bool,
}

/// Parts of an applied answer that decide how the sync goes on.
#[derive(Default)]
struct Ends {
    has_drifted: bool,
    must_resend: bool,
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
        let mut batch = self.next_whole_batch(run, after)?;
        if batch.positions().is_some() && run.collected.is_some() {
            // The cursor of a push says what this device has seen when it made the edits. Of the
            // collected pages, it has seen nothing yet.
            self.apply_collected(run)?;
            batch = self.next_whole_batch(run, after)?;
        }
        let mut answered = self.push(run, &batch).await;
        // A server of 0.1.0 refuses the whole push for a member that it does not know, and has
        // applied nothing. It takes every edit of this device for seen.
        while let Err(error) = &answered
            && run.members.leave_out_refused(error)
        {
            answered = self.push(run, &batch).await;
        }
        if answered.is_err() {
            // What was read so far is kept.
            self.apply_collected(run)?;
        }
        let reply = match answered {
            Ok(reply) => reply,
            Err(error) if error.is_too_large() && batch.positions().is_some() => {
                return self.too_large(run, &batch, after, error);
            }
            Err(CallError::Refused(problem)) => {
                return must_resync(&problem).ok_or(CallError::Refused(problem));
            }
            Err(error) => return Err(error),
        };
        let response: LenientResponse<'_> = read(&reply)?;
        let (has_more, remaining) = (response.has_more, response.remaining);
        // Such pages could follow each other for ever.
        if has_more && response.changes.is_empty() {
            return Err(CallError::Unexpected {
                what: "an empty page that is not the last".to_owned(),
            });
        }
        let answered = response.results.len() as u64;
        let answer = sync_answer(response)?;
        run.unread_results += answer.unread_results;
        // Without operations the position stays, so that a pull of many pages does not start over.
        let up_to = batch.positions().map_or(after, |(_, last)| last);
        let now = self.clock.now();
        let pages = CollectedPages::add(run.collected.take(), batch, answer, now);
        if pages.may_wait(now) {
            let pulled = run.report.pulled + pages.records();
            run.collected = Some(pages);
            (run.on_progress)(Progress {
                answered,
                waiting: self.status()?.waiting,
                pulled,
                remaining,
            });
            return Ok(RoundOutcome::More { up_to });
        }
        run.collected = Some(pages);
        let ends = self.apply_collected(run)?;
        // The user may have edited while the request was under way; these operations go out with the
        // next round.
        let is_drained = self.replica()?.is_drained(up_to)?;
        (run.on_progress)(Progress {
            answered,
            waiting: self.status()?.waiting,
            pulled: run.report.pulled,
            remaining,
        });
        Ok(if ends.must_resend {
            RoundOutcome::Resend
        } else if has_more || !is_drained {
            RoundOutcome::More { up_to }
        } else {
            RoundOutcome::Complete {
                has_drifted: ends.has_drifted,
            }
        })
    }

    /// Applies the pages that were collected, in one transaction.
    fn apply_collected(&self, run: &mut SyncRun<'_>) -> Result<Ends, CallError> {
        let Some(pages) = run.collected.take() else {
            return Ok(Ends::default());
        };
        let records = pages.records();
        let (batch, answer) = pages.into_parts();
        let options = self.repair_options(run);
        let mut applied = self.replica()?.apply(&batch, &answer, options)?;
        run.report.pulled += records;
        let ends = Ends {
            has_drifted: applied.has_drifted,
            must_resend: applied.must_resend,
        };
        self.publish(
            Origin::Sync,
            std::mem::take(&mut applied.changed),
            applied.resynced.is_some(),
        );
        // The newest answer counts: an operation may have found room since.
        let over_quota = &mut run.report.over_quota;
        over_quota.retain(|operation| !batch.contains(operation.op_id));
        count(run, applied);
        Ok(ends)
    }
}

impl Client {
    /// Returns the next batch after the outbox position `after`. A group that does not fit into one
    /// request becomes failures: the server would reject each part of it.
    fn next_whole_batch(&self, run: &mut SyncRun<'_>, after: i64) -> Result<Batch, CallError> {
        loop {
            let bytes = self.push_bytes.load(Ordering::Relaxed).min(MAX_BATCH_BYTES);
            let batch = self.replica()?.next_batch(after, MAX_OPERATIONS, bytes)?;
            let Some(group) = &batch.torn_group else {
                return Ok(batch);
            };
            let (failures, changed) = self.replica()?.set_aside_group(group, self.clock.now())?;
            tracing::warn!(operations = failures.len(), "group set aside, too large");
            self.publish(Origin::Sync, changed, false);
            run.report.failures.extend(failures);
        }
    }

    /// Goes on after a push that was larger than the server, or a proxy before it, accepts.
    ///
    /// The next push is half as large; the limit stays for as long as this client lives. An operation
    /// or a group that is alone in its push cannot be made smaller. If the server refused it, it
    /// becomes a failure. If a proxy did, it stays in the outbox, since there may be another way to
    /// the server tomorrow; the others go on.
    fn too_large(
        &self,
        run: &mut SyncRun<'_>,
        batch: &Batch,
        after: i64,
        error: CallError,
    ) -> Result<RoundOutcome, CallError> {
        let Some((_, last)) = batch.positions() else {
            return Err(error);
        };
        if !batch.is_one_unit()? {
            let half = batch.bytes() / 2;
            tracing::info!(bytes = half, "push too large, sending smaller ones");
            self.push_bytes.store(half, Ordering::Relaxed);
            return Ok(RoundOutcome::More { up_to: after });
        }
        if let CallError::Refused(_) = error {
            let now = self.clock.now();
            let (failures, changed) = self.replica()?.set_aside_too_large(batch, now)?;
            run.report.failures.extend(failures);
            self.publish(Origin::Sync, changed, false);
        } else {
            let operations = batch
                .bodies()?
                .into_iter()
                .filter_map(|(body, _)| serde_json::from_str(body).ok());
            run.report.too_large.extend(operations);
        }
        Ok(RoundOutcome::More { up_to: last })
    }

    /// Sends `batch` and records that its increments were sent, unless they certainly had no effect.
    async fn push(&self, run: &SyncRun<'_>, batch: &Batch) -> Result<Reply, CallError> {
        let collected = run.collected.as_ref().map(CollectedPages::cursor);
        let cursor = collected.or_else(|| batch.cursor());
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync".into(),
            bearer: None,
            body: Some(push_body(batch, cursor, run.members)?),
        };
        // The mark is stored before the request: after a crash the increments count as sent. It is
        // removed only if the request certainly had no effect. A timeout keeps it, because the
        // server may have applied the increments.
        let sent_at = self.clock.now();
        self.replica()?.note_sending(batch, sent_at)?;
        let reply = self.authorized(run.transport, request).await;
        let answered = reply.and_then(|reply| {
            check_success(&reply)?;
            Ok(reply)
        });
        if answered.as_ref().is_err_and(CallError::is_certainly_undone) {
            self.replica()?.note_not_done(sent_at)?;
        }
        answered
    }
}

impl Default for NewerMembers {
    fn default() -> Self {
        Self {
            seen_versions: true,
            group_size: true,
        }
    }
}

impl NewerMembers {
    /// Leaves out the member because of which the server refused the push. Returns false if it was
    /// none of these.
    fn leave_out_refused(&mut self, error: &CallError) -> bool {
        let CallError::Refused(problem) = error else {
            return false;
        };
        let mut is_new = false;
        for error in problem.errors.iter().filter(|_| problem.status == 422) {
            if self.seen_versions && error.pointer.starts_with("/seen_versions") {
                (self.seen_versions, is_new) = (false, true);
            }
            let names_size = || error.pointer.ends_with("/group_size");
            if self.group_size && error.pointer.starts_with("/operations/") && names_size() {
                (self.group_size, is_new) = (false, true);
            }
        }
        is_new
    }
}

/// Adds the effects of an answer to the report.
fn count(run: &mut SyncRun<'_>, applied: ApplyReport) {
    let report = &mut run.report;
    report.pushed += applied.pushed;
    report.merged += applied.merged;
    report.offered += applied.offered;
    report.undeleted += applied.undeleted;
    report.resynced = applied.resynced.or(report.resynced);
    // A deferred operation may wait for one that is later in the outbox. Remember the count from
    // before this answer, so that acknowledgements of the same answer count as progress.
    if applied.deferred > 0 {
        run.deferred_at = Some(report.pushed - applied.pushed);
    }
    report.failures.extend(applied.failures);
    report.over_quota.extend(applied.over_quota);
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
    cursor: Option<&str>,
    members: NewerMembers,
) -> Result<Vec<u8>, CallError> {
    let bodies = batch.bodies()?.into_iter();
    let operations = bodies
        .map(|(body, size)| operation(body, size.filter(|_| members.group_size)))
        .collect::<Result<Vec<_>, _>>()
        // The text is the replica's own, so the server is not at fault.
        .map_err(ReplicaError::damaged)?;
    let is_named = members.seen_versions && !operations.is_empty();
    body(&PushRequest {
        device_id: batch.device_id,
        cursor,
        limit: MAX_PAGE,
        seen_versions: is_named.then_some(&batch.seen_versions),
        operations,
    })
}

/// Returns an operation as it is sent: its text, with the size of its group.
///
/// The size is not stored: it follows from the batch, and an older server must get the text alone.
fn operation(body: &str, group_size: Option<usize>) -> serde_json::Result<Cow<'_, RawValue>> {
    let members = body.trim_end().strip_suffix('}');
    match members.zip(group_size) {
        Some((members, size)) => {
            let text = format!("{members},\"group_size\":{size}}}");
            Ok(Cow::Owned(RawValue::from_string(text)?))
        }
        None => Ok(Cow::Borrowed(serde_json::from_str(body)?)),
    }
}

fn sync_answer(response: LenientResponse<'_>) -> Result<SyncAnswer, CallError> {
    let Delivery {
        records,
        foreign,
        settings,
    } = Delivery::of(&response.changes);
    let results = response
        .results
        .iter()
        .map(|raw| serde_json::from_str(raw.get()));
    let results: Vec<_> = results.filter_map(Result::ok).collect();
    let unread_results = (response.results.len() - results.len()) as u64;
    let unexpected = |what| CallError::Unexpected { what };
    let head = Seq::new(response.head);
    let head = head.ok_or_else(|| unexpected(format!("the head {}", response.head)))?;
    let digest = response.digest.as_deref().map(str::parse::<Digest>);
    let digest = digest.transpose();
    Ok(SyncAnswer {
        results,
        unread_results,
        records,
        foreign,
        settings,
        digest: digest.map_err(|error| unexpected(format!("a digest that {error}")))?,
        cursor: response.cursor,
        head,
        has_more: response.has_more,
        // A start below 0 counts as unknown. It can only change which records are compared.
        history_start: response.history_start.and_then(Seq::new),
    })
}
