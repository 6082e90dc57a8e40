//! That the short way of a refusal is only a shortcut.

use alloc::vec::Vec;
use core::time::Duration;

use crate::answer::{Decision, Events, Gate, GateSet, Rejection, RetryAfter};
use crate::hash::splitmix64;
use crate::state::Live;
use crate::{Acquire, Command, Holder, Outcome, Permit, Policy, Settle, State, Step, Timestamp};

/// Policies that adopt each other's states now and then: two by two.
const POLICIES: [&str; 8] = [
    r#"{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 9, "probe_lease_ms": 40, "forget_ms": 30}, "block": {}}"#,
    r#"{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 5, "half_open_permits": 0},
        "bulkhead": {"max_concurrent": 1, "lease_ms": 30}, "block": {"max_block_ms": 20, "after_block_percent": 40}}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 3, "lease_ms": 30}, "block": {"max_block_ms": 9},
        "limits": [{"name": "a", "capacity": 3, "refill_tokens": 7, "refill_interval_ms": 30, "initial": "empty"},
                   {"name": "b", "capacity": 5, "refill_tokens": 1, "refill_interval_ms": 9, "charge": "call"},
                   {"name": "c", "capacity": 6, "refill_tokens": 3, "refill_interval_ms": 9}]}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 1, "lease_ms": 50},
        "limits": [{"name": "b", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 20}]}"#,
    r#"{"name": "p", "bulkhead": {"max_concurrent": 2, "lease_ms": 30, "reentrant": true},
        "circuit": {"consecutive_failures": 3, "open_ms": 4, "probe_lease_ms": 30},
        "limits": [{"name": "a", "capacity": 4, "refill_tokens": 9, "refill_interval_ms": 30, "max_debt": 3}]}"#,
    r#"{"name": "p", "mode": "shadow", "bulkhead": {"max_concurrent": 1, "lease_ms": 30}}"#,
    r#"{"name": "p", "circuit": {"consecutive_failures": 2, "open_ms": 2, "probe_lease_ms": 40, "half_open_max_ms": 3},
        "health": {"max_success_age_ms": 50, "flapping": {"openings": 3, "window_ms": 60}}}"#,
    r#"{"name": "p", "circuit": {"failure_rate_percent": 50, "minimum_calls": 2, "window": {"calls": 4}, "open_ms": 6},
        "limits": [{"name": "a", "capacity": 2, "refill_tokens": 1, "refill_interval_ms": 5}]}"#,
];

struct History {
    policies: [Policy; 2],
    state: State,
    permits: Vec<Permit>,
    random: u64,
    now: u64,
    /// Refusals by the short way, refusals in all, the gates that refused by the short way, and how often waiting cannot help.
    short: u32,
    all: u32,
    gates: GateSet,
    never: u32,
}

impl History {
    fn pick(&mut self, below: u64) -> u64 {
        self.random = splitmix64(self.random);
        self.random % below
    }

    fn acquire(&mut self, policy: &Policy, now: Timestamp) {
        let wish = Acquire::new().cost([0, 1, 1, 2, 3, 9][self.pick(6) as usize]);
        let wish = if self.pick(3) == 0 { wish.holder(Holder::from_raw(self.pick(2) + 1).unwrap()) } else { wish };
        let before = self.state.to_bytes();
        let short = policy.refuse_quietly(self.state.words(), &wish, now.as_micros());
        let general = policy.acquire_with_care(&mut self.state, wish, now.as_micros());
        if let Some((by, gates, wait_us)) = short {
            let retry_after = wait_us.map_or(RetryAfter::Never, |us| RetryAfter::After(Duration::from_micros(us)));
            let answer = Decision::Rejected(Rejection { by, gates, retry_after });
            assert_eq!(general, Step { answer, changed: false, events: Events::NONE });
            assert_eq!(before, self.state.to_bytes());
            self.gates = gates.iter().chain(self.gates.iter()).collect();
            self.never += u32::from(wait_us.is_none());
            self.short += 1;
        }
        match general.answer {
            Decision::Admitted { permit, .. } => self.permits.push(permit),
            Decision::Rejected(_) => self.all += 1,
        }
    }

