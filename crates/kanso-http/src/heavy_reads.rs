//! Turns of heavy reads: lists, statistics and exports.
//!
//! A heavy read takes the time of many pulls. So those of one account wait for each other, and all
//! together leave connections of the storage to pulls and pushes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kanso_domain::UserId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::Instrument as _;

use crate::problem::{ApiError, Code};

/// Most heavy reads of one account at a time, each until the last byte of its answer is sent.
const OF_ACCOUNT: usize = 2;

/// Most heavy reads of one account that wait. Further ones are refused at once.
const WAITING: usize = 16;

/// Most heavy reads of all accounts that use the storage at a time. SQLite has four readers.
const OF_ALL: usize = 2;

/// Longest wait for a turn. It leaves time for the read itself within the time limit of an answer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Heavy reads of this server.
#[derive(Clone)]
pub(crate) struct HeavyReads {
    accounts: Arc<Mutex<HashMap<UserId, Account>>>,
    all: Arc<Semaphore>,
}

/// The heavy reads of one account that run or wait.
struct Account {
    count: usize,
    running: Arc<Semaphore>,
}

/// A heavy read that runs. Ends when dropped.
pub(crate) struct HeavyRead {
    // Before `_counted`: an account without reads is removed, and its permits must be back by then.
    _permit: OwnedSemaphorePermit,
    _counted: Counted,
    all: Arc<Semaphore>,
}

/// The right to use the storage for one step of a heavy read.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// Counts a read of an account until it is dropped.
struct Counted {
    reads: HeavyReads,
    user: UserId,
}

impl Default for HeavyReads {
    fn default() -> Self {
        Self {
            accounts: Arc::default(),
            all: Arc::new(Semaphore::new(OF_ALL)),
        }
    }
}

impl HeavyReads {
    /// Waits until `user` may begin another heavy read. The error is 503 if too many wait already, or
    /// the wait is too long.
    pub(crate) async fn begin(&self, user: UserId) -> Result<HeavyRead, ApiError> {
        let running = {
            let mut accounts = self.lock();
            let account = accounts.entry(user).or_insert_with(|| Account {
                count: 0,
                running: Arc::new(Semaphore::new(OF_ACCOUNT)),
            });
            if account.count >= OF_ACCOUNT + WAITING {
                return Err(Code::ReadsBusy.into());
            }
            account.count += 1;
            Arc::clone(&account.running)
        };
        let counted = Counted {
            reads: self.clone(),
            user,
        };
        Ok(HeavyRead {
            _permit: permit_of(running).await?,
            _counted: counted,
            all: Arc::clone(&self.all),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UserId, Account>> {
        // Each change is a single step, so a poisoned lock guards consistent counts.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeavyRead {
    /// Waits for the first turn of this read among all accounts. The error is 503 if the wait is too long.
    ///
    /// It is held for one step only: a client that reads its answer slowly must not keep others
    /// waiting.
    pub(crate) async fn turn(&self) -> Result<Turn, ApiError> {
        let permit = permit_of(Arc::clone(&self.all)).await?;
        Ok(Turn { _permit: permit })
    }

    /// Waits for a further turn, as long as it takes: an answer that has begun must not be cut off
    /// because others read too.
    pub(crate) async fn next_turn(&self) -> Result<Turn, ApiError> {
        let permit = Arc::clone(&self.all).acquire_owned().await;
        // The semaphore is never closed.
        let permit = permit.map_err(|_| Code::Internal)?;
        Ok(Turn { _permit: permit })
    }
}

impl Turn {
    /// Runs a step in a task of its own, which holds the turn until the step ends.
    ///
    /// If the client leaves, the handler is dropped, and the storage reads on. Without the task the next
    /// read would begin beside it.
    pub(crate) async fn hold<T: Send + 'static>(
        self,
        step: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        let step = async move {
            let _turn = self;
            step.await
        };
        tokio::spawn(step.in_current_span()).await.map_err(|error| {
            tracing::error!(%error, "read task panicked");
            Code::Internal.into()
        })
    }
}

async fn permit_of(semaphore: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    match timeout(LONGEST_WAIT, semaphore.acquire_owned()).await {
        Ok(Ok(permit)) => Ok(permit),
        // The semaphore is never closed, so this is the wait.
        Ok(Err(_)) | Err(_) => Err(Code::ReadsBusy.into()),
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut accounts = self.reads.lock();
        if let Some(account) = accounts.get_mut(&self.user) {
            account.count -= 1;
            // Accounts without reads must not stay in the map, which would only grow.
            if account.count == 0 {
                accounts.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::new(Uuid::from_u128(number))
    }

    #[tokio::test(start_paused = true)]
    async fn reads_of_an_account_wait_for_each_other_and_not_for_others() {
        let reads = HeavyReads::default();
        let first = reads.begin(user(1)).await.expect("the first");
        let _second = reads.begin(user(1)).await.expect("the second");
        let mut third = Box::pin(reads.begin(user(1)));
        assert!((&mut third).now_or_never().is_none());
        assert!(reads.begin(user(2)).now_or_never().is_some());
        drop(first);
        assert!(third.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_of_an_account_is_bounded_in_length_and_time() {
        let reads = HeavyReads::default();
        let _running = [reads.begin(user(1)).await, reads.begin(user(1)).await];
        let mut waiting: Vec<_> = (0..WAITING)
            .map(|_| Box::pin(reads.begin(user(1))))
            .collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none());
        }
        let refused = reads.begin(user(1)).now_or_never();
        assert!(refused.is_some_and(|refused| refused.is_err()));
        // On the paused clock the wait ends at once.
        for wait in waiting {
            assert!(wait.await.is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn steps_of_all_accounts_wait_for_each_other() {
        let reads = HeavyReads::default();
        let mut turns = Vec::new();
        for number in 0..OF_ALL as u128 {
            let read = reads.begin(user(number)).await.expect("a read");
            turns.push((read.turn().await.expect("a turn"), read));
        }
        let last = reads.begin(user(99)).await.expect("a read");
        assert!(last.turn().now_or_never().is_none());
        turns.pop();
        assert!(last.turn().now_or_never().is_some());
        drop((turns, last));
        assert!(reads.lock().is_empty());
    }
}
