//! Histories with one fault each, which exactly one check must report.

mod copies;
mod lost_file;
mod streams;

use kanso_protocol::sync::{
    ActionName, EntityName, OperationRequest, OperationResult, OperationStatus, SyncRequest,
    SyncResponse,
};
use serde_json::json;
use uuid::Uuid;

use super::all;
use crate::final_state::{FinalDevice, FinalState, FinalUser, RecordState};
use crate::finding::Check;
use crate::history::{Actor, Event, EventKind, Exchange, History, Serving};

const HABIT: Uuid = Uuid::from_u128(0xAB);

/// Builds a history step by step. User 1 has two devices.
#[derive(Clone, Default)]
struct HistoryBuilder {
    history: History,
    clock: i64,
    now: u64,
}

impl HistoryBuilder {
    fn push(&mut self, kind: EventKind) -> usize {
        let (at, clock) = (self.now, self.clock);
        self.history.events.push(Event { at, clock, kind });
        self.history.events.len() - 1
    }

    fn send(&mut self, device: u32, line: &str, sync: Option<SyncRequest>) -> usize {
        let number = self.history.exchanges.len();
        let sent_at = self.push(EventKind::Sent(number));
        self.history.exchanges.push(Exchange {
            actor: Actor { person: 1, device },
            line: line.to_owned(),
            sync,
            sent_at,
            servings: Vec::new(),
        });
        number
    }

    fn serve(&mut self, exchange: usize, status: u16, sync: Option<SyncResponse>) -> usize {
        let number = self.history.exchanges[exchange].servings.len();
        let at = self.push(EventKind::Served(exchange, number));
        let body = serde_json::to_vec(&sync).expect("writes");
        self.history.exchanges[exchange].servings.push(Serving {
            server: 1,
            at,
            status,
            body,
            sync,
            ..Serving::default()
        });
        number
    }

    fn deliver(&mut self, exchange: usize, serving: usize) {
        let at = self.push(EventKind::Delivered(exchange, serving));
        self.history.exchanges[exchange].servings[serving].delivered_at = Some(at);
    }

    /// Adds a push of one operation, answered and delivered.
    fn push_one(&mut self, device: u32, operation: OperationRequest, result: OperationResult) {
        let request = SyncRequest {
            operations: vec![operation],
            ..SyncRequest::default()
        };
        let exchange = self.send(device, "Post /api/v1/sync", Some(request));
        let serving = self.serve(exchange, 200, Some(answer(vec![result])));
        self.deliver(exchange, serving);
    }

    /// Adds a push of one operation that is never answered.
    fn push_in_vain(&mut self, device: u32, operation: OperationRequest) {
        let request = SyncRequest {
            operations: vec![operation],
            ..SyncRequest::default()
        };
        self.send(device, "Post /api/v1/sync", Some(request));
    }

    fn refresh(&mut self, status: u16, arrives: bool) {
        let exchange = self.send(1, "Post /api/v1/auth/refresh", None);
        let serving = self.serve(exchange, status, None);
        if arrives {
            self.deliver(exchange, serving);
        }
    }

    /// Returns the checks that fail, each once.
    fn failed(&self, ends: &FinalState) -> Vec<Check> {
        let mut checks: Vec<_> = all(&self.history, ends).iter().map(|it| it.check).collect();
        checks.sort();
        checks.dedup();
        checks
    }
}

fn answer(results: Vec<OperationResult>) -> SyncResponse {
    SyncResponse {
        results,
        changes: Vec::new(),
        cursor: String::new(),
        head: 1,
        has_more: false,
        remaining: 0,
        digest: None,
        history_start: None,
    }
}

fn operation(op: u128, action: ActionName, base: Option<i64>, title: &str) -> OperationRequest {
    OperationRequest {
        op_id: Uuid::from_u128(op),
        entity: EntityName::Habit,
        action,
        id: HABIT,
        base_version: base,
        on_conflict: None,
        revive: false,
        purge: false,
        group: None,
        group_size: None,
        fields: Some(json!({ "title": title })),
    }
}

fn result(op: u128, status: OperationStatus, version: i64) -> OperationResult {
    OperationResult {
        op_id: Some(Uuid::from_u128(op)),
        status,
        version: Some(version),
        seq: Some(version),
        conflict: None,
        record: None,
        code: None,
        errors: Vec::new(),
        quota: None,
        waits_for: None,
    }
}

