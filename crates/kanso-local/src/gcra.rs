//! The generic cell rate algorithm (ITU-T I.371), as a pure function.
//!
//! A bucket is one instant: when it will be full again. A request moves it by the *emission
//! interval*, window / requests; it is refused when that would move it further than one window
//! ahead. The first burst may therefore be the whole limit, and afterwards one request is earned
//! every emission interval.

use std::time::Duration;

use kanso_application::ports::limiter::{LimitState, RateLimit};

/// Decides on a request at `now` that counts as `cost` requests, and returns the instant at which its bucket is full afterwards.
///
/// `full_at` is that instant before the request; `None` or an instant in the past means a full bucket.
/// Instants are durations since any fixed point.
pub(crate) fn decide(
    full_at: Option<Duration>,
    now: Duration,
    limit: RateLimit,
    cost: u32,
) -> (LimitState, Duration) {
    let window = Duration::from_secs(limit.window_seconds.max(1).into());
    let requests = limit.requests.max(1);
    let full_at = full_at.unwrap_or(now).max(now);
    // At least one nanosecond: the division below must not be by zero.
    let emission = (window / requests).max(Duration::from_nanos(1));
    // Not `window`: the emission interval is rounded down, and the whole limit must fit exactly.
    let burst = emission * requests;
    // At most the whole limit, or the request could never be carried out.
    let after = full_at + emission * cost.clamp(1, requests);
    let latest = now + burst;
    let allowed = after <= latest;
    // A refused request costs nothing, so a client that retries too early is not punished.
    let full_at = if allowed { after } else { full_at };
    let free = latest.saturating_sub(full_at);
    let state = LimitState {
        allowed,
        limit,
        remaining: u32::try_from(free.as_nanos() / emission.as_nanos()).unwrap_or(u32::MAX),
        reset_seconds: whole_seconds(full_at.saturating_sub(now)),
        retry_after_seconds: if allowed {
            0
        } else {
            whole_seconds(after.saturating_sub(latest))
        },
    };
    (state, full_at)
}

/// Converts to seconds, rounded up: a client that waits this long is not too early.
fn whole_seconds(duration: Duration) -> u32 {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_IN_TEN: RateLimit = RateLimit::new(10, 10);

    /// Sends requests at the given milliseconds and returns the state after each.
    fn states(limit: RateLimit, at: &[u64]) -> Vec<LimitState> {
        let mut full_at = None;
        let mut each = |millis: &u64| {
            let (state, next) = decide(full_at, Duration::from_millis(*millis), limit, 1);
            full_at = Some(next);
            state
        };
        at.iter().map(&mut each).collect()
    }

    fn last(limit: RateLimit, at: &[u64]) -> (bool, u32, u32, u32) {
        let state = *states(limit, at).last().expect("a request");
        (
            state.allowed,
            state.remaining,
            state.reset_seconds,
            state.retry_after_seconds,
        )
    }

    #[test]
    fn the_whole_limit_may_come_at_once_and_no_more() {
        assert_eq!(last(TEN_IN_TEN, &[0]), (true, 9, 1, 0));
        assert_eq!(last(TEN_IN_TEN, &[0; 10]), (true, 0, 10, 0));
        assert_eq!(last(TEN_IN_TEN, &[0; 11]), (false, 0, 10, 1));
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let mut at = vec![0; 100];
        at.push(1000);
        assert_eq!(last(TEN_IN_TEN, &at), (true, 0, 10, 0));
    }

    #[test]
    fn one_request_is_earned_every_emission_interval() {
        let mut at = vec![0; 10];
        at.push(999);
        assert_eq!(last(TEN_IN_TEN, &at), (false, 0, 10, 1));
        at.push(1000);
        assert_eq!(last(TEN_IN_TEN, &at), (true, 0, 10, 0));
        at.push(3500);
        assert_eq!(last(TEN_IN_TEN, &at), (true, 1, 9, 0));
    }

    #[test]
    fn a_costly_request_counts_as_several() {
        let cost = |full_at, cost| decide(full_at, Duration::ZERO, TEN_IN_TEN, cost);
        let (first, full_at) = cost(None, 6);
        assert_eq!((first.allowed, first.remaining), (true, 4));
        let (refused, full_at) = cost(Some(full_at), 6);
        assert_eq!((refused.allowed, refused.retry_after_seconds), (false, 2));
        let (cheap, _) = cost(Some(full_at), 4);
        assert_eq!((cheap.allowed, cheap.remaining), (true, 0));
        // More than the whole limit counts as the whole limit.
        let (whole, _) = cost(None, 100);
        assert_eq!((whole.allowed, whole.remaining), (true, 0));
    }

    #[test]
    fn after_a_window_the_bucket_is_full() {
        let mut at = vec![0; 10];
        at.push(10_000);
        assert_eq!(last(TEN_IN_TEN, &at), (true, 9, 1, 0));
    }

    #[test]
    fn a_rounded_interval_still_allows_the_whole_limit() {
        for requests in [1, 3, 7, 100, 999, 1_000_000] {
            let limit = RateLimit::new(requests, 60);
            let count = usize::try_from(requests).expect("it fits") + 1;
            let states = states(limit, &vec![5; count]);
            assert!(
                states[..count - 1].iter().all(|state| state.allowed),
                "{requests}"
            );
            assert!(!states[count - 1].allowed, "{requests}");
        }
    }
}
