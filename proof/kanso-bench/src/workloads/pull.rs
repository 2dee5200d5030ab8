//! `GET /sync` at the head: a device asks for changes, and there are none.

use bytes::Bytes;

use crate::connection::{Connection, RequestTemplate, beginning};
use crate::load::Workload;
use crate::users::BenchUser;

/// Text of an answer without changes. The body is searched and not parsed, to save processor time.
const NO_CHANGES: &[u8] = br#""changes":[]"#;

/// Repeats an empty pull.
#[derive(Debug)]
pub(crate) struct EmptyPull {
    template: RequestTemplate,
}

impl EmptyPull {
    /// Returns the workload for a user whose device is in sync.
    pub(crate) fn new(user: &BenchUser) -> anyhow::Result<Self> {
        let cursor = user.cursor.as_deref().unwrap_or_default();
        let path = format!("/api/v1/sync?cursor={cursor}&limit=1000");
        let template = RequestTemplate::get(&path)?.authorized(&user.token)?;
        Ok(Self { template })
    }
}

impl Workload for EmptyPull {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.template, Bytes::new()).await?;
        let answer = answer.into_success()?;
        let is_empty = answer
            .windows(NO_CHANGES.len())
            .any(|bytes| bytes == NO_CHANGES);
        anyhow::ensure!(is_empty, "a pull was not empty: {}", beginning(&answer));
        Ok(())
    }
}
