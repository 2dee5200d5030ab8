//! The list of bugs, and those of them that are not in the storage.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::feed::Feed;
use kanso_application::ports::limiter::{ClientAddress, LimitState, RateLimit, RateLimiter};
use kanso_protocol::sync::SyncResponse;

use super::feed::MutantFeed;
use crate::chance::Chance;
use crate::plan::{Plan, StoreKind};

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $bug:ident = $name:literal,)+) => {
        /// A bug that can be put in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug {
            $($(#[doc = $doc])+ $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)+ }
            }

            /// What is wrong.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$bug => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

bugs! {
    /// Positions are given out without a lock: a later one is seen while an earlier is not yet.
    CursorWithoutLock = "cursor-without-lock",
    /// The head of a page is read after its records.
    TwoSnapshots = "two-snapshots",
    /// A write is answered before it is stored, and sometimes never is.
    AckBeforeCommit = "ack-before-commit",
    /// A retry does not find its receipt and is carried out again.
    RetryAppliedTwice = "retry-applied-twice",
    /// The receipt is stored after the change, and sometimes the process dies between the two.
    ReceiptApart = "receipt-apart",
    /// An edit of a deleted record brings it back without being asked to.
    Resurrected = "resurrected",
    /// Tombstones are purged although a device has not read them, and its cursor is taken.
    PurgeWithoutFloor = "purge-without-floor",
    /// The worker counts the storing of a streak as an edit.
    WorkerBumpsVersion = "worker-bumps-version",
    /// A change does not queue the streak that it makes stale.
    StreakJobDropped = "streak-job-dropped",
    /// A streak is stored although its habit changed since it was computed.
    StaleStreakStored = "stale-streak-stored",
    /// A page loses a record on the way and comes without a digest to compare with.
    DigestNotCompared = "digest-not-compared",
    /// Edits of the same field are not seen to clash: the later arrival wins.
    ClashOverlooked = "clash-overlooked",
    /// Of a group that is carried out, one record is not stored.
    HalfAGroup = "half-a-group",
    /// A page that is not the last gives out the cursor of the head.
    CursorPastPage = "cursor-past-page",
    /// A used refresh token yields nothing any more, at once.
    NoGrace = "no-grace",
    /// The limiter's counts are never forgotten.
    LimiterWithoutEnd = "limiter-without-end",
    /// An entry's tombstone is left out while its habit is deleted.
    EntryTombstoneLeftOut = "entry-tombstone-left-out",
    /// Receipts are purged while devices still retry.
    ReceiptsPurgedEarly = "receipts-purged-early",
    /// A habit that is revived does not send its entries again.
    ReviveWithoutEntries = "revive-without-entries",
    /// A waiting pull is not woken by a change.
    WakeUpMissed = "wake-up-missed",
    /// A database that was put back keeps its epoch.
    EpochKept = "epoch-kept",
    /// Who has waited for news is never let go.
    WaiterKept = "waiter-kept",
    /// A page carries a record of somebody else.
    OtherPersonsRecord = "other-persons-record",
    /// A write of an entry is answered and not stored.
    EntryNotStored = "entry-not-stored",
    /// An increment writes the sum that its device saw instead of adding.
    IncrementOverwrites = "increment-overwrites",
    /// A delete that did not see the newest edit is answered and dropped.
    DeleteDropped = "delete-dropped",
    /// A worker claims streaks and never finishes, and no lease runs out.
    ClaimsNeverFinish = "claims-never-finish",
    /// A session is sometimes said to be closed.
    SessionForgotten = "session-forgotten",
    /// A page from an older state is answered after a newer one.
    StaleRead = "stale-read",
    /// Who follows an event stream is not told of some changes.
    PokeDropped = "poke-dropped",
    /// A poke is sent for a position that is not there yet.
    PokeAhead = "poke-ahead",
    /// Who follows an event stream is sometimes told of somebody else's changes.
    StrangersStream = "strangers-stream",
    /// A ticket opens a second event stream.
    TicketTwice = "ticket-twice",
    /// Tickets that nobody used are kept for ever.
    TicketsKept = "tickets-kept",
    /// Failed log-ins of an address are kept for ever.
    FailuresKept = "failures-kept",
    /// A piece of a snapshot begins one record too late.
    SnapshotSkips = "snapshot-skips",
    /// The mark of a piece of a snapshot is sent before the piece.
    MarkBeforePiece = "mark-before-piece",
    /// A server that is asked to stop ends its streams without a word.
    ByeLeftOut = "bye-left-out",
    /// The lock on a person's row is let go before the commit.
    LockBeforeCommit = "lock-before-commit",
    /// Each statement of a read has a snapshot of its own, so that a head is older than its page.
    SnapshotPerStatement = "snapshot-per-statement",
    /// A commit of which nobody knows what became is repeated without a look at the receipts.
    UncertainCommitRepeated = "uncertain-commit-repeated",
    /// A connection whose transaction failed is never given back to the pool.
    ConnectionKept = "connection-kept",
    /// A decision from before a serialization failure is committed after it.
    DecisionKept = "decision-kept",
    /// The jobs of a claim that was rolled back stay locked.
    ClaimKept = "claim-kept",
    /// When the database comes back, the last commit that was answered is gone.
    FailoverLosesCommit = "failover-loses-commit",
}

impl Bug {
    /// The bug with this name.
    ///
    /// # Errors
    /// No bug is called that.
    pub fn named(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|bug| bug.name() == name);
        found
            .copied()
            .ok_or_else(|| format!("no bug is called {name}"))
    }

    /// `plan` as this bug needs it: some are of one store only, and of its faults.
    pub const fn plan(self, mut plan: Plan) -> Plan {
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
            // Somebody else must write to the same records between two attempts.
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

    /// `feed` with the bug, if it is one of the feed's.
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

    /// `limiter` with the bug, if it is one of the limiter's.
    pub fn limiter(bug: Option<Self>, limiter: Arc<dyn RateLimiter>) -> Arc<dyn RateLimiter> {
        match bug {
            Some(Self::LimiterWithoutEnd) => Arc::new(NeverResetsCounts::default()),
            _ => limiter,
        }
    }

    /// Changes an answer on its way, if the bug is one of the wire's.
    pub fn mutate_answer(self, body: &mut Vec<u8>, chance: &Chance) {
        if self != Self::DigestNotCompared {
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
}

/// A limiter whose counts have no end.
#[derive(Default)]
struct NeverResetsCounts(Mutex<BTreeMap<ClientAddress, u32>>);

#[async_trait]
impl RateLimiter for NeverResetsCounts {
    async fn check(&self, address: ClientAddress, limit: RateLimit) -> LimitState {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        *count += 1;
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
