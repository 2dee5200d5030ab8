//! Findings of the checks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The checks, by the promise that each verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Every acknowledged operation is in the final state, or a later one that was built on it.
    AckedIsKept = 1,
    /// The accepted changes of a record form one chain, and none overwrites an unseen one.
    OneChain = 2,
    /// An operation has one result and one effect.
    ExactlyOnce = 3,
    /// A group is stored completely or not at all.
    AllOrNone = 4,
    /// The pages that a reader folded together equal the server's state.
    PagesAddUp = 5,
    /// After recovery every device holds the server's records, and no outbox waits.
    Convergence = 6,
    /// After an acknowledged delete no page shows the record as live.
    DeletedStaysDeleted = 7,
    /// A device reads its own writes and no version goes back.
    NeverBack = 8,
    /// Stored streaks equal a fresh computation.
    StreaksFresh = 9,
    /// No user gets data of another.
    Isolation = 10,
    /// No lost answer ends a session.
    StaysSignedIn = 11,
    /// Queues drain, and waiting clients are woken.
    Drains = 12,
    /// The same seed gives the same trace.
    SameTrace = 13,
    /// An operation that cannot be read stops no other, and a changed entity tag stops no write.
    OthersGoOn = 14,
}

impl Check {
    /// All checks in order.
    pub const ALL: [Self; 14] = [
        Self::AckedIsKept,
        Self::OneChain,
        Self::ExactlyOnce,
        Self::AllOrNone,
        Self::PagesAddUp,
        Self::Convergence,
        Self::DeletedStaysDeleted,
        Self::NeverBack,
        Self::StreaksFresh,
        Self::Isolation,
        Self::StaysSignedIn,
        Self::Drains,
        Self::SameTrace,
        Self::OthersGoOn,
    ];

    /// The promise, in a few words.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::AckedIsKept => "an acknowledged operation is kept",
            Self::OneChain => "the changes of a record form one chain",
            Self::ExactlyOnce => "an operation has one result and one effect",
            Self::AllOrNone => "a group is stored completely or not at all",
            Self::PagesAddUp => "pages add up to the server's state",
            Self::Convergence => "every replica converges to the server's records",
            Self::DeletedStaysDeleted => "a deleted record stays deleted",
            Self::NeverBack => "a device reads its own writes and never goes back",
            Self::StreaksFresh => "stored streaks equal fresh ones",
            Self::Isolation => "no user gets data of another",
            Self::StaysSignedIn => "no lost answer ends a session",
            Self::Drains => "queues drain and waiters are woken",
            Self::SameTrace => "the same seed gives the same trace",
            Self::OthersGoOn => "one bad operation or tag stops no other",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", *self as u8, self.claim())
    }
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// Details.
    pub what: String,
}

impl Finding {
    /// Creates a finding of `check`.
    pub fn new(check: Check, what: impl Into<String>) -> Self {
        Self {
            check,
            what: what.into(),
        }
    }
}

/// Findings of the actors themselves, shared between them.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Vec<Finding>>>);

impl Findings {
    /// Adds a finding of `check`.
    pub fn note(&self, check: Check, what: impl Into<String>) {
        let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(Finding::new(check, what));
    }

    /// Takes all findings.
    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
