//! Mutation tests of the kit: a server with one defect fails the case about it, and passes the case
//! without the defect.

use kanso_conformance::{ServerUnderTest, catalogue, run, select};
use serde_json::Value;

use crate::proxy::{Defect, with_defect};
use crate::servers::{server, url};

/// Returns the failures of one case, selected by a part of its path, on a server with a defect.
async fn failing(origin: &str, defect: Defect, only: &str) -> Vec<String> {
    let origin = with_defect(origin.to_owned(), defect).await;
    let server = ServerUnderTest::connect(&origin).await.expect("a server");
    let cases = select(&catalogue(), Some(only));
    assert_eq!(cases.len(), 1, "{only} selects one case");
    let report = run(&server, &cases, |_| {}).await;
    let failed = report.results.into_iter();
    let failed = failed.filter_map(|result| Some(format!("{:?}", result.failure?)));
    failed.collect()
}

fn without_tombstones(body: &mut Value) {
    if let Some(changes) = body["changes"].as_array_mut() {
        changes.retain(|change| change["record"]["deleted_at"].is_null());
    }
}

fn none_remaining(body: &mut Value) {
    if let Some(left) = body.get_mut("remaining") {
        *left = 0.into();
    }
}

fn names_instead_of_pointers(body: &mut Value) {
    for error in body["errors"].as_array_mut().into_iter().flatten() {
        let pointer = error["pointer"].as_str().unwrap_or_default();
        error["pointer"] = pointer.trim_start_matches('/').into();
    }
}

fn changes_backwards(body: &mut Value) {
    if let Some(changes) = body["changes"].as_array_mut() {
        changes.reverse();
    }
}

/// Defects, each with the case that must find it.
const DEFECTS: &[(Defect, &str)] = &[
    (
        Defect::Text("\"digest\":\"", "\"digest\":\"f"),
        "replica/the_digest_is_that_of",
    ),
    (
        Defect::Body(without_tombstones),
        "pull/a_later_pull_has_tombstones",
    ),
    (Defect::Body(none_remaining), "pull/pages_add_up"),
    (
        Defect::Body(changes_backwards),
        "pull/changes_come_in_order",
    ),
    (
        Defect::Body(names_instead_of_pointers),
        "validation/members_of_a_habit",
    ),
    (
        Defect::Text("\"merged\"", "\"applied\""),
        "merge/different_fields",
    ),
    (
        Defect::Text("\"duplicate\"", "\"applied\""),
        "push/a_repeated_push",
    ),
    (
        Defect::Text("\"local_date\":\"2011", "\"local_date\":\"2010"),
        "entries/the_day_is_that",
    ),
    (
        Defect::Text("\"type\":\"end\"", "\"type\":\"ende\""),
        "replica/a_snapshot_is_what",
    ),
    (
        Defect::Text("group_failed", "invalid"),
        "rules/a_group_is_applied",
    ),
    (Defect::Status(409, 200), "habits/a_stale_change"),
    (
        Defect::Status(404, 403),
        "service/other_peoples_records_look",
    ),
    (Defect::Status(413, 400), "hostile/a_body_that_is_too_large"),
    (Defect::Status(400, 500), "hostile/hostile_bodies"),
    (Defect::Status(401, 403), "accounts/nothing_is_shown"),
    (
        Defect::MissingHeader("content-type"),
        "accounts/a_password_is_judged",
    ),
    (
        Defect::MissingHeader("x-content-type-options"),
        "service/every_answer",
    ),
    (Defect::MissingHeader("allow"), "service/a_wrong_method"),
    (
        Defect::MissingHeader("retry-after"),
        "live/a_position_that_was_not",
    ),
    (Defect::MissingHeader("etag"), "stats/statistics_are_not"),
    (
        Defect::IgnoredHeader("if-none-match"),
        "habits/one_habit_has",
    ),
    (Defect::IgnoredHeader("if-match"), "habits/if_match_takes"),
    (
        Defect::IgnoredHeader("idempotency-key"),
        "keys/a_key_makes_a_create",
    ),
    (Defect::IgnoredHeader("x-timezone"), "stats/today_is_read"),
    (
        Defect::IgnoredHeader("accept-encoding"),
        "service/large_answers",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_defect_is_found_by_its_case() {
    let (running, _folder) = server(|_| {}).await;
    let origin = url(&running);
    for (defect, only) in DEFECTS {
        let without = failing(&origin, Defect::None, only).await;
        assert!(without.is_empty(), "{only} without the defect: {without:?}");
        let with = failing(&origin, *defect, only).await;
        assert_eq!(with.len(), 1, "{only} does not find its defect");
    }
}
