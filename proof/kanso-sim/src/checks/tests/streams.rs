//! Streams with one fault each, and memory that servers do not free.

use kanso_domain::UserId;

use super::*;
use crate::cluster::MemoryUse;
use crate::history::StreamEnd;

const USER: Uuid = Uuid::from_u128(0xCD);

impl HistoryBuilder {
    /// Device 2 opens a stream on server 1.
    fn open(&mut self, parameters: &str) -> usize {
        let line = format!("Get /api/v1/sync/stream?{parameters}");
        let exchange = self.send(2, &line, None);
        let serving = self.serve(exchange, 200, None);
        self.serving(exchange).body.clear();
        self.deliver(exchange, serving);
        exchange
    }

    fn say(&mut self, exchange: usize, event: &str, data: &str) {
        let at = self.push(EventKind::PieceSent(exchange, 0, 0));
        let serving = self.serving(exchange);
        let text = format!("event: {event}\ndata: {data}\n\n");
        serving.body.extend_from_slice(text.as_bytes());
        serving.pieces.push((serving.body.len(), at));
    }

    fn poke(&mut self, exchange: usize, head: i64) {
        self.say(exchange, "poke", &format!("{{\"head\":{head}}}"));
    }

    fn end(&mut self, exchange: usize, end: StreamEnd) {
        let at = self.push(EventKind::StreamEnded(exchange, 0, end));
        self.serving(exchange).ended = Some((at, end));
    }

    fn serving(&mut self, exchange: usize) -> &mut Serving {
        &mut self.history.exchanges[exchange].servings[0]
    }

    /// Edits the habit to this version, which is also the position of the history.
    fn edit(&mut self, version: i64) {
        let op = u128::try_from(version).unwrap();
        let change = operation(op, Update, Some(version - 1), "two");
        self.push_one(1, change, result(op, Applied, version));
    }

    /// Device 1 pulls and gets this head.
    fn pull(&mut self, head: i64) {
        let exchange = self.send(1, "Get /api/v1/sync?limit=9", None);
        let page = SyncResponse {
            head,
            ..answer(Vec::new())
        };
        let serving = self.serve(exchange, 200, Some(page));
        self.deliver(exchange, serving);
    }
}

/// A habit was made, and device 2 follows the stream.
fn followed() -> (HistoryBuilder, usize) {
    let mut run = HistoryBuilder::default();
    run.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
    let stream = run.open("");
    run.say(stream, "hello", "{\"head\":1}");
    run.now += 1_000;
    (run, stream)
}

/// The heads of user 1 up to `head` were published.
fn said_to(head: i64) -> FinalState {
    let mut ends = ends(head, if head > 1 { "two" } else { "one" });
    let user = UserId::new(USER);
    ends.people[0].user = Some(user);
    ends.published = [(user, (1..=head).collect())].into();
    ends
}

#[test]
fn a_change_that_an_open_stream_does_not_report_is_found() {
    for (waits, is_late) in [(900, false), (1_100, true)] {
        let (mut run, stream) = followed();
        run.edit(2);
        run.now += waits;
        run.poke(stream, 2);
        run.end(stream, StreamEnd::Abandoned);
        let late = if is_late { vec![Check::Drains] } else { vec![] };
        assert_eq!(run.failed(&said_to(2)), late, "{waits} ms later");
        let shared = FinalState {
            has_others: true,
            ..said_to(2)
        };
        assert_eq!(run.failed(&shared), [], "a sweep may have to find it");
    }
}

#[test]
fn a_stream_that_ended_need_not_report() {
    let (mut run, stream) = followed();
    run.edit(2);
    run.now += 900;
    run.end(stream, StreamEnd::ServerDied);
    run.now += 9_000;
    assert_eq!(run.failed(&said_to(2)), []);
}