/// Returns a final state in which user 1 has one habit in this version and with this title.
fn ends(version: i64, title: &str) -> FinalState {
    let end = RecordState {
        version,
        is_deleted: false,
        habit: None,
        members: json!({ "title": title }),
    };
    FinalState {
        people: vec![FinalUser {
            person: 1,
            records: [(HABIT, end)].into(),
            ..FinalUser::default()
        }],
        ..FinalState::default()
    }
}

use ActionName::{Create, Delete, Update};
use OperationStatus::{Applied, Conflict, Duplicate, Gone};

/// A habit made on one device and edited on another.
fn good() -> HistoryBuilder {
    let mut run = HistoryBuilder::default();
    run.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
    run.push_one(
        2,
        operation(2, Update, Some(1), "two"),
        result(2, Applied, 2),
    );
    run
}

#[test]
fn a_good_history_is_good() {
    assert_eq!(good().failed(&ends(2, "two")), []);
}

/// A delete that changed nothing and that only its retry reports: the connection broke at its
/// commit.
#[test]
fn a_retry_of_what_changed_nothing_is_no_effect() {
    let mut run = good();
    run.push_one(1, operation(3, Delete, None, ""), result(3, Duplicate, 2));
    assert_eq!(run.failed(&ends(2, "two")), []);
    // The order of the answers does not matter: of two retries that name one version, the edit made
    // it.
    let mut run = HistoryBuilder::default();
    run.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
    run.push_one(1, operation(3, Delete, None, ""), result(3, Duplicate, 2));
    let edit = operation(2, Update, Some(1), "two");
    run.push_one(2, edit, result(2, Duplicate, 2));
    assert_eq!(run.failed(&ends(2, "two")), []);
    // An edit may have been a no-op as well: then either edit may have made the version.
    let edit = operation(4, Update, Some(1), "four");
    run.push_one(1, edit, result(4, Duplicate, 2));
    assert_eq!(run.failed(&ends(2, "two")), []);
    assert_eq!(run.failed(&ends(2, "four")), []);
    assert_eq!(run.failed(&ends(1, "two")), [Check::AckedIsKept]);
}

#[test]
fn an_acknowledged_edit_that_is_not_there_is_found() {
    assert_eq!(good().failed(&ends(2, "one")), [Check::AckedIsKept]);
    assert_eq!(good().failed(&ends(1, "one")), [Check::AckedIsKept]);
    let mut gone = ends(2, "two");
    gone.people[0].records.clear();
    assert_eq!(good().failed(&gone), [Check::AckedIsKept]);
}

#[test]
fn a_version_without_an_operation_is_found() {
    assert_eq!(good().failed(&ends(3, "two")), [Check::OneChain]);
}

#[test]
fn a_version_made_by_two_operations_is_found() {
    let mut run = good();
    run.push_one(
        1,
        operation(3, Update, Some(2), "two"),
        result(3, Applied, 2),
    );
    assert_eq!(run.failed(&ends(2, "two")), [Check::OneChain]);
}

#[test]
fn an_edit_over_an_unseen_edit_is_found() {
    let mut run = good();
    run.push_one(
        1,
        operation(3, Update, Some(1), "three"),
        result(3, Applied, 3),
    );
    assert_eq!(run.failed(&ends(3, "three")), [Check::OneChain]);
}

#[test]
fn a_retry_that_is_carried_out_again_is_found() {
    let mut run = good();
    run.push_one(
        2,
        operation(2, Update, Some(1), "two"),
        result(2, Applied, 3),
    );
    assert_eq!(run.failed(&ends(3, "two")), [Check::ExactlyOnce]);
}

#[test]
fn a_retry_with_another_result_is_found() {
    let mut run = good();
    run.push_one(
        2,
        operation(2, Update, Some(1), "two"),
        result(2, Duplicate, 2),
    );
    assert_eq!(run.failed(&ends(2, "two")), [], "the same result");
    run.push_one(
        2,
        operation(2, Update, Some(1), "two"),
        result(2, Conflict, 2),
    );
    assert_eq!(run.failed(&ends(2, "two")), [Check::ExactlyOnce]);
}

