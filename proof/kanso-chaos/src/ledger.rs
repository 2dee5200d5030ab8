//! What devices were promised, on the disk and outside of the system that promised it.
//!
//! A device counts an operation as acknowledged only when its line is on the disk. What was
//! promised is read back from the file, so that no fault and no mistake of a writer can take a
//! promise back.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::Context as _;
use kanso_protocol::sync::OperationStatus;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// What an operation does to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Writes the operation's id into the record's words, so that it can be seen there.
    Mark,
    /// Adds so much to the value.
    Add(i64),
    /// Makes it a tombstone.
    Delete,
}

/// An operation that a server acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledged {
    /// Whose it is, by number.
    pub person: u32,
    /// The operation.
    pub operation: Uuid,
    /// The record that it is about.
    pub record: Uuid,
    /// What it does.
    pub effect: Effect,
    /// What the server said became of it.
    pub status: OperationStatus,
    /// The record's version afterwards, if it was done.
    pub version: Option<i64>,
    /// Where it stands in the history, if it was done.
    pub seq: Option<i64>,
    /// How often it was sent.
    pub sent: u32,
}

impl Acknowledged {
    /// Whether it was carried out, now or at an earlier attempt.
    pub fn is_done(&self) -> bool {
        matches!(
            self.status,
            OperationStatus::Applied | OperationStatus::Merged | OperationStatus::Duplicate
        )
    }
}

/// The file and the thread that writes it.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    notes: mpsc::UnboundedSender<Note>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// How a device writes to the ledger.
#[derive(Clone, Debug)]
pub struct Pen(mpsc::UnboundedSender<Note>);

#[derive(Debug)]
struct Note {
    lines: Vec<u8>,
    written: oneshot::Sender<()>,
}

impl Ledger {
    /// A new file at `path`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let (notes, queue) = mpsc::unbounded_channel();
        Ok(Self {
            path: path.to_owned(),
            notes,
            thread: std::thread::spawn(|| write(file, queue)),
        })
    }

    /// A way to write to it.
    pub fn pen(&self) -> Pen {
        Pen(self.notes.clone())
    }

    /// All that was promised, from the disk. No pen may be left.
    ///
    /// # Errors
    /// The file could not be written or read.
    pub fn close(self) -> anyhow::Result<Vec<Acknowledged>> {
        drop(self.notes);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("the ledger's thread panicked"))??;
        read(&self.path)
    }
}

impl Pen {
    /// Returns when these are on the disk.
    ///
    /// # Errors
    /// The ledger cannot be written any more.
    pub async fn note(&self, acknowledged: &[Acknowledged]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for one in acknowledged {
            serde_json::to_writer(&mut lines, one)?;
            lines.push(b'\n');
        }
        let (written, is_written) = oneshot::channel();
        let sent = self.0.send(Note { lines, written });
        sent.map_err(|_| anyhow::anyhow!("the ledger is closed"))?;
        is_written.await.context("the ledger cannot be written")
    }
}

/// Writes what is queued, and waits once for the disk however much that is.
fn write(mut file: File, mut queue: mpsc::UnboundedReceiver<Note>) -> anyhow::Result<()> {
    while let Some(first) = queue.blocking_recv() {
        let mut notes = vec![first];
        while let Ok(note) = queue.try_recv() {
            notes.push(note);
        }
        for note in &notes {
            file.write_all(&note.lines)?;
        }
        file.sync_data()?;
        for note in notes {
            // A device that was stopped meanwhile does not wait any more.
            let _ = note.written.send(());
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<Acknowledged>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_noted_is_read_from_the_disk_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger")).unwrap();
        let noted: Vec<_> = (1..=3)
            .map(|number| Acknowledged {
                person: 1,
                operation: Uuid::from_u128(number),
                record: Uuid::from_u128(9),
                effect: Effect::Add(2),
                status: OperationStatus::Applied,
                version: Some(1),
                seq: Some(4),
                sent: 1,
            })
            .collect();
        let pen = ledger.pen();
        pen.note(&noted[..1]).await.unwrap();
        pen.note(&noted[1..]).await.unwrap();
        drop(pen);
        assert_eq!(ledger.close().unwrap(), noted);
    }
}
