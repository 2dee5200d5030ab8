//! The exchange with the server: push the outbox, pull the rest, and see that both hold the same.

mod heal;
mod report;
mod round;
mod unsure;

pub use report::{Interrupted, Progress, SyncReport};

use crate::Client;
use crate::calls::CallError;
use crate::replica::{BEGINNING, ReplicaError, Terms};
use crate::transport::Transport;
use round::Round;

/// A server that keeps asking for a new start is not followed for ever.
const MAX_RESYNCS: u32 = 3;
/// A replica that drifts again and again is not put right for ever.
const MAX_REPAIRS: u32 = 3;
/// Settings older than this are read again, and rows not looked at for as long are.
const DAY_SECONDS: i64 = 24 * 60 * 60;

/// What a person may ask of a sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// Look at every record here and compare all of them with the server's, which is done once a
    /// day anyway.
    pub verify: bool,
    /// Many records may be removed here at once, without [`CallError::ManyDeletions`].
    pub accept_deletions: bool,
}

/// One run: what was asked of it, who watches, and what it has done.
struct Run<'a> {
    transport: &'a dyn Transport,
    options: SyncOptions,
    watch: &'a (dyn Fn(Progress) + Send + Sync),
    report: SyncReport,
    /// How many operations the server had taken when it put one off.
    deferred_at: Option<u64>,
}

impl Run<'_> {
    /// Whether the server took something since it put an operation off, which it may take now.
    fn may_retry_deferred(&mut self) -> bool {
        let deferred_at = self.deferred_at.take();
        deferred_at.is_some_and(|pushed| pushed < self.report.pushed)
    }
}

impl Client {
    /// Pushes the outbox and pulls what is new, until nothing is left of either and both sides
    /// hold the same.
    ///
    /// Interrupting it, by dropping it or by pulling the plug, loses nothing.
    ///
    /// # Errors
    /// What stopped it, and what it had done until then.
    pub async fn sync(&self, transport: &dyn Transport) -> Result<SyncReport, Interrupted> {
        self.sync_with(transport, SyncOptions::default(), &|_| {})
            .await
    }

    /// The same as `options` say, telling `watch` after each round how far it is.
    ///
    /// # Errors
    /// What stopped it, and what it had done until then.
    pub async fn sync_with(
        &self,
        transport: &dyn Transport,
        options: SyncOptions,
        watch: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<SyncReport, Interrupted> {
        let _one_at_a_time = self.syncing.lock().await;
        let mut run = Run {
            transport,
            options,
            watch,
            report: SyncReport::default(),
            deferred_at: None,
        };
        let mut ended = self.run(&mut run).await;
        if let Err(CallError::Replica(ReplicaError::Damaged { what })) = &ended {
            tracing::warn!(what, "the replica is damaged and is looked through");
            run.options.verify = true;
            ended = self.run(&mut run).await;
        }
        match ended.and_then(|()| Ok(self.status()?.waiting)) {
            Ok(waiting) => Ok(SyncReport {
                waiting,
                ..run.report
            }),
            Err(cause) => Err(Interrupted {
                so_far: run.report,
                cause,
            }),
        }
    }

    async fn run(&self, run: &mut Run<'_>) -> Result<(), CallError> {
        self.refresh_profile(run.transport).await?;
        self.set_aside_unsure(run).await?;
        let mut must_compare = self.look_through(run)?;
        let (mut sent_up_to, mut resyncs, mut repairs) = (BEGINNING, 0, 0);
        loop {
            match self.round(run, sent_up_to).await? {
                Round::More { up_to } => sent_up_to = up_to,
                Round::Complete { .. } if run.may_retry_deferred() => sent_up_to = BEGINNING,
                Round::Resend if repairs < MAX_REPAIRS => {
                    repairs += 1;
                    sent_up_to = BEGINNING;
                }
                Round::Complete { has_drifted } if has_drifted || must_compare => {
                    must_compare = false;
                    repairs += 1;
                    let offered = self.heal(run).await?;
                    if offered == 0 || repairs >= MAX_REPAIRS {
                        return Ok(());
                    }
                    sent_up_to = BEGINNING;
                }
                Round::Resend | Round::Complete { .. } => return Ok(()),
                Round::StartAnew(why) if resyncs < MAX_RESYNCS => {
                    tracing::info!(?why, "everything is delivered anew");
                    self.replica()?.begin_resync(why)?;
                    sent_up_to = BEGINNING;
                    resyncs += 1;
                }
                Round::StartAnew(_) => {
                    return Err(CallError::Unexpected {
                        what: format!("it asked {resyncs} times to start anew"),
                    });
                }
            }
        }
    }

    /// Looks at every row, once a day or where a person asks for it. Answers with whether the
    /// replica has to be compared with the server.
    fn look_through(&self, run: &mut Run<'_>) -> Result<bool, CallError> {
        let now = self.clock.now();
        let checked_at = self.replica()?.checked_at()?;
        let is_due = checked_at.is_none_or(|at| now.seconds_since(at).abs() >= DAY_SECONDS);
        if !is_due && !run.options.verify {
            return Ok(false);
        }
        let damaged = self.replica()?.check(now)?;
        if damaged > 0 {
            tracing::warn!(damaged, "records of the replica are damaged");
        }
        run.report.damaged += damaged;
        Ok(damaged > 0 || run.options.verify)
    }

    fn terms(&self, run: &Run<'_>) -> Terms<'_> {
        Terms {
            accept_deletions: run.options.accept_deletions,
            now: self.clock.now(),
            ids: self.ids.as_ref(),
        }
    }

    async fn refresh_profile(&self, transport: &dyn Transport) -> Result<(), CallError> {
        let read_at = self.replica()?.profile()?.read_at;
        let now = self.clock.now();
        if read_at.is_some_and(|at| now.seconds_since(at).abs() < DAY_SECONDS) {
            return self.check_server(transport);
        }
        match self.read_profile(transport).await {
            // Settings that cannot be read must not keep records from being synced.
            Err(CallError::Refused(_) | CallError::Unexpected { .. }) => Ok(()),
            done => done,
        }
    }
}
