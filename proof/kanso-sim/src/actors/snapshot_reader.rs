//! A reader of snapshots: a new device again and again. It reads a snapshot, resumes it after it
//! was cut off, and then pulls the changes since.

use std::time::Duration;

use kanso_client::transport::Method;
use kanso_protocol::sync::{SnapshotLine, SyncResponse};
use tokio::time::{sleep, timeout};

use super::a_while;
use super::page_replica::PageReplica;
use super::wire_client::WireClient;
use crate::network::{OpenReply, PieceReader};

/// Longest pause before the next snapshot, in milliseconds.
const PAUSE_MILLIS: u64 = 60_000;

/// Number of actions of the other programs for each snapshot.
const ACTIONS_EACH: u32 = 6;

/// Time after which it gives up on the next piece.
const PIECE_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts for a request without an answer.
const TRIES: u32 = 40;

/// Longest time that it takes to store a piece, in milliseconds; other programs write meanwhile.
const STORING_MILLIS: u64 = 2_000;

/// A reader of snapshots for one user.
pub struct SnapshotReader {
    client: WireClient,
}

/// A snapshot that is being read.
#[derive(Default)]
struct Reading {
    replica: PageReplica,
    /// The `begin` line: head, digest and cursor.
    began: Option<(i64, String, String)>,
    resume: Option<String>,
    is_whole: bool,
}

impl SnapshotReader {
    /// Creates a reader that has read nothing.
    pub const fn new(client: WireClient) -> Self {
        Self { client }
    }

    /// Reads a snapshot now and then, for as long as the plan has actions.
    pub async fn run(&self) {
        for _ in 0..self.client.plan.actions.div_ceil(ACTIONS_EACH) {
            a_while(&self.client.chance, PAUSE_MILLIS).await;
            self.read_everything().await;
        }
    }

    /// Reads a snapshot once all faults have ended: then it must succeed.
    pub async fn must_read_everything(&self) {
        if !self.read_everything().await {
            self.client
                .wrong("cannot read everything although all faults have ended");
        }
    }

    /// Reads a snapshot and pulls; returns true if it reached the end.
    async fn read_everything(&self) -> bool {
        let windows = [0, 1, 7, 90, 3_660];
        let window = windows[self.client.chance.place(windows.len())];
        self.client.did("begins a snapshot");
        let mut reading = Reading::default();
        for _ in 0..TRIES {
            let question = match &reading.resume {
                Some(mark) => format!("resume={mark}"),
                None => format!("window_days={window}"),
            };
            let path = format!("/api/v1/sync/snapshot?{question}");
            // A buffer of one piece makes the server wait, so that writes fall between the pieces.
            match self.client.open(path, false, 1).await {
                Some(OpenReply::Pieces(wire)) => self.read(wire, &mut reading).await,
                Some(OpenReply::Refused(reply)) if reply.status == 410 => {
                    self.client.did("restarts the snapshot");
                    reading = Reading::default();
                }
                Some(OpenReply::Refused(reply)) if reply.status == 400 => {
                    let body = String::from_utf8_lossy(&reply.body).into_owned();
                    self.client
                        .wrong(&format!("a resume mark is refused: {body}"));
                    return false;
                }
                Some(OpenReply::Refused(reply)) => {
                    sleep(reply.retry_after.unwrap_or(Duration::from_secs(1))).await;
                }
                None => sleep(Duration::from_secs(1)).await,
            }
            if reading.is_whole {
                return self.pull(reading.replica).await;
            }
        }
        false
    }

    /// Reads one answer until it ends, breaks off or falls silent.
    async fn read(&self, mut wire: PieceReader, reading: &mut Reading) {
        let (mut text, mut records) = (Vec::new(), 0);
        // An answer that broke off before its first mark cannot be resumed, so its records are
        // dropped.
        if reading.resume.is_none() {
            *reading = Reading::default();
        }
        while let Ok(Some(piece)) = timeout(PIECE_TIMEOUT, wire.next()).await {
            text.extend_from_slice(&piece);
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                // Lines are cut at any byte, so a line is read once its line feed has arrived.
                if let Err(wrong) = reading.take(&line, &mut records) {
                    self.client.wrong(&wrong);
                }
            }
            if reading.is_whole {
                return;
            }
            a_while(&self.client.chance, STORING_MILLIS).await;
        }
        self.client.did("has a part of a snapshot");
    }

    /// Pulls to the end and checks the digest.
    async fn pull(&self, mut replica: PageReplica) -> bool {
        let mut left = TRIES;
        while left > 0 {
            let cursor = replica.cursor.clone().unwrap_or_default();
            let limit = self.client.chance.between(1, 20);
            let path = format!("/api/v1/sync?limit={limit}&cursor={cursor}");
            let Some(reply) = self.client.ask(Method::Get, path, None).await else {
                left -= 1;
                continue;
            };
            let Ok(page) = serde_json::from_slice::<SyncResponse>(&reply.body) else {
                // Another history, or the cursor expired: a device starts over, and so does this
                // reader.
                if reply.status == 410 {
                    return false;
                }
                left -= 1;
                continue;
            };
            if let Err(wrong) = replica.take(&page) {
                self.client.wrong(&wrong);
                return false;
            }
            if !page.has_more {
                self.client.did("has everything");
                return true;
            }
        }
        false
    }
}

impl Reading {
    /// Applies a line of an answer that already had `records` records.
    fn take(&mut self, line: &[u8], records: &mut u64) -> Result<(), String> {
        let line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        match line {
            SnapshotLine::Begin {
                head,
                digest,
                cursor,
                ..
            } => {
                let began = (head, digest, cursor);
                // A resumed snapshot must continue the same state, or records of two states would
                // be mixed.
                let before = self.began.get_or_insert_with(|| began.clone());
                if *before != began {
                    return Err(format!("began at {before:?} and continues at {began:?}"));
                }
            }
            SnapshotLine::Record(change) => {
                *records += 1;
                self.replica.add(&change)?;
            }
            SnapshotLine::Mark { resume } => self.resume = Some(resume),
            SnapshotLine::End {
                cursor,
                digest,
                records: sent,
            } => {
                self.is_whole = true;
                let sum = self.replica.digest().to_string();
                if digest.as_ref().is_some_and(|digest| *digest != sum) {
                    return Err(format!("a snapshot adds up to {sum}, not to {digest:?}"));
                }
                if sent != *records {
                    return Err(format!("{records} records arrived, and {sent} were sent"));
                }
                let began = self.began.as_ref().map(|(_, _, cursor)| cursor);
                if began != Some(&cursor) {
                    return Err(format!("began at {began:?} and ends at {cursor}"));
                }
                self.replica.cursor = Some(cursor);
            }
        }
        Ok(())
    }
}
