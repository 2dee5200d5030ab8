//! Bounds of what one account holds.
//!
//! Every list and every statistic reads all live habits of an account. So their number bounds the
//! memory and the time that one request can take from the other accounts.

/// The bounds of one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Most live habits. Archived habits count, deleted ones do not.
    pub live_habits: u32,
}

impl Quota {
    /// No bound.
    pub const UNLIMITED: Self = Self {
        live_habits: u32::MAX,
    };
}

impl Default for Quota {
    /// Returns the bounds of a server that sets none.
    fn default() -> Self {
        // Some users keep a hundred habits, most of them archived. A year of statistics for five
        // hundred has some 180,000 cells, which a server with 512 MiB answers.
        Self { live_habits: 500 }
    }
}

/// A bound that an operation would exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExceededQuota {
    /// The account has as many live habits as it may have.
    LiveHabits {
        /// Most live habits.
        limit: u32,
    },
}

impl ExceededQuota {
    /// Returns the stable name of the quota. The protocol uses it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LiveHabits { .. } => "live_habits",
        }
    }
}
