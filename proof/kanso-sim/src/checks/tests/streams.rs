//! Streams that are wrong in one respect, and what servers keep.

use kanso_domain::UserId;

use super::*;
use crate::cluster::Kept;
use crate::history::End;

const USER: Uuid = Uuid::from_u128(0xCD);

impl Tale {
    /// Device 2 opens a stream, on server 1.
    fn open(&mut self, parameters: &str) -> usize {
        let line = format!("Get /api/v1/sync/stream?{parameters}");
        let exchange = self.send(2, &line, None);
        let serving = self.serve(exchange, 200, None);
        self.serving(exchange).body.clear();
        self.deliver(exchange, serving);
        exchange
    }

    fn say(&mut self, exchange: usize, event: &str, data: &str) {
        let at = self.push(What::Said(exchange, 0, 0));
        let serving = self.serving(exchange);
        let text = format!("event: {event}\ndata: {data}\n\n");
        serving.body.extend_from_slice(text.as_bytes());
        serving.pieces.push((serving.body.len(), at));
    }

    fn poke(&mut self, exchange: usize, head: i64) {
        self.say(exchange, "poke", &format!("{{\"head\":{head}}}"));
    }

    fn end(&mut self, exchange: usize, end: End) {
        let at = self.push(What::Ended(exchange, 0, end));
        self.serving(exchange).ended = Some((at, end));
    }

    fn serving(&mut self, exchange: usize) -> &mut Serving {
        &mut self.history.exchanges[exchange].servings[0]
    }

    /// An edit of the habit to this version, which is the position of the history too.
    fn edit(&mut self, version: i64) {
        let op = u128::try_from(version).unwrap();
        let change = operation(op, Update, Some(version - 1), "two");
        self.push_one(1, change, result(op, Applied, version));
    }

    /// Somebody pulls and is shown a history that stands at `head`.
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

/// A habit was made, and device 2 follows.
fn followed() -> (Tale, usize) {
    let mut tale = Tale::default();
    tale.push_one(1, operation(1, Create, None, "one"), result(1, Applied, 1));
    let stream = tale.open("");
    tale.say(stream, "hello", "{\"head\":1}");
    tale.now += 1_000;
    (tale, stream)
}

/// The history of person 1 was said to stand at each position up to `head`.
fn said_to(head: i64) -> Ends {
    let mut ends = ends(head, if head > 1 { "two" } else { "one" });
    let user = UserId::new(USER);
    ends.people[0].user = Some(user);
    ends.told = [(user, (1..=head).collect())].into();
    ends
}

#[test]
fn a_change_that_an_open_stream_does_not_tell_is_found() {
    for (waits, is_late) in [(900, false), (1_100, true)] {
        let (mut tale, stream) = followed();
        tale.edit(2);
        tale.now += waits;
        tale.poke(stream, 2);
        tale.end(stream, End::Unread);
        let late = if is_late { vec![Check::Drains] } else { vec![] };
        assert_eq!(tale.judged(&said_to(2)), late, "{waits} ms later");
        let shared = Ends {
            has_others: true,
            ..said_to(2)
        };
        assert_eq!(tale.judged(&shared), [], "a sweep may have to find it");
    }
}

#[test]
fn a_stream_that_is_over_need_not_tell() {
    let (mut tale, stream) = followed();
    tale.edit(2);
    tale.now += 900;
    tale.end(stream, End::Died);
    tale.now += 9_000;
    assert_eq!(tale.judged(&said_to(2)), []);
}

#[test]
fn a_stream_without_heartbeats_is_found() {
    for (silent, found) in [(15_000, vec![]), (16_000, vec![Check::Drains])] {
        let (mut tale, stream) = followed();
        tale.now += 14_000;
        tale.say(stream, "heartbeat", "{\"head\":1}");
        tale.now += silent;
        tale.end(stream, End::Unread);
        assert_eq!(tale.judged(&said_to(1)), found, "{silent} ms");
    }
}

#[test]
fn a_poke_ahead_of_what_a_pull_finds_is_found() {
    let (mut tale, stream) = followed();
    tale.edit(2);
    tale.poke(stream, 2);
    tale.pull(2);
    assert_eq!(tale.judged(&said_to(2)), []);
    tale.pull(1);
    assert_eq!(tale.judged(&said_to(2)), [Check::Drains]);
    let restored = Ends {
        restores: 1,
        ..said_to(2)
    };
    assert_eq!(tale.judged(&restored), [], "a copy takes positions back");
}

#[test]
fn a_server_that_has_not_got_as_far_as_its_poke_is_found() {
    let (mut tale, stream) = followed();
    tale.poke(stream, 1);
    let pull = tale.send(2, "Get /api/v1/sync?min_seq=1", None);
    tale.serve(pull, 503, None);
    tale.serving(pull).body = b"{\"code\":\"unavailable\"}".to_vec();
    assert_eq!(tale.judged(&said_to(1)), []);
    tale.serving(pull).body = b"{\"code\":\"behind\"}".to_vec();
    assert_eq!(tale.judged(&said_to(1)), [Check::Drains]);
}

#[test]
fn a_poke_for_the_history_of_somebody_else_is_found() {
    let (mut tale, stream) = followed();
    tale.poke(stream, 7);
    assert_eq!(tale.judged(&said_to(1)), [Check::Isolation]);
    let own = Ends {
        told: said_to(7).told,
        ..said_to(1)
    };
    assert_eq!(tale.judged(&own), [], "their own");
}

#[test]
fn a_ticket_that_works_twice_is_found() {
    let (mut tale, _) = followed();
    tale.open("ticket=kt1_a&cursor=k1_c");
    tale.open("ticket=kt1_b");
    assert_eq!(tale.judged(&said_to(1)), []);
    tale.open("ticket=kt1_a");
    assert_eq!(tale.judged(&said_to(1)), [Check::Isolation]);
}

#[test]
fn a_stream_without_a_bye_is_found() {
    let stopped = || {
        let (mut tale, stream) = followed();
        tale.push(What::Stops(1));
        (tale, stream)
    };
    let (mut tale, stream) = stopped();
    tale.say(stream, "bye", "{\"retry_ms\":1}");
    tale.end(stream, End::Said);
    assert_eq!(tale.judged(&said_to(1)), []);

    let (mut tale, stream) = stopped();
    tale.end(stream, End::Said);
    assert_eq!(tale.judged(&said_to(1)), [Check::Drains], "it just ends");

    let (mut tale, stream) = stopped();
    tale.now += 600;
    tale.end(stream, End::Died);
    assert_eq!(tale.judged(&said_to(1)), [Check::Drains], "it is let die");

    let (mut tale, stream) = followed();
    tale.end(stream, End::Unread);
    tale.push(What::Stops(1));
    assert_eq!(tale.judged(&said_to(1)), [], "it was over before");
}

#[test]
fn who_is_left_behind_and_what_is_kept_are_found() {
    let (tale, _) = followed();
    let kept = |count| Kept {
        server: 1,
        what: "tickets",
        count,
    };
    let mut end = said_to(1);
    end.kept = vec![kept(0)];
    assert_eq!(tale.judged(&end), []);
    end.kept = vec![kept(1)];
    assert_eq!(tale.judged(&end), [Check::Drains]);
    let mut end = said_to(1);
    end.behind = vec![Who {
        person: 1,
        device: Who::FOLLOWER,
    }];
    assert_eq!(tale.judged(&end), [Check::Drains]);
}
