//! The lines of a snapshot, read piece by piece.

use kanso_application::replicas::SnapshotPosition;
use kanso_domain::UserId;
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::Head;
use kanso_protocol::format_cursor;
use kanso_protocol::sync::{Change, SnapshotLine};
use tokio::time::timeout;

use super::position::token;
use crate::answer::{JsonLines, push_line};
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// A snapshot that is being sent. At most one piece is in memory.
///
/// The pieces are read one after another and not in one transaction: a slow client would keep it open
/// for minutes. A record that changes meanwhile may be missing or newer than `began`. The client
/// pulls with the cursor at `began` afterwards, which returns every such record.
pub(super) struct SnapshotLines {
    api: Api,
    user: UserId,
    /// Head when the snapshot began.
    began: Head,
    state: SnapshotState,
    /// Number of records sent so far.
    records: u64,
}

enum SnapshotState {
    /// Nothing is sent yet.
    Begin(SnapshotPosition, Option<SettingsRecord>),
    /// The records before this position are sent.
    Records(SnapshotPosition),
    Done,
}

impl SnapshotLines {
    /// Returns the lines from `position` on. The settings are sent first.
    pub(super) fn new(
        api: &Api,
        user: UserId,
        position: SnapshotPosition,
        settings: Option<SettingsRecord>,
    ) -> Self {
        Self {
            api: api.clone(),
            user,
            began: position.began,
            state: SnapshotState::Begin(position, settings),
            records: 0,
        }
    }

    fn beginning(&mut self, settings: Option<&SettingsRecord>) -> Result<Vec<u8>, ApiError> {
        let mut text = Vec::new();
        let begin = SnapshotLine::Begin {
            head: self.began.seq.get(),
            digest: self.began.digest.to_string(),
            cursor: format_cursor(self.began.cursor()),
            history_start: Some(self.began.history_start.get()),
        };
        push_line(&mut text, &begin)?;
        if let Some(settings) = settings {
            // A new device needs the zone and the start of the day before any entry.
            self.record(&mut text, Change::from(settings))?;
        }
        Ok(text)
    }

    /// Returns the next piece that is not empty, or the last line.
    async fn piece(&mut self, mut position: SnapshotPosition) -> Result<Vec<u8>, ApiError> {
        let mut text = Vec::new();
        // A part can be empty, for example without recent entries; an empty piece of the body would
        // be sent as nothing.
        while text.is_empty() {
            let reading = self.api.replicas.piece(self.user, position);
            // The deadline layer covers only the time until the first byte, so each read needs its
            // own limit.
            let piece = timeout(self.api.options().time_limit, reading).await;
            let piece = piece.map_err(|_| Code::TimedOut)??;
            for record in &piece.records {
                self.record(&mut text, Change::from(record))?;
            }
            let Some(next) = piece.next else {
                push_line(&mut text, &self.end(piece.head))?;
                return Ok(text);
            };
            position = next;
        }
        // The mark comes after the records before it: a client that stores it has them.
        let resume = token(position, self.user);
        push_line(&mut text, &SnapshotLine::Mark { resume })?;
        self.state = SnapshotState::Records(position);
        Ok(text)
    }

    fn record(&mut self, text: &mut Vec<u8>, change: Change) -> Result<(), ApiError> {
        self.records += 1;
        push_line(text, &SnapshotLine::Record(Box::new(change)))
    }

    fn end(&self, head: Head) -> SnapshotLine {
        // With a newer head the records may be of different times, and no digest fits them.
        let is_exact = head.seq == self.began.seq;
        SnapshotLine::End {
            cursor: format_cursor(self.began.cursor()),
            digest: is_exact.then(|| self.began.digest.to_string()),
            records: self.records,
        }
    }
}

impl JsonLines for SnapshotLines {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        // `Done` stays if an error returns early: after an error there are no more lines.
        match std::mem::replace(&mut self.state, SnapshotState::Done) {
            SnapshotState::Begin(position, settings) => {
                self.state = SnapshotState::Records(position);
                Some(self.beginning(settings.as_ref()))
            }
            SnapshotState::Records(position) => Some(self.piece(position).await),
            SnapshotState::Done => None,
        }
    }
}
