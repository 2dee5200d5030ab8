//! The single writer and its queue.

mod batch;

use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Executor;
use crate::error::DatabaseError;
use crate::open::WriterConnection;
use batch::{PendingWrite, QueuedWrite};

/// Capacity of the queue. Further calls wait until there is room, which slows the clients down instead
/// of using more and more memory.
const QUEUE_LENGTH: usize = 1_024;
/// Time between two comparisons of the files while nothing is written.
const FILE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Cost of a write, which decides how many writes share a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteCost {
    /// Approximate number of records that it touches.
    Records(usize),
    /// Data was erased before, and no byte of it may remain: the write-ahead log is emptied before the
    /// answer, or later if a reader is in the way.
    Erasure,
}

/// Runs writes one after another, in the order in which they arrive.
#[derive(Debug)]
pub(crate) enum Writer {
    Thread(Mutex<Option<WriterThread>>),
    Inline(Mutex<Option<WriterConnection>>),
}

/// The writer thread. It ends when the sender of its queue is dropped and the queue is empty.
#[derive(Debug)]
pub(crate) struct WriterThread {
    queue: mpsc::Sender<Task>,
    /// Ends the thread that asks for comparisons of the files when it is dropped.
    _watch: std::sync::mpsc::Sender<()>,
    finished: oneshot::Receiver<Result<(), DatabaseError>>,
    state: watch::Receiver<ThreadState>,
    handle: JoinHandle<()>,
}

/// Work of the writer thread.
enum Task {
    Write(Box<dyn QueuedWrite>),
    /// Compares the files of the database with its paths.
    CheckFiles,
}

/// State of the writer thread. It stays `Running` if the thread ends by a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ThreadState {
    Running,
    Finished,
}

impl Writer {
    pub(crate) fn start(writer: WriterConnection, executor: Executor) -> std::io::Result<Self> {
        match executor {
            Executor::Inline => Ok(Self::Inline(Mutex::new(Some(writer)))),
            Executor::Threaded => {
                WriterThread::spawn(writer).map(|t| Self::Thread(Mutex::new(Some(t))))
            }
        }
    }

    /// Runs `work` in a transaction and returns once it is durable. A caller that is cancelled before
    /// then does not cancel the write.
    pub(crate) async fn run<T, W>(&self, cost: WriteCost, work: W) -> Result<T, DatabaseError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, DatabaseError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let write: Box<dyn QueuedWrite> = Box::new(PendingWrite::new(cost, work, answer));
        match self {
            Self::Thread(thread) => {
                // The sender is cloned, so that the lock is not held while the queue is full.
                let queue = lock(thread).as_ref().map(|thread| thread.queue.clone());
                let queue = queue.ok_or(DatabaseError::Closed)?;
                let sent = queue.send(Task::Write(write)).await;
                sent.map_err(|_| DatabaseError::Closed)?;
            }
            Self::Inline(writer) => {
                let mut writer = lock(writer);
                let writer = writer.as_mut().ok_or(DatabaseError::Closed)?;
                // A batch of one. The lock is held without an await, so calls cannot interleave.
                batch::commit(writer, write, || None);
            }
        }
        answered.await.unwrap_or(Err(DatabaseError::Closed))
    }

    /// Waits until the writer thread has ended although it should run. Never returns otherwise.
    pub(crate) async fn broken(&self) {
        let state = match self {
            Self::Thread(thread) => lock(thread).as_ref().map(|thread| thread.state.clone()),
            Self::Inline(_) => None,
        };
        if let Some(mut state) = state {
            // Ends when the sender is dropped, which happens in every way in which a thread can end.
            while state.changed().await.is_ok() {}
            if *state.borrow() == ThreadState::Running {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Finishes the queued writes, moves the write-ahead log into the database and closes the file.
    pub(crate) async fn close(&self) -> Result<(), DatabaseError> {
        match self {
            Self::Thread(thread) => {
                let Some(thread) = lock(thread).take() else {
                    return Ok(());
                };
                // Without a sender the loop of the thread ends after the queued writes.
                drop(thread.queue);
                let outcome = thread
                    .finished
                    .await
                    .unwrap_or(Err(DatabaseError::Panicked));
                // The thread has sent its result, so `join` returns at once.
                let joined = thread.handle.join().map_err(|_| DatabaseError::Panicked);
                outcome.and(joined)
            }
            Self::Inline(writer) => match lock(writer).take() {
                Some(writer) => finish(writer),
                None => Ok(()),
            },
        }
    }
}

impl WriterThread {
    fn spawn(writer: WriterConnection) -> std::io::Result<Self> {
        let (queue, queued) = mpsc::channel(QUEUE_LENGTH);
        let (done, finished) = oneshot::channel();
        let (set_state, state) = watch::channel(ThreadState::Running);
        let (watch, stopped) = std::sync::mpsc::channel();
        let watched = queue.downgrade();
        std::thread::Builder::new()
            .name("kanso-sqlite-watch".to_owned())
            .spawn(move || ask_for_checks(&stopped, &watched))?;
        let handle = std::thread::Builder::new()
            .name("kanso-sqlite".to_owned())
            .spawn(move || {
                let mut writer = writer;
                run_queue(&mut writer, queued);
                // Not reached after a panic, so the state stays `Running` and `broken` returns.
                set_state.send_replace(ThreadState::Finished);
                // There is no receiver if the storage was dropped instead of closed.
                let _ = done.send(finish(writer));
            })?;
        Ok(Self {
            queue,
            _watch: watch,
            finished,
            state,
            handle,
        })
    }
}

fn run_queue(writer: &mut WriterConnection, mut queued: mpsc::Receiver<Task>) {
    while let Some(task) = queued.blocking_recv() {
        match task {
            // `try_recv` takes only writes that already wait: a batch never waits for more.
            Task::Write(write) => batch::commit(writer, write, || next_write(&mut queued)),
            Task::CheckFiles => batch::check_files(writer),
        }
    }
}

/// Takes the next write that already waits.
fn next_write(queued: &mut mpsc::Receiver<Task>) -> Option<Box<dyn QueuedWrite>> {
    loop {
        match queued.try_recv().ok()? {
            Task::Write(write) => return Some(write),
            // The end of the batch compares the files.
            Task::CheckFiles => {}
        }
    }
}

/// Asks the writer thread to compare the files, until the storage is closed or dropped.
fn ask_for_checks(stopped: &std::sync::mpsc::Receiver<()>, queue: &mpsc::WeakSender<Task>) {
    while stopped.recv_timeout(FILE_CHECK_INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let Some(queue) = queue.upgrade() else { return };
        // A full queue is full of writes, and each batch of them compares the files.
        let _ = queue.try_send(Task::CheckFiles);
    }
}

fn finish(writer: WriterConnection) -> Result<(), DatabaseError> {
    // A lost file gets no further write. Its log was emptied when the loss was
    // found.
    if writer.witness.is_some() && writer.files.check().is_ok() {
        // SQLite recommends this before a long-lived connection closes: it refreshes stale statistics.
        writer.connection.execute_batch("PRAGMA optimize")?;
        batch::empty_log(&writer.connection)?;
    }
    drop(writer);
    Ok(())
}

/// Locks a mutex, also a poisoned one: its value is only taken or left as a whole, so a panic cannot
/// leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
