//! The sync loop: push the outbox, pull the rest.

use kanso_domain::Seq;
use kanso_protocol::sync::{Changed, SyncResponse};
use kanso_protocol::{MAX_OPERATIONS, MAX_PAGE};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::Client;
use crate::calls::{CallError, body, read};
use crate::replica::{Applied, Batch, Delivery, Failure};
use crate::transport::{Method, Request, Transport};

/// The most bytes of operations in one request: the rest of the body has room within the limit.
const MAX_BATCH_BYTES: usize = 900 * 1024;
/// A server that keeps asking for a new start is not followed for ever.
const MAX_RESYNCS: u32 = 3;
/// Settings older than this are read again.
const PROFILE_SECONDS: i64 = 24 * 60 * 60;

/// What a sync did.
#[derive(Debug, Default)]
pub struct SyncReport {
    /// Operations that the server took.
    pub pushed: u64,
    /// Records that it delivered, this device's own changes among them.
    pub pulled: u64,
    /// Operations that it refused for good, with its own record. They stay on
    /// [`Client::failures`] until a person has decided.
    pub failures: Vec<Failure>,
    /// Operations that wait for the next sync.
    pub waiting: u64,
    /// Whether everything was delivered anew, because the server asked for it.
    pub resynced: bool,
}

/// A sync that did not run to its end. What it had done is kept, the rest is done by the next.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Interrupted {
    /// What it had done.
    pub so_far: SyncReport,
    /// What stopped it.
    #[source]
    pub cause: CallError,
}

/// How far a sync is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Operations that the server has answered.
    pub answered: u64,
    /// Operations that are still to be sent.
    pub waiting: u64,
    /// Records that were delivered.
    pub pulled: u64,
    /// Records that are still to be delivered.
    pub remaining: u64,
}

#[derive(Serialize)]
struct Push<'a> {
    device_id: Uuid,
    cursor: Option<&'a str>,
    limit: u32,
    operations: Vec<&'a RawValue>,
}

/// What became of one round.
enum Round {
    /// There may be more to send or to read.
    More,
    /// Everything was sent and read.
    Complete,
    /// The server asked for a new start.
    StartAnew,
}

impl Client {
    /// Pushes the outbox and pulls what is new, until nothing is left of either.
    ///
    /// Interrupting it, by dropping it or by pulling the plug, loses nothing.
    ///
    /// # Errors
    /// What stopped it, and what it had done until then.
    pub async fn sync(&self, transport: &dyn Transport) -> Result<SyncReport, Interrupted> {
        self.sync_watched(transport, &|_| {}).await
    }

    /// The same, telling `watch` after each round how far it is.
    ///
    /// # Errors
    /// What stopped it, and what it had done until then.
    pub async fn sync_watched(
        &self,
        transport: &dyn Transport,
        watch: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<SyncReport, Interrupted> {
        let _one_at_a_time = self.syncing.lock().await;
        let mut report = SyncReport::default();
        let ended = self.run(transport, watch, &mut report).await;
        match ended.and_then(|()| Ok(self.status()?.waiting)) {
            Ok(waiting) => Ok(SyncReport { waiting, ..report }),
            Err(cause) => Err(Interrupted {
                so_far: report,
                cause,
            }),
        }
    }

    async fn run(
        &self,
        transport: &dyn Transport,
        watch: &(dyn Fn(Progress) + Send + Sync),
        report: &mut SyncReport,
    ) -> Result<(), CallError> {
        self.refresh_profile(transport).await?;
        let mut sent_up_to = 0;
        let mut resyncs = 0;
        loop {
            let batch = self
                .replica()
                .next_batch(sent_up_to, MAX_OPERATIONS, MAX_BATCH_BYTES)?;
            match self.round(transport, watch, &batch, report).await? {
                Round::Complete => return Ok(()),
                Round::More => sent_up_to = batch.last_position().unwrap_or(sent_up_to),
                Round::StartAnew if resyncs < MAX_RESYNCS => {
                    tracing::info!("everything is delivered anew");
                    self.replica().begin_resync()?;
                    report.resynced = true;
                    sent_up_to = 0;
                    resyncs += 1;
                }
                Round::StartAnew => {
                    return Err(CallError::Unexpected {
                        what: format!("it asked {resyncs} times to start anew"),
                    });
                }
            }
        }
    }

    async fn round(
        &self,
        transport: &dyn Transport,
        watch: &(dyn Fn(Progress) + Send + Sync),
        batch: &Batch,
        report: &mut SyncReport,
    ) -> Result<Round, CallError> {
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync",
            bearer: None,
            body: Some(push_body(batch)?),
        };
        let reply = self.authorized(transport, request).await?;
        let response: SyncResponse = match read(&reply) {
            Ok(response) => response,
            Err(CallError::Refused(problem))
                if problem.status == 410 || problem.code == "cursor_malformed" =>
            {
                return Ok(Round::StartAnew);
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
        report.pulled += delivery.records.len() as u64;
        let applied =
            self.replica()
                .apply(batch, &delivery, self.clock.now(), self.ids.as_ref())?;
        let Applied { pushed, failures } = applied;
        report.pushed += pushed;
        report.failures.extend(failures);
        let after = batch.last_position();
        let is_drained = after.is_none() || self.replica().is_drained(after.unwrap_or_default())?;
        watch(Progress {
            answered,
            waiting: self.status()?.waiting,
            pulled: report.pulled,
            remaining,
        });
        Ok(if has_more || !is_drained {
            Round::More
        } else {
            Round::Complete
        })
    }

    async fn refresh_profile(&self, transport: &dyn Transport) -> Result<(), CallError> {
        let read_at = self.replica().profile()?.read_at;
        let now = self.clock.now();
        if read_at.is_some_and(|at| now.seconds_since(at).abs() < PROFILE_SECONDS) {
            return self.check_server(transport);
        }
        match self.read_profile(transport).await {
            // Settings that cannot be read must not keep records from being synced.
            Err(CallError::Refused(_) | CallError::Unexpected { .. }) => Ok(()),
            done => done,
        }
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
    for change in &response.changes {
        if let Changed::Record(record) = change.read()? {
            records.push(*record);
        }
    }
    let head = Seq::new(response.head).ok_or_else(|| CallError::Unexpected {
        what: format!("head {}", response.head),
    })?;
    Ok(Delivery {
        results: response.results,
        records,
        cursor: response.cursor,
        head,
        has_more: response.has_more,
    })
}
