//! `GET /health/live`: the cost of a request that does nothing.

use bytes::Bytes;

use crate::connection::{Connection, RequestTemplate};
use crate::load::Workload;

/// Repeats the request.
#[derive(Debug)]
pub(crate) struct Live {
    template: RequestTemplate,
}

impl Live {
    /// Returns the workload.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let template = RequestTemplate::get("/health/live")?;
        Ok(Self { template })
    }
}

impl Workload for Live {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.template, Bytes::new()).await?;
        answer.into_success()?;
        Ok(())
    }
}