#[test]
fn a_stream_without_heartbeats_is_found() {
    for (silent, found) in [(15_000, vec![]), (16_000, vec![Check::Drains])] {
        let (mut run, stream) = followed();
        run.now += 14_000;
        run.say(stream, "heartbeat", "{\"head\":1}");
        run.now += silent;
        run.end(stream, StreamEnd::Abandoned);
        assert_eq!(run.failed(&said_to(1)), found, "{silent} ms");
    }
}

#[test]
fn a_poke_ahead_of_what_a_pull_finds_is_found() {
    let (mut run, stream) = followed();
    run.edit(2);
    run.poke(stream, 2);
    run.pull(2);
    assert_eq!(run.failed(&said_to(2)), []);
    run.pull(1);
    assert_eq!(run.failed(&said_to(2)), [Check::Drains]);
    let restored = FinalState {
        restores: 1,
        ..said_to(2)
    };
    assert_eq!(run.failed(&restored), [], "a restore takes positions back");
}

#[test]
fn a_server_that_has_not_got_as_far_as_its_poke_is_found() {
    let (mut run, stream) = followed();
    run.poke(stream, 1);
    let pull = run.send(2, "Get /api/v1/sync?min_seq=1", None);
    run.serve(pull, 503, None);
    run.serving(pull).body = b"{\"code\":\"unavailable\"}".to_vec();
    assert_eq!(run.failed(&said_to(1)), []);
    run.serving(pull).body = b"{\"code\":\"behind\"}".to_vec();
    assert_eq!(run.failed(&said_to(1)), [Check::Drains]);
}

#[test]
fn a_poke_for_the_history_of_another_user_is_found() {
    let (mut run, stream) = followed();
    run.poke(stream, 7);
    assert_eq!(run.failed(&said_to(1)), [Check::Isolation]);
    let own = FinalState {
        published: said_to(7).published,
        ..said_to(1)
    };
    assert_eq!(run.failed(&own), [], "its own user");
}

#[test]
fn a_ticket_that_works_twice_is_found() {
    let (mut run, _) = followed();
    run.open("ticket=kt1_a&cursor=k1_c");
    run.open("ticket=kt1_b");
    assert_eq!(run.failed(&said_to(1)), []);
    run.open("ticket=kt1_a");
    assert_eq!(run.failed(&said_to(1)), [Check::Isolation]);
}

#[test]
fn a_stream_without_a_bye_is_found() {
    let stopped = || {
        let (mut run, stream) = followed();
        run.push(EventKind::DrainStarted(1));
        (run, stream)
    };
    let (mut run, stream) = stopped();
    run.say(stream, "bye", "{\"retry_ms\":1}");
    run.end(stream, StreamEnd::Finished);
    assert_eq!(run.failed(&said_to(1)), []);

    let (mut run, stream) = stopped();
    run.end(stream, StreamEnd::Finished);
    assert_eq!(
        run.failed(&said_to(1)),
        [Check::Drains],
        "it ends without bye"
    );

    let (mut run, stream) = stopped();
    run.now += 600;
    run.end(stream, StreamEnd::ServerDied);
    assert_eq!(
        run.failed(&said_to(1)),
        [Check::Drains],
        "it dies without bye"
    );

    let (mut run, stream) = followed();
    run.end(stream, StreamEnd::Abandoned);
    run.push(EventKind::DrainStarted(1));
    assert_eq!(run.failed(&said_to(1)), [], "it ended before");
}

#[test]
fn a_stale_follower_and_unfreed_memory_are_found() {
    let (run, _) = followed();
    let kept = |count| MemoryUse {
        server: 1,
        what: "tickets",
        count,
    };
    let mut end = said_to(1);
    end.retained = vec![kept(0)];
    assert_eq!(run.failed(&end), []);
    end.retained = vec![kept(1)];
    assert_eq!(run.failed(&end), [Check::Drains]);
    let mut end = said_to(1);
    end.behind = vec![Actor {
        person: 1,
        device: Actor::FOLLOWER,
    }];
    assert_eq!(run.failed(&end), [Check::Drains]);
}
