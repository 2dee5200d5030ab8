//! The storage as a whole.

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kanso_application::ports::storage::{Storage, StorageError};
use kanso_domain::sync::Epoch;

use crate::background_check::BackgroundCheck;
use crate::open::WriterConnection;
use crate::readers::Readers;
use crate::statements::prepare;
use crate::writer::Writer;
use crate::{OpenError, SqliteOptions, open};

/// The storage ports on one SQLite database, which no other server may have open.
///
/// [`Storage::close`] moves everything into the one file. A storage that is dropped instead finishes
/// its queue and closes in the background; acknowledged writes are safe either way.
pub struct SqliteStorage {
    pub(crate) writer: Writer,
    pub(crate) readers: Readers,
    pub(crate) epoch: Epoch,
    /// True if an account or texts were erased and the writer does not know yet that the log has its data.
    pub(crate) has_erased: AtomicBool,
    check: Mutex<Option<BackgroundCheck>>,
}

impl SqliteStorage {
    /// Opens or creates the database and migrates its schema. Blocks.
    ///
    /// A small database is checked first, which reads every page. A large one is checked by a thread
    /// while it is in use ([`SqliteOptions::checked_first`]); if it is damaged, every further call fails.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(options: &SqliteOptions) -> Result<Self, OpenError> {
        Self::start(open::open(options)?, options)
    }

    /// Opens a database that a server may have open, for the commands of the operator: accounts, sessions
    /// and invitations. Writes no record, and migrates nothing. Blocks.
    ///
    /// # Errors
    /// See [`OpenError`]; a database in use is not an error.
    pub fn open_beside(options: &SqliteOptions) -> Result<Self, OpenError> {
        Self::start(open::open_beside(options)?, options)
    }

    fn start(
        (writer, epoch): (WriterConnection, Epoch),
        options: &SqliteOptions,
    ) -> Result<Self, OpenError> {
        let inaccessible = |source| {
            let path = options.path.clone();
            OpenError::Inaccessible { path, source }
        };
        let files = Arc::clone(&writer.files);
        let check = writer
            .must_check
            .then(|| BackgroundCheck::start(&options.path, files));
        let check = check.transpose().map_err(inaccessible)?;
        let readers = Readers::new(options, &writer).map_err(|error| OpenError::Sqlite {
            path: options.path.clone(),
            source: error.into(),
        })?;
        let writer = Writer::start(writer, options.executor).map_err(inaccessible)?;
        Ok(Self {
            writer,
            readers,
            epoch,
            has_erased: AtomicBool::new(false),
            check: Mutex::new(check),
        })
    }
}

impl SqliteStorage {
    /// Waits until the check of a large database has ended. Blocks.
    pub fn wait_for_check(&self) {
        if let Some(mut check) = self.running_check() {
            check.wait();
        }
    }

    fn running_check(&self) -> Option<BackgroundCheck> {
        let mut check = self.check.lock().unwrap_or_else(PoisonError::into_inner);
        check.take()
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn ping(&self) -> Result<(), StorageError> {
        self.readers.check_files()?;
        let read = |connection: &rusqlite::Connection| {
            // Reads a row and not just `SELECT 1`, which SQLite answers without the file.
            let sql = "SELECT 1 FROM server WHERE id = 1";
            Ok(prepare(connection, sql)?.query_row([], |_| Ok(()))?)
        };
        Ok(self.readers.run(read).await?)
    }

    async fn close(&self) -> Result<(), StorageError> {
        // Readers first: one that is open would keep the writer from emptying the log.
        self.readers.close();
        drop(self.running_check());
        Ok(self.writer.close().await?)
    }

    async fn broken(&self) {
        self.writer.broken().await;
    }
}
