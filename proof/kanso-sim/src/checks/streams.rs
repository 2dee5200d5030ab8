//! Checks 10 and 12: promises about every event stream.
//!
//! A stream is a list of events with their places in the history, so each check compares it with a
//! list that is sorted the same way: the changes of its user, the pulls of its user, or its own
//! gaps.

use std::collections::{BTreeMap, BTreeSet};

use super::service::{busy, late};
use crate::final_state::FinalState;
use crate::finding::{Check, Finding};
use crate::history::{EventKind, Exchange, History, Serving, StreamEnd};
use crate::sse;

/// Longest time in which a draining server ends its streams, in milliseconds.
const BYE_MILLIS: u64 = 500;

/// Longest silence of a stream, in milliseconds: one heartbeat interval, and the time to look up
/// the session.
const SILENT_MILLIS: u64 = 15_000 + 500;

/// One stream as its server saw it.
struct Stream<'a> {
    exchange: &'a Exchange,
    serving: &'a Serving,
    /// Its events, with their places in the history.
    said: Vec<(usize, sse::SseEvent)>,
}

/// Checks that streams report the changes of their own user, soon, and no others.
pub(super) fn check(history: &History, end_state: &FinalState) -> Vec<Finding> {
    let streams = streams(history);
    let mut findings = tickets(history);
    let published = |person: u32| {
        let end = end_state.people.iter().find(|end| end.person == person)?;
        end_state.published.get(&end.user?)
    };
    let news = news(history);
    let pulls = pulls(history);
    for stream in &streams {
        let person = stream.exchange.actor.person;
        findings.extend(published(person).and_then(|published| stream.foreign_heads(published)));
        findings.extend(stream.without_bye(history));
        findings.extend(stream.long_silence(history, SILENT_MILLIS + busy(end_state)));
        // A restore takes positions back.
        if end_state.restores == 0 {
            let news = news.get(&person).map_or(&[][..], Vec::as_slice);
            let pulls = pulls.get(&person).map_or(&[][..], Vec::as_slice);
            findings.extend(stream.missed_changes(history, news, late(end_state)));
            findings.extend(stream.heads_ahead(pulls));
        }
    }
    findings
}

fn streams(history: &History) -> Vec<Stream<'_>> {
    let opened = history
        .exchanges
        .iter()
        .filter(|exchange| is_stream(exchange));
    let servings = opened.flat_map(|exchange| {
        let servings = exchange.servings.iter();
        servings.map(move |serving| (exchange, serving))
    });
    let good = servings.filter(|(_, serving)| serving.status == 200);
    good.map(|(exchange, serving)| Stream {
        exchange,
        serving,
        said: said(serving),
    })
    .collect()
}

fn is_stream(exchange: &Exchange) -> bool {
    exchange.line.starts_with("Get /api/v1/sync/stream?")
}

fn said(serving: &Serving) -> Vec<(usize, sse::SseEvent)> {
    let pieces = serving.pieces.iter().enumerate();
    let events = pieces.flat_map(|(number, (_, at))| {
        let text = String::from_utf8_lossy(serving.piece(number));
        sse::all(&text).into_iter().map(|event| (*at, event))
    });
    events.collect()
}

/// Returns when each user's history was known to have reached a position through an answered
/// change.
fn news(history: &History) -> BTreeMap<u32, Vec<(usize, i64)>> {
    let mut news: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for (exchange, _, serving, response) in history.syncs() {
        let newest = response.results.iter().filter_map(|result| result.seq);
        if let Some(newest) = newest.max() {
            let person = exchange.actor.person;
            news.entry(person).or_default().push((serving.at, newest));
        }
    }
    news
}

/// Returns when each user pulled and the head that the answer showed; `None` if the server answered
/// `behind`.
fn pulls(history: &History) -> BTreeMap<u32, Vec<(usize, Option<i64>)>> {
    let mut pulls: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for exchange in &history.exchanges {
        let shown = exchange.servings.iter().filter_map(|serving| {
            let is_behind = || is_behind(&serving.body).then_some(None);
            let head = serving.sync.as_ref().map(|sync| Some(sync.head));
            head.or_else(is_behind)
        });
        let person = exchange.actor.person;
        let shown = shown.map(|head| (exchange.sent_at, head));
        pulls.entry(person).or_default().extend(shown);
    }
    pulls
}

fn is_behind(body: &[u8]) -> bool {
    let problem = serde_json::from_slice::<serde_json::Value>(body);
    problem.is_ok_and(|problem| problem["code"] == "behind")
}

