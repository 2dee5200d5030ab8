//! What is counted for operators.

use kanso_application::ports::storage::StorageError;
use metrics::{counter, gauge};

/// A call failed.
pub(crate) fn failed(error: &StorageError) {
    let kind = match error {
        StorageError::Unavailable(_) => "unavailable",
        StorageError::Corrupt(_) => "corrupt",
    };
    counter!("kanso_storage_errors_total", "kind" => kind).increment(1);
}

/// Something failed that may pass, and is tried again.
pub(crate) fn retried() {
    counter!("kanso_storage_retries_total").increment(1);
}

/// One of the connections that are in use, or of the calls that wait for one, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(&'static str);

impl Held {
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

impl Drop for Held {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1.0);
    }
}
