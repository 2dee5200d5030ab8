//! The one writer, and how many writes share a commit.

mod batch;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::Executor;
use crate::error::Failure;
use crate::open::Home;
use batch::{Task, Unit};

/// Writes that wait for the writer; more wait for a place.
const QUEUE_LENGTH: usize = 1_024;

/// How much a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effort {
    /// It touches about so many records.
    Records(usize),
    /// It deletes what must leave no byte behind: the log that still holds it is emptied before
    /// the answer.
    Erasure,
}

/// Carries out writes, one after another in the order in which they come.
#[derive(Debug)]
pub(crate) enum Writer {
    Thread(Mutex<Option<Thread>>),
    Inline(Mutex<Option<Home>>),
}

/// A thread that ends when its queue is dropped and empty.
#[derive(Debug)]
pub(crate) struct Thread {
    queue: mpsc::Sender<Box<dyn Unit>>,
    finished: oneshot::Receiver<Result<(), Failure>>,
    state: watch::Receiver<State>,
    handle: JoinHandle<()>,
}

/// What a thread has said of itself. It says no more when it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Working,
    Done,
}

impl Writer {
    pub(crate) fn start(home: Home, executor: Executor) -> std::io::Result<Self> {
        match executor {
            Executor::Inline => Ok(Self::Inline(Mutex::new(Some(home)))),
            Executor::Threaded => Thread::spawn(home).map(|t| Self::Thread(Mutex::new(Some(t)))),
        }
    }

    /// Runs `work` in a transaction and returns once it is durable. A caller that goes away
    /// before then changes nothing: the transaction is finished without it.
    pub(crate) async fn run<T, W>(&self, effort: Effort, work: W) -> Result<T, Failure>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let unit: Box<dyn Unit> = Box::new(Task::new(effort, work, answer));
        match self {
            Self::Thread(thread) => {
                let queue = lock(thread).as_ref().map(|thread| thread.queue.clone());
                let queue = queue.ok_or(Failure::Closed)?;
                queue.send(unit).await.map_err(|_| Failure::Closed)?;
            }
            Self::Inline(home) => {
                let mut home = lock(home);
                let home = home.as_mut().ok_or(Failure::Closed)?;
                batch::commit(home, unit, || None);
            }
        }
        answered.await.unwrap_or(Err(Failure::Closed))
    }

    /// Waits until the thread is gone that should still be working.
    pub(crate) async fn broken(&self) {
        let state = match self {
            Self::Thread(thread) => lock(thread).as_ref().map(|thread| thread.state.clone()),
            Self::Inline(_) => None,
        };
        if let Some(mut state) = state {
            while state.changed().await.is_ok() {}
            if *state.borrow() == State::Working {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Finishes what is queued, empties the log into the database and lets go of the file.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        match self {
            Self::Thread(thread) => {
                let Some(thread) = lock(thread).take() else {
                    return Ok(());
                };
                drop(thread.queue);
                let outcome = thread.finished.await.unwrap_or(Err(Failure::Panicked));
                // It has said its last word, so this does not wait.
                let joined = thread.handle.join().map_err(|_| Failure::Panicked);
                outcome.and(joined)
            }
            Self::Inline(home) => match lock(home).take() {
                Some(home) => finish(home),
                None => Ok(()),
            },
        }
    }
}

impl Thread {
    fn spawn(home: Home) -> std::io::Result<Self> {
        let (queue, queued) = mpsc::channel(QUEUE_LENGTH);
        let (done, finished) = oneshot::channel();
        let (says, state) = watch::channel(State::Working);
        let handle = std::thread::Builder::new()
            .name("kanso-sqlite".to_owned())
            .spawn(move || {
                let mut home = home;
                work_off(&mut home, queued);
                // A panic does not come here.
                says.send_replace(State::Done);
                // Nobody listens when the storage was dropped instead of closed.
                let _ = done.send(finish(home));
            })?;
        Ok(Self {
            queue,
            finished,
            state,
            handle,
        })
    }
}

fn work_off(home: &mut Home, mut queued: mpsc::Receiver<Box<dyn Unit>>) {
    while let Some(unit) = queued.blocking_recv() {
        batch::commit(home, unit, || queued.try_recv().ok());
    }
}

fn finish(home: Home) -> Result<(), Failure> {
    home.connection.execute_batch("PRAGMA optimize")?;
    batch::empty_log(&home.connection)?;
    drop(home);
    Ok(())
}

/// A panic while the lock was held leaves nothing half done: what it guards is taken or kept whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
