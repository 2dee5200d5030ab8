//! Synchronisation with the server.
//!
//! One sync goes through these steps:
//!
//! 1. **Prepare.** Read the account's settings if they are older than a day. Move increments whose
//!    outcome the server no longer knows to the failures. Check the checksums of all rows if that
//!    was not done for a day.
//! 2. **Push and pull.** Each *round* is one request: it sends a batch of operations from the outbox
//!    and receives their results together with one page of changes. The replica applies an answer in
//!    one transaction: acknowledged operations are marked, rejected ones become failures, records go
//!    to the mirror, the cursor moves. Of a long pull, several pages share a transaction. Rounds repeat
//!    until the outbox is sent and the last page is read.
//! 3. **Verify.** The last page carries the digest of the server's live records. The replica
//!    compares it with its own.
//! 4. **Heal.** If the digests differ, both sides compare the digests of 256 buckets, and the
//!    replica replaces the buckets that differ. Records that the server lacks are given back to it
//!    through the outbox, which takes further rounds.
//!
//! The server can interrupt this by rejecting the cursor (status 410). Then a *resync* reads all
//! records again from the start.
//!
//! **Stop rule.** A sync ends when everything is sent and read and the digests are equal. Each
//! reason to start over has its own limit ([`MAX_RESYNCS`], [`MAX_REPAIRS`]), so a faulty server
//! cannot keep a client busy for ever. What is left then waits for the next sync.
//!
//! Each answer is applied in one transaction and each operation keeps its id, so a sync can be cut
//! at any point: by dropping the future, by a lost connection or by a power cut.

mod collected;
mod delivery;
mod heal;
mod report;
mod round;
mod unknown_outcome;

pub use report::{Interrupted, Progress, SyncReport};

pub(crate) use delivery::{first_page_has_settings, settings};

use crate::calls::CallError;
use crate::changes::Origin;
use crate::client::Client;
use crate::replica::{OUTBOX_START, RepairOptions, ReplicaError, Status};
use crate::transport::Transport;
use collected::CollectedPages;
pub(crate) use round::MAX_BATCH_BYTES;
use round::{NewerMembers, RoundOutcome};

/// Number of resyncs in one sync, in case a server rejects every cursor that it sends.
const MAX_RESYNCS: u32 = 3;
/// Number of repairs and resends in one sync, in case the digests never become equal.
const MAX_REPAIRS: u32 = 3;
/// Age in seconds after which settings are read again and rows are checked again: one day.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Options of one sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// Check all local records and compare them with the server's. Without this option it happens
    /// once a day.
    pub verify: bool,
    /// Allow that many records are removed at once. Without this option the sync ends with
    /// [`CallError::ManyDeletions`] instead.
    pub accept_deletions: bool,
}

/// State of one sync.
struct SyncRun<'a> {
    transport: &'a dyn Transport,
    options: SyncOptions,
    on_progress: &'a (dyn Fn(Progress) + Send + Sync),
    report: SyncReport,
    /// Number of acknowledged operations when the server last deferred one.
    deferred_at: Option<u64>,
    /// Members that the server knows, as far as it has not refused them.
    members: NewerMembers,
    /// Number of results that this version could not read.
    unread_results: u64,
    /// Pages that are not applied yet.
    collected: Option<CollectedPages>,
}

impl SyncRun<'_> {
    /// Returns true if the server has acknowledged an operation since it deferred one.
    ///
    /// The acknowledged one may be what the deferred one waits for. Without any progress a retry
    /// would be deferred again, so the answer is true once for each deferral.
    fn may_retry_deferred(&mut self) -> bool {
        let deferred_at = self.deferred_at.take();
        deferred_at.is_some_and(|pushed| pushed < self.report.pushed)
    }
}

