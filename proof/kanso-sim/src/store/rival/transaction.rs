//! One transaction on one connection.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use kanso_application::ports::storage::StorageError;
use kanso_testkit::MemoryStorage;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{sleep, timeout};

use super::attempts::Failure;
use super::database::Term;
use super::node::Inside;
use super::rows::{Held, Row};
use crate::planted::Bug;

/// How long to wait for a connection, and for a lock: as in `kanso-postgres`.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much later than its connection broke a commit may be carried out.
const LATEST_MILLIS: u64 = 3_000;

/// A change of what is stored, which does not wait.
pub(super) type Changing<T> = Pin<Box<dyn Future<Output = Result<T, StorageError>> + Send>>;

/// Of how many statements a transaction that fails gets through at most.
const MOST_STEPS: u64 = 4;

/// A transaction; dropped before its commit it is rolled back.
pub(super) struct Transaction {
    inside: Arc<Inside>,
    term: Arc<Term>,
    connection: Option<OwnedSemaphorePermit>,
    locks: Vec<Held>,
    /// After so many more statements it fails; at the commit, if it comes to that first.
    fails_after: Option<u64>,
    has_ended: bool,
    /// Whether it gives out leases.
    pub(super) is_claim: bool,
    /// Which attempt it is, from 1.
    pub(super) attempt: u32,
    /// Whether nobody knows what became of the attempt before.
    pub(super) was_unsure: bool,
}

impl Transaction {
    /// Begins one, on a connection of the pool.
    pub(super) async fn begin(
        inside: &Arc<Inside>,
        attempt: u32,
        was_unsure: bool,
    ) -> Result<Self, Failure> {
        let connection = timeout(PATIENCE, Arc::clone(&inside.pool).acquire_owned()).await;
        let Ok(Ok(connection)) = connection else {
            return Err(Failure::Lasting("no connection"));
        };
        let term = inside.database.term();
        let term = term.ok_or(Failure::Passing("nobody answers at the database"))?;
        let mut transaction = Self {
            inside: Arc::clone(inside),
            term,
            connection: Some(connection),
            locks: Vec::new(),
            fails_after: None,
            has_ended: false,
            is_claim: false,
            attempt,
            was_unsure,
        };
        if transaction.strikes(inside.database.conduct.failures) {
            transaction.fails_after = Some(inside.chance.between(0, MOST_STEPS));
        }
        Ok(transaction)
    }

    fn strikes(&self, percent: u32) -> bool {
        !self.inside.database.is_healed() && self.inside.chance.happens(percent)
    }

    pub(super) fn has_bug(&self, bug: Bug) -> bool {
        self.inside.database.bug == Some(bug)
    }

    /// Whether it is going to fail.
    pub(super) const fn fails(&self) -> bool {
        self.fails_after.is_some()
    }

    /// What is stored now.
    pub(super) fn memory(&self) -> Arc<MemoryStorage> {
        self.inside.database.memory()
    }

    /// The way of a statement to the database or of its answer back.
    pub(super) async fn step(&mut self) -> Result<(), Failure> {
        if let Some(left) = &mut self.fails_after {
            if *left == 0 {
                return Err(Failure::Passing("could not serialize access"));
            }
            *left -= 1;
        }
        self.way().await
    }

    pub(super) async fn way(&self) -> Result<(), Failure> {
        let longest = self.inside.database.conduct.longest_step;
        let way = async {
            match self.inside.chance.between(0, 7) {
                0..=2 => {
                    let millis = self.inside.chance.between(0, longest);
                    sleep(Duration::from_millis(millis)).await;
                }
                3..=5 => tokio::task::yield_now().await,
                _ => {}
            }
        };
        tokio::select! {
            biased;
            () = self.term.ended.cancelled() => Err(Failure::Passing("the connection broke")),
            () = way => Ok(()),
        }
    }

    /// Waits for a row and keeps it until the transaction ends.
    pub(super) async fn lock(&mut self, row: Row) -> Result<(), Failure> {
        self.step().await?;
        let term = Arc::clone(&self.term);
        self.wait(term.rows.alone(row)).await
    }

    /// The same, together with others who only want it to stay.
    pub(super) async fn share(&mut self, row: Row) -> Result<(), Failure> {
        self.step().await?;
        let term = Arc::clone(&self.term);
        self.wait(term.rows.together(row)).await
    }

    async fn wait(&mut self, row: impl Future<Output = Held>) -> Result<(), Failure> {
        let held = tokio::select! {
            biased;
            () = self.term.ended.cancelled() => Err(Failure::Passing("the connection broke")),
            held = timeout(PATIENCE, row) => {
                held.map_err(|_| Failure::Lasting("a lock was not had in time"))
            }
        }?;
        self.locks.push(held);
        Ok(())
    }

    /// Takes a row if nobody else has it; whether it did.
    pub(super) fn lock_if_free(&mut self, row: Row) -> bool {
        let held = self.term.rows.if_free(row);
        let is_free = held.is_some();
        self.locks.extend(held);
        is_free
    }

    /// Commits: `change` is made in one moment, or not at all. Then locks and connection are free.
    pub(super) async fn commit<T: Send + 'static>(
        mut self,
        change: impl FnOnce(Arc<MemoryStorage>) -> Changing<T> + Send + 'static,
    ) -> Result<T, Failure> {
        self.step().await?;
        if self.fails() {
            return Err(Failure::Passing("could not serialize access"));
        }
        let breaks = self.strikes(self.inside.database.conduct.uncertain);
        if self.has_bug(Bug::LockBeforeCommit) {
            self.locks.clear();
        }
        if breaks && self.inside.chance.happens(50) {
            if self.inside.chance.happens(50) {
                self.commit_late(change);
            }
            return Err(Failure::Unsure);
        }
        self.way().await.map_err(|_| Failure::Unsure)?;
        self.inside.database.note_before();
        let changed = change(self.memory()).await?;
        self.locks.clear();
        self.way().await.map_err(|_| Failure::Unsure)?;
        if breaks {
            return Err(Failure::Unsure);
        }
        self.ended();
        Ok(changed)
    }

    /// The connection is broken and its server does not know yet: it holds the locks until it has
    /// carried out the commit that was on its way.
    fn commit_late<T: Send + 'static>(
        &mut self,
        change: impl FnOnce(Arc<MemoryStorage>) -> Changing<T> + Send + 'static,
    ) {
        let delay = Duration::from_millis(self.inside.chance.between(0, LATEST_MILLIS));
        let (term, inside) = (Arc::clone(&self.term), Arc::clone(&self.inside));
        let locks = std::mem::take(&mut self.locks);
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = term.ended.cancelled() => {}
                () = sleep(delay) => {
                    inside.database.note_before();
                    // Nobody is there to be told.
                    drop(change(inside.database.memory()).await);
                }
            }
            drop(locks);
        });
    }

    /// Ends it without a change.
    pub(super) fn ended(mut self) {
        self.has_ended = true;
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let is_leaked = self.has_bug(Bug::ConnectionKept) && !self.has_ended;
        if let Some(connection) = self.connection.take().filter(|_| is_leaked) {
            connection.forget();
        }
        if self.has_bug(Bug::ClaimKept) && self.is_claim && !self.has_ended {
            self.term.rows.keep(std::mem::take(&mut self.locks));
        }
    }
}
