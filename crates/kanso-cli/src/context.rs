//! Context of a command: the client, the output and the global options.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use kanso_client::domain::{HabitId, Zone};
use kanso_client::transport::{HttpTransport, Transport as _};
use kanso_client::{Client, Journal, ReplicaError};

use crate::arguments::Global;
use crate::environment::{self, can_ask, confirm, default_home};
use crate::exit::Usage;
use crate::output::{Output, say};
use crate::words::Day;

// The default address of `kanso-server`, so that a local trial needs no option.
const DEFAULT_SERVER: &str = "http://127.0.0.1:8080";

/// Returns the folder of the replica.
pub(crate) fn home(given: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    match given {
        Some(home) => Ok(home),
        None => default_home(),
    }
}

/// Context of a command.
pub(crate) struct Context {
    pub(crate) client: Arc<Client>,
    pub(crate) output: Output,
    server: Option<String>,
    is_insecure: bool,
    pub(crate) zone: Option<Zone>,
    /// Zone of this machine, if it is known.
    pub(crate) device_zone: Option<Zone>,
}

impl Context {
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let home = home(global.home)?;
        // Every command opens the replica, also `login`: it binds the replica to the account.
        let client = Arc::new(Client::open(&home)?);
        let device_zone = environment::zone();
        match client.set_device_zone(device_zone.as_ref()) {
            // Reading commands go on; the zone that was stored last is in force.
            Ok(()) | Err(ReplicaError::ReadOnly) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self {
            client,
            output: Output::new(global.json),
            server: global.server,
            is_insecure: global.insecure,
            zone: global.tz,
            device_zone,
        })
    }

    /// Prints a remark if this machine is in another zone than the account.
    pub(crate) fn remark_on_zone(&self) -> anyhow::Result<()> {
        let Some(device) = &self.device_zone else {
            return Ok(());
        };
        // With `--tz` the user has decided.
        if self.zone.is_some() || self.client.status()?.account.is_none() {
            return Ok(());
        }
        let account = self.client.settings()?.timezone;
        let now = self.client.now().to_jiff();
        let offset = |zone: &Zone| zone.rules().to_offset(now);
        if offset(device) != offset(&account) {
            say(&format!(
                "This machine is in {device}, your account in {account}: days are those of the \
                 account. Change it with `kanso settings --timezone system`."
            ));
        }
        Ok(())
    }

    /// Returns the server of `--server`, else the one that the device is logged in to. Asks the user
    /// before the first request in clear text.
    pub(crate) fn server(&self) -> anyhow::Result<HttpTransport> {
        let bound = self.client.status()?.account.map(|account| account.server);
        // `--server` wins even if the replica is bound to another address. The client then rejects
        // all calls but a log-in, so a token never reaches the wrong server.
        let address = self.server.clone().or(bound);
        let address = address.as_deref().unwrap_or(DEFAULT_SERVER);
        let server = HttpTransport::new(address).map_err(|error| Usage(error.to_string()))?;
        self.consent_to_clear_text(&server)?;
        Ok(server)
    }

    fn consent_to_clear_text(&self, server: &HttpTransport) -> anyhow::Result<()> {
        let address = server.server();
        if !server.sends_clear_text() || self.client.allows_clear_text(address)? {
            return Ok(());
        }
        let danger = format!(
            "{address} has no https: everyone on the network can read your password and your records"
        );
        if !self.is_insecure {
            if !can_ask() {
                let how = format!("{danger}. Use an address with https, or --insecure");
                return Err(Usage(how).into());
            }
            confirm(&format!("{danger}. Go on?"), false)?;
        }
        // Remembered, so that the user is asked once and a sync without a terminal goes on.
        Ok(self.client.allow_clear_text(address)?)
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
