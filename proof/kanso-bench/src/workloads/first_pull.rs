//! `GET /sync` from the beginning, page by page: a new device gets everything.

use bytes::Bytes;
use kanso_protocol::sync::{Change, SyncResponse};

use crate::connection::{Call, Connection};
use crate::load::Worker;
use crate::people::Person;

/// What one page is asked for with, and how long its answer is. Nobody writes meanwhile.
#[derive(Clone, Debug)]
struct Page {
    path: String,
    bytes: usize,
}

/// Everything that a person has, as pages of 1000 records.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    token: String,
    in_order: Vec<Page>,
    entries: usize,
}

impl Pages {
    /// Follows the cursors from the beginning to the end.
    pub(crate) async fn of(person: &Person, connection: &mut Connection) -> anyhow::Result<Self> {
        let mut whole = Self {
            token: person.token.clone(),
            in_order: Vec::new(),
            entries: 0,
        };
        let mut path = "/api/v1/sync?limit=1000".to_owned();
        loop {
            let call = Call::get(&path)?.authorized(&whole.token)?;
            let body = connection.send(&call, Bytes::new()).await?.into_success()?;
            let answer: SyncResponse = serde_json::from_slice(&body)?;
            let is_entry = |change: &&Change| matches!(change, Change::Entry { .. });
            whole.entries += answer.changes.iter().filter(is_entry).count();
            whole.in_order.push(Page {
                path,
                bytes: body.len(),
            });
            if !answer.has_more {
                return Ok(whole);
            }
            path = format!("/api/v1/sync?cursor={}&limit=1000", answer.cursor);
        }
    }

    /// How many entries are on them.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// How long they are together.
    pub(crate) fn bytes(&self) -> usize {
        self.in_order.iter().map(|page| page.bytes).sum()
    }

    /// The same pages in another encoding.
    pub(crate) async fn encoded(
        &self,
        encoding: &str,
        connection: &mut Connection,
    ) -> anyhow::Result<Self> {
        let mut encoded = self.clone();
        for page in &mut encoded.in_order {
            let call = call(&self.token, page)?.accepting(encoding)?;
            let answer = connection.send(&call, Bytes::new()).await?;
            page.bytes = answer.into_success()?.len();
        }
        Ok(encoded)
    }
}

fn call(token: &str, page: &Page) -> anyhow::Result<Call> {
    Call::get(&page.path)?.authorized(token)
}

/// Pulls everything, again and again.
#[derive(Debug)]
pub(crate) struct FirstPull {
    calls: Vec<(Call, usize)>,
}

impl FirstPull {
    /// The pulls of these pages, in an encoding if one is named.
    pub(crate) fn new(pages: &Pages, encoding: Option<&str>) -> anyhow::Result<Self> {
        let mut calls = Vec::new();
        for page in &pages.in_order {
            let mut call = call(&pages.token, page)?;
            if let Some(encoding) = encoding {
                call = call.accepting(encoding)?;
            }
            calls.push((call, page.bytes));
        }
        Ok(Self { calls })
    }
}

impl Worker for FirstPull {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        for (call, bytes) in &self.calls {
            let answer = connection.send(call, Bytes::new()).await?.into_success()?;
            anyhow::ensure!(
                answer.len() == *bytes,
                "a page has {} bytes, and had {bytes}",
                answer.len()
            );
        }
        Ok(())
    }
}
