//! What must hold of every answer: checks 10, 11 and 12.

use std::collections::BTreeMap;

use kanso_protocol::parse_cursor;

use crate::final_state::FinalState;
use crate::finding::{Check, Finding};
use crate::history::{Actor, Event, History, Serving};

/// How long a used refresh token is good for retries, in seconds, less what clocks of servers differ.
const SURE_GRACE_SECONDS: i64 = 50;

/// How late a waiter may be told, in milliseconds, beside the ways of the messages.
const LATE_MILLIS: u64 = 1_000;

/// How much later where the change was another server's, and its word may be lost: a sweep.
const SWEEP_MILLIS: u64 = 2_000;

/// How much later where the storage may be busy or away: somebody waits ten seconds for a connection
/// and ten for a lock at most, and the database is away for six.
const BUSY_MILLIS: u64 = 26_000;

/// How late somebody may be told of a change by the server that they wait at.
pub(super) const fn late(end_state: &FinalState) -> u64 {
    let told = if end_state.has_others || end_state.has_busy_store {
        LATE_MILLIS + SWEEP_MILLIS
    } else {
        LATE_MILLIS
    };
    told + busy(end_state)
}

/// How long the storage may keep somebody waiting.
pub(super) const fn busy(end_state: &FinalState) -> u64 {
    if end_state.has_busy_store {
        BUSY_MILLIS
    } else {
        0
    }
}

/// No answer holds a text that somebody else wrote: each says whose it is.
pub(super) fn isolation(history: &History) -> Vec<Finding> {
    let mut findings = Vec::new();
    for exchange in &history.exchanges {
        let person = exchange.actor.person;
        for serving in &exchange.servings {
            let body = String::from_utf8_lossy(&serving.body);
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
                let what = format!("{} was told what p{stranger} wrote", exchange.actor);
                findings.push(Finding::new(Check::Isolation, what));
            }
        }
    }
    findings
}

/// A refresh token is refused only when its use was so long ago that its answer was no longer
/// waited for.
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
        // A second arrival, or one that is late because of a leap, may be a reuse after the grace that
        // no device did: the token was used up when the first answer was lost.
        let used_at = state.unanswered_since;
        let used_at = used_at.unwrap_or_else(|| clock(exchange.sent_at));
        let is_late = |serving: &Serving| {
            serving.delivered_at.is_none() && clock(serving.at) - used_at > SURE_GRACE_SECONDS
        };
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
                    let what = format!("{actor} was logged out, {seconds} s after a lost answer");
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

/// A device whose pages did not add up to what it was told asks what is wrong with its replica. That
/// heals it, and it should never have been needed.
pub(super) fn drift(history: &History) -> Vec<Finding> {
    let asked = history.exchanges.iter();
    let asked = asked.filter(|exchange| exchange.line.ends_with("/sync/verify"));
    let finding = |actor| Finding::new(Check::PagesAddUp, format!("{actor} had drifted"));
    asked.map(|exchange| finding(exchange.actor)).collect()
}

/// What is known of a device's refresh tokens.
#[derive(Default)]
struct Sessions {
    /// Since when one may have been used up without the device knowing.
    unanswered_since: Option<i64>,
    is_in_doubt: bool,
}

/// Who waits for news hears of it when it is there, not when the wait is over.
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
        // One that never arrived may be a second copy, which set out later than the first.
        if serving.delivered_at.is_none() {
            continue;
        }
        // By then it was certainly waiting.
        let begun = at(poll.sent_at) + end_state.longest_delay + 200;
        let told = at(serving.at);
        let news = history.syncs().find(|(other, _, earlier, response)| {
            let known_at = at(earlier.at);
            other.actor.person == poll.actor.person
                && response.results.iter().any(|result| {
                    result.seq.is_some_and(|seq| seq > from)
                        && result.status == kanso_protocol::sync::OperationStatus::Applied
                })
                && known_at > begun
                && known_at + late(end_state) < told
        });
        if let Some((other, ..)) = news {
            let what = format!(
                "{} was told {} ms after it began to wait, and {} had written meanwhile",
                poll.actor,
                told - at(poll.sent_at),
                other.actor
            );
            findings.push(Finding::new(Check::Drains, what));
        }
    }
    findings
}

fn cursor_of(line: &str) -> Option<i64> {
    let (_, rest) = line.split_once("cursor=")?;
    let text = rest.split('&').next()?;
    Some(parse_cursor(text).ok()?.seq.get())
}
