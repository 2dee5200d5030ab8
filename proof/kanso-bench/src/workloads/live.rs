//! `GET /health/live`: what a request costs that does nothing.

use bytes::Bytes;

use crate::connection::{Call, Connection};
use crate::load::Worker;

/// Asks whether the server lives.
#[derive(Debug)]
pub(crate) struct Live {
    call: Call,
}

impl Live {
    /// The only one there is.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let call = Call::get("/health/live")?;
        Ok(Self { call })
    }
}

impl Worker for Live {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.call, Bytes::new()).await?;
        answer.into_success()?;
        Ok(())
    }
}
