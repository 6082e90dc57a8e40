//! Waits: `retry_after` is exact, and nothing is stuck.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::{Command, Policy, Rejection, RetryAfter, State};

use crate::oracle::history::{at, wish};
use crate::oracle::runner::check;
use crate::oracle::spec::Spec;
use crate::oracle::strategy::{history, spec, start};
use crate::oracle::timeline::{Engine, Moment, timeline};

fn rejection(policy: &Policy, state: &State, cost: u32, holder: Option<u64>, now: u64) -> Option<Rejection> {
    policy.peek(state, &wish(cost, holder), at(now)).rejection().copied()
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).expect("waits are shorter than the range of instants")
}

/// One microsecond before, `by` refuses, first of all that do; at the instant, all admit; and nobody admits sooner.
fn is_exact(policy: &Policy, state: &State, wish: (u32, Option<u64>), now: u64, part: u64) -> TestCaseResult {
    let (cost, holder) = wish;
    let Some(refused) = rejection(policy, state, cost, holder, now) else { return Ok(()) };
    prop_assert!(!refused.gates.is_empty(), "{refused:?} names no gate");
    match refused.retry_after.wait() {
        Some(wait) => {
            let wait = micros(wait);
            prop_assert!(wait > 0, "a refusal without a wait: {refused:?}");
            if now + wait >= 1 << 52 {
                return Ok(());
            }
            let last = rejection(policy, state, cost, holder, now + wait - 1);
            prop_assert_eq!(
                last.and_then(|r| r.gates.first()),
                Some(refused.by),
                "just before the end of {:?}",
                refused
            );
            prop_assert_eq!(rejection(policy, state, cost, holder, now + wait), None, "at the end of {:?}", refused);
            for sooner in [1, part % wait, wait / 2, wait / 3] {
                let inner = rejection(policy, state, cost, holder, now + sooner.min(wait - 1));
                prop_assert!(inner.is_some(), "admitted {sooner} µs into {refused:?}");
            }
        }
        None => {
            for later in [1, part, 1_000_000, 3_600_000_000, 40_000_000_000_000] {
                let still = rejection(policy, state, cost, holder, (now + later).min((1 << 52) - 1));
                prop_assert!(still.is_some(), "{refused:?}, but admitted {later} µs later");
            }
        }
    }
    Ok(())
}

/// `retry_after` is the first instant at which the same call is admitted if nothing else happens, and `by` the gate that
/// holds it until then; `Never` means that waiting cannot help.
#[test]
fn retry_after_is_exact() {
    let wishes = (prop_oneof![0..=9_u32, Just(u32::MAX)], proptest::option::of(1..=3_u64), 0..100_000_u64);
    check(([spec(), spec()], start(), history(2, 25), wishes), |(specs, start, steps, (cost, holder, part))| {
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            for (cost, holder) in [(cost, holder), (1, None)] {
                is_exact(engine.policy(&moment), &engine.state, (cost, holder), moment.now, part)?;
            }
        }
        Ok(())
    });
}

/// The longest that any call may have to wait under these policies, one after the other: nothing is meant to be tight.
fn longest_wait_us(specs: &[Spec]) -> u64 {
    let mut longest = 0;
    for spec in specs {
        longest += spec.tolerance_ms + spec.block.as_ref().map_or(0, |b| b.max_block_ms);
        longest += spec.bulkhead.as_ref().map_or(0, |b| b.lease_ms);
        if let Some(c) = &spec.circuit {
            longest += c.open_max_ms * 2 + c.probe_lease_ms + c.half_max_ms.unwrap_or(0);
        }
        for limit in &spec.limits {
            let tokens = u64::from(limit.capacity) + u64::from(limit.max_debt);
            longest += (tokens * limit.interval_ms).div_ceil(u64::from(limit.refill_tokens)) + 1;
        }
    }
    longest * 1000
}

/// What fits every limit of a policy.
fn fitting(spec: &Spec) -> u32 {
    spec.limits.iter().filter(|limit| !limit.is_per_call).map(|limit| limit.capacity).min().unwrap_or(u32::MAX)
}

fn is_not_stuck(specs: &[Spec], engine: &Engine, moment: &Moment) -> TestCaseResult {
    let (spec, policy) = (&specs[moment.policy], engine.policy(moment));
    let mut state = engine.state.clone();
    let _ = policy.command(&mut state, &Command::LiftMode, at(moment.now));
    for cost in [0, 1, fitting(spec)] {
        if let Some(refused) = rejection(policy, &state, cost.min(fitting(spec)), None, moment.now) {
            let RetryAfter::After(wait) = refused.retry_after else {
                return Err(TestCaseError::fail(format!("never admitted: cost {cost}, {refused:?}")));
            };
            let most = longest_wait_us(specs);
            prop_assert!(micros(wait) <= most, "cost {} waits {:?}, more than {} µs", cost, refused, most);
        }
    }
    Ok(())
}

/// From any state that a history leads to, with clock steps, adoptions and repairs, a call that fits the capacities is
/// admitted within what the policies' maxima add up to, once a mode without an end is lifted.
#[test]
fn nothing_is_stuck() {
    check(([spec(), spec()], start(), history(2, 30)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            is_not_stuck(&specs, &engine, &moment)?;
        }
        Ok(())
    });
}
