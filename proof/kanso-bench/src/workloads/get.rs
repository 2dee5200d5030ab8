//! A `GET` in somebody's name: what the server computes for one person.

use bytes::Bytes;

use crate::connection::{Call, Connection};
use crate::load::Worker;
use crate::people::Person;

/// Asks the same, again and again.
#[derive(Debug)]
pub(crate) struct Get {
    call: Call,
    bytes: usize,
}

impl Get {
    /// The question of this path, which has an answer.
    pub(crate) async fn new(
        path: &str,
        person: &Person,
        connection: &mut Connection,
    ) -> anyhow::Result<Self> {
        let call = Call::get(path)?.authorized(&person.token)?;
        let answer = connection.send(&call, Bytes::new()).await?;
        let bytes = answer.into_success()?.len();
        Ok(Self { call, bytes })
    }

    /// How long the answer is.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Worker for Get {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        let answer = connection.send(&self.call, Bytes::new()).await?;
        let length = answer.into_success()?.len();
        anyhow::ensure!(
            length == self.bytes,
            "an answer has {length} bytes, and had {}",
            self.bytes
        );
        Ok(())
    }
}
