//! Rotation of refresh tokens: one device, one thief, and lost answers.
//!
//! A token is a number, because each successor is derived from its token: a retry gets the same
//! one. Time passes in ticks; the grace period lasts two.

use std::collections::BTreeSet;

use stateright::{Model, Property};

/// Number of ticks for which a used token yields its successor again.
pub const GRACE_TICKS: u8 = 2;

/// Planted bugs of the rotation; each must break a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshBug {
    /// A used token is rejected at once.
    NoGrace,
    /// A used token yields its successor for ever.
    EndlessGrace,
    /// A retry within the grace period consumes the successor and returns the one after it.
    RetryRotates,
    /// The session survives the reuse of a token.
    ReuseForgiven,
}

/// A session as the server stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ModelSession {
    /// Token that is valid now.
    pub current: u8,
    /// Token that was used last, and the tick of that use.
    pub previous: Option<(u8, u8)>,
    /// True once the session has ended.
    pub is_over: bool,
}

impl Default for ModelSession {
    /// A session whose first token has been issued.
    fn default() -> Self {
        Self {
            current: 1,
            previous: None,
            is_over: false,
        }
    }
}

impl ModelSession {
    /// Returns the successor of `token`. Returns `None` and ends the session if the token is not
    /// valid.
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
        // Only the last used token has a grace period. Any older one was rotated away long ago, so
        // its use means that two parties hold the same chain of tokens and the session has to end.
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

/// Limits of one exploration.
#[derive(Clone, Copy, Debug)]
pub struct RefreshBounds {
    /// Number of ticks that pass.
    pub ticks: u8,
    /// Number of the last token.
    pub tokens: u8,
    /// True if a thief takes part.
    pub has_thief: bool,
}

/// The model of the rotation.
#[derive(Clone, Copy, Debug)]
pub struct RefreshModel {
    /// Limits of the exploration.
    pub bounds: RefreshBounds,
    /// The planted bug, if any.
    pub bug: Option<RefreshBug>,
}

/// Holders of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenHolder {
    /// The device that logged in.
    Device,
    /// A thief who copied one of its tokens.
    Thief,
}

/// Steps of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefreshAction {
    /// One tick passes.
    Tick,
    /// The thief copies the current token of the device.
    Steal,
    /// A holder presents its token; the flag is `false` if the answer is lost.
    Refresh(TokenHolder, bool),
}

/// State of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefreshState {
    /// The session on the server.
    pub session: ModelSession,
    /// Current tick.
    pub now: u8,
    /// Token of the device.
    pub device: u8,
    /// Token of the thief.
    pub thief: Option<u8>,
    /// Tick at which the device first presented its token without getting an answer.
    pub unanswered_since: Option<u8>,
    /// Holders that were rejected.
    pub refused: BTreeSet<TokenHolder>,
    /// Tick of the first use of each token, by number.
    pub first_used: Vec<u8>,
    /// True if a successor was granted later than the grace period after the first use.
    pub granted_late: bool,
}

impl RefreshState {
    fn refresh(&mut self, holder: TokenHolder, is_answered: bool, bug: Option<RefreshBug>) {
        let token = match holder {
            TokenHolder::Device => Some(self.device),
            TokenHolder::Thief => self.thief,
        };
        let Some(token) = token else { return };
        // The server answers before the network decides: a lost answer has still used the token.
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
        // Token numbers start at 1, and each token is first used in order, so the vector needs no
        // gaps.
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
            session: ModelSession::default(),
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
        // A device retries within the grace period: the client asks again within seconds. Without
        // this restriction the model without a thief would find sessions that end after a long
        // silence, which is intended.
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
                state.refresh(holder, is_answered, self.bug);
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
                "a used token is valid within its grace period only",
                |_, state: &RefreshState| !state.granted_late,
            ),
            Property::always(
                "a rejected token ends the session",
                |_, state: &RefreshState| state.refused.is_empty() || state.session.is_over,
            ),
            Property::sometimes("a thief is detected", |_, state: &RefreshState| {
                state.thief.is_some() && state.session.is_over
            }),
        ]
    }
}
