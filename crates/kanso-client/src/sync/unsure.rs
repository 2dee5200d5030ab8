//! What must not be sent again, because the server may have forgotten that it has it.

use kanso_protocol::service::SyncConfigResponse;

use super::{DAY_SECONDS, Run};
use crate::Client;
use crate::calls::{CallError, read};
use crate::changes::Origin;
use crate::transport::{Method, Request};

impl Client {
    /// Leaves to a person what the server can no longer tell from a new increment. Asks the server
    /// for how long it can, which is seldom needed: only when an answer has been missing for a day.
    pub(super) async fn set_aside_unsure(&self, run: &mut Run<'_>) -> Result<(), CallError> {
        let now = self.clock.now();
        let Some(oldest) = self.replica()?.oldest_unanswered()? else {
            return Ok(());
        };
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
        // A day less, since two clocks count it.
        let days = i64::from(config.retention.operation_results_days) - 1;
        let limit = now.plus_seconds(-days * DAY_SECONDS);
        let (set_aside, changed) = self.replica()?.set_aside_unsure(limit, now)?;
        if !set_aside.is_empty() {
            tracing::warn!(
                operations = set_aside.len(),
                "nobody can tell whether the server counted these; a person has to decide"
            );
            self.publish(Origin::Sync, changed, false);
        }
        run.report.failures.extend(set_aside);
        Ok(())
    }
}
