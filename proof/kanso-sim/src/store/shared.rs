//! The storage that all servers of a world share.

use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use tokio_util::sync::CancellationToken;

use super::postgres::{ConnectionPool, FaultProfile, SimPostgres};
use super::sqlite::{FileLoss, SqliteStore};
use crate::chance::Chance;
use crate::history::Recorder;
use crate::mutants::Bug;
use crate::plan::{StoreKind, WorldPlan};

/// The storage that all servers of a world share.
pub enum SharedStore {
    /// A SQLite file, open in all servers.
    File(SqliteStore),
    /// A database with a connection pool in each server.
    Postgres(Arc<SimPostgres>),
}

impl SharedStore {
    /// Creates the empty storage of `plan`.
    pub fn new(plan: &WorldPlan, bug: Option<Bug>) -> anyhow::Result<Self> {
        let epochs = Chance::stream(plan.seed, "epochs");
        Ok(match plan.store {
            StoreKind::File => {
                let notices_loss = bug != Some(Bug::FileNotCompared);
                Self::File(SqliteStore::new(epochs, notices_loss)?)
            }
            StoreKind::Postgres => {
                let faults = FaultProfile {
                    connections: plan.connections,
                    longest_step: plan.longest_step,
                    failures: plan.failures,
                    uncertain: plan.uncertain,
                    outages: plan.outages,
                };
                Self::Postgres(Arc::new(SimPostgres::new(faults, bug, epochs)))
            }
        })
    }

    /// Returns the storage without faults.
    pub fn storage(&mut self) -> anyhow::Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::File(sqlite) => sqlite.storage()?,
            Self::Postgres(database) => database.memory(),
        })
    }

    /// Returns the storage as a server that lives until `died` reaches it.
    pub fn connect(
        &mut self,
        died: CancellationToken,
        chance: Chance,
    ) -> anyhow::Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::File(sqlite) => sqlite.storage()?,
            Self::Postgres(database) => {
                Arc::new(ConnectionPool::new(Arc::clone(database), died, chance))
            }
        })
    }

    /// Starts the faults of the storage.
    pub fn begin(&self, recorder: &Arc<Recorder>) {
        // A SQLite file has no connection and no failover, so only crashes of servers reach it.
        if let Self::Postgres(database) = self {
            let (database, recorder) = (Arc::clone(database), Arc::clone(recorder));
            tokio::spawn(async move { database.run_outages(&recorder).await });
        }
    }

    /// Ends the faults of the storage.
    pub fn heal(&self) {
        if let Self::Postgres(database) = self {
            database.heal();
        }
    }

    /// Takes a backup; returns its number.
    pub fn back_up(&mut self) -> anyhow::Result<u32> {
        match self {
            Self::File(sqlite) => sqlite.back_up(),
            Self::Postgres(database) => database.back_up(),
        }
    }

    /// Takes the file away from under the servers; puts a moved one back without a `loss`. A database
    /// that is no file is left alone.
    pub fn lose_file(&self, loss: Option<FileLoss>) -> anyhow::Result<()> {
        match (self, loss) {
            (Self::File(sqlite), Some(loss)) => sqlite.lose(loss),
            (Self::File(sqlite), None) => sqlite.put_back(),
            (Self::Postgres(_), _) => Ok(()),
        }
    }

    /// Restores a backup. No server may be up.
    pub async fn restore(&mut self, copy: u32) -> anyhow::Result<()> {
        match self {
            Self::File(sqlite) => {
                // SQLite must not have the file open while it is replaced.
                sqlite.close().await?;
                sqlite.restore(copy)
            }
            Self::Postgres(database) => database.restore(copy),
        }
    }
}
