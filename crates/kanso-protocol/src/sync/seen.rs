//! The versions that a device has made and not read yet.

use kanso_domain::sync::{Cursor, Seen};
use kanso_domain::{Invalid, Seq, Version};

use super::PushRequest;
use crate::{MAX_SEEN_VERSIONS, parse_uuid};

impl PushRequest {
    /// Reads `seen_versions` of a request with this cursor.
    ///
    /// A request with `seen_versions` says exactly which of its own edits the device has seen. The
    /// cursor does not count then: an operation may be older than the page that moved the cursor.
    ///
    /// For a request without it, as of a client of release 0.1.0, its own edits up to the cursor count
    /// as seen. Without a cursor it has read nothing.
    ///
    /// # Errors
    /// `seen_versions` has more than [`MAX_SEEN_VERSIONS`] numbers or records, a key that is not an id,
    /// or a number that is not a version.
    pub fn seen(&self, cursor: Option<Cursor>) -> Result<Seen, Invalid> {
        let invalid = |reason: String| Invalid::one("seen_versions", reason);
        let read = cursor.map_or(Seq::ZERO, |cursor| cursor.seq);
        let Some(seen_versions) = &self.seen_versions else {
            return Ok(Seen::up_to(read));
        };
        let count: usize = seen_versions.values().map(Vec::len).sum();
        if count.max(seen_versions.len()) > MAX_SEEN_VERSIONS {
            let reason = format!("must have at most {MAX_SEEN_VERSIONS} versions and records");
            return Err(invalid(reason));
        }
        let mut seen = Seen::named(read);
        for (id, versions) in seen_versions {
            let id = parse_uuid(id).map_err(|error| invalid(error.to_string()))?;
            for number in versions {
                let version = Version::new(*number);
                let version =
                    version.ok_or_else(|| invalid(format!("{number} is not a version")))?;
                seen.add(id, version);
            }
        }
        Ok(seen)
    }
}
