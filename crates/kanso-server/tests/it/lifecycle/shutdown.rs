//! The stages of a shutdown.

use super::*;

const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: kanso\r\n\r\n";
const FOREVER: &str = "GET /forever HTTP/1.1\r\nhost: kanso\r\n\r\n";
const HALF_A_BODY: &str = "POST /echo HTTP/1.1\r\nhost: kanso\r\ncontent-length: 9\r\n\r\nhalf";

#[tokio::test(start_paused = true)]
async fn an_idle_server_stops_at_once() {
    let server = Server::with_defaults();
    server.running.shut_down();
    server.running.stopped().await;
    assert!(server.storage_closed.is_cancelled());
    assert_eq!(server.started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn server_with_a_broken_storage_answers_running_requests_and_stops() {
    let server = Server::with_defaults();
    let mut slow = server.sent(SLOW).await;
    assert!(!server.running.shutdown().draining().is_cancelled());
    server.storage_broken.cancel();
    assert!(slow.rest().await.ends_with("slow"));
    assert_eq!(server.running.stopped().await, StopReason::StorageBroken);
    assert!(server.storage_closed.is_cancelled());
    assert_eq!(server.started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn storage_that_breaks_during_a_shutdown_changes_nothing() {
    let server = Server::with_defaults();
    let mut slow = server.sent(SLOW).await;
    server.running.shut_down();
    settle().await;
    server.storage_broken.cancel();
    assert!(slow.rest().await.ends_with("slow"));
    assert_eq!(server.running.stopped().await, StopReason::Requested);
}

#[tokio::test(start_paused = true)]
async fn half_sent_requests_do_not_delay_the_shutdown() {
    let server = Server::with_defaults();
    let mut silent = server.sent("").await;
    let mut half_header = server.sent("GET / HTTP/1.1\r\nho").await;
    let mut half_body = server.sent(HALF_A_BODY).await;
    let mut idle = server.sent(REQUEST).await;
    idle.response("hello").await;
    let mut slow = server.sent(SLOW).await;

    server.running.shut_down();
    assert_eq!(silent.rest().await, "");
    assert_eq!(half_header.rest().await, "");
    assert_eq!(idle.rest().await, "");
    assert_eq!(server.seconds(), 0);
    let refused = half_body.rest().await;
    assert!(refused.starts_with("HTTP/1.1 408 ") && refused.contains("connection: close\r\n"));
    assert_eq!(server.seconds(), 1);
    let answer = slow.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("slow"),
        "{answer}"
    );
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    server.running.stopped().await;
    assert!(server.storage_closed.is_cancelled());
    assert_eq!(server.started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn new_requests_during_the_delay_get_connection_close() {
    let plan = DrainPlan::with_delay(Duration::from_secs(5));
    let server = Server::start(Limits::default(), plan);
    let mut client = server.sent(REQUEST).await;
    assert!(!client.response("hello").await.contains("connection: close"));

    server.running.shut_down();
    sleep(Duration::from_secs(4)).await;
    let mut late = server.sent(REQUEST).await;
    assert!(late.rest().await.contains("connection: close\r\n"));
    client.send(REQUEST).await;
    assert!(client.rest().await.contains("connection: close\r\n"));
    server.running.stopped().await;
    assert_eq!(server.started.elapsed().as_secs(), 5);
    assert!(server.wire.is_closed());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_does_not_end_is_cut() {
    let server = Server::with_defaults();
    let mut client = server.sent(FOREVER).await;
    server.running.shut_down();
    assert_eq!(client.rest().await, "");
    server.running.stopped().await;
    assert_eq!(server.started.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_cuts_at_once() {
    let plan = DrainPlan::with_delay(Duration::from_mins(1));
    let server = Server::start(Limits::default(), plan);
    let mut client = server.sent(FOREVER).await;
    server.running.shut_down();
    settle().await;
    server.running.shut_down();
    assert_eq!(client.rest().await, "");
    server.running.stopped().await;
    assert!(server.storage_closed.is_cancelled());
    assert_eq!(server.started.elapsed().as_secs(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_finishes_before_the_storage_closes() {
    let server = Server::with_defaults();
    let closed = server.storage_closed.clone();
    let write = server.writes.spawn(async move {
        sleep(Duration::from_secs(2)).await;
        !closed.is_cancelled()
    });
    server.running.shut_down();
    server.running.stopped().await;
    assert!(
        write.await.expect("the write ran"),
        "the storage was still open"
    );
    assert_eq!(server.started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn worker_releases_its_jobs_before_the_storage_closes() {
    let server = Server::with_defaults();
    let closed = server.storage_closed.clone();
    let draining = server.running.shutdown().draining().clone();
    let worker = server.workers.spawn(async move {
        draining.cancelled().await;
        sleep(Duration::from_secs(2)).await;
        !closed.is_cancelled()
    });
    server.running.shut_down();
    server.running.stopped().await;
    assert!(
        worker.await.expect("the worker ended"),
        "the storage was still open"
    );
    assert_eq!(server.started.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn shutdown_takes_less_than_thirty_seconds() {
    let server = Server::with_defaults();
    let _clients = [server.sent(FOREVER).await, server.sent(HALF_A_BODY).await];
    server.writes.spawn(std::future::pending::<()>());
    server.workers.spawn(std::future::pending::<()>());
    server.running.shut_down();
    server.running.stopped().await;
    assert!(
        server.started.elapsed() < Duration::from_secs(30),
        "{:?}",
        server.started.elapsed()
    );
}
