//! A server in memory: the wire protocol over the domain's own decisions, with faults on demand.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use kanso_client::domain::Record;
use kanso_client::protocol::sync::{Change, ChangeContent};
use kanso_client::transport::{Reply, Request, Transport, Unreachable};
use uuid::Uuid;

use super::state::{State, problem};

/// Fault of the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkFault {
    /// The request is lost.
    LoseRequest,
    /// There is no connection, so nothing is sent.
    Offline,
    /// The request is applied and its answer is lost.
    LoseResponse,
    /// The server answers with this status and applies nothing.
    Status(u16, Option<u64>),
    /// No fault.
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

    pub(crate) fn fail(&self, faults: impl IntoIterator<Item = NetworkFault>) {
        self.state().faults.extend(faults);
    }

    /// Returns all records as they are delivered, by kind and id.
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

    /// Begins a new history, as after a restore.
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
        let fault = state.faults.pop_front().unwrap_or(NetworkFault::None);
        if matches!(fault, NetworkFault::LoseRequest | NetworkFault::Offline) {
            return Err(lost(fault == NetworkFault::LoseRequest));
        }
        state.paths.push(request.path.to_string());
        if let NetworkFault::Status(status, seconds) = fault {
            return Ok(Reply {
                retry_after: seconds.map(Duration::from_secs),
                ..problem(status, "trouble")
            });
        }
        let reply = state.serve(&request);
        if fault == NetworkFault::LoseResponse {
            return Err(lost(true));
        }
        Ok(reply)
    }
}
