//! The versions that a device has made and not read yet.

use std::collections::BTreeSet;

use kanso_domain::sync::Seen;
use kanso_domain::{Invalid, Version};

use super::{PushRequest, PushedOperation};
use crate::{MAX_SEEN_VERSIONS, parse_uuid};

impl PushRequest {
    /// Reads `seen_versions`.
    ///
    /// A request with neither a cursor nor `seen_versions` says nothing about what its device has
    /// read. Then all edits of the device count as seen, as for clients of release 0.1.0.
    ///
    /// # Errors
    /// `seen_versions` has more than [`MAX_SEEN_VERSIONS`] numbers, a key that is not the id of a
    /// pushed record, or a number that is not a version.
    pub fn seen(&self) -> Result<Seen, Invalid> {
        let invalid = |reason: String| Invalid::one("seen_versions", reason);
        let count: usize = self.seen_versions.values().map(Vec::len).sum();
        if count > MAX_SEEN_VERSIONS {
            let reason = format!("must have at most {MAX_SEEN_VERSIONS} versions");
            return Err(invalid(reason));
        }
        let pushed: BTreeSet<_> = self
            .operations
            .iter()
            .map(PushedOperation::record_id)
            .collect();
        if self.cursor.is_none() && self.seen_versions.is_empty() {
            return Ok(Seen::everything());
        }
        let mut seen = Seen::default();
        for (id, versions) in &self.seen_versions {
            let id = parse_uuid(id).map_err(|error| invalid(error.to_string()))?;
            // One entry for each pushed record bounds the number of entries too. An operation whose
            // record is not known may be about this one, and must not stop the others.
            if !pushed.contains(&Some(id)) && !pushed.contains(&None) {
                return Err(invalid(format!("{id} has no operation in this push")));
            }
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