    fn settle(&mut self, policy: &Policy, now: Timestamp) {
        let at = self.pick(self.permits.len().max(1) as u64) as usize;
        if at < self.permits.len() {
            let permit = self.permits.swap_remove(at);
            let outcome = [Outcome::Success, Outcome::Failure, Outcome::Ignored][self.pick(3) as usize];
            // More than it cost is debt.
            let end = Settle::new(outcome).actual_cost(u32::try_from(self.pick(5)).unwrap());
            let _ = policy.settle(&mut self.state, permit, end, now);
        }
    }

    fn command(&mut self, policy: &Policy, now: Timestamp) {
        let until = now.saturating_add(Duration::from_micros(self.pick(9_000)));
        let command = match self.pick(9) {
            0..=2 => Command::Block { until },
            3 => Command::Unblock,
            4 | 5 => Command::Trip,
            6 => Command::ForceOpen { until: Some(until).filter(|_| self.random & 512 == 0) },
            7 => Command::LiftMode,
            _ => Command::Reset,
        };
        let _ = policy.command(&mut self.state, &command, now);
    }

    fn step(&mut self) {
        // Now and then the clock steps back: within the tolerance of a second, or beyond.
        self.now += self.pick(3) * self.pick(4_000);
        let back = if self.pick(8) == 0 { self.pick(2) * 999_000 + self.pick(4_000) } else { 0 };
        let now = Timestamp::from_micros(self.now - back).unwrap();
        let policy = self.policies[usize::from(self.pick(40) == 0)].clone();
        match self.pick(10) {
            0..=5 => self.acquire(&policy, now),
            6..=8 => self.settle(&policy, now),
            _ => self.command(&policy, now),
        }
    }
}

/// Where it answers, it answers as the general step does, and nothing changed. It answers most refusals, though there are far more
/// modes, half-open circuits and shared slots here than anywhere else.
#[test]
fn the_short_way_of_a_refusal_agrees_with_the_general_step() {
    let (mut short, mut all, mut never, mut gates) = (0, 0, 0, GateSet::EMPTY);
    for seed in 0..80 {
        let pair = [seed, seed ^ 1].map(|i| Policy::from_json(POLICIES[i as usize % POLICIES.len()]).unwrap());
        let now = 1_700_000_000_000_000;
        let state = pair[0].new_state(Timestamp::from_micros(now).unwrap());
        let mut history = History {
            policies: pair,
            state,
            permits: Vec::new(),
            random: seed,
            now,
            short: 0,
            all: 0,
            gates: GateSet::EMPTY,
            never: 0,
        };
        (0..400).for_each(|_| history.step());
        short += history.short;
        all += history.all;
        never += history.never;
        gates = history.gates.iter().chain(gates.iter()).collect();
    }
    assert!(short > 2_000 && never > 50 && short * 2 > all, "of {all} refusals {short}, {never} for ever");
    let each = [Gate::Circuit, Gate::Block, Gate::Limit(0), Gate::Limit(1), Gate::Limit(2), Gate::Bulkhead];
    assert_eq!(gates, each.into_iter().collect(), "by {short} of {all}");
}

/// What is not plain it leaves, though a gate refuses.
#[test]
fn a_refusal_that_takes_more_than_a_look_is_left_to_the_general_step() {
    let at = |ms: u64| Timestamp::from_millis(1_700_000_000_000 + ms).unwrap();
    let json = r#"{"name": "p", "circuit": {"consecutive_failures": 1, "open_ms": 10, "probe_lease_ms": 40}}"#;
    let policy = Policy::from_json(json).unwrap();
    let mut state = policy.new_state(at(0));
    let is_short = |state: &State, now: Timestamp| {
        let wish = Acquire::new();
        assert!(policy.acquire(&mut state.clone(), wish, now).answer.into_result().is_err(), "all are refusals");
        policy.refuse_quietly(state.words(), &wish, now.as_micros()).is_some()
    };
    let _ = policy.command(&mut state, &Command::Trip, at(5_000));
    assert!(is_short(&state, at(5_009)) && is_short(&state, at(4_000)), "a clock within its tolerance");
    assert!(!is_short(&state, at(3_999)), "a clock that stepped back");
    let _probe = policy.acquire(&mut state, Acquire::new(), at(5_010));
    assert!(!is_short(&state, at(5_010)), "a half-open circuit");
    let _ = policy.command(&mut state, &Command::ForceOpen { until: None }, at(5_010));
    assert!(!is_short(&state, at(5_010)), "a mode");
}
