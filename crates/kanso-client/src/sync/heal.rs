//! Comparison of the replica with the server, and repair of the differences.

use std::collections::BTreeMap;

use kanso_domain::sync::Digest;
use kanso_protocol::sync::VerifyRequest;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::SyncRun;
use super::delivery::Delivery;
use crate::calls::{CallError, body, check_success, read};
use crate::changes::Origin;
use crate::client::Client;
use crate::replica::{MirrorRow, RemoteBuckets};
use crate::transport::{Method, Request};

/// Number of comparisons in one repair that may bring no progress.
const MAX_STALLS: u32 = 3;

impl Client {
    /// Compares the replica with the server and replaces the buckets that differ, until both sides
    /// are equal or there is no more progress. Returns the number of records given back to the
    /// server.
    ///
    /// One answer has the records of the first differing buckets only, so a large repair takes
    /// several comparisons. The number of differing buckets has to fall each time. If it does not,
    /// the server's digest does not fit its own records, or other devices write all the time; after
    /// [`MAX_STALLS`] such comparisons the repair is left to the next sync.
    pub(super) async fn heal(&self, run: &mut SyncRun<'_>) -> Result<u64, CallError> {
        // Damaged rows first: they must not be given back to the server as records that it lost.
        run.report.damaged += self.replica()?.check(self.clock.now())?;
        let (mut offered, mut removed, mut stalls) = (0, 0, 0);
        let mut fewest = usize::MAX;
        loop {
            let local = self.replica()?.local_buckets()?;
            let comparison = self
                .compare(run, &VerifyRequest::new(&local.buckets))
                .await?;
            run.report.differs = comparison.digest != local.buckets.total();
            if !run.report.differs {
                return Ok(offered);
            }
            // The first comparison never counts as a stall, since `fewest` starts at the maximum.
            if comparison.differing >= fewest {
                stalls += 1;
            }
            fewest = fewest.min(comparison.differing);
            // No buckets although the totals differ: the answer gives nothing to repair.
            if stalls >= MAX_STALLS || comparison.remote.buckets.is_empty() {
                tracing::warn!("replica still differs from the server, repair postponed");
                return Ok(offered);
            }
            let options = self.repair_options(run);
            let repair = self
                .replica()?
                .repair(&local, comparison.remote, removed, options)?;
            let Some(repair) = repair else {
                // Another process has synced since `local` was read. It may have repaired the same
                // buckets, so compare again. It counts as a stall, so that two processes cannot
                // keep each other here.
                stalls += 1;
                continue;
            };
            self.publish(Origin::Sync, repair.changed, false);
            offered += repair.offered;
            removed += repair.removed;
            run.report.repaired += repair.repaired;
            run.report.offered += repair.offered;
            // Equal to the server's digest of this comparison: one more request would only confirm
            // it.
            run.report.differs = repair.digest != comparison.digest;
            if !run.report.differs {
                return Ok(offered);
            }
        }
    }

    async fn compare(
        &self,
        run: &SyncRun<'_>,
        local: &VerifyRequest,
    ) -> Result<Comparison, CallError> {
        let request = Request {
            method: Method::Post,
            path: "/api/v1/sync/verify".into(),
            bearer: None,
            body: Some(body(local)?),
        };
        let reply = self.authorized(run.transport, request).await?;
        check_success(&reply)?;
        Comparison::of(&read(&reply)?)
    }
}

/// Answer of the server to a comparison, with changes that are not read yet.
#[derive(Deserialize)]
struct LenientComparison<'a> {
    digest: String,
    differing: Vec<u8>,
    #[serde(borrow)]
    buckets: Vec<LenientBucket<'a>>,
}

#[derive(Deserialize)]
struct LenientBucket<'a> {
    bucket: u8,
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// Answer of the server to a comparison.
struct Comparison {
    /// Digest of all live records of the server.
    digest: Digest,
    /// Number of buckets that differ.
    differing: usize,
    /// Records of the first few of these buckets.
    remote: RemoteBuckets,
}

impl Comparison {
    fn of(response: &LenientComparison<'_>) -> Result<Self, CallError> {
        let digest = response.digest.parse();
        let digest = digest.map_err(|error| CallError::Unexpected {
            what: format!("a digest that {error}"),
        })?;
        let mut buckets: BTreeMap<u8, Vec<MirrorRow>> = BTreeMap::new();
        let mut foreign = Vec::new();
        for bucket in &response.buckets {
            // An empty bucket stays in the map: the server has no records in it, so all local ones
            // of this bucket are removed.
            let delivery = Delivery::of(&bucket.records);
            buckets
                .entry(bucket.bucket)
                .or_default()
                .extend(delivery.records);
            foreign.extend(delivery.foreign);
        }
        Ok(Self {
            digest,
            differing: response.differing.len(),
            remote: RemoteBuckets { buckets, foreign },
        })
    }
}
