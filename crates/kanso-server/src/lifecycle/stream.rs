//! A byte stream that records its progress.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::Limits;
use super::activity::Activity;
use super::own_answers::OwnAnswer;

/// First bytes of every HTTP/2 connection (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Size of the first read in bytes. Most request headers are shorter.
const FIRST_READ: usize = 2_048;

/// HTTP version of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Passes bytes through and records reads and blocked writes in the [`Activity`].
pub(super) struct TrackedStream<S> {
    stream: S,
    activity: Arc<Activity>,
    limits: Limits,
    /// Answer that is being written in place of one of hyper's own.
    own_answer: Option<OwnAnswer>,
    /// Bytes read to detect the protocol, not yet passed on.
    first: Vec<u8>,
}

impl<S> TrackedStream<S> {
    pub(super) const fn new(stream: S, activity: Arc<Activity>, limits: Limits) -> Self {
        Self {
            stream,
            activity,
            limits,
            own_answer: None,
            first: Vec::new(),
        }
    }

    /// Detects the protocol from the peer's first bytes, which are passed on afterwards.
    ///
    /// hyper's `auto` builder can do this too, but its connection then reads only the bytes that
    /// were compared first, and doubles its buffer for the rest of the header. Here all bytes of
    /// the first read reach hyper together.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol>
    where
        S: AsyncRead + Unpin,
    {
        let mut first = Vec::with_capacity(FIRST_READ);
        loop {
            // A prefix of the preface can also begin an HTTP/1 request (`P` of `POST`): read on.
            let is_over = self.read_buf(&mut first).await? == 0;
            let is_http2 = first.starts_with(PREFACE);
            if is_over || is_http2 || !PREFACE.starts_with(&first) {
                self.first = first;
                if !is_http2 {
                    return Ok(Protocol::Http1);
                }
                // Recorded here, not per read: the preface may arrive in several pieces.
                self.activity.detected_http2();
                return Ok(Protocol::Http2);
            }
        }
    }

    fn record_write(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &result {
            Poll::Pending => self.activity.write_blocked(),
            Poll::Ready(Ok(bytes)) => self.activity.write_progressed(*bytes, &self.limits),
            // The connection ends.
            Poll::Ready(Err(_)) => {}
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TrackedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let length = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..length]);
            self.first.drain(..length);
            if self.first.is_empty() {
                // Frees the 2 KiB for the rest of the connection, which can idle for minutes.
                self.first = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        // The buffer may already hold bytes of an earlier read.
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_read();
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> TrackedStream<S> {
    /// Writes another answer in place of `bytes`, if these are one of hyper's own; `None` if not.
    fn poll_own_answer(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Option<Poll<io::Result<usize>>> {
        // After `Pending`, hyper offers the same bytes again.
        let mut answer = match self.own_answer.take() {
            Some(answer) => answer,
            None => OwnAnswer::in_place_of(bytes)?,
        };
        while answer.written < answer.text.len() {
            let rest = &answer.text[answer.written..];
            let result = Pin::new(&mut self.stream).poll_write(cx, rest);
            match self.record_write(result) {
                Poll::Ready(Ok(length)) if length > 0 => answer.written += length,
                Poll::Pending => {
                    self.own_answer = Some(answer);
                    return Some(Poll::Pending);
                }
                ended @ Poll::Ready(_) => return Some(ended),
            }
        }
        Some(Poll::Ready(Ok(answer.replaces)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TrackedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(written) = self.poll_own_answer(cx, bytes) {
            return written;
        }
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.record_write(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A body comes in a slice of its own, and hyper's own answers have none.
        if let [head] = slices
            && let Some(written) = self.poll_own_answer(cx, head)
        {
            return written;
        }
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.record_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        // Passed through: hyper then sends header and body with one `writev`.
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not recorded: sockets have no buffer of their own to flush.
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
