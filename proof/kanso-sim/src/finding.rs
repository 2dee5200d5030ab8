//! What a check says when something is wrong.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// The checks, by what each says must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// Every acknowledged operation is in the final state, or something that was built on it is.
    AckedIsKept = 1,
    /// The accepted changes of a record form one chain, and none overlooks another's.
    OneChain = 2,
    /// The same operation has the same result and one effect.
    ExactlyOnce = 3,
    /// A group is wholly there or wholly not.
    AllOrNone = 4,
    /// What a reader has folded together of pages is the server's state.
    PagesAddUp = 5,
    /// When faults heal, every device comes to hold what the server holds, and no outbox waits.
    Convergence = 6,
    /// After an acknowledged delete no page shows the record alive.
    DeletedStaysDeleted = 7,
    /// A device reads its own writes and never goes back.
    NeverBack = 8,
    /// Stored streaks are those that a fresh computation gives.
    StreaksFresh = 9,
    /// Nobody gets a byte of somebody else.
    Isolation = 10,
    /// Nobody is logged out by a lost answer.
    StaysSignedIn = 11,
    /// Queues drain, and who waits is woken.
    Drains = 12,
    /// The same seed gives the same trace.
    SameTrace = 13,
}

impl Check {
    /// All of them, in order.
    pub const ALL: [Self; 13] = [
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
    ];

    /// What must hold.
    pub const fn claim(self) -> &'static str {
        match self {
            Self::AckedIsKept => "an acknowledged operation is kept",
            Self::OneChain => "the changes of a record form one chain",
            Self::ExactlyOnce => "an operation has one result and one effect",
            Self::AllOrNone => "a group is there wholly or not at all",
            Self::PagesAddUp => "pages add up to the server's state",
            Self::Convergence => "every device comes to hold what the server holds",
            Self::DeletedStaysDeleted => "what is deleted stays deleted",
            Self::NeverBack => "a device reads its own writes and never goes back",
            Self::StreaksFresh => "stored streaks are right",
            Self::Isolation => "nobody gets anything of somebody else",
            Self::StaysSignedIn => "nobody is logged out by a lost answer",
            Self::Drains => "queues drain and waiters are woken",
            Self::SameTrace => "the same seed gives the same trace",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", *self as u8, self.claim())
    }
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check says so.
    pub check: Check,
    /// What it saw.
    pub what: String,
}

impl Finding {
    /// What `check` saw.
    pub fn new(check: Check, what: impl Into<String>) -> Self {
        Self {
            check,
            what: what.into(),
        }
    }
}

/// Where actors write down what they see themselves.
#[derive(Clone, Debug, Default)]
pub struct Findings(Arc<Mutex<Vec<Finding>>>);

impl Findings {
    /// Notes that `check` saw `what`.
    pub fn note(&self, check: Check, what: impl Into<String>) {
        let mut findings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(Finding::new(check, what));
    }

    /// What was noted.
    pub fn take(&self) -> Vec<Finding> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
