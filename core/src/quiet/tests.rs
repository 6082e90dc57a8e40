//! That the short ways are only shortcuts.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::answer::{Decision, Events};
use crate::hash::splitmix64;
use crate::settle::End;
use crate::state::Live;
use crate::{Acquire, Holder, Outcome, Permit, Policy, Settle, State, Step, Timestamp};

const POLICIES: [&str; 8] = [
    r#"{"name": "p", "circuit": {"consecutive_failures": 3, "open_ms": 2, "probe_lease_ms": 40, "forget_ms": 30}}"#,
    r#"{"name": "p", "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3}]}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 3, "lease_ms": 30},
        "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3, "initial": "empty"},
                   {"name": "b", "capacity": 5, "refill_tokens": 1, "refill_interval_ms": 1, "charge": "call"}]}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 6, "lease_ms": 30, "reentrant": true},
        "circuit": {"consecutive_failures": 4, "open_ms": 1, "probe_lease_ms": 30}}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30},
        "circuit": {"failures_in_window": {"count": 3, "window_ms": 20}, "slow_call_ms": 1, "slow_call_rate_percent": 70,
            "minimum_calls": 4, "window": {"ms": 40, "slots": 4}, "open_ms": 3, "growth_reset_ms": 9,
            "open_multiplier": 2, "forget_ms": 100}}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30},
        "circuit": {"failure_rate_percent": 50, "minimum_calls": 3, "window": {"calls": 4}, "open_ms": 1}}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 4, "lease_ms": 30}, "health": {"max_success_age_ms": 90},
        "limits": [{"name": "a", "capacity": 9, "refill_tokens": 7, "refill_interval_ms": 3}]}"#,
    r#"{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 2, "probe_lease_ms": 40, "half_open_max_ms": 3},
        "health": {"max_success_age_ms": 50, "flapping": {"openings": 3, "window_ms": 60}}}"#,
];

/// One history, on a state that may go the short way and on one that never does.
struct Pair {
    policy: Policy,
    short: State,
    general: State,
    permits: Vec<Permit>,
    random: u64,
    now: u64,
    /// How many acquires and how many settles went the shortest way.
    at_once: (u32, u32),
}

impl Pair {
    fn pick(&mut self, below: u64) -> u64 {
        self.random = splitmix64(self.random);
        self.random % below
    }

    fn acquire(&mut self, now: Timestamp) {
        let wish = Acquire::new().cost(u32::try_from(self.pick(4)).unwrap());
        let wish = if self.pick(3) == 0 { wish.holder(Holder::from_raw(self.pick(2) + 1).unwrap()) } else { wish };
        let mut straight = self.short.clone();
        let at_once = straight.acquire_at_once(&self.policy, wish, now.as_micros());
        let short = self.policy.acquire(&mut self.short, wish, now);
        let general = self.policy.acquire_with_care(&mut self.general, wish, now.as_micros());
        assert_eq!(short, general);
        if let Some((permit, changed)) = at_once {
            let answer = Decision::Admitted { permit, would_reject: None };
            assert_eq!(Step { answer, changed, events: Events::NONE }, short);
            assert_eq!(straight.to_bytes(), self.short.to_bytes());
            self.at_once.0 += 1;
        }
        if let Step { answer: Decision::Admitted { permit, .. }, .. } = short {
            self.permits.push(permit);
        }
    }

    fn settle(&mut self, now: Timestamp) {
        let at = self.pick(self.permits.len().max(1) as u64) as usize;
        let Some(words) = self.permits.get(at).map(Permit::to_words) else { return };
        if self.pick(4) != 0 {
            // Else it will be settled again.
            self.permits.swap_remove(at);
        }
        let outcome = [Outcome::Success, Outcome::Success, Outcome::Failure, Outcome::Ignored][self.pick(4) as usize];
        let end = Settle::new(outcome).took(Duration::from_micros(self.pick(2_000)));
        let mut straight = self.short.clone();
        let permit = Permit::from_words(words);
        let at_once = straight.settle_at_once(&self.policy, &permit, end, now.as_micros());
        let short = self.policy.settle(&mut self.short, permit, end, now);
        if let Some((answer, changed)) = at_once {
            assert_eq!(Step { answer, changed, events: Events::NONE }, short);
            assert_eq!(straight.to_bytes(), self.short.to_bytes());
            self.at_once.1 += 1;
        }
        let end = End::Settled(end);
        let general = self.policy.finish(&mut self.general, &Permit::from_words(words), end, now.as_micros());
        assert_eq!(short, general);
    }

