//! Every kind of check finds what it is there for: servers with one flaw each fail the case that is
//! about it, and pass it without the flaw.

use kanso_conformance::{Wire, catalogue, run, select};
use serde_json::Value;

use crate::proxy::{Flaw, flawed};
use crate::servers::{server, url};

/// The cases that fail on a server with this flaw, of those with this in their path.
async fn failing(origin: &str, flaw: Flaw, only: &str) -> Vec<String> {
    let origin = flawed(origin.to_owned(), flaw).await;
    let wire = Wire::to(&origin).await.expect("a server");
    let cases = select(&catalogue(), Some(only));
    assert_eq!(cases.len(), 1, "{only} is one case");
    let report = run(&wire, &cases, |_| {}).await;
    let failed = report.verdicts.into_iter();
    let failed = failed.filter_map(|verdict| Some(format!("{:?}", verdict.failure?)));
    failed.collect()
}

fn without_tombstones(body: &mut Value) {
    if let Some(changes) = body["changes"].as_array_mut() {
        changes.retain(|change| change["record"]["deleted_at"].is_null());
    }
}

fn nothing_left(body: &mut Value) {
    if let Some(left) = body.get_mut("remaining") {
        *left = 0.into();
    }
}

fn titles_are_taken_for_names(body: &mut Value) {
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

/// A flaw, and the case that is about it.
const FLAWS: &[(Flaw, &str)] = &[
    (
        Flaw::Text("\"digest\":\"", "\"digest\":\"f"),
        "replica/the_digest_is_that_of",
    ),
    (
        Flaw::Body(without_tombstones),
        "pull/a_later_pull_has_tombstones",
    ),
    (Flaw::Body(nothing_left), "pull/pages_add_up"),
    (Flaw::Body(changes_backwards), "pull/changes_come_in_order"),
    (
        Flaw::Body(titles_are_taken_for_names),
        "validation/members_of_a_habit",
    ),
    (
        Flaw::Text("\"merged\"", "\"applied\""),
        "merge/different_fields",
    ),
    (
        Flaw::Text("\"duplicate\"", "\"applied\""),
        "push/a_repeated_push",
    ),
    (
        Flaw::Text("\"local_date\":\"2011", "\"local_date\":\"2010"),
        "entries/the_day_is_that",
    ),
    (
        Flaw::Text("\"type\":\"end\"", "\"type\":\"ende\""),
        "replica/a_snapshot_is_what",
    ),
    (
        Flaw::Text("group_failed", "invalid"),
        "rules/a_group_is_applied",
    ),
    (Flaw::Status(409, 200), "habits/a_stale_change"),
    (Flaw::Status(404, 403), "service/other_peoples_records_look"),
    (Flaw::Status(413, 400), "hostile/a_body_that_is_too_large"),
    (Flaw::Status(400, 500), "hostile/hostile_bodies"),
    (Flaw::Status(401, 403), "accounts/nothing_is_shown"),
    (Flaw::Mute("content-type"), "accounts/a_password_is_judged"),
    (Flaw::Mute("x-content-type-options"), "service/every_answer"),
    (Flaw::Mute("allow"), "service/a_wrong_method"),
    (Flaw::Mute("retry-after"), "live/a_position_that_was_not"),
    (Flaw::Mute("etag"), "stats/statistics_are_not"),
    (Flaw::Deaf("if-none-match"), "habits/one_habit_has"),
    (Flaw::Deaf("if-match"), "habits/if_match_takes"),
    (Flaw::Deaf("idempotency-key"), "keys/a_key_makes_a_create"),
    (Flaw::Deaf("x-timezone"), "stats/today_is_read"),
    (Flaw::Deaf("accept-encoding"), "service/large_answers"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_flaw_is_found_by_the_case_that_is_about_it() {
    let (running, _folder) = server(|_| {}).await;
    let origin = url(&running);
    for (flaw, only) in FLAWS {
        let without = failing(&origin, Flaw::None, only).await;
        assert!(without.is_empty(), "{only} without the flaw: {without:?}");
        let with = failing(&origin, *flaw, only).await;
        assert_eq!(with.len(), 1, "{only} does not see its flaw");
    }
}
