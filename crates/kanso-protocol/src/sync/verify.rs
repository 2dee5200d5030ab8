//! Finding out what is wrong with a replica.

use std::collections::BTreeMap;

use kanso_domain::Record;
use kanso_domain::sync::{Buckets, Digest, Head};
use kanso_domain::validation::{Checker, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;

/// What a replica holds, bucket by bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"buckets": vec!["0000000000000000"; 256]}))]
pub struct VerifyRequest {
    /// The digest of each of the 256 buckets, the first bucket's first. A record is in the bucket
    /// that the last byte of its id names.
    #[schema(min_items = 256, max_items = 256)]
    pub buckets: Vec<String>,
}

impl VerifyRequest {
    /// The request of a replica that holds `buckets`.
    pub fn new(buckets: &Buckets) -> Self {
        let buckets = buckets.digests().iter().map(Digest::to_string);
        Self {
            buckets: buckets.collect(),
        }
    }

    /// The buckets in the domain's terms.
    ///
    /// # Errors
    /// Another number of them, or what is no digest.
    pub fn read(&self) -> Result<Buckets, Invalid> {
        let mut checker = Checker::new();
        let mut digests = Vec::with_capacity(self.buckets.len().min(Buckets::COUNT));
        for (number, text) in self.buckets.iter().enumerate().take(Buckets::COUNT) {
            let digest = text.parse::<Digest>();
            digests.extend(checker.take(format!("buckets/{number}"), digest));
        }
        checker.finish(())?;
        let exact = Buckets::new(digests).filter(|_| self.buckets.len() == Buckets::COUNT);
        exact.ok_or_else(|| Invalid::one("buckets", "must have 256 digests"))
    }
}

/// How a replica compares with the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "head": 8816, "digest": "a3eb69ac60122dd5", "differing": [158],
    "buckets": [{"bucket": 158, "records": []}]
}))]
pub struct VerifyResponse {
    /// The position of the newest change when they were compared.
    pub head: i64,
    /// The digest of the live records at `head`.
    pub digest: String,
    /// The buckets in which they differ, ascending. While the replica has not read up to `head`,
    /// what changed since is among them.
    pub differing: Vec<u8>,
    /// What the first of these buckets should hold. When there are more, put these right and ask
    /// again.
    pub buckets: Vec<Bucket>,
}

/// A bucket as it should be: what it does not list is to be removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Bucket {
    /// Its number.
    pub bucket: u8,
    /// Its live records.
    pub records: Vec<Change>,
}

impl VerifyResponse {
    /// The answer to a replica that differs in the buckets `differing`.
    pub fn new(head: Head, differing: Vec<u8>, stored: &BTreeMap<u8, Vec<Record>>) -> Self {
        let bucket = |(&bucket, records): (&u8, &Vec<Record>)| Bucket {
            bucket,
            records: records.iter().map(Change::from).collect(),
        };
        Self {
            head: head.seq.get(),
            digest: head.digest.to_string(),
            differing,
            buckets: stored.iter().map(bucket).collect(),
        }
    }
}
