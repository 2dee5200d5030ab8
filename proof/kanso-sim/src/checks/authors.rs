//! The authors of operations: replicas, not devices.
//!
//! A device that continues with a backup does not know what it wrote after the backup, and a device
//! that got the backup of another one knows what that one wrote before. So the checks ask which
//! replica made an operation, and which replica knows it.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::history::{Actor, CopiedReplica, EventKind, History};

/// A replica: the device that holds it, and the number of replicas that the device had before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Author {
    pub(super) actor: Actor,
    replica: usize,
}

/// All replicas of a run, with the operations that each sent.
pub(super) struct Authors {
    /// Copies that took the place of a device's replica, with the index of their event.
    copies: BTreeMap<Actor, Vec<(usize, CopiedReplica)>>,
    /// Senders of each operation, with the index of the event.
    senders: BTreeMap<Uuid, Vec<(Author, usize)>>,
}

impl Authors {
    /// Reads the replicas of a history.
    pub(super) fn of(history: &History) -> Self {
        let mut all = Self {
            copies: BTreeMap::new(),
            senders: BTreeMap::new(),
        };
        for (at, event) in history.events.iter().enumerate() {
            if let EventKind::Copied(copy) = event.kind {
                all.copies.entry(copy.actor).or_default().push((at, copy));
            }
        }
        for exchange in &history.exchanges {
            let author = all.at(exchange.actor, exchange.sent_at);
            for operation in exchange.sync.iter().flat_map(|sync| &sync.operations) {
                let senders = all.senders.entry(operation.op_id).or_default();
                senders.push((author, exchange.sent_at));
            }
        }
        all
    }

    /// Returns the replica that `actor` had at an event.
    pub(super) fn at(&self, actor: Actor, event: usize) -> Author {
        let copies = self.copies.get(&actor).map_or(&[][..], Vec::as_slice);
        let replica = copies.iter().filter(|(at, _)| *at < event).count();
        Author { actor, replica }
    }

    /// Returns true if `author` or a replica of which it is a copy sent the operation.
    pub(super) fn knows(&self, author: Author, operation: Uuid) -> bool {
        let senders = self.senders.get(&operation).map_or(&[][..], Vec::as_slice);
        let (mut author, mut until) = (author, usize::MAX);
        loop {
            if senders
                .iter()
                .any(|sent| sent.0 == author && sent.1 < until)
            {
                return true;
            }
            let Some(copy) = self.origin(author) else {
                return false;
            };
            until = until.min(copy.saved_at);
            author = self.at(copy.source, copy.saved_at);
        }
    }

    /// Returns the devices whose replicas the one of `actor` at an event came from, its own first, each
    /// with the number of events up to which it counts.
    pub(super) fn sources(&self, actor: Actor, event: usize) -> Vec<(Actor, usize)> {
        let (mut author, mut until) = (self.at(actor, event), event);
        let mut sources = vec![(actor, until)];
        while let Some(copy) = self.origin(author) {
            until = until.min(copy.saved_at);
            sources.push((copy.source, until));
            author = self.at(copy.source, copy.saved_at);
        }
        sources
    }

    /// Returns true if the replica that `actor` had at an event was replaced later.
    pub(super) fn is_replaced_after(&self, actor: Actor, event: usize) -> bool {
        let copies = self.copies.get(&actor);
        copies.is_some_and(|copies| copies.iter().any(|(at, _)| *at > event))
    }

    /// Returns true if any replica is a copy.
    pub(super) fn has_copies(&self) -> bool {
        !self.copies.is_empty()
    }

    fn origin(&self, author: Author) -> Option<CopiedReplica> {
        let copies = self.copies.get(&author.actor)?;
        let (_, copy) = copies.get(author.replica.checked_sub(1)?)?;
        Some(*copy)
    }
}
