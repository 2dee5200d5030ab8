//! Deletions of records.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of a deletion, which may be left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"version": 3}))]
pub struct DeleteRequest {
    /// Version that the client has seen, at least 1. The parameter `version` and the header `If-Match`
    /// mean the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(required = false, minimum = 1)]
    pub version: Option<i64>,
}
