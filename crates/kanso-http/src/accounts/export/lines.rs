//! The lines of an export, read page by page.

use std::iter;

use kanso_application::accounts::AccountOverview;
use kanso_domain::UserId;
use kanso_domain::sync::{Cursor, Page};
use kanso_protocol::MAX_PAGE;
use kanso_protocol::accounts::AccountRecord;
use kanso_protocol::export::{EXPORT_FORMAT, ExportLine, SessionRecord};
use kanso_protocol::sessions::EventRecord;
use kanso_protocol::sync::Change;
use tokio::time::timeout;

use crate::answer::{JsonLines, push_line};
use crate::devices::device_record;
use crate::heavy_reads::HeavyRead;
use crate::parts::Api;
use crate::problem::{ApiError, Code};

/// Security events of a page. An account has some 2000.
const EVENTS_PAGE: u32 = 500;

/// An export that is being sent. At most one page is in memory.
pub(super) struct ExportLines {
    api: Api,
    user: UserId,
    reading: HeavyRead,
    state: ExportState,
    devices: u64,
    sessions: u64,
    events: u64,
    records: u64,
}

enum ExportState {
    /// Nothing is sent yet; has the lines before the records.
    Begin(Vec<u8>),
    /// The records up to this cursor are sent; `None` before the first page.
    Records(Option<Cursor>),
    Done,
}

impl ExportLines {
    /// Reads the account, the devices and the sessions, which come before the records.
    pub(super) async fn begin(api: &Api, user: UserId) -> Result<Self, ApiError> {
        let reading = api.heavy_reads().begin(user).await?;
        let AccountOverview {
            account,
            sessions,
            at,
        } = api.accounts.overview(user).await?;
        // Listing stores the last syncs that wait in memory, so it is a write.
        let list = api.devices.clone();
        let devices = api
            .to_completion(async move { list.list(user).await })
            .await?;
        let (device_count, session_count) = (devices.len() as u64, sessions.len() as u64);
        let events = all_events(api, user).await?;
        let event_count = events.len() as u64;
        let begin = ExportLine::Begin {
            format: EXPORT_FORMAT,
            exported_at: at,
            account: AccountRecord::from(&account),
        };
        let devices = devices
            .into_iter()
            .map(|lag| ExportLine::Device(device_record(lag)));
        let sessions = sessions.iter().map(SessionRecord::from);
        let mut text = Vec::new();
        for opening in iter::once(begin)
            .chain(devices)
            .chain(sessions.map(ExportLine::Session))
            .chain(events.into_iter().map(ExportLine::Event))
        {
            push_line(&mut text, &opening)?;
        }
        Ok(Self {
            api: api.clone(),
            user,
            reading,
            state: ExportState::Begin(text),
            devices: device_count,
            sessions: session_count,
            events: event_count,
            records: 0,
        })
    }

    async fn page(&mut self, after: Option<Cursor>) -> Result<Vec<u8>, ApiError> {
        let turn = self.reading.next_turn().await?;
        // Unlike a delta, this reads tombstones from the start: they are data of the user too.
        let (sync, user) = (self.api.sync.clone(), self.user);
        let reading = turn.hold(async move { sync.history_page(user, after, MAX_PAGE).await });
        // The deadline layer covers only the time until the first byte, so each read needs its own
        // limit.
        let page = timeout(self.api.options().time_limit, reading).await;
        let page = page.map_err(|_| Code::TimedOut)???;
        // The database was restored while the export ran: two histories must not be in one file.
        let page = page.ok_or(Code::EpochChanged)?;
        let mut text = Vec::new();
        let settings = page.settings.iter().map(Change::from);
        for change in settings.chain(page.records.iter().map(Change::from)) {
            self.records += 1;
            push_line(&mut text, &ExportLine::Record(Box::new(change)))?;
        }
        // The head may move while the export runs; then the last page is the one that reaches it.
        if page.has_more() {
            self.state = ExportState::Records(Some(page.cursor()));
        } else {
            push_line(&mut text, &self.end(&page))?;
        }
        Ok(text)
    }

    fn end(&self, page: &Page) -> ExportLine {
        ExportLine::End {
            head: page.head.seq.get(),
            digest: page.head.digest.to_string(),
            devices: self.devices,
            sessions: self.sessions,
            events: self.events,
            records: self.records,
        }
    }
}

/// Reads all security events of a user. They are few, and the bound of an account keeps them few.
async fn all_events(api: &Api, user: UserId) -> Result<Vec<EventRecord>, ApiError> {
    let security = api.security.clone();
    let reading = async move {
        let (mut events, mut before) = (Vec::new(), None);
        loop {
            let page = security.list(user, before, EVENTS_PAGE).await?;
            events.extend(page.events.iter().map(EventRecord::from));
            before = page.next;
            if before.is_none() {
                return Ok(events);
            }
        }
    };
    // Listing stores the events that wait in memory, so it is a write.
    api.to_completion(reading).await
}

impl JsonLines for ExportLines {
    async fn next(&mut self) -> Option<Result<Vec<u8>, ApiError>> {
        // `Done` stays if an error returns early: after an error there are no more lines.
        match std::mem::replace(&mut self.state, ExportState::Done) {
            ExportState::Begin(text) => {
                self.state = ExportState::Records(None);
                Some(Ok(text))
            }
            ExportState::Records(cursor) => Some(self.page(cursor).await),
            ExportState::Done => None,
        }
    }
}
