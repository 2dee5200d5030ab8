//! A reader of snapshots: a new device again and again. It reads a snapshot, resumes it after it
//! was cut off, and then pulls the changes since.

use std::sync::Arc;
use std::time::Duration;

use kanso_client::transport::Method;
use kanso_protocol::sync::{SnapshotLine, SyncResponse};
use tokio::time::{sleep, timeout};

use super::a_while;
use super::page_replica::PageReplica;
use super::wire_client::WireClient;
use crate::chance::Chance;
use crate::finding::{Check, Findings};
use crate::history::{Actor, Recorder};
use crate::network::{Link, OpenReply, PieceReader};
use crate::plan::Plan;

/// Longest pause before the next snapshot, in milliseconds.
const PAUSE_MILLIS: u64 = 60_000;

/// Number of actions of the other programs for each snapshot.
const ACTIONS_EACH: u32 = 6;

/// How long it waits for the next piece.
const PIECE_TIMEOUT: Duration = Duration::from_secs(20);

/// Attempts for a request without an answer.
const TRIES: u32 = 40;

/// Longest time that it takes to store a piece, in milliseconds; other programs write meanwhile.
const STORING_MILLIS: u64 = 2_000;

/// A reader of snapshots for one user.
pub struct SnapshotReader {
    actor: Actor,
    plan: Plan,
    caller: WireClient,
    chance: Chance,
    recorder: Arc<Recorder>,
    findings: Findings,
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
    pub fn new(
        plan: Plan,
        link: (Actor, Link),
        recorder: &Arc<Recorder>,
        findings: &Findings,
    ) -> Self {
        let actor = link.0;
        Self {
            actor,
            plan,
            caller: WireClient::new(link),
            chance: Chance::stream(plan.seed, &actor.to_string()),
            recorder: Arc::clone(recorder),
            findings: findings.clone(),
        }
    }

    /// Reads a snapshot now and then, for as long as the plan has actions.
    pub async fn run(&self) {
        for _ in 0..self.plan.actions.div_ceil(ACTIONS_EACH) {
            a_while(&self.chance, PAUSE_MILLIS).await;
            self.read_everything().await;
        }
    }

    /// Reads a snapshot once all faults have ended: then it must succeed.
    pub async fn must_read_everything(&self) {
        if !self.read_everything().await {
            self.wrong("cannot read everything although all faults have ended");
        }
    }

    /// Reads a snapshot and pulls; returns true if it reached the end.
    async fn read_everything(&self) -> bool {
        let windows = [0, 1, 7, 90, 3_660];
        let window = windows[self.chance.place(windows.len())];
        self.recorder.did(self.actor, "begins a snapshot");
        let mut reading = Reading::default();
        for _ in 0..TRIES {
            let question = match &reading.resume {
                Some(mark) => format!("resume={mark}"),
                None => format!("window_days={window}"),
            };
            let path = format!("/api/v1/sync/snapshot?{question}");
            // A buffer of one piece makes the server wait, so that writes fall between the pieces.
            match self.caller.open(path, false, 1).await {
                Some(OpenReply::Pieces(wire)) => self.read(wire, &mut reading).await,
                Some(OpenReply::Refused(reply)) if reply.status == 410 => {
                    self.recorder.did(self.actor, "restarts the snapshot");
                    reading = Reading::default();
                }
                Some(OpenReply::Refused(reply)) if reply.status == 400 => {
                    let body = String::from_utf8_lossy(&reply.body).into_owned();
                    self.wrong(&format!("a resume mark is refused: {body}"));
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
                if let Err(wrong) = reading.take(&line, &mut records) {
                    self.wrong(&wrong);
                }
            }
            if reading.is_whole {
                return;
            }
            a_while(&self.chance, STORING_MILLIS).await;
        }
        self.recorder.did(self.actor, "has a part of a snapshot");
    }

    /// Pulls to the end and checks the digest.
    async fn pull(&self, mut replica: PageReplica) -> bool {
        let mut left = TRIES;
        while left > 0 {
            let cursor = replica.cursor.clone().unwrap_or_default();
            let limit = self.chance.between(1, 20);
            let path = format!("/api/v1/sync?limit={limit}&cursor={cursor}");
            let Some(reply) = self.caller.ask(Method::Get, path, None).await else {
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
                self.wrong(&wrong);
                return false;
            }
            if !page.has_more {
                self.recorder.did(self.actor, "has everything");
                return true;
            }
        }
        false
    }

    fn wrong(&self, what: &str) {
        let what = format!("{}: {what}", self.actor);
        self.findings.note(Check::PagesAddUp, what);
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
