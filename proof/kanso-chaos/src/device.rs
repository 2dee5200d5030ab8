//! A device that writes: what it pushes, how it retries, and what it was promised.

mod plan;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kanso_domain::Date;
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::{
    EntityName, OperationRequest, OperationResult, OperationStatus, SyncRequest, SyncResponse,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::ids::Ids;
use crate::ledger::{Acknowledged, Effect, Pen};
use crate::load::Gauge;
use crate::person::{PATIENCE, Person};
use crate::replica::Replica;
use crate::wire::{Failed, Wire};

/// How many operations it remembers to send once more in the end.
const REMEMBERED: usize = 60;
const PAUSE: Duration = Duration::from_millis(20);
/// A server that says when to come back is not kept waiting for longer.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What the devices of a person edit together.
#[derive(Clone, Copy, Debug)]
pub struct Shared {
    habit: Uuid,
    counter: Uuid,
}

/// A device.
#[derive(Debug)]
pub struct Device {
    person: Arc<Person>,
    id: Uuid,
    ids: Ids,
    today: Date,
    shared: Shared,
    own: VecDeque<Uuid>,
    made: u64,
    cursor: Option<String>,
    pub(crate) replica: Replica,
    pub(crate) went_back: Vec<String>,
    remembered: VecDeque<(OperationRequest, Effect)>,
}

/// An operation, and what it does.
type Planned = (OperationRequest, Effect);

impl Device {
    /// The first device of a person, whose first push makes what is shared.
    pub fn first(person: &Arc<Person>, number: u32, today: Date) -> Self {
        let mut ids = Ids::of_device(number);
        let shared = Shared {
            habit: ids.next(),
            counter: ids.next(),
        };
        Self::new(person, ids, shared, today)
    }

    /// Another one of the same person.
    #[must_use]
    pub fn beside(&self, number: u32) -> Self {
        let ids = Ids::of_device(number);
        Self::new(&self.person, ids, self.shared, self.today)
    }

    fn new(person: &Arc<Person>, mut ids: Ids, shared: Shared, today: Date) -> Self {
        Self {
            person: Arc::clone(person),
            id: ids.next(),
            ids,
            today,
            shared,
            own: VecDeque::new(),
            made: 0,
            cursor: None,
            replica: Replica::default(),
            went_back: Vec::new(),
            remembered: VecDeque::new(),
        }
    }

    /// Whose it is.
    pub const fn person(&self) -> &Arc<Person> {
        &self.person
    }

    /// Makes what the devices of the person share.
    ///
    /// # Errors
    /// See [`Device::push`].
    pub async fn share(&mut self, wire: &Wire, pen: &Pen, gauge: &Gauge) -> anyhow::Result<()> {
        let planned = self.plan_shared();
        self.push(planned, wire, pen, gauge).await
    }

    /// Pushes the next `count` operations.
    ///
    /// # Errors
    /// See [`Device::push`].
    pub async fn work(
        &mut self,
        count: usize,
        wire: &Wire,
        pen: &Pen,
        gauge: &Gauge,
    ) -> anyhow::Result<()> {
        let planned = (0..count).map(|_| self.plan()).collect();
        self.push(planned, wire, pen, gauge).await
    }

    /// Pushes until it is acknowledged, and writes that down.
    ///
    /// # Errors
    /// It is not acknowledged within [`PATIENCE`], or the server answers what no fault excuses.
    async fn push(
        &mut self,
        planned: Vec<Planned>,
        wire: &Wire,
        pen: &Pen,
        gauge: &Gauge,
    ) -> anyhow::Result<()> {
        let operations: Vec<_> = planned.iter().map(|(request, _)| request.clone()).collect();
        let began = Instant::now();
        let (mut sent, mut is_unknown) = (0, false);
        let (answer, started) = loop {
            let started = Instant::now();
            sent += 1;
            match self.exchange(&operations, wire).await {
                Ok(answer) => break (answer, started),
                Err(failed) => {
                    is_unknown |= failed.is_unknown();
                    self.recover(&failed, wire).await?;
                    anyhow::ensure!(
                        began.elapsed() < PATIENCE,
                        "a push was not taken for {PATIENCE:?}: {failed}"
                    );
                }
            }
        };
        let taken = self.take(&answer)?;
        anyhow::ensure!(
            answer.results.len() == planned.len(),
            "{} results for {} operations",
            answer.results.len(),
            planned.len()
        );
        let promises: Vec<_> = planned
            .iter()
            .zip(&answer.results)
            .map(|((_, effect), result)| self.promise(*effect, &planned, result, sent))
            .collect::<anyhow::Result<_>>()?;
        pen.note(&promises).await?;
        gauge.acknowledged(promises.len(), is_unknown, started);
        self.remember(planned);
        self.went_back.extend(taken);
        Ok(())
    }

    fn promise(
        &self,
        effect: Effect,
        planned: &[Planned],
        result: &OperationResult,
        sent: u32,
    ) -> anyhow::Result<Acknowledged> {
        let request = planned
            .iter()
            .map(|(request, _)| request)
            .find(|request| request.op_id == result.op_id)
            .ok_or_else(|| anyhow::anyhow!("a result of {}, which was not sent", result.op_id))?;
        // Two devices edit the habit: one of them may be too late. Nothing else can go wrong.
        let is_expected = match result.status {
            OperationStatus::Applied | OperationStatus::Merged | OperationStatus::Duplicate => true,
            OperationStatus::Conflict => request.entity == EntityName::Habit,
            _ => false,
        };
        anyhow::ensure!(is_expected, "an operation became {result:?}");
        Ok(Acknowledged {
            person: self.person.number(),
            operation: result.op_id,
            record: request.id,
            effect,
            status: result.status,
            version: result.version,
            seq: result.seq,
            sent,
        })
    }

    fn remember(&mut self, planned: Vec<Planned>) {
        self.remembered.extend(planned);
        let surplus = self.remembered.len().saturating_sub(REMEMBERED);
        self.remembered.drain(..surplus);
    }

    /// Sends once more what was acknowledged last. Each result must be the first one.
    ///
    /// # Errors
    /// The server cannot be reached within [`PATIENCE`].
    pub async fn repeat(&mut self, wire: &Wire) -> anyhow::Result<Vec<Acknowledged>> {
        let planned: Vec<_> = self.remembered.iter().cloned().collect();
        let operations: Vec<_> = planned.iter().map(|(request, _)| request.clone()).collect();
        let answer = self.exchange_patiently(&operations, wire).await?;
        let taken = self.take(&answer)?;
        self.went_back.extend(taken);
        planned
            .iter()
            .zip(&answer.results)
            .map(|((_, effect), result)| self.promise(*effect, &planned, result, 2))
            .collect()
    }

    /// Pulls until nothing is left. Answers with the server's digest.
    ///
    /// # Errors
    /// The server cannot be reached within [`PATIENCE`].
    pub async fn pull(&mut self, wire: &Wire) -> anyhow::Result<String> {
        loop {
            let answer = self.exchange_patiently(&[], wire).await?;
            let taken = self.take(&answer)?;
            self.went_back.extend(taken);
            if let Some(digest) = answer.digest {
                return Ok(digest);
            }
        }
    }

    async fn exchange_patiently(
        &self,
        operations: &[OperationRequest],
        wire: &Wire,
    ) -> anyhow::Result<SyncResponse> {
        let began = Instant::now();
        loop {
            match self.exchange(operations, wire).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => {
                    self.recover(&failed, wire).await?;
                    anyhow::ensure!(began.elapsed() < PATIENCE, "no exchange: {failed}");
                }
            }
        }
    }

    async fn exchange(
        &self,
        operations: &[OperationRequest],
        wire: &Wire,
    ) -> Result<SyncResponse, Failed> {
        let request = SyncRequest {
            device_id: Some(self.id),
            cursor: self.cursor.clone(),
            limit: Some(MAX_PAGE),
            operations: operations.to_vec(),
            ..SyncRequest::default()
        };
        let token = self.person.token();
        wire.post("/api/v1/sync", Some(&token), &request).await
    }

    /// What a device does about a request that failed, before it sends it again.
    async fn recover(&self, failed: &Failed, wire: &Wire) -> anyhow::Result<()> {
        match failed {
            Failed::Problem { status: 401, .. } => self.person.log_in(wire).await?,
            Failed::Problem {
                status: 429 | 502..=504,
                retry_after,
                ..
            } => {
                let asked = retry_after.map_or(PAUSE, Duration::from_secs);
                sleep(asked.min(LONGEST_PAUSE)).await;
            }
            Failed::Problem { status: 500, .. } | Failed::Refused | Failed::Unanswered(_) => {
                sleep(PAUSE).await;
            }
            Failed::Problem { .. } => anyhow::bail!("a device was answered {failed}"),
        }
        Ok(())
    }

    fn take(&mut self, answer: &SyncResponse) -> anyhow::Result<Vec<String>> {
        let went_back = self.replica.take(&answer.changes)?;
        self.cursor = Some(answer.cursor.clone());
        Ok(went_back)
    }
}
