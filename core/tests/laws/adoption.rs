//! Adoption: two policies that take turns on one state mint nothing and keep no call out.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stanchion::{Peek, name_hash};

use crate::oracle::history::{Op, Said, at, wish};
use crate::oracle::runner::check;
use crate::oracle::spec::{LimitSpec, Spec};
use crate::oracle::strategy::{history, limits, spec, start};
use crate::oracle::timeline::{Engine, Honest, is_admitted, timeline};

/// A fraction of tokens, exactly: counted in a unit that all policies' units divide.
fn tokens(units: i128, unit: i128, common: i128) -> i128 {
    units * (common / unit)
}

/// A bucket as generous as all policies together: the largest capacity and the fastest refill of each, one that takes what
/// was admitted under any of them, less what was given back, and knows neither debt nor block.
struct Generous {
    common: i128,
    full: i128,
    rate: i128,
    level: i128,
}

impl Generous {
    fn new(same: &[&LimitSpec]) -> Self {
        let common: i128 = same.iter().map(|limit| limit.unit()).product();
        let full = same.iter().map(|limit| i128::from(limit.capacity) * common).max().expect("one at least");
        let rate = same.iter().map(|limit| tokens(limit.rate(), limit.unit(), common)).max().expect("one at least");
        Self { common, full, rate, level: full }
    }
}

fn limit_of<'a>(spec: &'a Spec, name: &str) -> Option<&'a LimitSpec> {
    spec.limits.iter().find(|limit| limit.name == name)
}

/// The tokens of a limit in a state, in the common unit.
fn level(engine: &Engine, name: &str, common: i128) -> Option<i128> {
    let snapshot = engine.state.snapshot();
    let limit = snapshot.limits.iter().find(|limit| limit.name_hash == name_hash(name))?;
    Some(tokens(i128::from(limit.level), i128::from(limit.units_per_token), common))
}

/// Old, new, old, in any order: no level is ever above that of a bucket with the largest capacity and the fastest refill
/// among the policies, which took everything that was admitted and not given back.
#[test]
fn taking_turns_mints_nothing() {
    let limited = || (spec(), limits(3)).prop_map(|(spec, limits)| Spec { limits, ..spec });
    check(([limited(), limited()], start(), history(2, 50)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        let mut honest = Honest::default();
        let mut buckets = BTreeMap::new();
        for name in ["calls", "tokens", "bytes", "others"] {
            let same: Vec<_> = specs.iter().filter_map(|spec| limit_of(spec, name)).collect();
            if !same.is_empty() {
                buckets.insert(name, Generous::new(&same));
            }
        }
        for moment in timeline(&specs, start, &steps) {
            if !honest.does(&moment.op, &engine.permits) {
                continue;
            }
            let before = engine.state.snapshot();
            let reply = engine.tell(&moment);
            let elapsed = engine.state.snapshot().last_at.saturating_sub(before.last_at);
            for (name, bucket) in &mut buckets {
                let level = level(&engine, name, bucket.common);
                bucket.level = (bucket.level + bucket.rate * i128::from(elapsed)).min(bucket.full);
                match (&moment.op, limit_of(&specs[moment.policy], name)) {
                    (Op::Reset, _) => bucket.level = bucket.full,
                    (Op::Acquire { cost, .. }, Some(limit)) if is_admitted(&reply.said) => {
                        bucket.level -= i128::from(if limit.is_per_call { 1 } else { *cost }) * bucket.common;
                    }
                    (Op::Settle { pick, actual, .. }, Some(limit)) if !limit.is_per_call => {
                        let cost = engine.permits.pick(pick).cost;
                        bucket.level += i128::from(cost.saturating_sub(actual.unwrap_or(cost))) * bucket.common;
                    }
                    (Op::Cancel(pick), Some(limit)) => {
                        let cost = if limit.is_per_call { 1 } else { engine.permits.pick(pick).cost };
                        bucket.level += i128::from(cost) * bucket.common;
                    }
                    _ => {}
                }
                bucket.level = bucket.level.min(bucket.full);
                let above = level.is_some_and(|level| level > bucket.level);
                prop_assert!(!above, "`{name}` holds {level:?}, at most {}: {moment:?}", bucket.level);
            }
        }
        Ok(())
    });
}

