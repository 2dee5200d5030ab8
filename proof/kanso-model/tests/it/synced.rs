//! The sync use cases over a storage in memory answer as the model does.

mod code;

use kanso_model::sync::{
    ModelAction, ModelOutcome, ModelRequest, Refusal, SyncBug, SyncModel, World, Write,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use stateright::Model as _;

use crate::explored::model;
use code::Code;

/// The model and the code, side by side.
struct Pair {
    model: SyncModel,
    world: World,
    code: Code,
    copied: Option<usize>,
}

impl Pair {
    fn new(model: SyncModel) -> Self {
        let world = model.init_states().remove(0);
        Self {
            code: Code::beginning(),
            model,
            world,
            copied: None,
        }
    }

    /// Takes the step in both and compares the visible results. Returns `false` if the step is not
    /// possible.
    fn step(&mut self, action: ModelAction) -> bool {
        let mut server = self.world.server.clone();
        let Some(next) = self.model.next_state(&self.world, action.clone()) else {
            return false;
        };
        match action {
            ModelAction::Arrive(request, _) => {
                let expected = server.exchange(&request, self.model.rules);
                let answered = self.code.exchange(&request, self.model.rules.page);
                assert_eq!(answered, code::visible(expected), "{request:?}");
            }
            ModelAction::Purge(absent) => self.code.purge(absent),
            ModelAction::Copy => self.copied = Some(self.code.event_count()),
            ModelAction::Restore => self
                .code
                .restore(self.copied.take().unwrap(), next.server.epoch),
            ModelAction::Write(..) | ModelAction::Send(_) | ModelAction::GiveUp(_) => {}
        }
        self.world = next;
        assert_eq!(self.code.floor(), self.world.server.floor);
        true
    }

    fn steps(&mut self, actions: impl IntoIterator<Item = ModelAction>) {
        for action in actions {
            assert!(self.step(action.clone()), "{action:?} cannot happen");
        }
    }

    fn waiting(&self, device: usize) -> ModelRequest {
        self.world.devices[device].waiting.clone().unwrap()
    }

    /// Sends the outbox of a device and delivers the answer.
    fn round_trip(&mut self, device: usize) {
        self.sends(device, true);
    }

    /// Sends the outbox of a device; the answer arrives, or is lost if `false`.
    fn sends(&mut self, device: usize, is_answered: bool) {
        self.steps([ModelAction::Send(device)]);
        self.steps([ModelAction::Arrive(self.waiting(device), is_answered)]);
    }

    /// Writes to the record that both devices know.
    fn writes(&mut self, device: usize, write: Write) {
        self.steps([ModelAction::Write(device, 0, write)]);
    }

    /// Sends the next request of a device and returns the outcomes of the model, after the code was
    /// seen to agree.
    fn foresees(&mut self, device: usize) -> Result<Vec<ModelOutcome>, Refusal> {
        self.steps([ModelAction::Send(device)]);
        let request = self.waiting(device);
        let answer = self
            .world
            .server
            .clone()
            .exchange(&request, self.model.rules);
        self.steps([ModelAction::Arrive(request, true)]);
        answer.map(|answer| answer.outcomes)
    }
}

/// Returns a pair in which both devices have read everything.
fn both_know() -> Pair {
    let mut pair = Pair::new(model(8, 8, 3, 2));
    pair.round_trip(1);
    pair
}

#[test]
fn a_push_whose_answer_was_lost() {
    let mut pair = both_know();
    pair.writes(0, Write::Edit(0));
    pair.sends(0, false);
    let outcomes = pair.foresees(0).unwrap();
    assert!(
        matches!(
            outcomes[..],
            [ModelOutcome::Duplicate {
                version: 2,
                seq: 2,
                ..
            }]
        ),
        "{outcomes:?}"
    );
}

#[test]
fn a_delete_against_an_edit() {
    let mut pair = both_know();
    pair.writes(0, Write::Edit(0));
    pair.writes(1, Write::Delete);
    pair.round_trip(0);
    let outcomes = pair.foresees(1).unwrap();
    assert!(
        matches!(outcomes[..], [ModelOutcome::Applied(row)] if row.is_deleted),
        "{outcomes:?}"
    );
    pair.writes(0, Write::Edit(0));
    let outcomes = pair.foresees(0).unwrap();
    assert!(
        matches!(outcomes[..], [ModelOutcome::Gone(_)]),
        "{outcomes:?}"
    );
}

#[test]
fn edits_that_merge_and_edits_that_clash() {
    for (field, is_merged) in [(1, true), (0, false)] {
        let mut pair = both_know();
        pair.writes(0, Write::Edit(0));
        pair.writes(1, Write::Edit(field));
        pair.round_trip(0);
        let outcomes = pair.foresees(1).unwrap();
        assert_eq!(
            matches!(outcomes[..], [ModelOutcome::Merged(_)]),
            is_merged,
            "{outcomes:?}"
        );
        assert_eq!(
            matches!(outcomes[..], [ModelOutcome::Conflict(_)]),
            !is_merged,
            "{outcomes:?}"
        );
    }
}

#[test]
fn pages_that_a_change_comes_between() {
    let mut pair = Pair::new(model(8, 8, 3, 2));
    pair.steps([ModelAction::Write(0, 1, Write::Create)]);
    pair.round_trip(0);
    pair.round_trip(1);
    assert!(!pair.world.is_up_to_date(1), "a page has one record of two");
    pair.writes(0, Write::Edit(0));
    pair.round_trip(0);
    pair.round_trip(1);
    pair.round_trip(1);
    assert!(pair.world.is_up_to_date(1));
    let held = |device: usize| pair.world.devices[device].replica;
    assert_eq!(held(1), held(0));
}

#[test]
fn a_cursor_below_the_floor() {
    let mut pair = both_know();
    pair.writes(0, Write::Delete);
    pair.round_trip(0);
    // The reported position of the first device is from before its delete.
    pair.steps([ModelAction::Purge([true, true])]);
    assert_eq!(pair.foresees(1), Err(Refusal::Expired));
    pair.round_trip(1);
    assert!(pair.world.is_up_to_date(1));
    assert_eq!(pair.world.devices[1].replica, [None; 2]);
}

#[test]
fn an_epoch_after_a_restore() {
    let mut pair = both_know();
    pair.steps([ModelAction::Copy]);
    pair.writes(0, Write::Edit(0));
    pair.round_trip(0);
    pair.steps([ModelAction::Restore]);
    assert_eq!(pair.foresees(0), Err(Refusal::EpochChanged));
    pair.round_trip(0);
    let outcomes = pair.foresees(0).unwrap();
    assert!(
        matches!(outcomes[..], [ModelOutcome::Applied(row)] if row.fields[0] == 2),
        "{outcomes:?}"
    );
}

/// The comparison can fail: a model with a planted bug differs from the code.
#[test]
#[should_panic(expected = "assertion `left == right` failed: ModelRequest")]
fn a_wrong_model_does_not_agree() {
    let mut pair = both_know();
    pair.model.rules.bug = Some(SyncBug::RetryWithoutReceipt);
    pair.writes(0, Write::Edit(0));
    pair.sends(0, false);
    pair.round_trip(0);
}

proptest! {
    // The same walks in every run; `PROPTEST_CASES` asks for more of them.
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn model_and_code_agree_on_every_walk(chosen in prop::collection::vec(any::<Index>(), 60)) {
        let mut pair = Pair::new(model(8, 8, 3, 2));
        for index in chosen {
            let mut actions = Vec::new();
            pair.model.actions(&pair.world, &mut actions);
            if !actions.is_empty() {
                pair.step(actions.swap_remove(index.index(actions.len())));
            }
        }
    }
}