    fn step(&mut self) {
        self.now += self.pick(3) * self.pick(4_000);
        let now = Timestamp::from_micros(self.now).unwrap();
        if self.pick(2) == 0 {
            self.acquire(now);
        } else {
            self.settle(now);
        }
        assert_eq!(self.short.to_bytes(), self.general.to_bytes());
    }
}

/// The short way is only a shortcut: answers, changes and bytes are those of the general step.
#[test]
fn the_short_way_agrees_with_the_general_step() {
    let mut at_once = (0, 0);
    for (seed, json) in (0..).zip(POLICIES.iter().cycle().take(100)) {
        let policy = Policy::from_json(json).unwrap();
        // Lease ids begin at the instant's low bits: in every other history they begin anew after the last one.
        let start = if seed % 2 == 0 { 1_700_000_000_000_000 } else { (101_328_000 << 24) - 20 };
        let state = policy.new_state(Timestamp::from_micros(start).unwrap());
        let general = state.clone();
        let mut pair = Pair { policy, short: state, general, permits: Vec::new(), random: seed, now: start, at_once };
        (0..400).for_each(|_| pair.step());
        at_once = pair.at_once;
    }
    assert!(at_once.0 > 1_000 && at_once.1 > 1_000, "of 40,000 steps only {at_once:?} went the shortest way");
}

/// Whether a call at `now` goes the short way.
fn is_short(policy: &Policy, state: &State, now: Timestamp) -> bool {
    policy.acquire_quietly(state.clone().words_mut(), &Acquire::new(), now.as_micros()).is_some()
}

/// What is forgotten is forgotten once: successes do not count without a rate, and nothing else is due for ever.
#[test]
fn the_short_way_is_open_again_after_forgetting() {
    let json = r#"{"name": "p", "circuit": {"failures_in_window": {"count": 9, "window_ms": 60}, "forget_ms": 30},
        "limits": [{"name": "a", "capacity": 9, "refill_tokens": 9, "refill_interval_ms": 1}]}"#;
    let policy = Policy::from_json(json).unwrap();
    let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
    let mut state = policy.new_state(at(0));
    let _ = policy.acquire(&mut state, Acquire::new(), at(0));
    assert!(is_short(&policy, &state, at(29)) && !is_short(&policy, &state, at(30)));
    let _ = policy.acquire(&mut state, Acquire::new(), at(30));
    assert!(is_short(&policy, &state, at(31)));
}

/// Health makes no call slower but the one whose success it writes, and those that wait for it.
#[test]
fn the_short_way_is_open_until_a_success_is_written_again() {
    let json = r#"{"name": "p", "health": {"max_success_age_ms": 1600},
        "limits": [{"name": "a", "capacity": 9, "refill_tokens": 9, "refill_interval_ms": 1}]}"#;
    let policy = Policy::from_json(json).unwrap();
    let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
    let mut state = policy.new_state(at(0));
    let permit = policy.acquire(&mut state, Acquire::new(), at(0)).answer.into_result().unwrap().permit;
    assert!(is_short(&policy, &state, at(99)) && !is_short(&policy, &state, at(100)));
    let _ = policy.settle(&mut state, permit, Settle::success(), at(100));
    assert!(is_short(&policy, &state, at(199)) && !is_short(&policy, &state, at(200)));
}

#[test]
fn the_short_way_is_open_again_when_no_limit_is_carried() {
    let limit = |name| format!(r#"{{"name": "{name}", "capacity": 9, "refill_tokens": 1, "refill_interval_ms": 10}}"#);
    let policy = |limits: String| Policy::from_json(&format!(r#"{{"name": "p", "limits": [{limits}]}}"#)).unwrap();
    let (both, one) = (policy([limit("a"), limit("b")].join(",")), policy(limit("a")));
    let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
    let mut state = both.new_state(at(0));
    let _ = both.acquire(&mut state, Acquire::new(), at(0));
    let _ = one.acquire(&mut state, Acquire::new(), at(1));
    assert!(state.snapshot().limits.len() == 2 && !is_short(&one, &state, at(9)));
    let _ = one.acquire(&mut state, Acquire::new(), at(10));
    assert!(state.snapshot().limits.len() == 1 && is_short(&one, &state, at(11)));
}