/// Policies that take turns on each try never keep out for ever a call whose cost fits the capacities of both.
#[test]
fn taking_turns_keeps_nobody_out() {
    let gaps = proptest::collection::vec((0..2_usize, 1..=200_000_u64), 3000);
    check(([spec(), spec()], start(), history(2, 15), gaps), |(specs, start, steps, gaps)| {
        let mut engine = Engine::new(&specs, start);
        let mut now = start;
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            now = moment.now;
        }
        let _ = engine.policies[0].command(&mut engine.state, &stanchion::Command::LiftMode, at(now));
        let capacities = |spec: &Spec| spec.limits.iter().map(|limit| limit.capacity).min();
        let fitting = specs.iter().filter_map(capacities).min().unwrap_or(1);
        if is_slow(&specs) {
            return Ok(());
        }
        for (policy, gap) in gaps {
            now += gap;
            let policy = engine.policies[policy].clone();
            if policy.peek(&engine.state, &wish(fitting, None), at(now)) == Peek::Admits {
                return Ok(());
            }
            // The refused try is written: it adopts the state.
            let _ = policy.acquire(&mut engine.state, wish(fitting, None), at(now));
        }
        Err(TestCaseError::fail(format!("cost {fitting} was kept out for {} µs", now - start)))
    });
}

/// Whether a limit, a block or a circuit may rightly keep a call out for longer than the test tries.
fn is_slow(specs: &[Spec]) -> bool {
    const LONGEST_MS: u64 = 20_000;
    specs.iter().any(|spec| {
        let limits = spec.limits.iter().map(|limit| {
            let tokens = u64::from(limit.capacity) + u64::from(limit.max_debt);
            tokens.saturating_mul(limit.interval_ms) / u64::from(limit.refill_tokens)
        });
        let circuit =
            spec.circuit.as_ref().map_or(0, |c| c.open_max_ms + c.probe_lease_ms + c.half_max_ms.unwrap_or(0));
        let block = spec.block.as_ref().map_or(0, |block| block.max_block_ms);
        let bulkhead = spec.bulkhead.as_ref().map_or(0, |bulkhead| bulkhead.lease_ms);
        limits.sum::<u64>() + circuit + block + bulkhead + spec.tolerance_ms > LONGEST_MS
    })
}

/// An adoption forgets no circuit: what is open stays open until the instant it was given, whichever policy asks.
#[test]
fn taking_turns_forgets_no_open_circuit() {
    let with_circuit = || spec().prop_filter("with a circuit", |spec| spec.circuit.is_some());
    check(([with_circuit(), with_circuit()], start(), history(2, 30)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            let before = engine.state.snapshot();
            let reply = engine.tell(&moment);
            let Some(circuit) = before.circuit.filter(|c| c.phase == stanchion::Phase::Open) else { continue };
            let moves = matches!(moment.op, Op::Reset | Op::Settle { .. } | Op::Report { .. });
            let stepped = reply.events.contains(&stanchion::Event::ClockStepped);
            if moves || stepped || before.mode.is_some() || circuit.until_at <= moment.now.max(before.last_at) {
                continue;
            }
            prop_assert!(!is_admitted(&reply.said), "{moment:?} was admitted before {}", circuit.until_at);
            if let Said::Rejected(rejection) = &reply.said {
                prop_assert!(rejection.gates.contains(stanchion::Gate::Circuit), "{rejection:?} without the circuit");
            }
            let after = engine.state.snapshot().circuit.expect("it had one");
            prop_assert_eq!((after.phase, after.until_at), (circuit.phase, circuit.until_at), "{:?}", moment);
        }
        Ok(())
    });
}
