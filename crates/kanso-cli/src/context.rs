//! What every command works with.

use std::sync::Arc;

use jiff::civil::Date;
use kanso_client::domain::{HabitId, Zone};
use kanso_client::transport::HttpTransport;
use kanso_client::{Client, Journal};

use crate::arguments::Global;
use crate::environment::default_home;
use crate::exit::Usage;
use crate::output::Output;
use crate::words::Day;

const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// What every command works with.
pub(crate) struct Context {
    pub(crate) client: Arc<Client>,
    pub(crate) output: Output,
    server: Option<String>,
    zone: Option<Zone>,
}

impl Context {
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let home = match global.home {
            Some(home) => home,
            None => default_home()?,
        };
        Ok(Self {
            client: Arc::new(Client::open(&home)?),
            output: Output::new(global.json),
            server: global.server,
            zone: global.tz,
        })
    }

    /// The server: the one that was named, else the one that was logged in to.
    pub(crate) fn server(&self) -> anyhow::Result<HttpTransport> {
        let bound = self.client.status()?.account.map(|account| account.server);
        let address = self.server.clone().or(bound);
        let address = address.as_deref().unwrap_or(DEFAULT_SERVER);
        HttpTransport::new(address).map_err(|error| Usage(error.to_string()).into())
    }

    /// The zone that the person is in: the one that was named, else the account's.
    pub(crate) fn zone(&self) -> anyhow::Result<Zone> {
        match &self.zone {
            Some(zone) => Ok(zone.clone()),
            None => Ok(self.client.settings()?.timezone),
        }
    }

    pub(crate) fn today(&self) -> anyhow::Result<Date> {
        Ok(self.client.today(self.zone.as_ref())?)
    }

    /// What was recorded for `habit`, else for all, as the person reads days.
    pub(crate) fn journal(&self, habit: Option<HabitId>) -> anyhow::Result<Journal> {
        Ok(self.client.journal(self.zone.as_ref(), habit)?)
    }

    pub(crate) fn day(&self, day: Option<Day>) -> anyhow::Result<Date> {
        Ok(day.unwrap_or(Day::Today).date(self.today()?))
    }
}
