//! Finding out where the replica differs from the server, and putting that right.

use std::collections::BTreeMap;

use kanso_domain::Record;
use kanso_domain::sync::Digest;
use kanso_protocol::sync::{ChangeContent, VerifyRequest, VerifyResponse};

use super::Run;
use crate::Client;
use crate::calls::{CallError, body, read};
use crate::changes::Origin;
use crate::replica::Stored;
use crate::transport::{Method, Request};

/// How often the same buckets may be put right without the two sides coming closer.
const PATIENCE: u32 = 3;

impl Client {
    /// Compares the replica with the server and puts right what differs, until both hold the same
    /// or it gets no better. Answers with how many records are offered to the server.
    ///
    /// The server's digest is only ever compared with: what a replica holds it counts itself.
    pub(super) async fn heal(&self, run: &mut Run<'_>) -> Result<u64, CallError> {
        run.report.damaged += self.replica()?.check(self.clock.now())?;
        let (mut offered, mut removed, mut tries) = (0, 0, 0);
        let mut fewest = usize::MAX;
        loop {
            let held = self.replica()?.held()?;
            let comparison = self
                .compare(run, &VerifyRequest::new(&held.buckets))
                .await?;
            run.report.differs = comparison.digest != held.buckets.total();
            if !run.report.differs {
                return Ok(offered);
            }
            if comparison.differing >= fewest {
                tries += 1;
            }
            fewest = fewest.min(comparison.differing);
            if tries >= PATIENCE || comparison.stored.buckets.is_empty() {
                tracing::warn!("the replica differs from the server and cannot be put right");
                return Ok(offered);
            }
            let terms = self.terms(run);
            let done = self
                .replica()?
                .put_right(&held, comparison.stored, removed, terms)?;
            let Some(done) = done else {
                // Another process was faster; the next comparison sees what it did.
                tries += 1;
                continue;
            };
            self.publish(Origin::Sync, done.changed, false);
            offered += done.offered;
            removed += done.removed;
            run.report.repaired += done.repaired;
            run.report.offered += done.offered;
            run.report.differs = done.digest != comparison.digest;
            if !run.report.differs {
                return Ok(offered);
            }
        }
    }

    async fn compare(&self, run: &Run<'_>, held: &VerifyRequest) -> Result<Comparison, CallError> {
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync/verify".into(),
            bearer: None,
            body: Some(body(held)?),
        };
        let reply = self.authorized(run.transport, request).await?;
        Comparison::of(&read(&reply)?)
    }
}

/// What the server says of the replica.
struct Comparison {
    digest: Digest,
    /// How many buckets differ.
    differing: usize,
    stored: Stored,
}

impl Comparison {
    fn of(response: &VerifyResponse) -> Result<Self, CallError> {
        let digest = response.digest.parse();
        let digest = digest.map_err(|error| CallError::Unexpected {
            what: format!("a digest that {error}"),
        })?;
        let mut buckets: BTreeMap<u8, Vec<Record>> = BTreeMap::new();
        for bucket in &response.buckets {
            let records = buckets.entry(bucket.bucket).or_default();
            for change in &bucket.records {
                if let ChangeContent::Record(record) = change.read()? {
                    records.push(*record);
                }
            }
        }
        Ok(Self {
            digest,
            differing: response.differing.len(),
            stored: Stored { buckets },
        })
    }
}
