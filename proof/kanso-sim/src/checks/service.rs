//! Checks 10, 11 and 12: promises about every answer.
//!
//! Each check is one pass over the exchanges. Only the long-poll check compares each poll with the
//! pushes of its user, which are few.

use std::collections::BTreeMap;

use kanso_protocol::parse_cursor;

use crate::final_state::FinalState;
use crate::finding::{Check, Finding};
use crate::history::{Actor, Event, EventKind, History, Serving};

/// Time for which a used refresh token certainly accepts a retry, in seconds: the grace period of
/// 60 less the clock skew of servers.
const SURE_GRACE_SECONDS: i64 = 50;

/// Longest time until a waiter gets a change, in milliseconds, without the delays of the messages.
const LATE_MILLIS: u64 = 1_000;

/// Additional time if another server made the change and its notice may be lost: one sweep.
const SWEEP_MILLIS: u64 = 2_000;

/// Additional time if the storage may be busy: at most 10 seconds for a connection, 10 for a lock,
/// and 6 for an outage.
const BUSY_MILLIS: u64 = 26_000;

/// Longest time until a server delivers a change to a client that waits there, in milliseconds.
pub(super) const fn late(end_state: &FinalState) -> u64 {
    let latest = if end_state.has_others || end_state.has_busy_store {
        LATE_MILLIS + SWEEP_MILLIS
    } else {
        LATE_MILLIS
    };
    latest + busy(end_state)
}

/// Longest time for which the storage may delay a call, in milliseconds.
pub(super) const fn busy(end_state: &FinalState) -> u64 {
    if end_state.has_busy_store {
        BUSY_MILLIS
    } else {
        0
    }
}

/// Check 10: no answer contains a text of another user. Each text names its author.
pub(super) fn isolation(history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exchange in &history.exchanges {
        let person = exchange.actor.person;
        for serving in &exchange.servings {
            let body = String::from_utf8_lossy(&serving.body);
            // Searches the raw body, not parsed members: a leak in a member that no check parses is
            // found as well.
            let stranger = body.match_indices("~d").find_map(|(at, _)| {
                let before = body.get(..at)?;
                let digits = before.rfind('p')? + 1;
                before
                    .get(digits..)?
                    .parse::<u32>()
                    .ok()
                    .filter(|whose| *whose != person)
            });
            if let Some(stranger) = stranger {
                let what = format!("{} got a text of p{stranger}", exchange.actor);
                findings.push(Finding::new(Check::Isolation, what));
            }
        }
    }
    findings
}

/// Check 11: a refresh token is rejected only if the answer to its first use was lost long ago.
pub(super) fn sessions(history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    let clock = |at: usize| history.events.get(at).map_or(0, |event| event.clock);
    let mut people: BTreeMap<Actor, Sessions> = BTreeMap::new();
    for exchange in &history.exchanges {
        let is_refresh = exchange.line.ends_with("/auth/refresh");
        if !is_refresh && !exchange.line.ends_with("/auth/login") {
            continue;
        }
        let state = people.entry(exchange.actor).or_default();
        // A second arrival, or one that is late because of a clock jump, may reuse a token after
        // the grace period through no fault of the device: the token was consumed when the first
        // answer was lost.
        let used_at = state.unanswered_since;
        let used_at = used_at.unwrap_or_else(|| clock(exchange.sent_at));
        let is_late = |serving: &Serving| {
            serving.delivered_at.is_none() && clock(serving.at) - used_at > SURE_GRACE_SECONDS
        };
        // From then on the session may end at any time without a bug, so the device is not checked
        // any more.
        state.is_in_doubt |= is_refresh && exchange.servings.iter().any(is_late);
        let delivered = exchange
            .servings
            .iter()
            .find(|serving| serving.delivered_at.is_some());
        match delivered {
            Some(serving) if serving.status == 200 => state.unanswered_since = None,
            Some(serving) if is_refresh && serving.status == 401 => {
                let since = state.unanswered_since.take();
                let seconds = since.map_or(0, |since| clock(serving.at) - since);
                if seconds <= SURE_GRACE_SECONDS && !state.is_in_doubt {
                    let actor = exchange.actor;
                    let what = format!("{actor} was logged out {seconds} s after a lost answer");
                    findings.push(Finding::new(Check::StaysSignedIn, what));
                }
            }
            _ if is_refresh => {
                state
                    .unanswered_since
                    .get_or_insert(clock(exchange.sent_at));
            }
            _ => {}
        }
    }
    findings
}

/// Check 5: a device verifies its replica only if its pages did not match the digest. The
/// verification repairs the replica, but it should never have been needed.
pub(super) fn drift(history: &History) -> Vec<Finding> {
    let asked = history.exchanges.iter();
    let asked = asked.filter(|exchange| exchange.line.ends_with("/sync/verify"));
    let finding = |actor| {
        Finding::new(
            Check::PagesAddUp,
            format!("{actor} had to repair its replica"),
        )
    };
    asked.map(|exchange| finding(exchange.actor)).collect()
}