#[test]
fn half_a_group_is_found() {
    let grouped = |op, base, title: &str| OperationRequest {
        group: Some("g".to_owned()),
        ..operation(op, Update, Some(base), title)
    };
    let other = |op| OperationRequest {
        id: Uuid::from_u128(0xAC),
        ..grouped(op, 1, "four")
    };
    let mut run = good();
    run.push_one(1, grouped(3, 2, "three"), result(3, Applied, 3));
    run.push_one(1, other(4), result(4, Conflict, 3));
    assert_eq!(run.failed(&ends(3, "three")), [Check::AllOrNone]);
    // An unanswered operation may have been carried out. Sent again under another id, it is the
    // same part.
    let mut run = good();
    run.push_one(1, grouped(3, 2, "three"), result(3, Applied, 3));
    run.push_in_vain(1, other(4));
    run.push_one(1, other(5), result(5, Gone, 3));
    assert_eq!(run.failed(&ends(3, "three")), []);
    let mut run = good();
    run.push_one(1, grouped(3, 2, "three"), result(3, Applied, 3));
    run.push_one(1, grouped(4, 2, "three"), result(4, Gone, 3));
    assert_eq!(run.failed(&ends(3, "three")), []);
}

/// Only retries report the revival: either of the two may have made it.
#[test]
fn either_of_two_retries_may_have_revived_a_record() {
    let mut run = good();
    let deletion = operation(3, Delete, Some(2), "");
    run.push_one(1, deletion, result(3, Applied, 3));
    let edit = |op, revive, title: &str| OperationRequest {
        revive,
        ..operation(op, Update, Some(3), title)
    };
    let mut revived = run.clone();
    for (op, title) in [(4, "four"), (5, "five")] {
        revived.push_one(1, edit(op, true, title), result(op, Duplicate, 4));
    }
    for title in ["four", "five"] {
        assert_eq!(revived.failed(&ends(4, title)), []);
    }
    for (op, title) in [(4, "four"), (5, "five")] {
        run.push_one(1, edit(op, false, title), result(op, Duplicate, 4));
    }
    assert_eq!(run.failed(&ends(4, "four")), [Check::AckedIsKept]);
}

/// After a failover the device sent the write again under another id.
#[test]
fn an_unanswered_operation_may_have_made_a_version() {
    let mut run = good();
    run.push_in_vain(1, operation(3, Update, Some(2), "three"));
    for title in ["two", "three"] {
        assert_eq!(run.failed(&ends(3, title)), []);
    }
    assert_eq!(run.failed(&ends(4, "three")), [Check::OneChain]);
    let edit = operation(4, Update, Some(3), "four");
    run.push_one(1, edit, result(4, Applied, 4));
    assert_eq!(run.failed(&ends(4, "four")), []);
    assert_eq!(run.failed(&ends(4, "three")), [Check::AckedIsKept]);
    // It set a title, and neither deleted the habit nor set a description.
    let mut deleted = ends(4, "four");
    for end in deleted.people[0].records.values_mut() {
        end.is_deleted = true;
    }
    assert_eq!(run.failed(&deleted), [Check::AckedIsKept]);
}

#[test]
fn a_device_that_holds_something_else_is_found() {
    let mut end = ends(2, "two");
    let held = ends(2, "other").people[0].records.clone();
    let actor = Actor {
        person: 1,
        device: 1,
    };
    let mut device = FinalDevice {
        actor: Some(actor),
        records: held,
        ..FinalDevice::default()
    };
    end.devices = vec![device.clone()];
    assert_eq!(good().failed(&end), [Check::Convergence]);
    device.records = end.people[0].records.clone();
    end.devices = vec![device.clone()];
    assert_eq!(good().failed(&end), []);
    device.waiting = 1;
    end.devices = vec![device];
    assert_eq!(good().failed(&end), [Check::Convergence]);
}

#[test]
fn a_digest_that_is_not_the_sum_is_found() {
    let mut end = ends(2, "two");
    end.people[0].sum = "other".to_owned();
    assert_eq!(good().failed(&end), [Check::PagesAddUp]);
}

