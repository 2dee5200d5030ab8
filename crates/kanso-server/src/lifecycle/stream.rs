//! A connection's bytes, watched.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::pulse::Pulse;

/// What an HTTP/2 client says before anything else (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Most requests have a header that is shorter.
const FIRST_READ: usize = 2_048;

/// Which HTTP a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Passes everything through and tells the [`Pulse`] what moves and what does not.
pub(super) struct WatchedStream<S> {
    stream: S,
    pulse: Arc<Pulse>,
    /// What was read to find out the protocol, and is still to be passed on.
    first: Vec<u8>,
}

impl<S> WatchedStream<S> {
    pub(super) const fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self {
            stream,
            pulse,
            first: Vec::new(),
        }
    }

    /// Waits for the peer's first bytes and tells by them what it speaks. They are passed on
    /// together: hyper, which can find it out itself, then gets only as much as it looked at, and
    /// a buffer that has begun to fill is made twice as large for the rest.
    pub(super) async fn protocol(&mut self) -> io::Result<Protocol>
    where
        S: AsyncRead + Unpin,
    {
        let mut first = Vec::with_capacity(FIRST_READ);
        loop {
            let is_over = self.read_buf(&mut first).await? == 0;
            let is_http2 = first.starts_with(PREFACE);
            if is_over || is_http2 || !PREFACE.starts_with(&first) {
                self.first = first;
                return Ok(if is_http2 {
                    Protocol::Http2
                } else {
                    Protocol::Http1
                });
            }
        }
    }

    fn note_write<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match result {
            Poll::Pending => self.pulse.write_stuck(),
            Poll::Ready(_) => self.pulse.write_moved(),
        }
        result
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
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
                self.first = Vec::new();
            }
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(bytes) = buffer
            .filled()
            .get(before..)
            .filter(|bytes| !bytes.is_empty())
        {
            self.pulse.heard(bytes);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note_write(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.note_write(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
