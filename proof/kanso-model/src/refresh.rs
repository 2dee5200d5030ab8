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
pub enum Bug {
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
    pub fn refresh(&mut self, token: u8, now: u8, bug: Option<Bug>) -> Option<u8> {
        if self.is_over {
            return None;
        }
        if token == self.current {
            self.current = token + 1;
            self.previous = Some((token, now));
            return Some(self.current);
        }
        let grace = match bug {
            Some(Bug::NoGrace) => None,
            Some(Bug::EndlessGrace) => Some(u8::MAX),
            _ => Some(GRACE_TICKS),
        };
        let is_in_grace = |used_at: u8| grace.is_some_and(|ticks| now - used_at <= ticks);
        match self.previous {
            Some((used, used_at)) if used == token && is_in_grace(used_at) => {
                if bug == Some(Bug::RetryRotates) {
                    self.previous = Some((self.current, used_at));
                    self.current += 1;
                }
                Some(self.current)
            }
            _ => {
                self.is_over = bug != Some(Bug::ReuseForgiven);
                None
            }
        }
    }
}

/// How much may happen.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
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
    pub bounds: Bounds,
    /// What is wrong on purpose.
    pub bug: Option<Bug>,
}

/// Who has tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// The device that logged in.
    Device,
    /// Somebody who copied one of its tokens.
    Thief,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Time passes.
    Tick,
    /// The thief copies the token that the device holds.
    Steal,
    /// A party presents its token; the answer arrives or, `false`, is lost.
    Refresh(Party, bool),
}

/// Everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
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
    pub refused: BTreeSet<Party>,
    /// When each token was first used, by number.
    pub first_used: Vec<u8>,
    /// Whether somebody was granted a successor later than the grace after its first use.
    pub granted_late: bool,
}

impl World {
    fn refresh(&mut self, party: Party, is_answered: bool, bug: Option<Bug>) {
        let token = match party {
            Party::Device => Some(self.device),
            Party::Thief => self.thief,
        };
        let Some(token) = token else { return };
        let granted = self.session.refresh(token, self.now, bug);
        self.note(token, granted.is_some());
        if !is_answered {
            if party == Party::Device {
                self.unanswered_since.get_or_insert(self.now);
            }
            return;
        }
        match (party, granted) {
            (_, None) => drop(self.refused.insert(party)),
            (Party::Device, Some(next)) => {
                self.device = next;
                self.unanswered_since = None;
            }
            (Party::Thief, next) => self.thief = next,
        }
    }

    fn note(&mut self, token: u8, is_granted: bool) {
        let used = self.first_used.get(usize::from(token) - 1).copied();
        match used {
            None if is_granted => self.first_used.push(self.now),
            Some(at) if is_granted => self.granted_late |= self.now - at > GRACE_TICKS,
            None | Some(_) => {}
        }
    }
}

impl Model for RefreshModel {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World {
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

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        // A device that saw no answer asks again while the grace lasts.
        let must_ask = world
            .unanswered_since
            .is_some_and(|since| world.now - since >= GRACE_TICKS);
        if world.now < self.bounds.ticks && (self.bounds.has_thief || !must_ask) {
            actions.push(Action::Tick);
        }
        if self.bounds.has_thief && world.thief.is_none() {
            actions.push(Action::Steal);
        }
        let parties = [
            (Party::Device, Some(world.device)),
            (Party::Thief, world.thief),
        ];
        for (party, token) in parties {
            if token.is_some_and(|it| it < self.bounds.tokens) && !world.refused.contains(&party) {
                actions.extend([true, false].map(|it| Action::Refresh(party, it)));
            }
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.now += 1,
            Action::Steal => world.thief = Some(world.device),
            Action::Refresh(party, is_answered) => world.refresh(party, is_answered, self.bug),
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        if !self.bounds.has_thief {
            return vec![
                Property::always("a lost answer ends no session", |_, world: &World| {
                    !world.session.is_over && world.refused.is_empty()
                }),
                Property::sometimes("an answer is lost", |_, world: &World| {
                    world.unanswered_since.is_some()
                }),
            ];
        }
        vec![
            Property::always("a token is good for its grace only", |_, world: &World| {
                !world.granted_late
            }),
            Property::always("whoever is refused ends the session", |_, world: &World| {
                world.refused.is_empty() || world.session.is_over
            }),
            Property::sometimes("a thief is found out", |_, world: &World| {
                world.thief.is_some() && world.session.is_over
            }),
        ]
    }
}
