//! Context of a command: the client, the output and the global options.

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

// The default address of `kanso-server`, so that a local trial needs no option.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// Context of a command.
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
            // Every command opens the replica, also `login`: it binds the replica to the account.
            client: Arc::new(Client::open(&home)?),
            output: Output::new(global.json),
            server: global.server,
            zone: global.tz,
        })
    }

    /// Returns the server of `--server`, else the one that the device is logged in to.
    pub(crate) fn server(&self) -> anyhow::Result<HttpTransport> {
        let bound = self.client.status()?.account.map(|account| account.server);
        // `--server` wins even if the replica is bound to another address. The client then rejects
        // all calls but a log-in, so a token never reaches the wrong server.
        let address = self.server.clone().or(bound);
        let address = address.as_deref().unwrap_or(DEFAULT_SERVER);
        HttpTransport::new(address).map_err(|error| Usage(error.to_string()).into())
    }

    /// Returns the zone of `--tz`, else the account's.
    pub(crate) fn zone(&self) -> anyhow::Result<Zone> {
        match &self.zone {
            Some(zone) => Ok(zone.clone()),
            None => Ok(self.client.settings()?.timezone),
        }
    }

    pub(crate) fn today(&self) -> anyhow::Result<Date> {
        Ok(self.client.today(self.zone.as_ref())?)
    }

    /// Reads the recorded days of `habit`, or of all habits, in the user's zone.
    pub(crate) fn journal(&self, habit: Option<HabitId>) -> anyhow::Result<Journal> {
        Ok(self.client.journal(self.zone.as_ref(), habit)?)
    }

    pub(crate) fn day(&self, day: Option<Day>) -> anyhow::Result<Date> {
        Ok(day.unwrap_or(Day::Today).date(self.today()?))
    }
}
