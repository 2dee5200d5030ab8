//! The edits that a device knows: its own, but not those of a copy with its id.

use proptest::prelude::*;

use super::merging::{archived, color, edit, grouped, merge, on};
use super::*;
use crate::sync::{OnConflict, Seen};

const PHONE: crate::DeviceId = crate::DeviceId::new(Uuid::from_u128(90));
const TABLET: crate::DeviceId = crate::DeviceId::new(Uuid::from_u128(91));

fn by(device: crate::DeviceId, operation: Operation) -> Operation {
    Operation {
        device: Some(device),
        ..operation
    }
}

fn retitle(number: u8, base: i64, title: &str) -> Operation {
    let operation = keyed(number, update_habit(base, title));
    let policy = merge(create_habit("")).policy;
    by(
        PHONE,
        Operation {
            policy,
            ..operation
        },
    )
}

/// Returns the only outcome of `operation` as text.
fn outcome(loaded: &Loaded, operation: Operation, seen: Seen) -> String {
    words(&decide_push(
        loaded.clone(),
        &[operation],
        seen,
        Quota::UNLIMITED,
        at(2),
    ))
    .remove(0)
}

/// A habit that the phone created and retitled. Returns the cursor between the two as well.
fn retitled() -> (Loaded, Seq) {
    let create = by(PHONE, keyed(1, create_habit("a")));
    let created = after(nothing(), &decide(nothing(), &[create], at(1)));
    let cursor = created.head.seq;
    let changeset = decide(created.clone(), &[retitle(2, 1, "b")], at(1));
    (after(created, &changeset), cursor)
}

#[test]
fn an_edit_of_the_same_device_beyond_its_cursor_is_not_seen() {
    let (loaded, cursor) = retitled();
    for seen in [Seen::default(), Seen::up_to(cursor)] {
        let same_field = retitle(3, 1, "c");
        assert_eq!(
            outcome(&loaded, same_field, seen.clone()),
            "conflict [Title]"
        );
        let other_field = by(PHONE, merge(edit(on(1), color("#112233"))));
        assert_eq!(outcome(&loaded, other_field, seen.clone()), "merged 3");
        // A base at the version of the edit shows that the device knows it.
        assert_eq!(outcome(&loaded, retitle(3, 2, "c"), seen), "applied 3");
    }
}

#[test]
fn an_edit_up_to_the_cursor_is_seen() {
    let (loaded, _) = retitled();
    let seen = Seen::up_to(loaded.head.seq);
    assert_eq!(outcome(&loaded, retitle(3, 1, "c"), seen), "applied 3");
}

#[test]
fn an_edit_that_the_push_names_is_seen() {
    let (loaded, cursor) = retitled();
    let mut seen = Seen::up_to(cursor);
    seen.add(READ.uuid(), Version::FIRST.next());
    assert_eq!(outcome(&loaded, retitle(3, 1, "c"), seen), "applied 3");
    let mut other_record = Seen::up_to(cursor);
    other_record.add(TICK.uuid(), Version::FIRST.next());
    assert_eq!(
        outcome(&loaded, retitle(3, 1, "c"), other_record),
        "conflict [Title]"
    );
}

#[test]
fn a_retry_in_the_push_is_seen() {
    let (loaded, cursor) = retitled();
    let push = [retitle(2, 1, "b"), retitle(3, 1, "c")];
    for push in [push.clone(), push.map(|operation| grouped("g", operation))] {
        let changeset = decide_push(
            loaded.clone(),
            &push,
            Seen::up_to(cursor),
            Quota::UNLIMITED,
            at(2),
        );
        assert_eq!(words(&changeset), ["duplicate 2", "applied 3"]);
    }
}

#[test]
fn a_named_version_says_nothing_about_another_device() {
    let (loaded, cursor) = retitled();
    let mut seen = Seen::up_to(cursor);
    seen.add(READ.uuid(), Version::FIRST.next());
    let tablet = by(TABLET, retitle(3, 1, "c"));
    let tablet = Operation {
        device: Some(TABLET),
        ..tablet
    };
    assert_eq!(outcome(&loaded, tablet, seen), "conflict [Title]");
}

