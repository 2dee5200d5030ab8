//! The lines of a snapshot, piece by piece.

use kanso_application::replicas::SnapshotPosition;
use kanso_domain::UserId;
use kanso_domain::accounts::SettingsRecord;
use kanso_domain::sync::Head;
use kanso_protocol::format_cursor;
use kanso_protocol::sync::{Change, SnapshotLine};
use tokio::time::timeout;

use super::position::token;
use crate::answer::{self, line};
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// A snapshot that is being sent. It never holds more than one piece.
pub(super) struct Lines {
    api: Api,
    user: UserId,
    began: Head,
    stage: Stage,
    /// Records so far.
    records: u64,
}

enum Stage {
    /// Nothing was sent.
    Beginning(SnapshotPosition, Option<SettingsRecord>),
    /// So much was sent.
    Reached(SnapshotPosition),
    Over,
}

impl Lines {
    /// The lines from `position` on; the settings before all others.
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
            stage: Stage::Beginning(position, settings),
            records: 0,
        }
    }

    fn beginning(&mut self, settings: Option<&SettingsRecord>) -> Result<Vec<u8>, ApiError> {
        let mut text = Vec::new();
        let begin = SnapshotLine::Begin {
            head: self.began.seq.get(),
            digest: self.began.digest.to_string(),
            cursor: format_cursor(self.began.cursor()),
        };
        line(&mut text, &begin)?;
        if let Some(settings) = settings {
            self.record(&mut text, Change::from(settings))?;
        }
        Ok(text)
    }

    /// The next piece that has something in it, or the end.
    async fn piece(&mut self, mut position: SnapshotPosition) -> Result<Vec<u8>, ApiError> {
        let mut text = Vec::new();
        while text.is_empty() {
            let reading = self.api.replicas.piece(self.user, position);
            let piece = timeout(self.api.options().time_limit, reading).await;
            let piece = piece.map_err(|_| Code::TimedOut)??;
            for record in &piece.records {
                self.record(&mut text, Change::from(record))?;
            }
            let Some(next) = piece.next else {
                line(&mut text, &self.end(piece.head))?;
                return Ok(text);
            };
            position = next;
        }
        let resume = token(position, self.user);
        line(&mut text, &SnapshotLine::Mark { resume })?;
        self.stage = Stage::Reached(position);
        Ok(text)
    }

    fn record(&mut self, text: &mut Vec<u8>, change: Change) -> Result<(), ApiError> {
        self.records += 1;
        line(text, &SnapshotLine::Record(Box::new(change)))
    }

    fn end(&self, head: Head) -> SnapshotLine {
        let is_exact = head.seq == self.began.seq;
        SnapshotLine::End {
            cursor: format_cursor(self.began.cursor()),
            digest: is_exact.then(|| self.began.digest.to_string()),
            records: self.records,
        }
    }
}

impl answer::Lines for Lines {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Beginning(position, settings) => {
                self.stage = Stage::Reached(position);
                Some(self.beginning(settings.as_ref()))
            }
            Stage::Reached(position) => Some(self.piece(position).await),
            Stage::Over => None,
        }
    }
}
