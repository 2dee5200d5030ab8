//! Answers that arrive piece by piece: event streams and snapshots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use kanso_client::transport::{Method, Reply, Request, Unreachable};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{Link, Network, PATIENCE, message};
use crate::cluster::RunningServer;
use crate::history::StreamEnd;
use crate::server::{Body, Opened as ServerOpened};

/// Time for which a server writes to a dead connection before its machine reports it.
const UNNOTICED: Duration = Duration::from_mins(1);

/// Answer to a request for a streamed body.
pub enum OpenReply {
    /// The pieces of the body.
    Pieces(PieceReader),
    /// Another answer, complete.
    Refused(Reply),
}

/// Reader of a streamed body.
pub struct PieceReader(mpsc::Receiver<(Instant, Bytes)>);

impl PieceReader {
    /// Returns the next piece; `None` if the answer ended or broke off, which the reader cannot
    /// distinguish. May wait for ever.
    pub async fn next(&mut self) -> Option<Bytes> {
        let (arrives, piece) = self.0.recv().await?;
        sleep_until(arrives).await;
        Some(piece)
    }
}

impl Link {
    /// Requests a streamed body. The server sends at most `ahead` pieces before they are read.
    ///
    /// # Errors
    ///
    /// No answer arrived.
    pub async fn open(
        &self,
        path: String,
        bearer: Option<String>,
        ahead: usize,
    ) -> Result<OpenReply, Unreachable> {
        let network = &self.network;
        let request = Request {
            method: Method::Get,
            path: path.into(),
            bearer,
            body: None,
        };
        let exchange = network
            .recorder
            .sent(self.actor, format!("{request:?}"), None);
        if !self.is_open() {
            return self.no_answer(exchange, Duration::from_millis(100)).await;
        }
        network.way().await;
        if network.goes_wrong(network.plan.lost_requests) {
            return self.no_answer(exchange, PATIENCE).await;
        }
        if network.goes_wrong(network.plan.duplicates) {
            network.open_twice(exchange, &request);
        }
        let Some((number, up, begun)) = network.begin(&request).await else {
            return self.no_answer(exchange, Duration::from_millis(100)).await;
        };
        let retry_after = begun.retry_after.map(Duration::from_secs);
        let (status, is_good) = (begun.status, begun.status == 200);
        let mut reply = Reply {
            status,
            retry_after,
            body: Vec::new(),
        };
        // Only a good answer is streamed; a refusal is short and is read at once.
        let (pieces, opened) = if is_good {
            (Some(begun.body), None)
        } else {
            (None, begun.body.collect().await.ok())
        };
        reply.body = opened
            .map(|body| body.to_bytes().into())
            .unwrap_or_default();
        let serving = network
            .recorder
            .served(exchange, number, status, reply.body.clone());
        let opened = match pieces {
            None => OpenReply::Refused(reply),
            Some(body) => {
                let relay = PieceRelay {
                    network: Arc::clone(network),
                    is_cut: Arc::clone(&self.is_cut),
                    answer: (exchange, serving),
                    ended: up.ended,
                };
                // The bound on `ahead` models back pressure: a server that is ahead of its reader
                // has to wait.
                let (to, from) = mpsc::channel(ahead);
                tokio::spawn(relay.run(body, to));
                OpenReply::Pieces(PieceReader(from))
            }
        };
        if network.goes_wrong(network.plan.lost_answers) || !self.is_open() {
            return self.no_answer(exchange, PATIENCE).await;
        }
        network.way().await;
        network.recorder.delivered(exchange, serving);
        Ok(opened)
    }
}

impl Network {
    async fn begin(&self, request: &Request) -> Option<(u32, RunningServer, ServerOpened)> {
        let (number, up) = self.cluster.pick();
        let up = up?;
        let message = message(request)?;
        let begun = tokio::select! {
            biased;
            () = up.ended.cancelled() => None,
            begun = timeout(3 * PATIENCE, up.server.open(message)) => begun.ok(),
        }?;
        Some((number, up, begun))
    }

    /// Lets the same request arrive once more, later. Its answer has no reader.
    fn open_twice(self: &Arc<Self>, exchange: usize, request: &Request) {
        let (network, request) = (Arc::clone(self), request.clone());
        let delay = Duration::from_millis(self.chance.between(0, 4 * self.plan.longest_delay));
        tokio::spawn(async move {
            sleep(delay).await;
            if let Some((server, _, begun)) = network.begin(&request).await {
                let recorder = &network.recorder;
                let serving = recorder.served(exchange, server, begun.status, Vec::new());
                recorder.ended(exchange, serving, StreamEnd::Abandoned);
            }
        });
    }
}

/// Carries the pieces of one answer from a server to a reader.
struct PieceRelay {
    network: Arc<Network>,
    is_cut: Arc<AtomicBool>,
    /// Indexes of the exchange and its serving.
    answer: (usize, usize),
    /// Cancelled when the server's process dies.
    ended: CancellationToken,
}

impl PieceRelay {
    async fn run(self, mut body: Body, to: mpsc::Sender<(Instant, Bytes)>) {
        let ended = self.ended.clone();
        let end = tokio::select! {
            biased;
            () = ended.cancelled() => StreamEnd::ServerDied,
            end = self.carry(&mut body, to) => end,
        };
        let (exchange, serving) = self.answer;
        self.network.recorder.ended(exchange, serving, end);
    }

    async fn carry(&self, body: &mut Body, to: mpsc::Sender<(Instant, Bytes)>) -> StreamEnd {
        let network = &self.network;
        let mut arrives = Instant::now();
        loop {
            let piece = tokio::select! {
                biased;
                () = to.closed() => return StreamEnd::Abandoned,
                piece = self.next_piece(body) => piece,
            };
            let Some(mut piece) = piece else {
                return StreamEnd::Finished;
            };
            // TCP delivers in order, so a piece never overtakes an earlier one.
            arrives = arrives.max(Instant::now() + network.delay());
            let is_torn =
                network.goes_wrong(network.plan.lost_answers) || self.is_cut.load(Ordering::SeqCst);
            // A connection may break within an event or a line, so the piece is truncated at a
            // random byte.
            if is_torn {
                piece.truncate(network.chance.place(piece.len().max(1)));
            }
            if to.send((arrives, piece)).await.is_err() {
                return StreamEnd::Abandoned;
            }
            if is_torn {
                return self.stop_sending(body, to).await;
            }
        }
    }

    /// Stops the delivery. Either both sides notice at once, or neither does for a while: with a
    /// half-open connection the server continues to write.
    async fn stop_sending(&self, body: &mut Body, to: mpsc::Sender<(Instant, Bytes)>) -> StreamEnd {
        if self.network.chance.happens(50) {
            return StreamEnd::Abandoned;
        }
        let draining = async { while self.next_piece(body).await.is_some() {} };
        tokio::select! {
            biased;
            () = to.closed() => StreamEnd::Abandoned,
            () = sleep(UNNOTICED) => StreamEnd::Abandoned,
            () = draining => StreamEnd::Finished,
        }
    }

    /// Returns the next piece that the server sends.
    async fn next_piece(&self, body: &mut Body) -> Option<Bytes> {
        loop {
            let frame = body.frame().await?.ok()?;
            if let Ok(mut piece) = frame.into_data() {
                if let Some(bug) = self.network.bug {
                    bug.mutate_piece(&mut piece);
                }
                let (exchange, serving) = self.answer;
                self.network.recorder.said(exchange, serving, &piece);
                return Some(piece);
            }
        }
    }
}
