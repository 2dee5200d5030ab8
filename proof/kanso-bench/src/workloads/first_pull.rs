//! `GET /sync` without a cursor, page by page: the first pull of a new device.

use bytes::Bytes;
use kanso_protocol::sync::{Change, SyncResponse};

use crate::connection::{Connection, RequestTemplate};
use crate::load::Workload;
use crate::users::BenchUser;

/// Path of one page and the length of its answer. No device writes meanwhile, so the length is the
/// same each time.
#[derive(Clone, Debug)]
struct Page {
    path: String,
    bytes: usize,
}

/// Everything that a user has, as pages of 1000 records.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    token: String,
    in_order: Vec<Page>,
    entries: usize,
}

impl Pages {
    /// Follows the cursors from the first page to the last.
    pub(crate) async fn of(user: &BenchUser, connection: &mut Connection) -> anyhow::Result<Self> {
        let mut whole = Self {
            token: user.token.clone(),
            in_order: Vec::new(),
            entries: 0,
        };
        let mut path = "/api/v1/sync?limit=1000".to_owned();
        loop {
            let template = RequestTemplate::get(&path)?.authorized(&whole.token)?;
            let body = connection
                .send(&template, Bytes::new())
                .await?
                .into_success()?;
            let answer: SyncResponse = serde_json::from_slice(&body)?;
            // Entries are counted to check that the history is complete before it is measured.
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

    /// Number of entries on all pages.
    pub(crate) fn entries(&self) -> usize {
        self.entries
    }

    /// Length of all pages in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.in_order.iter().map(|page| page.bytes).sum()
    }

    /// Returns the same pages with their lengths in another encoding.
    pub(crate) async fn encoded(
        &self,
        encoding: &str,
        connection: &mut Connection,
    ) -> anyhow::Result<Self> {
        let mut encoded = self.clone();
        for page in &mut encoded.in_order {
            let template = template(&self.token, page)?.accepting(encoding)?;
            let answer = connection.send(&template, Bytes::new()).await?;
            page.bytes = answer.into_success()?.len();
        }
        Ok(encoded)
    }
}

fn template(token: &str, page: &Page) -> anyhow::Result<RequestTemplate> {
    RequestTemplate::get(&page.path)?.authorized(token)
}

/// Repeats the first pull.
#[derive(Debug)]
pub(crate) struct FirstPull {
    calls: Vec<(RequestTemplate, usize)>,
}

impl FirstPull {
    /// Returns the workload for these pages, in an encoding if there is one.
    pub(crate) fn new(pages: &Pages, encoding: Option<&str>) -> anyhow::Result<Self> {
        let mut calls = Vec::new();
        for page in &pages.in_order {
            let mut template = template(&pages.token, page)?;
            if let Some(encoding) = encoding {
                template = template.accepting(encoding)?;
            }
            calls.push((template, page.bytes));
        }
        Ok(Self { calls })
    }
}

impl Workload for FirstPull {
    async fn turn(&mut self, connection: &mut Connection) -> anyhow::Result<()> {
        for (template, bytes) in &self.calls {
            let answer = connection
                .send(template, Bytes::new())
                .await?
                .into_success()?;
            anyhow::ensure!(
                answer.len() == *bytes,
                "a page has {} bytes, and had {bytes}",
                answer.len()
            );
        }
        Ok(())
    }
}
