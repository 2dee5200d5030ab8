//! Log of the operations that servers acknowledged, on a disk that no fault touches.
//!
//! A device counts an operation as acknowledged only when its line is on the disk. The checks read
//! the file and not the memory of the devices, so neither a fault nor a bug of a device can drop an
//! acknowledged operation from the comparison.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use anyhow::Context as _;
use kanso_protocol::sync::OperationStatus;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Change that an operation makes to its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordEffect {
    /// Writes the operation's id into the record's text, where the checks find it.
    Mark,
    /// Adds this amount to the value.
    Add(i64),
    /// Turns the record into a tombstone.
    Delete,
}

/// An operation that a server acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcknowledgedOperation {
    /// Number of the account that sent it.
    pub account: u32,
    /// Id of the operation.
    pub operation: Uuid,
    /// Id of the record.
    pub record: Uuid,
    /// Change to the record.
    pub effect: RecordEffect,
    /// Result that the server reported.
    pub status: OperationStatus,
    /// Version of the record afterwards, if the operation was carried out.
    pub version: Option<i64>,
    /// Position in the history, if the operation was carried out.
    pub seq: Option<i64>,
    /// Number of times that it was sent.
    pub sent: u32,
}

impl AcknowledgedOperation {
    /// Returns true if the operation was carried out, by this or an earlier attempt.
    pub const fn is_done(&self) -> bool {
        matches!(
            self.status,
            OperationStatus::Applied | OperationStatus::Merged | OperationStatus::Duplicate
        )
    }
}

/// The log file and the thread that writes it.
#[derive(Debug)]
pub struct AcknowledgedLog {
    path: PathBuf,
    queue: mpsc::UnboundedSender<Append>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// Handle by which a device appends to the log.
#[derive(Clone, Debug)]
pub struct LogWriter(mpsc::UnboundedSender<Append>);

#[derive(Debug)]
struct Append {
    lines: Vec<u8>,
    synced: oneshot::Sender<()>,
}

impl AcknowledgedLog {
    /// Creates the file at `path`.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let (queue, appends) = mpsc::unbounded_channel();
        Ok(Self {
            path: path.to_owned(),
            queue,
            thread: std::thread::spawn(|| write(file, appends)),
        })
    }

    /// Returns a handle for one device.
    pub fn writer(&self) -> LogWriter {
        LogWriter(self.queue.clone())
    }

    /// Returns all acknowledged operations, read from the disk. Every [`LogWriter`] must be dropped
    /// before, because the thread runs until the queue is closed.
    ///
    /// # Errors
    /// The file could not be written or read.
    pub fn close(self) -> anyhow::Result<Vec<AcknowledgedOperation>> {
        drop(self.queue);
        let ended = self.thread.join();
        ended.map_err(|_| anyhow::anyhow!("the thread of the log panicked"))??;
        read(&self.path)
    }
}

impl LogWriter {
    /// Appends these operations and returns when they are on the disk.
    ///
    /// # Errors
    /// The log cannot be written any more.
    pub async fn append(&self, operations: &[AcknowledgedOperation]) -> anyhow::Result<()> {
        let mut lines = Vec::new();
        for operation in operations {
            serde_json::to_writer(&mut lines, operation)?;
            lines.push(b'\n');
        }
        let (synced, is_synced) = oneshot::channel();
        let sent = self.0.send(Append { lines, synced });
        sent.map_err(|_| anyhow::anyhow!("the log is closed"))?;
        is_synced.await.context("the log cannot be written")
    }
}

/// Writes the queued lines until the queue is closed.
fn write(mut file: File, mut queue: mpsc::UnboundedReceiver<Append>) -> anyhow::Result<()> {
    while let Some(first) = queue.blocking_recv() {
        // Group commit: one sync covers all devices that wait, so the log does not limit the load.
        let mut appends = vec![first];
        while let Ok(append) = queue.try_recv() {
            appends.push(append);
        }
        for append in &appends {
            file.write_all(&append.lines)?;
        }
        // The data must be on the disk before a device counts its operations. If this program is
        // killed, the file still has every operation that any counter includes.
        file.sync_data()?;
        for append in appends {
            // A device that was stopped meanwhile no longer waits.
            let _ = append.synced.send(());
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<AcknowledgedOperation>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn appended_operations_are_read_from_the_disk_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let log = AcknowledgedLog::create(&folder.path().join("log")).unwrap();
        let operations: Vec<_> = (1..=3)
            .map(|number| AcknowledgedOperation {
                account: 1,
                operation: Uuid::from_u128(number),
                record: Uuid::from_u128(9),
                effect: RecordEffect::Add(2),
                status: OperationStatus::Applied,
                version: Some(1),
                seq: Some(4),
                sent: 1,
            })
            .collect();
        let writer = log.writer();
        writer.append(&operations[..1]).await.unwrap();
        writer.append(&operations[1..]).await.unwrap();
        drop(writer);
        assert_eq!(log.close().unwrap(), operations);
    }
}
