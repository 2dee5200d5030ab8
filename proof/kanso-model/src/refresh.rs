//! The rotation of refresh tokens: one device, one thief, and answers that are lost.
//!
//! A token is its number: the successor of a token follows from it, so that a retry gets the same
//! one. Time passes in ticks, of which the grace has two.

use std::collections::BTreeSet;

use stateright::{Model, Property};

/// How many ticks a used token yields its successor again.
pub const GRACE_TICKS: u8 = 2;

/// What is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshBug {
    /// A used token is good for nothing, not even at once.
    NoGrace,
    /// A used token yields its successor for ever.
    EndlessGrace,
    /// A retry within the grace uses up the successor and gets the one after it.
    RetryRotates,
    /// The session outlives the reuse of a token.
    ReuseForgiven,
}

/// A session as the server keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The token that is good now.
    pub current: u8,
    /// The token that was used last, and when.
    pub previous: Option<(u8, u8)>,
    /// Whether it has ended.
    pub is_over: bool,
}

impl Default for Session {
    /// A session whose first token was handed out.
    fn default() -> Self {
        Self {
            current: 1,
            previous: None,
            is_over: false,
        }
    }
}

impl Session {
    /// The successor of `token`, or nothing when it is not good; then the session ends.
    pub fn refresh(&mut self, token: u8, now: u8, bug: Option<RefreshBug>) -> Option<u8> {
        if self.is_over {
            return None;
        }
        if token == self.current {
            self.current = token + 1;
            self.previous = Some((token, now));
            return Some(self.current);
        }
        let grace = match bug {
            Some(RefreshBug::NoGrace) => None,
            Some(RefreshBug::EndlessGrace) => Some(u8::MAX),
            _ => Some(GRACE_TICKS),
        };
        let is_in_grace = |used_at: u8| grace.is_some_and(|ticks| now - used_at <= ticks);
        match self.previous {
            Some((used, used_at)) if used == token && is_in_grace(used_at) => {
                if bug == Some(RefreshBug::RetryRotates) {
                    self.previous = Some((self.current, used_at));
                    self.current += 1;
                }
                Some(self.current)
            }
            _ => {
                self.is_over = bug != Some(RefreshBug::ReuseForgiven);
                None
            }
        }
    }
}

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct RefreshBounds {
    /// How many ticks pass.
    pub ticks: u8,
    /// The number of the last token.
    pub tokens: u8,
    /// Whether there is a thief.
    pub has_thief: bool,
}

/// The model.
#[derive(Clone, Copy, Debug)]
pub struct RefreshModel {
    /// How much may happen.
    pub bounds: RefreshBounds,
    /// What is wrong on purpose.
    pub bug: Option<RefreshBug>,
}

/// Who has tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenHolder {
    /// The device that logged in.
    Device,
    /// Somebody who copied one of its tokens.
    Thief,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshAction {
    /// Time passes.
    Tick,
    /// The thief copies the token that the device holds.
    Steal,
    /// A party presents its token; the answer arrives or, `false`, is lost.
    Refresh(TokenHolder, bool),
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefreshState {
    /// The session.
    pub session: Session,
    /// The time, in ticks.
    pub now: u8,
    /// The device's token.
    pub device: u8,
    /// The thief's token.
    pub thief: Option<u8>,
    /// When the device first presented its token without seeing the answer.
    pub unanswered_since: Option<u8>,
    /// Whether a party was refused.
    pub refused: BTreeSet<TokenHolder>,
    /// When each token was first used, by number.
    pub first_used: Vec<u8>,
    /// Whether somebody was granted a successor later than the grace after its first use.
    pub granted_late: bool,
}

impl RefreshState {
    fn refresh(&mut self, holder: TokenHolder, is_answered: bool, bug: Option<RefreshBug>) {
        let token = match holder {
            TokenHolder::Device => Some(self.device),
            TokenHolder::Thief => self.thief,
        };
        let Some(token) = token else { return };
        let granted = self.session.refresh(token, self.now, bug);
        self.note_use(token, granted.is_some());
        if !is_answered {
            if holder == TokenHolder::Device {
                self.unanswered_since.get_or_insert(self.now);
            }
            return;
        }
        match (holder, granted) {
            (_, None) => drop(self.refused.insert(holder)),
            (TokenHolder::Device, Some(next)) => {
                self.device = next;
                self.unanswered_since = None;
            }
            (TokenHolder::Thief, next) => self.thief = next,
        }
    }

    fn note_use(&mut self, token: u8, is_granted: bool) {
        let used = self.first_used.get(usize::from(token) - 1).copied();
        match used {
            None if is_granted => self.first_used.push(self.now),
            Some(at) if is_granted => self.granted_late |= self.now - at > GRACE_TICKS,
            None | Some(_) => {}
        }
    }
}

impl Model for RefreshModel {
    type State = RefreshState;
    type Action = RefreshAction;

    fn init_states(&self) -> Vec<RefreshState> {
        vec![RefreshState {
            session: Session::default(),
            now: 0,
            device: 1,
            thief: None,
            unanswered_since: None,
            refused: BTreeSet::new(),
            first_used: Vec::new(),
            granted_late: false,
        }]
    }

    fn actions(&self, state: &RefreshState, actions: &mut Vec<RefreshAction>) {
        // A device that saw no answer asks again while the grace lasts.
        let must_ask = state
            .unanswered_since
            .is_some_and(|since| state.now - since >= GRACE_TICKS);
        if state.now < self.bounds.ticks && (self.bounds.has_thief || !must_ask) {
            actions.push(RefreshAction::Tick);
        }
        if self.bounds.has_thief && state.thief.is_none() {
            actions.push(RefreshAction::Steal);
        }
        let holders = [
            (TokenHolder::Device, Some(state.device)),
            (TokenHolder::Thief, state.thief),
        ];
        for (holder, token) in holders {
            if token.is_some_and(|it| it < self.bounds.tokens) && !state.refused.contains(&holder) {
                actions.extend([true, false].map(|it| RefreshAction::Refresh(holder, it)));
            }
        }
    }

    fn next_state(&self, last: &RefreshState, action: RefreshAction) -> Option<RefreshState> {
        let mut state = last.clone();
        match action {
            RefreshAction::Tick => state.now += 1,
            RefreshAction::Steal => state.thief = Some(state.device),
            RefreshAction::Refresh(holder, is_answered) => {
                state.refresh(holder, is_answered, self.bug)
            }
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if !self.bounds.has_thief {
            return vec![
                Property::always(
                    "a lost answer ends no session",
                    |_, state: &RefreshState| !state.session.is_over && state.refused.is_empty(),
                ),
                Property::sometimes("an answer is lost", |_, state: &RefreshState| {
                    state.unanswered_since.is_some()
                }),
            ];
        }
        vec![
            Property::always(
                "a token is good for its grace only",
                |_, state: &RefreshState| !state.granted_late,
            ),
            Property::always(
                "whoever is refused ends the session",
                |_, state: &RefreshState| state.refused.is_empty() || state.session.is_over,
            ),
            Property::sometimes("a thief is found out", |_, state: &RefreshState| {
                state.thief.is_some() && state.session.is_over
            }),
        ]
    }
}
