//! Metrics.

use kanso_application::ports::storage::StorageError;
use metrics::{counter, gauge};

/// Counts a failed call.
pub(crate) fn failed(error: &StorageError) {
    let kind = match error {
        StorageError::Unavailable(_) => "unavailable",
        StorageError::Corrupt(_) => "corrupt",
    };
    counter!("kanso_storage_errors_total", "kind" => kind).increment(1);
}

/// Counts a retry after a transient error.
pub(crate) fn retried() {
    counter!("kanso_storage_retries_total").increment(1);
}

/// Increments a gauge until it is dropped, also when the future that holds it is cancelled.
#[derive(Debug)]
pub(crate) struct GaugeGuard(&'static str);

impl GaugeGuard {
    pub(crate) fn in_use() -> Self {
        Self::begin("kanso_storage_connections_in_use")
    }

    pub(crate) fn waiting() -> Self {
        Self::begin("kanso_storage_connections_waiting")
    }

    fn begin(gauge: &'static str) -> Self {
        gauge!(gauge).increment(1.0);
        Self(gauge)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}
