//! A server in memory: the protocol around the domain's own decision, with faults on demand.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use kanso_client::domain::Record;
use kanso_client::protocol::sync::{Change, ChangeContent};
use kanso_client::transport::{Reply, Request, Transport, Unreachable};
use uuid::Uuid;

use super::state::{State, problem};

/// What happens to the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not arrive.
    LoseRequest,
    /// There is no connection to send it over.
    Offline,
    /// It is carried out, its answer does not arrive.
    LoseResponse,
    /// It is answered with this status before anything else.
    Status(u16, Option<u64>),
    /// It is served.
    None,
}

pub(crate) struct FakeServer {
    address: String,
    state: Mutex<State>,
}

impl FakeServer {
    pub(crate) fn new() -> Self {
        Self::of_account(1)
    }

    pub(crate) fn of_account(number: u128) -> Self {
        Self {
            address: "https://kanso.example.org".to_owned(),
            state: Mutex::new(State::new(Uuid::from_u128(number))),
        }
    }

    pub(crate) fn at(mut self, address: &str) -> Self {
        address.clone_into(&mut self.address);
        self
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panicked in it")
    }

    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// Every record as it is delivered, by kind and id.
    pub(crate) fn records(&self) -> Vec<Record> {
        let state = self.state();
        let entries = state.entries.values().cloned().map(Record::Entry);
        let habits = state.habits.values().cloned().map(Record::Habit);
        let records = entries.chain(habits);
        records
            .map(|record| match Change::from(&record).read() {
                Ok(ChangeContent::Record(record)) => *record,
                other => panic!("expected a record, got {other:?}"),
            })
            .collect()
    }

    /// The database is another one from now on.
    pub(crate) fn change_epoch(&self) {
        self.state().renew_epoch();
    }
}

#[async_trait]
impl Transport for FakeServer {
    fn server(&self) -> &str {
        &self.address
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Unreachable> {
        let lost = |may_have_arrived| Unreachable {
            reason: "the cable was pulled".to_owned(),
            may_have_arrived,
        };
        let mut state = self.state();
        let fault = state.faults.pop_front().unwrap_or(Fault::None);
        if matches!(fault, Fault::LoseRequest | Fault::Offline) {
            return Err(lost(fault == Fault::LoseRequest));
        }
        state.paths.push(request.path.to_string());
        if let Fault::Status(status, seconds) = fault {
            return Ok(Reply {
                retry_after: seconds.map(Duration::from_secs),
                ..problem(status, "trouble")
            });
        }
        let reply = state.serve(&request);
        if fault == Fault::LoseResponse {
            return Err(lost(true));
        }
        Ok(reply)
    }
}
