//! What the server says of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The server's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "status": "healthy", "database": "connected", "redis": "off", "version": "0.1.0", "uptime": 3600,
    "tzdb": "2026a"
}))]
pub struct HealthResponse {
    /// `healthy`, or `unhealthy` when the database is gone.
    pub status: String,
    /// `connected` or `unreachable`.
    pub database: String,
    /// `connected`, `unreachable` or `off`.
    pub redis: String,
    /// The server's version.
    pub version: String,
    /// Seconds since the server started.
    pub uptime: i64,
    /// The version of the time-zone database that the server reads days with.
    pub tzdb: String,
}

/// A yes or no for an orchestrator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"status": "ok"}))]
pub struct ProbeResponse {
    /// `ok`; `draining` while the server is about to stop; `unavailable` without its database.
    pub status: String,
}

/// What a client needs to know before it syncs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "protocol_versions": [1],
    "limits": {
        "body_bytes": 1_048_576, "operations": 500, "page_records": 1000, "notes_characters": 2000,
        "json_depth": 32, "streams": 10, "wait_ms": 25000
    },
    "retention": {"operation_results_days": 90, "tombstones_days": 180}
}))]
pub struct SyncConfigResponse {
    /// The versions of this protocol that the server speaks.
    pub protocol_versions: Vec<u32>,
    /// What a request may not exceed.
    pub limits: SyncLimits,
    /// How long things are kept.
    pub retention: SyncRetention,
}

/// What a request may not exceed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncLimits {
    /// Bytes of a body.
    pub body_bytes: usize,
    /// Operations of a push.
    pub operations: usize,
    /// Records of a page.
    pub page_records: u32,
    /// Characters of an entry's notes.
    pub notes_characters: usize,
    /// Levels of nesting of a body.
    pub json_depth: usize,
    /// Event streams of a person at a time.
    pub streams: usize,
    /// Milliseconds that a pull may wait for something new.
    pub wait_ms: u32,
}

/// How long things are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SyncRetention {
    /// At least so many days a retried `op_id` finds its result.
    pub operation_results_days: u32,
    /// A device that syncs at least once in so many days misses no deletion; one that was away
    /// longer may have to start anew.
    pub tombstones_days: u32,
}

impl SyncConfigResponse {
    /// What this version answers where things are kept as `retention` says.
    pub fn new(retention: SyncRetention) -> Self {
        Self {
            protocol_versions: vec![1],
            limits: SyncLimits {
                body_bytes: crate::MAX_BODY_BYTES,
                operations: crate::MAX_OPERATIONS,
                page_records: crate::MAX_PAGE,
                notes_characters: kanso_domain::text::Notes::MAX,
                json_depth: crate::MAX_DEPTH,
                streams: crate::MAX_STREAMS,
                wait_ms: crate::MAX_WAIT_MS,
            },
            retention,
        }
    }
}
