//! The list of planted bugs, and those that are not in the storage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::limiter::{LimitState, LimitedClient, RateLimit, RateLimiter};

use super::feed::MutantFeed;
use crate::plan::{StoreKind, WorldPlan};

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $bug:ident = $name:literal,)+) => {
        /// A planted bug: a change that a developer could make by mistake. The doc of each variant
        /// is its description in `docs/verification.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $bug,)+
        }

        impl Bug {
            /// All bugs.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// Name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }

            /// Description for the table in `docs/verification.md`.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$bug => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

bugs! {
    /// Positions are assigned without a lock: a later one is visible before an earlier one.
    // A sequence instead of a counter under the row lock. Readers skip changes: check 5.
    CursorWithoutLock = "cursor-without-lock",
    /// The head of a page is read after its records, in another snapshot.
    // Two queries outside one transaction. A commit between them is skipped: check 5.
    TwoSnapshots = "two-snapshots",
    /// A write is answered before its commit, and sometimes never committed.
    // Answering first saves latency. Lost writes leave gaps in the versions: check 2.
    AckBeforeCommit = "ack-before-commit",
    /// A retry does not find its receipt and is carried out again.
    // A receipt lookup with the wrong key. One id has two effects: check 3.
    RetryAppliedTwice = "retry-applied-twice",
    /// The receipt is stored after the change, and sometimes the process dies between the two.
    // Receipt and change in two transactions. A crash between them repeats the change: check 3.
    ReceiptApart = "receipt-apart",
    /// An edit of a deleted record revives it without the `revive` flag.
    // A forgotten `deleted_at IS NULL`. The edit revives the record: check 5.
    Resurrected = "resurrected",
    /// Tombstones are purged before a device has read them, and its cursor stays valid.
    // A purge by age alone. Devices that were away keep deleted records: check 5.
    PurgeWithoutFloor = "purge-without-floor",
    /// The worker increments the version when it stores a streak.
    // The worker reuses the update of an edit. Pages show versions that no operation made: check 5.
    WorkerBumpsVersion = "worker-bumps-version",
    /// A change does not queue the streak that it makes stale.
    // A write path that forgets to queue. Streaks stay stale: check 9.
    StreakJobDropped = "streak-job-dropped",
    /// A streak is stored although its habit changed after the computation.
    // No comparison of generations. An old result overwrites a newer one: check 9.
    StaleStreakStored = "stale-streak-stored",
    /// A page loses a record on the way and carries no digest to detect it.
    // A page without its digest. Devices cannot notice a lost record: check 6.
    DigestNotCompared = "digest-not-compared",
    /// Edits of the same field do not conflict: the later arrival wins.
    // Provenance that is not stored. Edits overwrite unseen ones: check 2.
    ClashOverlooked = "clash-overlooked",
    /// One record of a group is not stored.
    // An off-by-one in the insert of a batch. The group is answered as complete: check 1.
    HalfAGroup = "half-a-group",
    /// A page that is not the last carries the cursor of the head.
    // The cursor of the head on every page. The rest is skipped: check 5.
    CursorPastPage = "cursor-past-page",
    /// A used refresh token has no grace period.
    // Rotation without the previous token. A lost answer ends the session: check 11.
    NoGrace = "no-grace",
    /// The counts of the rate limiter are never reset.
    // A window that is never renewed. Clients are rejected and cannot read to the end: check 5.
    LimiterWithoutEnd = "limiter-without-end",
    /// The tombstone of an entry is left out while its habit is deleted.
    // A join on live habits. Devices keep a deleted entry of a revived habit: check 5.
    EntryTombstoneLeftOut = "entry-tombstone-left-out",
    /// Receipts are purged while devices still retry.
    // Hours instead of days. A late retry is carried out again: check 3.
    ReceiptsPurgedEarly = "receipts-purged-early",
    /// A revived habit does not deliver its entries again.
    // Only the habit gets a new position. Devices lack its entries: check 5.
    ReviveWithoutEntries = "revive-without-entries",
    /// A waiting pull is not woken by a change.
    // Subscribing after the check for news. Polls wait to their end: check 12.
    WakeUpMissed = "wake-up-missed",
    /// A restored database keeps its epoch.
    // A restore without the witness. Old cursors skip the new history: check 6.
    EpochKept = "epoch-kept",
    /// A subscriber is never removed.
    // A subscription that is stored and never dropped: check 12.
    WaiterKept = "waiter-kept",
    /// A page contains a record of another user.
    // A query without `user_id`: checks 5 and 10.
    OtherPersonsRecord = "other-persons-record",
    /// A write of an entry is answered and not stored.
    // A branch that answers and does not write: check 1.
    EntryNotStored = "entry-not-stored",
    /// An increment writes the sum that its device saw instead of adding.
    // Read, add, write instead of an addition under the lock: check 1.
    IncrementOverwrites = "increment-overwrites",
    /// A delete that did not see the newest edit is answered and dropped.
    // A delete with the conflict rule of edits: check 2.
    DeleteDropped = "delete-dropped",
    /// A worker claims streaks and never finishes, and no lease expires.
    // A worker that panics after each claim, and leases without end: check 9.
    ClaimsNeverFinish = "claims-never-finish",
    /// An open session is sometimes reported as closed.
    // A session cache that loses entries: check 11.
    SessionForgotten = "session-forgotten",
    /// A page from an older state is answered after a newer one.
    // Reads from a lagging replica of the database: check 12.
    StaleRead = "stale-read",
    /// An event stream does not report some changes.
    // A bounded channel that drops notices when it is full: check 12.
    PokeDropped = "poke-dropped",
    /// A poke names a position that is not stored yet.
    // Publishing before the commit: check 12.
    PokeAhead = "poke-ahead",
    /// An event stream sometimes reports the changes of another user.
    // Subscriptions keyed by the wrong id: check 10.
    StrangersStream = "strangers-stream",
    /// A ticket opens a second event stream.
    // A lookup instead of an atomic removal: check 10.
    TicketTwice = "ticket-twice",
    /// Unused tickets are kept for ever.
    // Eviction on use only: check 12.
    TicketsKept = "tickets-kept",
    /// Failed logins of an address are kept for ever.
    // Eviction on success only: check 12.
    FailuresKept = "failures-kept",
    /// A piece of a snapshot starts one record too late.
    // `>` where the resume mark means `>=`: check 5.
    SnapshotSkips = "snapshot-skips",
    /// The resume mark of a piece of a snapshot is sent before the piece.
    // The mark is written before its records: check 5 after a resume.
    MarkBeforePiece = "mark-before-piece",
    /// A draining server ends its streams without `bye`.
    // Shutdown closes the sockets first: check 12.
    ByeLeftOut = "bye-left-out",
    /// The lock on a user's row is released before the commit.
    // An early release of the guard: two writers get the same positions, check 5.
    LockBeforeCommit = "lock-before-commit",
    /// Each statement of a read has its own snapshot, so the head is older than the page.
    // READ COMMITTED instead of REPEATABLE READ: check 5.
    SnapshotPerStatement = "snapshot-per-statement",
    /// A commit with an unknown outcome is repeated without a look at the receipts.
    // A driver that retries every connection error: check 1.
    UncertainCommitRepeated = "uncertain-commit-repeated",
    /// A connection is not returned to the pool after a failed transaction.
    // An early return that leaks the guard. The pool runs dry and readers cannot finish: check 5.
    ConnectionKept = "connection-kept",
    /// A decision made before a serialization failure is committed after it.
    // The decision is made outside the retry loop: check 5.
    DecisionKept = "decision-kept",
    /// The jobs of a rolled back claim stay locked.
    // An advisory lock that outlives its transaction: check 6.
    ClaimKept = "claim-kept",
    /// A failover loses the last answered commit.
    // Asynchronous replication and no new epoch: check 5.
    FailoverLosesCommit = "failover-loses-commit",
    /// Every edit with the device id of a push counts as seen, so copies of a replica overwrite each other.
    // The rule of release 0.1.0: check 2.
    SameDeviceKnowsAll = "same-device-knows-all",
    /// After a restore, versions of the two histories are compared as if they were one.
    // The rule of release 0.1.0: an edit vanishes if another device came back first: check 1.
    HistoriesCompared = "histories-compared",
    /// A cursor in a first pull is checked by its position instead of the start of the pull.
    // The check of an ordinary cursor: a slow first pull starts again after each purge: check 12.
    FirstPullByPosition = "first-pull-by-position",
    /// A push with an operation that cannot be read is refused as a whole.
    // The rule of release 0.1.0: the other operations never leave their device: check 14.
    PushRefusedAsAWhole = "push-refused-as-a-whole",
    /// The last of two equal names among the fields of an operation wins.
    // The rule of release 0.1.0: fields were read as a map: check 14, or 2 by the change itself.
    LastNameWins = "last-name-wins",
    /// A page with a record that this version does not know is not read at all.
    // The rule of release 0.1.0: a page was read as one value: check 6.
    StrangeRecordStopsSync = "strange-record-stops-sync",
    /// A push that is too large for a proxy is sent again as it is.
    // The rule of release 0.1.0: nothing leaves the device: check 6.
    TooLargeStopsSync = "too-large-stops-sync",
    /// Every 401 ends the session, also that of a proxy.
    // The rule of release 0.1.0: the log-in page of a network ends a session: check 11.
    StrangerEndsSession = "stranger-ends-session",
    /// An entity tag that a proxy has changed matches nothing.
    // The rule of release 0.1.0: each write behind such a proxy is 412: check 14.
    ChangedTagRefused = "changed-tag-refused",
    /// The path of the database is not compared with the open file.
    // The rule of release 0.1.0: writes go to a file that no start opens again: check 1.
    FileNotCompared = "file-not-compared",
}

impl Bug {
    /// Returns the bug with this name.
    ///
    /// # Errors
    ///
    /// No bug has this name.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|bug| bug.name() == name);
        found
            .copied()
            .ok_or_else(|| format!("no bug is called {name}"))
    }

    /// Adapts `plan` to the bug: some bugs need the simulated PostgreSQL and its faults.
    pub const fn plan(self, mut plan: WorldPlan) -> WorldPlan {
        match self {
            Self::SameDeviceKnowsAll if plan.copies == 0 => plan.copies = 2,
            // A device has to miss an edit of another one, and to come back first after a restore.
            Self::HistoriesCompared => {
                plan.restores = 3;
                plan.events = 10;
                plan.devices = 3;
                plan.partitions = 4;
                plan.actions = 28;
                plan.focus = 90;
            }
            // Tombstones have to be purged during a slow first pull.
            Self::FirstPullByPosition => {
                plan.leaps = 5;
                plan.tombstone_days = 7;
                plan.restores = 0;
            }
            Self::PushRefusedAsAWhole | Self::LastNameWins if plan.unreadable == 0 => {
                plan.unreadable = 20;
            }
            Self::StrangeRecordStopsSync if plan.novelties == 0 => plan.novelties = 2,
            Self::TooLargeStopsSync => {
                plan.body_limit = 2_001;
                plan.partitions = 4;
            }
            Self::StrangerEndsSession if plan.strangers == 0 => plan.strangers = 4,
            Self::ChangedTagRefused if plan.changed_tags == 0 => plan.changed_tags = 10,
            Self::FileNotCompared => {
                plan.store = StoreKind::File;
                plan.swaps = 3;
                if plan.events < 4 {
                    plan.events = 4;
                }
            }
            _ => {}
        }
        if !matches!(
            self,
            Self::LockBeforeCommit
                | Self::SnapshotPerStatement
                | Self::UncertainCommitRepeated
                | Self::ConnectionKept
                | Self::DecisionKept
                | Self::ClaimKept
                | Self::FailoverLosesCommit
        ) {
            return plan;
        }
        plan.store = StoreKind::Postgres;
        match self {
            Self::UncertainCommitRepeated if plan.uncertain == 0 => plan.uncertain = 5,
            Self::ConnectionKept | Self::ClaimKept if plan.failures == 0 => plan.failures = 10,
            // The decision is only wrong if another device writes to the same records between two
            // attempts.
            Self::DecisionKept => {
                plan.failures = 30;
                plan.longest_step = 40;
                plan.longest_delay = 20;
            }
            Self::FailoverLosesCommit if plan.outages == 0 => plan.outages = 2,
            _ => {}
        }
        plan
    }

    /// Wraps `feed` with the bug, if it is a bug of the feed.
    pub fn feed(bug: Option<Self>, feed: Arc<dyn Feed>) -> Arc<dyn Feed> {
        match bug {
            Some(
                bug @ (Self::WakeUpMissed
                | Self::WaiterKept
                | Self::PokeDropped
                | Self::PokeAhead
                | Self::StrangersStream),
            ) => Arc::new(MutantFeed::new(bug, feed)),
            _ => feed,
        }
    }

    /// Wraps `limiter` with the bug, if it is a bug of the limiter.
    pub fn limiter(bug: Option<Self>, limiter: Arc<dyn RateLimiter>) -> Arc<dyn RateLimiter> {
        match bug {
            Some(Self::LimiterWithoutEnd) => Arc::new(NeverResetsCounts::default()),
            _ => limiter,
        }
    }
}

/// A rate limiter whose counts are never reset, as if the window start was never updated. Requests
/// are rejected for ever, so browsers and devices cannot read to the end (check 5).
#[derive(Default)]
struct NeverResetsCounts(Mutex<BTreeMap<LimitedClient, u32>>);

#[async_trait]
impl RateLimiter for NeverResetsCounts {
    async fn check(&self, client: LimitedClient, limit: RateLimit, cost: u32) -> LimitState {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(client).or_default();
        *count += cost;
        // A quarter of the real limit, so that a short run reaches it.
        let allowed = *count <= limit.requests / 4;
        LimitState {
            allowed,
            limit,
            remaining: 0,
            reset_seconds: limit.window_seconds,
            retry_after_seconds: u32::from(!allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_is_found_by_its_name() {
        for &bug in Bug::ALL {
            assert_eq!(Bug::named(bug.name()), Ok(bug));
        }
        assert!(Bug::ALL.len() >= 20);
    }
}
