//! A device that writes, retries and logs the operations that a server acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kanso_domain::Date;
use kanso_harness::ids::DeviceIds;
use kanso_protocol::MAX_PAGE;
use kanso_protocol::sync::{
    EntityName, OperationRequest, OperationResult, OperationStatus, SyncRequest, SyncResponse,
};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::account::{AccountSession, DEADLINE};
use crate::acknowledged::{AcknowledgedOperation, LogWriter, RecordEffect};
use crate::api::{ApiClient, RequestError};
use crate::planner::{PlannedOperation, Planner};
use crate::progress::WriteProgress;
use crate::replica::Replica;

/// Number of acknowledged operations that a device sends again at the end of a round, in one push.
const REPEATED: usize = 60;
const PAUSE: Duration = Duration::from_millis(20);
/// Upper bound of a wait for `Retry-After`. A round measures the time until the first push after a
/// fault, and a longer pause would be part of it.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// A device.
#[derive(Debug)]
pub struct WritingDevice {
    account: Arc<AccountSession>,
    id: Uuid,
    planner: Planner,
    cursor: Option<String>,
    pub(crate) replica: Replica,
    /// Descriptions of records that were delivered with an older version than before.
    pub(crate) regressions: Vec<String>,
    last_acknowledged: VecDeque<PlannedOperation>,
}

impl WritingDevice {
    /// Returns the first device of an account. Its first push creates the shared records.
    pub fn first(account: &Arc<AccountSession>, number: u32, today: Date) -> Self {
        let planner = Planner::first(DeviceIds::of_device(number), today);
        Self::new(account, planner)
    }

    /// Returns another device of the same account.
    #[must_use]
    pub fn beside(&self, number: u32) -> Self {
        let planner = self.planner.beside(DeviceIds::of_device(number));
        Self::new(&self.account, planner)
    }

    fn new(account: &Arc<AccountSession>, mut planner: Planner) -> Self {
        Self {
            account: Arc::clone(account),
            id: planner.next_id(),
            planner,
            cursor: None,
            replica: Replica::default(),
            regressions: Vec::new(),
            last_acknowledged: VecDeque::new(),
        }
    }

    /// Account of the device.
    pub const fn account(&self) -> &Arc<AccountSession> {
        &self.account
    }

    /// Creates the records that the devices of the account share.
    ///
    /// # Errors
    /// See [`WritingDevice::write`].
    pub async fn create_shared(
        &mut self,
        api: &ApiClient,
        log: &LogWriter,
        progress: &WriteProgress,
    ) -> anyhow::Result<()> {
        let planned = self.planner.create_shared();
        self.push(planned, api, log, progress).await
    }

    /// Pushes the next `count` operations until they are acknowledged and logged.
    ///
    /// # Errors
    /// They are not acknowledged within [`DEADLINE`], or the server gives an answer that no fault
    /// explains.
    pub async fn write(
        &mut self,
        count: usize,
        api: &ApiClient,
        log: &LogWriter,
        progress: &WriteProgress,
    ) -> anyhow::Result<()> {
        let next = |_| self.planner.next(&self.replica);
        let planned = (0..count).map(next).collect();
        self.push(planned, api, log, progress).await
    }

    async fn push(
        &mut self,
        planned: Vec<PlannedOperation>,
        api: &ApiClient,
        log: &LogWriter,
        progress: &WriteProgress,
    ) -> anyhow::Result<()> {
        let operations: Vec<_> = planned.iter().map(|(request, _)| request.clone()).collect();
        let began = Instant::now();
        let (mut sent, mut is_unknown) = (0, false);
        let (answer, attempt_began) = loop {
            let attempt_began = Instant::now();
            sent += 1;
            // Every attempt has the same `op_id`s: the server must carry each operation out once,
            // however many of the attempts reach it.
            match self.exchange(&operations, api).await {
                Ok(answer) => break (answer, attempt_began),
                Err(error) => {
                    // Once unknown, always unknown: a later attempt that is refused does not show whether the earlier
                    // one was carried out.
                    is_unknown |= error.is_unknown();
                    self.prepare_retry(&error, api).await?;
                    anyhow::ensure!(
                        began.elapsed() < DEADLINE,
                        "a push was not acknowledged for {DEADLINE:?}: {error}"
                    );
                }
            }
        };
        let regressions = self.apply(&answer)?;
        anyhow::ensure!(
            answer.results.len() == planned.len(),
            "{} results for {} operations",
            answer.results.len(),
            planned.len()
        );
        let acknowledged: Vec<_> = planned
            .iter()
            .zip(&answer.results)
            .map(|((_, effect), result)| self.acknowledged(*effect, &planned, result, sent))
            .collect::<anyhow::Result<_>>()?;
        // Logged before it is counted, so that the counters never exceed the log.
        log.append(&acknowledged).await?;
        progress.acknowledge(acknowledged.len(), is_unknown, attempt_began);
        self.remember(planned);
        self.regressions.extend(regressions);
        Ok(())
    }

