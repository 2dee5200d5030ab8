//! Exit codes and output of the program.

use kanso_conformance::catalogue;
use serde_json::Value;

use crate::proxy::{Defect, with_defect};
use crate::servers::{kit, server, url};

const CASE: &str = "habits/a_stale_change";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failure_fits_80_columns_and_has_exit_code_1() {
    let (running, folder) = server(|_| {}).await;
    let wrong = with_defect(url(&running), Defect::Status(409, 200)).await;
    let file = folder.path().join("report.json");
    let file_name = file.to_str().expect("UTF-8");
    let output = kit(&[&wrong, "--only", CASE, "--report", file_name]).await;
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{text}");
    for line in [
        "  FAIL a_stale_change_is_told_what_is_stored",
        "       expected status 409",
        "       request  PUT /api/v1/habits/",
        "       answer   200",
        "1 cases: 0 passed, 1 failed",
    ] {
        assert!(
            text.lines().any(|it| it.starts_with(line)),
            "{line}\n{text}"
        );
    }
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "{longest:?}\n{text}");
    let report = std::fs::read_to_string(file).expect("the report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["cases"][0]["failure"]["expected"], "status 409");
    let passed = kit(&[&url(&running), "--only", CASE]).await;
    assert_eq!(passed.status.code(), Some(0));
}

#[tokio::test]
async fn unreachable_server_and_wrong_arguments_have_exit_code_2() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    for (arguments, says) in [
        (
            &[&*format!("http://{address}")] as &[_],
            "no server answers at",
        ),
        (
            &["http://127.0.0.1:1", "--only", "no such case"],
            "see --list",
        ),
        (&["--only", CASE], "URL"),
    ] {
        let output = kit(arguments).await;
        let log = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{log}");
        assert!(log.contains(says) && output.stdout.is_empty(), "{log}");
    }
}

#[tokio::test]
async fn list_needs_no_server() {
    let text = kit(&["--list"]).await;
    assert_eq!(text.status.code(), Some(0));
    let json = kit(&["--list", "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json.as_array().map(Vec::len), Some(catalogue().len()));
}
