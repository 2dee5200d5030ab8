//! Bounds of what one account holds.
//!
//! Every list and every statistic reads all live habits of an account. So their number bounds the
//! memory and the time that one request can take from the other accounts. The number and the size of
//! all records bound the disk space that one account can take from them.

use super::Usage;

/// The bounds of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Most live habits. Archived habits count, deleted ones do not.
    pub live_habits: u32,
    /// Most stored records ([`Usage::records`]).
    pub records: u64,
    /// Most bytes of records and receipts ([`Usage::bytes`]).
    pub bytes: u64,
}

impl Quota {
    /// No bound. The largest numbers that every storage can hold stand for it.
    pub const UNLIMITED: Self = Self {
        live_habits: u32::MAX,
        records: i64::MAX.cast_unsigned(),
        bytes: i64::MAX.cast_unsigned(),
    };

    /// Returns this quota with the bounds that the account has of its own.
    #[must_use]
    pub fn with(self, own: OwnQuota) -> Self {
        Self {
            live_habits: own.live_habits.unwrap_or(self.live_habits),
            records: own.records.unwrap_or(self.records),
            bytes: own.bytes.unwrap_or(self.bytes),
        }
    }

    /// Returns the bound that `after` exceeds and that growth from `before` to `after` came closer to.
    ///
    /// An account beyond a bound, for instance because the operator lowered it, can still change and
    /// delete what it has.
    pub(super) fn exceeded(self, before: Usage, after: Usage) -> Option<ExceededQuota> {
        if after.records > before.records && after.records > self.records {
            let limit = self.records;
            return Some(ExceededQuota::Records { limit });
        }
        let limit = self.bytes;
        (after.bytes > before.bytes && after.bytes > limit)
            .then_some(ExceededQuota::Bytes { limit })
    }

    /// Returns the bound that one more receipt would exceed.
    ///
    /// Receipts may take an eighth more than the bound, so that a full account can still change what it
    /// has.
    pub(super) fn exceeded_by_a_receipt(self, usage: Usage) -> Option<ExceededQuota> {
        let limit = self.bytes;
        (usage.bytes > limit.saturating_add(limit / 8)).then_some(ExceededQuota::Bytes { limit })
    }
}

impl Default for Quota {
    /// Returns the bounds of a server that sets none.
    fn default() -> Self {
        Self {
            // Some users keep a hundred habits, most of them archived. A year of statistics for five
            // hundred has some 180,000 cells, which a server with 512 MiB answers.
            live_habits: 500,
            // Thirty entries a day for 180 years.
            records: 2_000_000,
            bytes: 1 << 30,
        }
    }
}

/// The bounds that an operator set for one account. `None` is the bound of all accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OwnQuota {
    /// Most live habits.
    pub live_habits: Option<u32>,
    /// Most stored records.
    pub records: Option<u64>,
    /// Most bytes of records and receipts.
    pub bytes: Option<u64>,
}

impl OwnQuota {
    /// No bound of its own.
    pub const NONE: Self = Self {
        live_habits: None,
        records: None,
        bytes: None,
    };
}

/// A bound that an operation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceededQuota {
    /// The account has as many live habits as it may have.
    LiveHabits {
        /// Most live habits.
        limit: u32,
    },
    /// The account stores as many records as it may.
    Records {
        /// Most records.
        limit: u64,
    },
    /// The records and receipts of the account take as much room as they may.
    Bytes {
        /// Most bytes.
        limit: u64,
    },
}

impl ExceededQuota {
    /// Returns the stable name of the quota. The protocol uses it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiveHabits { .. } => "live_habits",
            Self::Records { .. } => "records",
            Self::Bytes { .. } => "bytes",
        }
    }

    /// Returns the bound.
    pub const fn limit(self) -> u64 {
        match self {
            Self::LiveHabits { limit } => limit as u64,
            Self::Records { limit } | Self::Bytes { limit } => limit,
        }
    }
}
