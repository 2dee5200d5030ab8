//! `GET /sync` at the head: a device looks whether there is something new, and there is not.

use bytes::Bytes;

use crate::connection::{Call, Connection, beginning};
use crate::load::Worker;
use crate::people::Person;

/// Pulls nothing, again and again.
#[derive(Debug)]
pub(crate) struct EmptyPull {
    call: Call,
}

impl EmptyPull {
    /// The pulls of a person whose device is in sync.
    pub(crate) fn new(person: &Person) -> anyhow::Result<Self> {
        let cursor = person.cursor.as_deref().unwrap_or_default();
        let path = format!("/api/v1/sync?cursor={cursor}&limit=1000");
        let call = Call::get(&path)?.authorized(&person.token)?;
        Ok(Self { call })
    }
}

impl Worker for EmptyPull {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.call, Bytes::new()).await?;
        let answer = answer.into_success()?;
        let is_empty = answer.windows(NOTHING.len()).any(|bytes| bytes == NOTHING);
        anyhow::ensure!(is_empty, "a pull was not empty: {}", beginning(&answer));
        Ok(())
    }
}

const NOTHING: &[u8] = br#""changes":[]"#;
