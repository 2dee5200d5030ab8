//! Copied replicas, lost edits after a restore, and cursors that expire.

use kanso_protocol::sync::ConflictBody;

use super::*;
use crate::history::CopiedReplica;

impl HistoryBuilder {
    /// Replaces the replica of device 1 by a backup of device `source` that was made now.
    fn copy(&mut self, source: u32) {
        let actor = |device| Actor { person: 1, device };
        let saved_at = self.history.events.len();
        self.push(EventKind::Copied(CopiedReplica {
            actor: actor(1),
            source: actor(source),
            saved_at,
        }));
    }
}

/// Device 1 wrote version 2, and then got a backup.
#[test]
fn an_edit_over_one_that_the_backup_lacks_is_found() {
    let written = |is_before: bool| {
        let mut run = HistoryBuilder::default();
        run.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
        if is_before {
            run.push_one(
                1,
                operation(2, Update, Some(1), "two"),
                result(2, Applied, 2),
            );
            run.copy(1);
        } else {
            let saved_at = run.history.events.len();
            run.push_one(
                1,
                operation(2, Update, Some(1), "two"),
                result(2, Applied, 2),
            );
            run.copy(1);
            let copied = run.history.events.last_mut().expect("the copy");
            if let EventKind::Copied(copy) = &mut copied.kind {
                copy.saved_at = saved_at;
            }
        }
        let third = operation(3, Update, Some(1), "three");
        run.push_one(1, third, result(3, Applied, 3));
        run.failed(&ends(3, "three"))
    };
    assert_eq!(written(true), [], "the backup has its own edit");
    assert_eq!(written(false), [Check::OneChain]);
}

#[test]
fn a_copy_knows_the_edits_of_the_device_that_it_was_copied_from() {
    let mut run = good();
    let third = operation(3, Update, Some(1), "three");
    let mut other = run.clone();
    run.copy(2);
    run.push_one(1, third.clone(), result(3, Applied, 3));
    assert_eq!(run.failed(&ends(3, "three")), []);
    other.push_one(1, third, result(3, Applied, 3));
    assert_eq!(other.failed(&ends(3, "three")), [Check::OneChain]);
}

#[test]
fn a_conflict_with_an_own_edit_is_found() {
    let refused = |op| OperationResult {
        conflict: Some(ConflictBody {
            your_base: Some(1),
            record: json!({"version": 2, "title": "two"}),
            clashing: vec!["title".to_owned()],
            mergeable: Vec::new(),
            changed_by: None,
            changed_at: kanso_domain::Timestamp::MIN,
        }),
        ..result(op, Conflict, 2)
    };
    for (device, found) in [(1, vec![]), (2, vec![Check::OneChain])] {
        let mut run = good();
        let third = operation(3, Update, Some(1), "three");
        run.push_one(device, third, refused(3));
        assert_eq!(run.failed(&ends(2, "two")), found, "device {device}");
    }
}

/// The title "two" of device 2 was acknowledged and lost in a restore.
#[test]
fn an_edit_that_vanishes_in_a_restore_is_found() {
    let restored = |title: &str| FinalState {
        restores: 1,
        ..ends(2, title)
    };
    let third = operation(3, Update, Some(1), "three");
    // Device 1 never saw it.
    let mut unseen = good();
    unseen.push_one(1, third.clone(), result(3, Applied, 2));
    assert_eq!(unseen.failed(&restored("two")), [Check::AckedIsKept]);
    assert_eq!(unseen.failed(&restored("three")), [Check::AckedIsKept]);
    // Device 2 gave it back and was refused, so its user decides.
    let mut refused = unseen.clone();
    let again = operation(4, Update, Some(1), "two");
    refused.push_one(2, again, result(4, Conflict, 2));
    assert_eq!(refused.failed(&restored("three")), []);
    // Device 2 itself replaced it.
    let mut replaced = HistoryBuilder::default();
    let create = operation(1, Create, None, "one");
    replaced.push_one(2, create, result(1, Applied, 1));
    replaced.push_one(2, third, result(3, Applied, 3));
    assert_eq!(replaced.failed(&restored("three")), []);
    // Device 1 gave it back, and device 2, which had written it, replaced it.
    let mut given_back = HistoryBuilder::default();
    let create = operation(1, Create, None, "one");
    given_back.push_one(2, create, result(1, Applied, 1));
    let offer = operation(2, Create, None, "one");
    given_back.push_one(1, offer, result(2, Applied, 1));
    let edit = operation(3, Update, Some(1), "three");
    given_back.push_one(2, edit, result(3, Applied, 2));
    assert_eq!(given_back.failed(&restored("three")), []);
    // The replica that held it was replaced by a backup.
    let mut copied = HistoryBuilder::default();
    let create = operation(1, Create, None, "one");
    copied.push_one(2, create, result(1, Applied, 1));
    let edit = operation(2, Update, Some(1), "two");
    copied.push_one(1, edit, result(2, Applied, 2));
    copied.copy(2);
    assert_eq!(copied.failed(&restored("one")), []);
}

#[test]
fn a_first_pull_that_expires_is_found() {
    let cursor = |first_pull: Option<i64>| {
        let seq = |number| kanso_domain::Seq::new(number).expect("a position");
        kanso_protocol::format_cursor(kanso_domain::sync::Cursor {
            epoch: kanso_domain::sync::Epoch::new(1),
            seq: seq(1),
            first_pull: first_pull.map(seq),
        })
    };
    let mut end = ends(2, "two");
    end.tombstone_days = 2;
    // A page of an ordinary pull may be older than the tombstones.
    for (days, first_pull, found) in [
        (1, Some(5), vec![Check::Drains]),
        (3, Some(5), vec![]),
        (1, None, vec![]),
    ] {
        let mut run = good();
        let page = SyncResponse {
            cursor: cursor(first_pull),
            has_more: true,
            ..answer(Vec::new())
        };
        let first = run.send(1, "Get /api/v1/sync", None);
        run.serve(first, 200, Some(page));
        run.clock += 86_400 * days;
        let line = format!("Get /api/v1/sync?cursor={}&limit=1", cursor(first_pull));
        let next = run.send(1, &line, None);
        run.serve(next, 410, None);
        run.history.exchanges[next].servings[0].body = br#"{"code":"cursor_expired"}"#.to_vec();
        assert_eq!(run.failed(&end), found, "after {days} days");
    }
}
