//! Encrypted connections, on a real Redis.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kanso_application::ports::shared_service::SharedService as _;
use kanso_redis::{InvalidUrl, Redis};
use kanso_testkit::RedisServer;
use tokio::time::{sleep, timeout};
use tracing::subscriber::set_default;

use crate::until;

/// The text of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn patient(url: &str) -> Redis {
    let redis = Redis::at(url).unwrap();
    redis.with_time_limit(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_a_private_authority_is_accepted_if_the_url_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let (server, authority) = RedisServer::start_with_tls(folder.path());
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let trusting = patient(&format!("{url}/0?ca={}", authority.display()));
    until(&trusting, true).await;
    // By another name than the certificate has.
    let by_name = format!("rediss://localhost:{}", server.port());
    let by_name = patient(&format!("{by_name}?ca={}", authority.display()));
    assert!(!by_name.answers().await);
}

#[tokio::test]
async fn the_cause_of_a_refused_certificate_is_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (server, authority) = RedisServer::start_with_tls(folder.path());
    let url = format!("rediss://:canary@127.0.0.1:{}", server.port());
    // Until it listens.
    let trusting = format!(
        "rediss://127.0.0.1:{}?ca={}",
        server.port(),
        authority.display()
    );
    until(&patient(&trusting), true).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let _guard = set_default(
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish(),
    );
    let redis = Redis::at(&url).unwrap();
    assert!(
        !redis.answers().await,
        "the authority is not one of the machine's"
    );
    let explained = async {
        while !lines.text().contains("cannot connect to redis") {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), explained).await.unwrap();
    let text = lines.text();
    assert!(text.contains("WARN"), "{text}");
    assert!(
        text.contains("cause=\"tls\"") && text.contains("UnknownIssuer"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn an_authority_that_cannot_be_used_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.crt");
    std::fs::write(&empty, "nothing").unwrap();
    for (url, says) in [
        (
            "redis://:canary@127.0.0.1?ca=/a.crt".to_owned(),
            "only rediss:// uses",
        ),
        (
            "rediss://:canary@127.0.0.1?ca=/nowhere.crt".to_owned(),
            "/nowhere.crt: ",
        ),
        (
            format!("rediss://:canary@127.0.0.1?ca={}", empty.display()),
            "empty.crt: has no certificate",
        ),
    ] {
        let refused: InvalidUrl = Redis::at(&url).unwrap_err();
        let line = refused.to_string();
        assert!(line.contains(says), "{line}");
        assert!(!line.contains("canary"), "{line}");
    }
}
