//! Setting aside increments whose outcome the server may no longer know.

use kanso_protocol::service::SyncConfigResponse;

use super::{DAY_SECONDS, SyncRun};
use crate::calls::{CallError, read};
use crate::changes::Origin;
use crate::client::Client;
use crate::transport::{Method, Request};

impl Client {
    /// Moves increments to the failures that were sent, never answered, and are older than the time
    /// for which the server stores results.
    pub(super) async fn set_aside_unknown(&self, run: &mut SyncRun<'_>) -> Result<(), CallError> {
        let now = self.clock.now();
        let Some(oldest) = self.replica()?.oldest_unanswered()? else {
            return Ok(());
        };
        // Results are stored for whole days, so within a day there is nothing to ask. This saves a
        // request in nearly every sync.
        if now.seconds_since(oldest) < DAY_SECONDS {
            return Ok(());
        }
        let request = Request {
            method: Method::Get,
            path: "/api/v1/sync/config".into(),
            bearer: None,
            body: None,
        };
        let reply = self.authorized(run.transport, request).await?;
        let config: SyncConfigResponse = read(&reply)?;
        // One day less than the server stores results, because the two clocks may differ.
        let days = i64::from(config.retention.operation_results_days) - 1;
        let limit = now.plus_seconds(-days * DAY_SECONDS);
        let (set_aside, changed) = self.replica()?.set_aside_unknown(limit, now)?;
        if !set_aside.is_empty() {
            tracing::warn!(
                operations = set_aside.len(),
                "increments set aside, outcome unknown"
            );
            self.publish(Origin::Sync, changed, false);
        }
        run.report.failures.extend(set_aside);
        Ok(())
    }
}
