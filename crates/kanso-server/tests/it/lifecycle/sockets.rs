//! The same on real sockets, including the behaviour of the kernel.

use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let router = router().route(
        "/short",
        get(|| async {
            sleep(Duration::from_millis(300)).await;
            "short"
        }),
    );
    let components = Components {
        router,
        proxies: Vec::new(),
        shutdown: Shutdown::new(),
        writes: TaskTracker::new(),
        workers: TaskTracker::new(),
        broken: Box::pin(std::future::pending()),
        close_storage: Box::pin(async {}),
    };
    Running::start(
        components,
        (listener, address),
        Limits::default(),
        DrainPlan::with_delay(Duration::ZERO),
    )
}

async fn sent(address: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address)
        .await
        .expect("the server accepts");
    stream
        .write_all(bytes.as_bytes())
        .await
        .expect("the server reads");
    stream
}

async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).expect("UTF-8")
}

#[tokio::test]
async fn half_sent_requests_do_not_delay_the_shutdown() {
    let server = start().await;
    let address = server.address();
    let _silent = sent(address, "").await;
    let _half_header = sent(address, "GET / HTTP/1.1\r\nho").await;
    let _half_body = sent(
        address,
        "POST /echo HTTP/1.1\r\nhost: k\r\ncontent-length: 9\r\n\r\nhalf",
    )
    .await;
    let mut idle = sent(address, REQUEST).await;
    let mut first = [0; 16];
    idle.read_exact(&mut first).await.expect("a response");
    let running = sent(address, "GET /short HTTP/1.1\r\nhost: kanso\r\n\r\n").await;
    // The handler runs once a later connection has been answered.
    drop(
        rest(
            sent(
                address,
                "GET / HTTP/1.1\r\nhost: k\r\nconnection: close\r\n\r\n",
            )
            .await,
        )
        .await,
    );

    server.shut_down();
    let answer = rest(running).await;
    assert!(
        answer.ends_with("short") && answer.contains("connection: close\r\n"),
        "{answer}"
    );
    timeout(Duration::from_secs(20), server.stopped())
        .await
        .expect("it stops");
    TcpStream::connect(address)
        .await
        .expect_err("the listener is closed");
}