/// Check 12: a cursor does not expire before tombstones do. A slow first pull must come to its end: the
/// reader holds nothing that was deleted before the pull began.
pub(super) fn expired(history: &History, end_state: &FinalState) -> Vec<Finding> {
    /// Differences between the clocks of servers, in seconds.
    const SKEW_SECONDS: i64 = 10;
    let kept = 86_400 * i64::from(end_state.tombstone_days) - SKEW_SECONDS;
    // Clock since when a reader with this cursor has read every deletion. Histories of two users can
    // have the same cursor.
    let mut read_since: BTreeMap<(u32, String), i64> = BTreeMap::new();
    let mut findings = Vec::new();
    for event in &history.events {
        let EventKind::Served(exchange, serving) = event.kind else {
            continue;
        };
        let exchange = &history.exchanges[exchange];
        let serving = &exchange.servings[serving];
        let cursor = match &exchange.sync {
            Some(request) => request.cursor.clone(),
            None => cursor_text(&exchange.line).map(str::to_owned),
        };
        let person = exchange.actor.person;
        let key = |cursor: &String| (person, cursor.clone());
        let since = cursor
            .as_ref()
            .and_then(|cursor| read_since.get(&key(cursor)));
        // Another epoch refuses a cursor for another reason.
        let is_expired = || String::from_utf8_lossy(&serving.body).contains("cursor_expired");
        if serving.status == 410
            && is_expired()
            && let Some(since) = since.filter(|since| event.clock - **since < kept)
        {
            let what = format!(
                "{} was refused a cursor that is {} s old, and tombstones are kept for {kept} s",
                exchange.actor,
                event.clock - since
            );
            findings.push(Finding::new(Check::Drains, what));
        }
        let Some(page) = &serving.sync else {
            continue;
        };
        // The clock may have jumped while the server read the page.
        let asked_at = history.events[exchange.sent_at].clock;
        let is_in_first_pull =
            |cursor: &str| parse_cursor(cursor).is_ok_and(|cursor| cursor.first_pull.is_some());
        if !page.has_more {
            // Another request may have read the same page later.
            let since = read_since.entry(key(&page.cursor)).or_insert(asked_at);
            *since = asked_at.max(*since);
        } else if is_in_first_pull(&page.cursor) {
            let before = cursor.filter(|cursor| is_in_first_pull(cursor));
            let began = before.and_then(|cursor| read_since.get(&key(&cursor)).copied());
            let began = began.unwrap_or(asked_at);
            read_since.entry(key(&page.cursor)).or_insert(began);
        }
    }
    findings
}

/// State of a device's refresh tokens.
#[derive(Default)]
struct Sessions {
    /// Time since when a token may have been consumed without an answer.
    unanswered_since: Option<i64>,
    is_in_doubt: bool,
}

/// Check 12: a long poll is answered when a change arrives, not when the wait is over.
pub(super) fn long_polls(history: &History, end_state: &FinalState) -> Vec<Finding> {
    let mut findings = Vec::new();
    let at = |place: usize| {
        history
            .events
            .get(place)
            .map_or(0, |event: &Event| event.at)
    };
    for poll in history
        .exchanges
        .iter()
        .filter(|exchange| exchange.line.contains("wait_ms"))
    {
        let ([serving], Some(from)) = (poll.servings.as_slice(), cursor_of(&poll.line)) else {
            continue;
        };
        // A serving that was not delivered may be a duplicate, which was sent later.
        if serving.delivered_at.is_none() {
            continue;
        }
        // From this time on the poll was certainly waiting.
        let begun = at(poll.sent_at) + end_state.longest_delay + 200;
        let answered = at(serving.at);
        let news = history.syncs().find(|(other, _, earlier, response)| {
            let known_at = at(earlier.at);
            other.actor.person == poll.actor.person
                && response.results.iter().any(|result| {
                    result.seq.is_some_and(|seq| seq > from)
                        && result.status == kanso_protocol::sync::OperationStatus::Applied
                })
                && known_at > begun
                && known_at + late(end_state) < answered
        });
        if let Some((other, ..)) = news {
            let what = format!(
                "{} was answered {} ms after it began to wait, and {} had written meanwhile",
                poll.actor,
                answered - at(poll.sent_at),
                other.actor
            );
            findings.push(Finding::new(Check::Drains, what));
        }
    }
    findings
}

fn cursor_of(line: &str) -> Option<i64> {
    Some(parse_cursor(cursor_text(line)?).ok()?.seq.get())
}

fn cursor_text(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("cursor=")?;
    rest.split(['&', ' ', '"']).next()
}