impl Client {
    /// Pushes the outbox and pulls new changes until both sides hold the same records.
    ///
    /// Interrupting it at any point loses nothing: the next sync continues. A second call waits for
    /// the first one to end.
    ///
    /// # Errors
    /// [`Interrupted`] has the cause and the report of the work done before it.
    ///
    /// # Examples
    /// ```
    /// use kanso_client::transport::HttpTransport;
    /// use kanso_client::{CallError, Client};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// let client = Client::open(folder.path())?;
    /// let server = HttpTransport::new("https://kanso.example.org")?;
    /// // This device is not logged in, so the sync ends before it sends anything.
    /// let interrupted = client.sync(&server).await.unwrap_err();
    /// assert!(matches!(interrupted.cause, CallError::SignedOut { account: None }));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn sync(&self, transport: &dyn Transport) -> Result<SyncReport, Interrupted> {
        self.sync_with(transport, SyncOptions::default(), &|_| {})
            .await
    }

    /// Syncs with `options` and calls `on_progress` after each round.
    ///
    /// # Errors
    /// [`Interrupted`] has the cause and the report of the work done before it.
    pub async fn sync_with(
        &self,
        transport: &dyn Transport,
        options: SyncOptions,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<SyncReport, Interrupted> {
        // Two syncs at the same time would send the same operations twice. That is harmless, since
        // the server knows their ids, but it doubles the traffic.
        let _one_at_a_time = self.syncing.lock().await;
        let mut run = SyncRun {
            transport,
            options,
            on_progress,
            report: SyncReport::default(),
            deferred_at: None,
            members: NewerMembers::default(),
            unread_results: 0,
            collected: None,
        };
        let mut ended = self.run(&mut run).await;
        if let Err(CallError::Replica(ReplicaError::Damaged { what })) = &ended {
            // A damaged row stops whatever reads it. With `verify` the second run removes damaged
            // rows first and gets them from the server. Damaged operations become failures.
            tracing::warn!(what, "replica damaged, checking all rows");
            run.options.verify = true;
            ended = match self.set_aside_damaged(&mut run) {
                Ok(()) => self.run(&mut run).await,
                Err(error) => Err(error.into()),
            };
        }
        let ended = match ended {
            Ok(()) => self.after_sync(&mut run).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(status) => Ok(SyncReport {
                waiting: status.waiting,
                unread: status.unread,
                ..run.report
            }),
            Err(cause) => Err(Interrupted {
                so_far: run.report,
                cause,
            }),
        }
    }

    /// Moves the operations that can no longer be read to the failures.
    fn set_aside_damaged(&self, run: &mut SyncRun<'_>) -> Result<(), ReplicaError> {
        let (set_aside, changed) = self.replica()?.set_aside_damaged(self.clock.now())?;
        self.publish(Origin::Sync, changed, false);
        run.report.failures.extend(set_aside);
        Ok(())
    }

    /// Stores what a complete sync found out, and returns the state after it.
    async fn after_sync(&self, run: &mut SyncRun<'_>) -> Result<Status, CallError> {
        self.replica()?.note_unread_results(run.unread_results)?;
        let has_chosen = self.replica()?.has_chosen_settings()?;
        // The whole history is read, so it is known whether the user has chosen settings. The records
        // are in sync also if the settings cannot be sent; the next sync tries it again.
        if let Err(error) = self.offer_settings(run.transport, Some(has_chosen)).await {
            tracing::debug!(%error, "settings not sent");
        }
        if run.report.differs && self.replica()?.has_foreign_records()? {
            run.report.differs = false;
            run.report.is_incomparable = true;
        }
        Ok(self.status()?)
    }

    async fn run(&self, run: &mut SyncRun<'_>) -> Result<(), CallError> {
        self.refresh_profile(run.transport).await?;
        self.set_aside_unknown(run).await?;
        let mut must_compare = self.check_rows(run)?;
        // `sent_up_to` is the outbox position after which the next batch begins. Setting it back to
        // the start sends the operations again that still wait, such as deferred ones.
        let (mut sent_up_to, mut resyncs, mut repairs) = (OUTBOX_START, 0, 0);
        loop {
            match self.round(run, sent_up_to).await? {
                // There are more operations or more pages: the next round continues after them.
                RoundOutcome::More { up_to } => sent_up_to = up_to,
                // All is sent and read, but the server deferred an operation and acknowledged others
                // after that. Send the deferred ones again, now that their habit may be there.
                RoundOutcome::Complete { .. } if run.may_retry_deferred() => {
                    sent_up_to = OUTBOX_START;
                }
                // The server lost acknowledged operations, and they wait again. Each is requeued at
                // most once, but the limit also covers a server that loses them again and again.
                RoundOutcome::Resend if repairs < MAX_REPAIRS => {
                    repairs += 1;
                    sent_up_to = OUTBOX_START;
                }
                // All is sent and read, and the digests differ or the user asked for a comparison.
                // If the repair gives records back, they wait in the outbox and need more rounds;
                // the digests are compared again after those.
                RoundOutcome::Complete { has_drifted } if has_drifted || must_compare => {
                    must_compare = false;
                    repairs += 1;
                    let offered = self.heal(run).await?;
                    if offered == 0 || repairs >= MAX_REPAIRS {
                        return Ok(());
                    }
                    sent_up_to = OUTBOX_START;
                }
                // Complete and equal; or the limit of resends is reached, and the rest waits for
                // the next sync.
                RoundOutcome::Resend | RoundOutcome::Complete { .. } => return Ok(()),
                // The server rejected the cursor. The rounds that follow fill the staged table; the
                // whole outbox is sent again, because acknowledgements of the old history are void.
                RoundOutcome::MustResync(why, shared) if resyncs < MAX_RESYNCS => {
                    tracing::info!(?why, "resync started");
                    self.replica()?.begin_resync(why, shared)?;
                    sent_up_to = OUTBOX_START;
                    resyncs += 1;
                }
                // The server rejects even the cursors of a resync. Unlike a repair that does not
                // converge, this is an error: no records could be read.
                RoundOutcome::MustResync(..) => {
                    return Err(CallError::Unexpected {
                        what: format!("it demanded a resync after {resyncs} resyncs"),
                    });
                }
            }
        }
    }

    /// Checks all rows if the last check is older than a day or if the user asked for it. Returns
    /// true if the replica has to be compared with the server.
    fn check_rows(&self, run: &mut SyncRun<'_>) -> Result<bool, CallError> {
        let now = self.clock.now();
        let checked_at = self.replica()?.checked_at()?;
        // `abs`: a check in the future means that the clock was set back, so its age is unknown.
        let is_due = checked_at.is_none_or(|at| now.seconds_since(at).abs() >= DAY_SECONDS);
        if !is_due && !run.options.verify {
            return Ok(false);
        }
        let damaged = self.replica()?.check(now)?;
        if damaged > 0 {
            tracing::warn!(damaged, "damaged records found");
        }
        run.report.damaged += damaged;
        Ok(damaged > 0 || run.options.verify)
    }

    fn repair_options(&self, run: &SyncRun<'_>) -> RepairOptions<'_> {
        RepairOptions {
            accept_deletions: run.options.accept_deletions,
            now: self.clock.now(),
            ids: self.ids.as_ref(),
        }
    }

    async fn refresh_profile(&self, transport: &dyn Transport) -> Result<(), CallError> {
        if self.replica()?.offers_stored_settings()? {
            // Those of the account would overwrite them. They are read when the offer is settled.
            return self.check_server(transport);
        }
        let read_at = self.replica()?.profile()?.read_at;
        let now = self.clock.now();
        if read_at.is_some_and(|at| now.seconds_since(at).abs() < DAY_SECONDS) {
            return self.check_server(transport);
        }
        match self.read_profile(transport).await {
            // Records do not depend on the settings, so the sync continues.
            Err(CallError::Refused(_) | CallError::Unexpected { .. }) => Ok(()),
            done => done,
        }
    }
}
