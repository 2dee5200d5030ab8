//! The usage of an account, and its bounds.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::AccountRecord;

/// The account with its settings and its quota.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "id": "0198c2f4-8b7e-7c3a-9d2e-4f5a6b7c8d9e",
    "email": "ada@example.org",
    "timezone": "Europe/Rome",
    "week_start": "monday",
    "day_start": "03:30",
    "created_at": "2026-11-22T13:05:09.123456Z",
    "quota": {
        "live_habits": {"used": 12, "limit": 500},
        "records": {"used": 3_650, "limit": 2_000_000},
        "bytes": {"used": 1_512_000, "limit": 1_073_741_824}
    }
}))]
pub struct AccountWithQuota {
    /// Account.
    #[serde(flatten)]
    pub account: AccountRecord,
    /// Usage and bounds. Not sent by servers of 0.1.0.
    #[serde(default)]
    pub quota: Option<QuotaBody>,
}

/// Usage of an account, and its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaBody {
    /// Habits that are not deleted.
    pub live_habits: Share,
    /// Stored habits and entries. A deleted one counts until it is purged.
    pub records: Share,
    /// Bytes of the records, and of the results that are kept for retries. Each record has a fixed share
    /// besides its texts.
    pub bytes: Share,
}

/// The used share of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// Amount that is used.
    pub used: u64,
    /// Largest amount; `null` without a bound.
    pub limit: Option<u64>,
}
