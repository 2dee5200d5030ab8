//! Where a snapshot goes on, as its reader brings it.

use kanso_application::replicas::{SnapshotPosition, SnapshotSection};
use kanso_domain::UserId;
use kanso_domain::sync::Head;
use kanso_protocol::sync::{Resume, ResumePart};

use crate::problem::{ApiError, Code};

/// The token for `position`.
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

/// The position that `token` names. Whether the history still is the one that it belongs to is
/// another question; `head` stands for what is not in the token and does not matter.
pub(super) fn position(
    token: &str,
    user: UserId,
    head: Head,
) -> Result<SnapshotPosition, ApiError> {
    let resume = Resume::parse(token, user).map_err(|_| {
        ApiError::from(Code::CursorMalformed)
            .because("resume cannot be read; begin the snapshot anew, without it")
    })?;
    Ok(SnapshotPosition {
        began: Head {
            epoch: resume.epoch,
            seq: resume.seq,
            digest: resume.digest,
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
