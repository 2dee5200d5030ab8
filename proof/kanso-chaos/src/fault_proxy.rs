//! TCP proxy that can delay, cut or swallow the traffic to a database.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// Treatment of the bytes on all connections of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyMode {
    /// Bytes are forwarded.
    Forward,
    /// Each read is forwarded after this delay.
    Delay(Duration),
    /// Connections are closed, and new ones are closed at once.
    Cut,
    /// Bytes do not arrive. Connections stay open, and new ones are accepted, so that neither side
    /// notices.
    Blackhole,
}

/// A listener on the loopback interface that forwards connections to one target.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    mode: watch::Sender<ProxyMode>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// Opens a proxy to `target`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn open(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("cannot open a proxy")?;
        let address = listener.local_addr()?;
        let (mode, current) = watch::channel(ProxyMode::Forward);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, current.clone()));
            }
        });
        Ok(Self {
            address,
            mode,
            accepting,
        })
    }

    /// Address on which the proxy listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a database with the proxy's address in it.
    pub fn in_url(&self, url: &str) -> String {
        let replaced = url.rsplit_once('@').and_then(|(account, target)| {
            let (_, database) = target.split_once('/')?;
            Some(format!("{account}@{}/{database}", self.address))
        });
        replaced.unwrap_or_else(|| url.to_owned())
    }

    /// Changes the mode of all connections, open ones included.
    pub fn set(&self, mode: ProxyMode) {
        self.mode.send_replace(mode);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(near: TcpStream, target: SocketAddr, mode: watch::Receiver<ProxyMode>) {
    if *mode.borrow() == ProxyMode::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    // A cut must end idle connections too, on which no read returns. The select below drops all
    // four halves, which closes both sockets.
    let is_cut = {
        let mut mode = mode.clone();
        async move { mode.wait_for(|now| *now == ProxyMode::Cut).await.is_ok() }
    };
    // Without it, Nagle's algorithm and delayed acknowledgements add up to 40 ms of their own.
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = pass(near_in, far_out, mode.clone());
    let back = pass(far_in, near_out, mode.clone());
    tokio::select! {
        _ = is_cut => {}
        () = there => {}
        () = back => {}
    }
}

/// Copies one direction until one side closes or breaks.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut mode: watch::Receiver<ProxyMode>,
) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let now = *mode.borrow();
        match now {
            ProxyMode::Delay(delay) => sleep(delay).await,
            // The bytes are held back and not dropped: TCP retransmits lost packets, so they arrive
            // when the network is back, if the connection still exists.
            ProxyMode::Blackhole => {
                if mode
                    .wait_for(|now| *now != ProxyMode::Blackhole)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            ProxyMode::Forward | ProxyMode::Cut => {}
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);
    const NOT_SOON: Duration = Duration::from_millis(200);

    /// Starts an echo server and opens a connection to it over a proxy.
    async fn echo() -> (FaultProxy, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let proxy = FaultProxy::open(target).await.unwrap();
        let stream = TcpStream::connect(proxy.address()).await.unwrap();
        (proxy, stream)
    }

    /// Returns the number of bytes that arrive within `limit`; 0 if the connection ended.
    async fn answer(stream: &mut TcpStream, limit: Duration) -> Option<usize> {
        let mut answer = [0; 16];
        timeout(limit, stream.read(&mut answer)).await.ok()?.ok()
    }

    #[tokio::test]
    async fn each_mode_treats_bytes_as_documented() {
        let (proxy, mut stream) = echo().await;
        stream.write_all(b"fair").await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(4));

        proxy.set(ProxyMode::Delay(NOT_SOON / 2));
        let began = Instant::now();
        stream.write_all(b"slow").await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(4));
        assert!(began.elapsed() >= NOT_SOON, "{:?}", began.elapsed());

        proxy.set(ProxyMode::Blackhole);
        stream.write_all(b"quiet").await.unwrap();
        assert_eq!(answer(&mut stream, NOT_SOON).await, None);
        proxy.set(ProxyMode::Forward);
        assert_eq!(answer(&mut stream, SOON).await, Some(5));

        proxy.set(ProxyMode::Cut);
        assert_eq!(answer(&mut stream, SOON).await, Some(0));
        let mut late = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(answer(&mut late, SOON).await, Some(0));
    }

    #[tokio::test]
    async fn database_url_gets_the_address_of_the_proxy() {
        let (proxy, _) = echo().await;
        let url = proxy.in_url("postgres://kanso:pass@127.0.0.1:5432/one");
        assert_eq!(
            url,
            format!("postgres://kanso:pass@{}/one", proxy.address())
        );
    }
}