/// One step of a device, or of another device that edits another field.
#[derive(Clone, Debug)]
enum Step {
    Retitle(String),
    Recolor(u8),
    Push {
        count: usize,
        is_answered: bool,
        is_delivered: bool,
    },
    ArchivedByAnother,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => "[a-e]".prop_map(Step::Retitle),
        1 => (0..10_u8).prop_map(Step::Recolor),
        4 => (1..4_usize, any::<bool>(), any::<bool>()).prop_map(
            |(count, is_answered, is_delivered)| Step::Push { count, is_answered, is_delivered }
        ),
        1 => Just(Step::ArchivedByAnother),
    ]
}

/// A device with the rules of `kanso-client`.
struct Phone {
    server: Loaded,
    /// Version that was delivered last. Edits build on it.
    delivered: i64,
    cursor: Seq,
    /// Versions that acknowledged operations made, kept while an operation waits.
    own: BTreeSet<Version>,
    outbox: Vec<Operation>,
    written: u8,
}

impl Phone {
    fn write(&mut self, fields: HabitFields) {
        self.written += 1;
        let action = edit(on(self.delivered), fields);
        let policy = merge(action.clone()).policy;
        let operation = keyed(self.written, action);
        self.outbox.push(by(
            PHONE,
            Operation {
                policy,
                ..operation
            },
        ));
    }

    fn push(&mut self, count: usize, is_answered: bool, is_delivered: bool) -> Vec<String> {
        let count = count.min(self.outbox.len());
        let mut seen = Seen::up_to(self.cursor);
        for version in &self.own {
            seen.add(READ.uuid(), *version);
        }
        let changeset = decide_push(
            self.server.clone(),
            &self.outbox[..count],
            seen,
            Quota::UNLIMITED,
            at(2),
        );
        self.server = after(self.server.clone(), &changeset);
        if is_answered {
            self.outbox.drain(..count);
            self.own.extend(
                changeset
                    .outcomes
                    .iter()
                    .filter_map(|outcome| match outcome {
                        Applied(record) | Merged(record) => Some(record.stamp().version),
                        Duplicate { version, .. } => Some(*version),
                        _ => None,
                    }),
            );
            if is_delivered {
                self.cursor = self.server.head.seq;
                self.delivered = self.server.habits[&READ].stamp.version.get();
                if self.outbox.is_empty() {
                    self.own.clear();
                }
            }
        }
        words(&changeset)
    }
}

proptest! {
    #[test]
    fn a_device_never_conflicts_with_itself(steps in prop::collection::vec(step(), 1..30)) {
        let create = by(PHONE, keyed(1, create_habit("a")));
        let server = after(nothing(), &decide(nothing(), &[create], at(1)));
        let mut phone = Phone {
            cursor: server.head.seq,
            server,
            delivered: 1,
            own: BTreeSet::new(),
            outbox: Vec::new(),
            written: 1,
        };
        for step in steps {
            match step {
                Step::Retitle(title) => phone.write(titled(&title)),
                Step::Recolor(digit) => phone.write(color(&format!("#11223{digit}"))),
                Step::ArchivedByAnother => {
                    let archive = Operation {
                        policy: ConflictPolicy { on_conflict: OnConflict::Client, revive: false },
                        ..Operation::once(edit(Base::Any, archived()))
                    };
                    let changeset = decide(phone.server.clone(), &[by(TABLET, archive)], at(2));
                    phone.server = after(phone.server.clone(), &changeset);
                }
                Step::Push { count, is_answered, is_delivered } => {
                    for word in phone.push(count, is_answered, is_delivered) {
                        prop_assert!(!word.starts_with("conflict"), "{word}");
                    }
                }
            }
        }
    }

    #[test]
    fn copies_of_one_replica_conflict_in_the_same_field(first in "[b-e]", second in "[b-e]") {
        prop_assume!(first != second);
        let create = by(PHONE, keyed(1, create_habit("a")));
        let server = after(nothing(), &decide(nothing(), &[create], at(1)));
        let seen = Seen::up_to(server.head.seq);
        let changeset = decide_push(server.clone(), &[retitle(2, 1, &first)], seen.clone(), Quota::UNLIMITED, at(2));
        let server = after(server, &changeset);
        prop_assert_eq!(outcome(&server, retitle(3, 1, &second), seen), "conflict [Title]");
    }
}
