//! What all servers of a world store in.

use std::sync::Arc;

use kanso_application::ports::storage::Storage;
use tokio_util::sync::CancellationToken;

use super::file::Disk;
use super::rival::{Conduct, Database, Node};
use crate::chance::Chance;
use crate::history::Recorder;
use crate::plan::{Plan, StoreKind};
use crate::planted::Bug;

/// What all servers of a world store in.
pub enum Base {
    /// A file, which all of them have open.
    File(Disk),
    /// A database that each reaches over connections of its own.
    Rival(Arc<Database>),
}

impl Base {
    /// The empty storage of `plan`.
    pub fn new(plan: &Plan, bug: Option<Bug>) -> anyhow::Result<Self> {
        let epochs = Chance::stream(plan.seed, "epochs");
        Ok(match plan.store {
            StoreKind::File => Self::File(Disk::new(epochs)?),
            StoreKind::Rival => {
                let conduct = Conduct {
                    connections: plan.connections,
                    longest_step: plan.longest_step,
                    failures: plan.failures,
                    uncertain: plan.uncertain,
                    outages: plan.outages,
                };
                Self::Rival(Arc::new(Database::new(conduct, bug, epochs)))
            }
        })
    }

    /// What is stored, past everything that may fail.
    pub fn storage(&mut self) -> anyhow::Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::File(disk) => disk.storage()?,
            Self::Rival(database) => database.memory(),
        })
    }

    /// The storage as a server reaches it that lives until `died`.
    pub fn way(
        &mut self,
        died: CancellationToken,
        chance: Chance,
    ) -> anyhow::Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::File(disk) => disk.storage()?,
            Self::Rival(database) => Arc::new(Node::new(Arc::clone(database), died, chance)),
        })
    }

    /// Its own troubles begin.
    pub fn begin(&self, recorder: &Arc<Recorder>) {
        if let Self::Rival(database) = self {
            let (database, recorder) = (Arc::clone(database), Arc::clone(recorder));
            tokio::spawn(async move { database.come_and_go(&recorder).await });
        }
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        if let Self::Rival(database) = self {
            database.heal();
        }
    }

    /// Makes a copy; answers with its number.
    pub fn back_up(&mut self) -> anyhow::Result<u32> {
        match self {
            Self::File(disk) => disk.back_up(),
            Self::Rival(database) => database.back_up(),
        }
    }

    /// Puts a copy in the place of what is stored. No server is up.
    pub async fn put_back(&mut self, copy: u32) -> anyhow::Result<()> {
        match self {
            Self::File(disk) => {
                disk.close().await?;
                disk.put_back(copy)
            }
            Self::Rival(database) => database.put_back(copy),
        }
    }
}
