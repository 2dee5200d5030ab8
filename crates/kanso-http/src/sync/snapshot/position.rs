//! Conversion of a resume position between its text and the use case.

use kanso_application::replicas::{SnapshotPosition, SnapshotSection};
use kanso_domain::UserId;
use kanso_domain::sync::Head;
use kanso_protocol::sync::{Resume, ResumePart};

use crate::problem::{ApiError, Code};

/// Returns the text of `position` for the parameter `resume`.
pub(super) fn token(position: SnapshotPosition, user: UserId) -> String {
    let resume = Resume {
        epoch: position.began.epoch,
        seq: position.began.seq,
        digest: position.began.digest,
        recent_from: position.recent_from,
        part: match position.part {
            SnapshotSection::Habits => ResumePart::Habits,
            SnapshotSection::Recent => ResumePart::Recent,
            SnapshotSection::Older => ResumePart::Older,
        },
        after: position.after,
    };
    resume.text(user)
}

/// Parses a resume position.
///
/// The caller must check that the position still belongs to the history. `head` fills in the members
/// of [`Head`] that the text does not have; a snapshot does not use them.
pub(super) fn position(
    token: &str,
    user: UserId,
    head: Head,
) -> Result<SnapshotPosition, ApiError> {
    let resume = Resume::parse(token, user).map_err(|_| {
        ApiError::from(Code::CursorMalformed)
            .with_detail("resume cannot be read; start the snapshot again without it")
    })?;
    Ok(SnapshotPosition {
        began: Head {
            epoch: resume.epoch,
            seq: resume.seq,
            digest: resume.digest,
            // The floor and the time of a head are not used to read pieces, so the text omits them.
            ..head
        },
        recent_from: resume.recent_from,
        part: match resume.part {
            ResumePart::Habits => SnapshotSection::Habits,
            ResumePart::Recent => SnapshotSection::Recent,
            ResumePart::Older => SnapshotSection::Older,
        },
        after: resume.after,
    })
}