#[test]
fn a_wrong_streak_and_a_job_that_stays_are_found() {
    let mut end = ends(2, "two");
    end.people[0].wrong_streaks = vec![(HABIT, "1".to_owned(), "2".to_owned())];
    assert_eq!(good().failed(&end), [Check::StreaksFresh]);
    let mut end = ends(2, "two");
    end.backlog.waiting = 1;
    assert_eq!(good().failed(&end), [Check::Drains]);
}

#[test]
fn a_waiter_that_is_never_removed_is_found() {
    let mut end = ends(2, "two");
    end.waiters = 1;
    assert_eq!(good().failed(&end), [Check::Drains]);
}

#[test]
fn a_text_of_another_user_is_found() {
    let mut run = good();
    let exchange = run.send(1, "Get /api/v1/sync", None);
    run.serve(exchange, 200, None);
    run.history.exchanges[exchange].servings[0].body = b"\"p1~d2~4\"".to_vec();
    assert_eq!(run.failed(&ends(2, "two")), []);
    run.history.exchanges[exchange].servings[0].body = b"\"p12~d2~4\"".to_vec();
    assert_eq!(run.failed(&ends(2, "two")), [Check::Isolation]);
}

#[test]
fn a_device_that_repaired_its_replica_is_found() {
    let mut run = good();
    run.send(1, "Post /api/v1/sync/verify", None);
    assert_eq!(run.failed(&ends(2, "two")), [Check::PagesAddUp]);
}

#[test]
fn a_long_poll_that_a_change_does_not_end_is_found() {
    let cursor = kanso_protocol::format_cursor(kanso_domain::sync::Cursor {
        epoch: kanso_domain::sync::Epoch::new(1),
        seq: kanso_domain::Seq::new(1).expect("a position"),
        first_pull: None,
    });
    let late = || vec![Check::Drains];
    for (waited, arrives, found) in [
        (800, true, vec![]),
        (9_000, true, late()),
        // A duplicate of the request may have begun to wait after the change.
        (9_000, false, vec![]),
    ] {
        let mut run = HistoryBuilder::default();
        run.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
        let line = format!("Get /api/v1/sync?wait_ms=10000&cursor={cursor}");
        let poll = run.send(2, &line, None);
        run.now += 1_000;
        run.push_one(
            1,
            operation(2, Update, Some(1), "two"),
            result(2, Applied, 2),
        );
        run.now += waited;
        let serving = run.serve(poll, 200, None);
        if arrives {
            run.deliver(poll, serving);
        }
        assert_eq!(run.failed(&ends(2, "two")), found, "{waited} ms later");
    }
}

#[test]
fn being_logged_out_by_a_lost_answer_is_found() {
    for (seconds, found) in [(5, vec![Check::StaysSignedIn]), (500, vec![])] {
        let mut run = good();
        run.refresh(200, false);
        run.clock += seconds;
        run.refresh(401, true);
        assert_eq!(run.failed(&ends(2, "two")), found, "after {seconds} s");
    }
}

#[test]
fn a_refresh_that_arrives_days_later_may_end_a_session() {
    for (seconds, found) in [(5, vec![Check::StaysSignedIn]), (86_400, vec![])] {
        let mut run = good();
        let first = run.send(1, "Post /api/v1/auth/refresh", None);
        run.refresh(200, true);
        run.clock += seconds;
        run.serve(first, 401, None);
        run.refresh(401, true);
        assert_eq!(run.failed(&ends(2, "two")), found, "after {seconds} s");
    }
    // The token was consumed 30 seconds before, and the duplicate arrives 30 seconds later.
    let mut run = good();
    run.refresh(200, false);
    run.clock += 30;
    run.refresh(200, true);
    let first = run.history.exchanges.len() - 1;
    run.clock += 30;
    run.serve(first, 401, None);
    run.refresh(401, true);
    assert_eq!(run.failed(&ends(2, "two")), []);
}

#[test]
fn a_delete_that_does_not_last_is_found() {
    let mut run = good();
    let deletion = OperationRequest {
        fields: None,
        ..operation(3, Delete, Some(2), "")
    };
    run.push_one(1, deletion, result(3, Applied, 3));
    let mut end = ends(3, "two");
    assert_eq!(
        run.failed(&end),
        [Check::AckedIsKept],
        "it is alive at the end"
    );
    if let Some(end) = end.people[0].records.get_mut(&HABIT) {
        end.is_deleted = true;
    }
    assert_eq!(run.failed(&end), []);
}
