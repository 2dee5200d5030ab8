//! A way over TCP that can be disturbed: slowed, cut, or silent.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// What becomes of bytes on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// They pass.
    Fair,
    /// Each piece comes so much later.
    Slow(Duration),
    /// Connections are reset, and no new one is taken.
    Cut,
    /// They vanish, and nobody is told: connections stay open, new ones too.
    Silent,
}

/// A listener that passes everything on to one place.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// A way to `target`.
    ///
    /// # Errors
    /// There is no port to be had.
    pub async fn open(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("cannot open a link")?;
        let address = listener.local_addr()?;
        let (weather, seen) = watch::channel(Weather::Fair);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, target, seen.clone()));
            }
        });
        Ok(Self {
            address,
            weather,
            accepting,
        })
    }

    /// Its near end.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a database that leads over this way.
    pub fn in_url(&self, url: &str) -> String {
        let place = url.rsplit_once('@').and_then(|(account, place)| {
            let (_, database) = place.split_once('/')?;
            Some(format!("{account}@{}/{database}", self.address))
        });
        place.unwrap_or_else(|| url.to_owned())
    }

    /// Changes what becomes of bytes, from now on and on all connections.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(near: TcpStream, target: SocketAddr, weather: watch::Receiver<Weather>) {
    if *weather.borrow() == Weather::Cut {
        return;
    }
    let Ok(far) = TcpStream::connect(target).await else {
        return;
    };
    // What is dropped when the way is cut is closed on both sides.
    let is_cut = {
        let mut weather = weather.clone();
        async move { weather.wait_for(|now| *now == Weather::Cut).await.is_ok() }
    };
    let _ = near.set_nodelay(true);
    let _ = far.set_nodelay(true);
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let there = pass(near_in, far_out, weather.clone());
    let back = pass(far_in, near_out, weather.clone());
    tokio::select! {
        _ = is_cut => {}
        () = there => {}
        () = back => {}
    }
}

/// Until one side is done or the connection broke.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut piece).await else {
            return;
        };
        let now = *weather.borrow();
        match now {
            Weather::Slow(delay) => sleep(delay).await,
            // A packet that vanished is sent again when the way is open again, as TCP does.
            Weather::Silent => {
                if weather
                    .wait_for(|now| *now != Weather::Silent)
                    .await
                    .is_err()
                {
                    return;
                }
            }
            Weather::Fair | Weather::Cut => {}
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

    /// A place that sends back what it gets, and a connection to it over a link.
    async fn echo() -> (Link, TcpStream) {
        let place = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = place.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = place.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let link = Link::open(target).await.unwrap();
        let stream = TcpStream::connect(link.address()).await.unwrap();
        (link, stream)
    }

    /// What comes back within `limit`; nothing when the connection ends.
    async fn answer(stream: &mut TcpStream, limit: Duration) -> Option<usize> {
        let mut answer = [0; 16];
        timeout(limit, stream.read(&mut answer)).await.ok()?.ok()
    }

    #[tokio::test]
    async fn bytes_pass_late_or_not_at_all_as_the_weather_says() {
        let (link, mut stream) = echo().await;
        stream.write_all(b"fair").await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(4));

        link.set(Weather::Slow(NOT_SOON / 2));
        let began = Instant::now();
        stream.write_all(b"slow").await.unwrap();
        assert_eq!(answer(&mut stream, SOON).await, Some(4));
        assert!(began.elapsed() >= NOT_SOON, "{:?}", began.elapsed());

        link.set(Weather::Silent);
        stream.write_all(b"quiet").await.unwrap();
        assert_eq!(answer(&mut stream, NOT_SOON).await, None);
        link.set(Weather::Fair);
        assert_eq!(answer(&mut stream, SOON).await, Some(5));

        link.set(Weather::Cut);
        assert_eq!(answer(&mut stream, SOON).await, Some(0));
        let mut late = TcpStream::connect(link.address()).await.unwrap();
        assert_eq!(answer(&mut late, SOON).await, Some(0));
    }

    #[tokio::test]
    async fn a_url_leads_over_the_link() {
        let (link, _) = echo().await;
        let over = link.in_url("postgres://kanso:pass@127.0.0.1:5432/one");
        assert_eq!(
            over,
            format!("postgres://kanso:pass@{}/one", link.address())
        );
    }
}
