//! The lines of an export, page by page.

use std::iter;

use kanso_application::accounts::AccountOverview;
use kanso_domain::UserId;
use kanso_domain::sync::{Cursor, Page};
use kanso_protocol::MAX_PAGE;
use kanso_protocol::accounts::AccountRecord;
use kanso_protocol::export::{EXPORT_FORMAT, ExportLine, SessionRecord};
use kanso_protocol::sync::Change;
use tokio::time::timeout;

use crate::answer::{self, line};
use crate::devices::record;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// An export that is being sent. It never holds more than one page.
pub(super) struct Lines {
    api: Api,
    user: UserId,
    stage: Stage,
    devices: u64,
    sessions: u64,
    records: u64,
}

enum Stage {
    /// Nothing was sent; this is what comes before the records.
    Beginning(Vec<u8>),
    /// All records up to there were sent; none is none.
    Reached(Option<Cursor>),
    Over,
}

impl Lines {
    /// Reads what comes before the records.
    pub(super) async fn begin(api: &Api, user: UserId) -> Result<Self, ApiError> {
        let AccountOverview {
            account,
            sessions,
            at,
        } = api.accounts.overview(user).await?;
        let list = api.devices.clone();
        let devices = api
            .to_completion(async move { list.list(user).await })
            .await?;
        let (device_count, session_count) = (devices.len() as u64, sessions.len() as u64);
        let begin = ExportLine::Begin {
            format: EXPORT_FORMAT,
            exported_at: at,
            account: AccountRecord::from(&account),
        };
        let devices = devices
            .into_iter()
            .map(|lag| ExportLine::Device(record(lag)));
        let sessions = sessions.iter().map(SessionRecord::from);
        let mut text = Vec::new();
        for one in iter::once(begin)
            .chain(devices)
            .chain(sessions.map(ExportLine::Session))
        {
            line(&mut text, &one)?;
        }
        Ok(Self {
            api: api.clone(),
            user,
            stage: Stage::Beginning(text),
            devices: device_count,
            sessions: session_count,
            records: 0,
        })
    }

    async fn page(&mut self, after: Option<Cursor>) -> Result<Vec<u8>, ApiError> {
        let reading = self.api.sync.history_page(self.user, after, MAX_PAGE);
        let page = timeout(self.api.options().time_limit, reading).await;
        let page = page.map_err(|_| Code::TimedOut)??;
        let page = page.ok_or(Code::EpochChanged)?;
        let mut text = Vec::new();
        let settings = page.settings.iter().map(Change::from);
        for change in settings.chain(page.records.iter().map(Change::from)) {
            self.records += 1;
            line(&mut text, &ExportLine::Record(Box::new(change)))?;
        }
        if page.has_more() {
            self.stage = Stage::Reached(Some(page.cursor()));
        } else {
            line(&mut text, &self.end(&page))?;
        }
        Ok(text)
    }

    fn end(&self, page: &Page) -> ExportLine {
        ExportLine::End {
            head: page.head.seq.get(),
            digest: page.head.digest.to_string(),
            devices: self.devices,
            sessions: self.sessions,
            records: self.records,
        }
    }
}

impl answer::Lines for Lines {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Beginning(text) => {
                self.stage = Stage::Reached(None);
                Some(Ok(text))
            }
            Stage::Reached(cursor) => Some(self.page(cursor).await),
            Stage::Over => None,
        }
    }
}