    fn acknowledged(
        &self,
        effect: RecordEffect,
        planned: &[PlannedOperation],
        result: &OperationResult,
        sent: u32,
    ) -> anyhow::Result<AcknowledgedOperation> {
        let request = planned
            .iter()
            .map(|(request, _)| request)
            .find(|request| Some(request.op_id) == result.op_id)
            .ok_or_else(|| {
                anyhow::anyhow!("a result of an operation that was not sent: {result:?}")
            })?;
        // Only the shared habit is updated by two devices, so only it can conflict. Own entries
        // have one writer, and increments have no base version.
        let is_expected = match result.status {
            OperationStatus::Applied | OperationStatus::Merged | OperationStatus::Duplicate => true,
            OperationStatus::Conflict => request.entity == EntityName::Habit,
            _ => false,
        };
        anyhow::ensure!(is_expected, "unexpected result of an operation: {result:?}");
        Ok(AcknowledgedOperation {
            account: self.account.number(),
            operation: request.op_id,
            record: request.id,
            effect,
            status: result.status,
            version: result.version,
            seq: result.seq,
            sent,
        })
    }

    fn remember(&mut self, planned: Vec<PlannedOperation>) {
        self.last_acknowledged.extend(planned);
        let surplus = self.last_acknowledged.len().saturating_sub(REPEATED);
        self.last_acknowledged.drain(..surplus);
    }

    /// Retries the operations that were acknowledged last. The checks compare each result with the
    /// first one.
    ///
    /// # Errors
    /// The server did not answer within [`DEADLINE`].
    pub async fn repeat(&mut self, api: &ApiClient) -> anyhow::Result<Vec<AcknowledgedOperation>> {
        let planned: Vec<_> = self.last_acknowledged.iter().cloned().collect();
        let operations: Vec<_> = planned.iter().map(|(request, _)| request.clone()).collect();
        let answer = self.exchange_until_deadline(&operations, api).await?;
        let regressions = self.apply(&answer)?;
        self.regressions.extend(regressions);
        planned
            .iter()
            .zip(&answer.results)
            .map(|((_, effect), result)| self.acknowledged(*effect, &planned, result, 2))
            .collect()
    }

    /// Pulls all pages and returns the server's digest.
    ///
    /// # Errors
    /// The server did not answer within [`DEADLINE`].
    pub async fn pull(&mut self, api: &ApiClient) -> anyhow::Result<String> {
        loop {
            let answer = self.exchange_until_deadline(&[], api).await?;
            let regressions = self.apply(&answer)?;
            self.regressions.extend(regressions);
            // Only the last page has a digest.
            if let Some(digest) = answer.digest {
                return Ok(digest);
            }
        }
    }

    async fn exchange_until_deadline(
        &self,
        operations: &[OperationRequest],
        api: &ApiClient,
    ) -> anyhow::Result<SyncResponse> {
        let began = Instant::now();
        loop {
            match self.exchange(operations, api).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    self.prepare_retry(&error, api).await?;
                    anyhow::ensure!(began.elapsed() < DEADLINE, "no exchange: {error}");
                }
            }
        }
    }

    async fn exchange(
        &self,
        operations: &[OperationRequest],
        api: &ApiClient,
    ) -> Result<SyncResponse, RequestError> {
        let request = SyncRequest {
            device_id: Some(self.id),
            cursor: self.cursor.clone(),
            limit: Some(MAX_PAGE),
            operations: operations.to_vec(),
            ..SyncRequest::default()
        };
        let token = self.account.token();
        api.post("/api/v1/sync", Some(&token), &request).await
    }

    /// Logs in again or waits, as the failure requires. Fails for a status that no fault explains.
    async fn prepare_retry(&self, error: &RequestError, api: &ApiClient) -> anyhow::Result<()> {
        match error {
            // Access tokens expire in long rounds and when a clock jumps.
            RequestError::Problem { status: 401, .. } => self.account.log_in(api).await?,
            RequestError::Problem {
                status: 429 | 502..=504,
                retry_after,
                ..
            } => {
                let asked = retry_after.map_or(PAUSE, Duration::from_secs);
                sleep(asked.min(LONGEST_PAUSE)).await;
            }
            RequestError::Problem { status: 500, .. }
            | RequestError::ConnectionRefused
            | RequestError::NoAnswer(_) => {
                sleep(PAUSE).await;
            }
            // Any other status, such as 400 or 422, is a bug of the server or of this program. Retrying would
            // hide it.
            RequestError::Problem { .. } => anyhow::bail!("a device got the answer {error}"),
        }
        Ok(())
    }

    fn apply(&mut self, answer: &SyncResponse) -> anyhow::Result<Vec<String>> {
        // The replica first: if the changes cannot be read, the cursor must not move past them.
        let regressions = self.replica.apply(&answer.changes)?;
        self.cursor = Some(answer.cursor.clone());
        Ok(regressions)
    }
}