/// A ticket opens one stream, even if the request arrives twice.
fn tickets(history: &History) -> Vec<Finding> {
    let mut opened: BTreeMap<&str, usize> = BTreeMap::new();
    for exchange in history.exchanges.iter().filter(|it| is_stream(it)) {
        let Some((_, rest)) = exchange.line.split_once("ticket=") else {
            continue;
        };
        let servings = exchange.servings.iter();
        let good = servings.filter(|serving| serving.status == 200).count();
        let ticket = rest.split('&').next().unwrap_or(rest);
        *opened.entry(ticket).or_default() += good;
    }
    let twice = opened.values().filter(|count| **count > 1);
    twice
        .map(|count| {
            let what = format!("a ticket opened {count} streams");
            Finding::new(Check::Isolation, what)
        })
        .collect()
}

impl Stream<'_> {
    /// The stream named a head that was never published for its user.
    fn foreign_heads(&self, published: &BTreeSet<i64>) -> Option<Finding> {
        let pokes = self.said.iter().filter(|(_, event)| event.name == "poke");
        let mut heads = pokes.filter_map(|(_, event)| event.head());
        let head = heads.find(|head| !published.contains(head))?;
        let actor = self.exchange.actor;
        let what = format!("{actor} got the head {head}, which was never published for its user");
        Some(Finding::new(Check::Isolation, what))
    }

    /// The stream was open and did not report a change in time.
    fn missed_changes(
        &self,
        history: &History,
        news: &[(usize, i64)],
        late: u64,
    ) -> Option<Finding> {
        let time = |place: usize| history.events.get(place).map_or(0, |event| event.at);
        let over = self
            .serving
            .ended
            .map_or(u64::MAX, |(place, _)| time(place));
        let was_told = |seq: i64, until: u64| {
            let mut said = self.said.iter();
            said.any(|(at, event)| event.head() >= Some(seq) && time(*at) <= until)
        };
        // Only changes after the stream was opened count: earlier ones are in the `hello` event or
        // in the next pull.
        let missed = news.iter().find(|(at, seq)| {
            let until = time(*at) + late;
            *at > self.serving.at && over > until && !was_told(*seq, until)
        });
        let (at, seq) = missed?;
        let (actor, known) = (self.exchange.actor, time(*at));
        let what = format!("{actor} did not get {seq} within {late} ms of {known} ms");
        Some(Finding::new(Check::Drains, what))
    }

    /// The stream was silent for longer than a heartbeat interval.
    fn long_silence(&self, history: &History, longest: u64) -> Option<Finding> {
        let time = |place: usize| history.events.get(place).map_or(0, |event| event.at);
        let said = self.said.iter().map(|(place, _)| *place);
        let over = self.serving.ended.map(|(place, _)| place);
        let places = [self.serving.at].into_iter().chain(said).chain(over);
        let times: Vec<u64> = places.map(time).collect();
        let mut gaps = times.windows(2).map(|pair| (pair[0], pair[1] - pair[0]));
        let (since, gap) = gaps.find(|(_, gap)| *gap > longest)?;
        let actor = self.exchange.actor;
        let what = format!("{actor} got no event for {gap} ms from {since} ms on");
        Some(Finding::new(Check::Drains, what))
    }

    /// The stream named a head that a later pull did not find.
    fn heads_ahead(&self, pulls: &[(usize, Option<i64>)]) -> Option<Finding> {
        let heads = self.said.iter();
        let mut heads = heads.filter_map(|(at, event)| Some((*at, event.head()?)));
        let (_, head) = heads.find(|(said, head)| {
            let mut later = pulls.iter().filter(|(sent, _)| sent > said);
            later.any(|(_, shown)| *shown < Some(*head))
        })?;
        let what = format!(
            "{} got the head {head} before it was stored",
            self.exchange.actor
        );
        Some(Finding::new(Check::Drains, what))
    }

    /// Its server was asked to stop and did not send `bye`.
    fn without_bye(&self, history: &History) -> Option<Finding> {
        let mut places = history.events.iter().enumerate();
        let (stopped, event) = places.find(|(place, event)| {
            event.kind == EventKind::DrainStarted(self.serving.server) && *place > self.serving.at
        })?;
        let (ended, end) = self
            .serving
            .ended
            .unwrap_or((usize::MAX, StreamEnd::Finished));
        if ended < stopped {
            return None;
        }
        let over = history.events.get(ended).map_or(u64::MAX, |event| event.at);
        let stays_open = over > event.at + BYE_MILLIS;
        let said_bye = self.said.last().is_some_and(|(_, last)| last.name == "bye");
        // A stream that ended because its process died or its reader left owes no `bye`.
        let is_wrong = stays_open || (end == StreamEnd::Finished && !said_bye);
        let what = format!(
            "{} had a stream without `bye` from a server that stopped",
            self.exchange.actor
        );
        is_wrong.then(|| Finding::new(Check::Drains, what))
    }
}
