//! Comparison of a replica with the server, to find the records that differ.
//!
//! The replica sends 256 digests of 16 digits, about 5 kB, so a comparison is cheap at any size of
//! the history. Only the records of buckets that differ are sent back.

use std::collections::BTreeMap;

use kanso_domain::Record;
use kanso_domain::sync::{Buckets, Digest, Head};
use kanso_domain::validation::{Checker, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Change;

/// Digests of the records of a replica, by bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"buckets": vec!["0000000000000000"; 256]}))]
pub struct VerifyRequest {
    /// Digests of the 256 buckets, from bucket 0 on, 16 hexadecimal digits each. The last byte of a
    /// record's id is the number of its bucket.
    #[schema(min_items = 256, max_items = 256)]
    // A list, because serde reads arrays of at most 32 items.
    pub buckets: Vec<String>,
}

impl VerifyRequest {
    /// Builds the request of a replica with these bucket digests.
    ///
    /// # Examples
    /// ```
    /// use kanso_domain::sync::{Buckets, Digest};
    /// use kanso_protocol::sync::VerifyRequest;
    ///
    /// let buckets = Buckets::new(vec![Digest::EMPTY; Buckets::COUNT]).ok_or("not 256 digests")?;
    /// let request = VerifyRequest::new(&buckets);
    /// assert_eq!(request.buckets.len(), 256);
    /// assert_eq!(request.buckets[0], "0000000000000000");
    /// assert_eq!(request.read()?, buckets);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(buckets: &Buckets) -> Self {
        let buckets = buckets.digests().iter().map(Digest::to_string);
        Self {
            buckets: buckets.collect(),
        }
    }

    /// Converts the digests to the type of the domain.
    ///
    /// # Errors
    /// The number of digests is not 256, or one of them is not 16 hexadecimal digits.
    pub fn read(&self) -> Result<Buckets, Invalid> {
        let mut checker = Checker::new();
        // The list comes from the network: never reserve or read more than a whole request has.
        let mut digests = Vec::with_capacity(self.buckets.len().min(Buckets::COUNT));
        for (number, text) in self.buckets.iter().enumerate().take(Buckets::COUNT) {
            let digest = text.parse::<Digest>();
            digests.extend(checker.take(format!("buckets/{number}"), digest));
        }
        // A malformed digest is reported before a wrong count: dropping it would change the count.
        checker.finish(())?;
        let exact = Buckets::new(digests).filter(|_| self.buckets.len() == Buckets::COUNT);
        exact.ok_or_else(|| Invalid::one("buckets", "must have 256 digests"))
    }
}

/// The buckets of a replica that differ, with the records that the server has in them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "head": 8816, "digest": "a3eb69ac60122dd5", "differing": [158],
    "buckets": [{"bucket": 158, "records": []}]
}))]
pub struct VerifyResponse {
    /// Head at which the replica was compared.
    pub head: i64,
    /// Digest of the live records at `head`, 16 hexadecimal digits.
    pub digest: String,
    /// Numbers of the buckets that differ, ascending. If the replica has not read up to `head`, the
    /// buckets of the newer changes are among them.
    pub differing: Vec<u8>,
    /// Records of the first buckets that differ. If `differing` has more buckets, repair these and
    /// send the comparison again.
    pub buckets: Vec<Bucket>,
}

/// The server's records of one bucket. The replica removes its other records of this bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
// The whole bucket and not a list of differences: the server does not know the replica's records.
pub struct Bucket {
    /// Number of the bucket, 0 to 255.
    pub bucket: u8,
    /// All live records of the bucket.
    pub records: Vec<Change>,
}

impl VerifyResponse {
    /// Builds the answer to a replica that differs in the buckets `differing`.
    pub fn new(head: Head, differing: Vec<u8>, stored: &BTreeMap<u8, Vec<Record>>) -> Self {
        let bucket = |(&bucket, records): (&u8, &Vec<Record>)| Bucket {
            bucket,
            records: records.iter().map(Change::from).collect(),
        };
        // Head and digest are of the same read as the buckets: a replica that stores them matches.
        Self {
            head: head.seq.get(),
            digest: head.digest.to_string(),
            differing,
            buckets: stored.iter().map(bucket).collect(),
        }
    }
}
