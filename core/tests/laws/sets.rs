//! Bulkhead, probes and counts against oracles that keep everything: sets of leases, all instants, a plain counter.
//!
//! They know nothing but what the engine answered, and the instants.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use stanchion::{Command, Event, Gate, Outcome, Phase, Renewed, Settled};

use crate::oracle::history::{End, Op, Said, at};
use crate::oracle::runner::check;
use crate::oracle::spec::{CircuitSpec, Spec, WindowSpec};
use crate::oracle::strategy::{circuit, history, spec, start};
use crate::oracle::timeline::{Engine, Honest, is_admitted, timeline};

/// The gates that refuse, if the answer is a refusal.
fn refuses(said: &Said, gate: Gate) -> bool {
    matches!(said, Said::Rejected(rejection) if rejection.gates.contains(gate))
}

/// The bulkhead is a set of leases: never more live ones than `max_concurrent`, and it refuses exactly when there are so
/// many. A lease ends by its settle, its holder's release or its time.
#[test]
fn bulkhead_is_a_set_of_leases() {
    let bulky = spec().prop_filter("one slot a call", |spec| spec.bulkhead.as_ref().is_some_and(|b| !b.is_reentrant));
    check((bulky, start(), history(1, 60)), |(spec, start, steps)| {
        let bulkhead = spec.bulkhead.clone().expect("filtered");
        let specs = [spec];
        let mut engine = Engine::new(&specs, start);
        let mut honest = Honest::default();
        // By the index of the permit: end and holder.
        let mut live: BTreeMap<usize, (u64, Option<u64>)> = BTreeMap::new();
        for moment in timeline(&specs, start, &steps) {
            if !honest.does(&moment.op, &engine.permits)
                || matches!(&moment.op, Op::Renew(pick) if pick.forge.is_some())
            {
                continue;
            }
            let last = engine.state.snapshot().last_at;
            let reply = engine.tell(&moment);
            if reply.events.contains(&Event::ClockStepped) {
                for (end, _) in live.values_mut() {
                    *end = end.saturating_sub(last - moment.now);
                }
            }
            let t = if reply.events.contains(&Event::ClockStepped) { moment.now } else { moment.now.max(last) };
            // Nothing is dropped for its age: a clock may be a little behind at the next step.
            let is_full =
                live.values().filter(|(end, _)| *end > t).count() as u64 >= u64::from(bulkhead.max_concurrent);
            match &moment.op {
                Op::Acquire { holder, .. } => {
                    prop_assert!(!(is_full && is_admitted(&reply.said)), "{moment:?} admitted beside {live:?}");
                    let refused = refuses(&reply.said, Gate::Bulkhead);
                    prop_assert_eq!(refused, is_full, "{:?} beside {:?}", moment, live);
                    if is_admitted(&reply.said) {
                        live.insert(engine.permits.0.len() - 1, (t + bulkhead.lease_ms * 1000, *holder));
                    }
                }
                Op::Settle { pick, .. } | Op::Cancel(pick) => {
                    let index = engine.permits.index(pick).expect("an honest host settles what it has");
                    // A live slot comes back whatever the answer; without one, nothing was there to come back.
                    let had = live.get(&index).is_some_and(|(end, _)| *end > t) && live.remove(&index).is_some();
                    let is_lost = reply.said == Said::Settled(Settled::LeaseLost);
                    let has_probes = specs[0].circuit.is_some();
                    prop_assert!(has_probes || had != is_lost, "{moment:?}: {:?}, live before: {had}", reply.said);
                }
                Op::Renew(pick) => {
                    let Some(index) = engine.permits.index(pick) else { continue };
                    let slot = live.get_mut(&index).filter(|(end, _)| *end > t);
                    // Who lost its slot is told so, whatever else it holds.
                    let goes_on = matches!(reply.said, Said::Renewed(Renewed::Until(_)));
                    prop_assert_eq!(goes_on, slot.is_some(), "{:?} beside {:?}", moment, reply.said);
                    if let Some((end, _)) = slot {
                        *end = (*end).max(t + bulkhead.lease_ms * 1000);
                    }
                }
                Op::ReleaseHolder(holder) => live.retain(|_, (end, own)| *end <= t || *own != Some(*holder)),
                _ => {}
            }
        }
        Ok(())
    });
}

/// Half-open places are a set: never more probes at once than `half_open_permits`, never more probes and results than
/// `half_open_calls`. Every admission of a half-open circuit is a probe.
#[test]
fn half_open_places_are_a_set() {
    let half_open = (circuit(), start(), history(1, 60)).prop_map(|(circuit, start, steps)| {
        let limits = Vec::new();
        let spec = Spec {
            circuit: Some(circuit),
            limits,
            block: None,
            bulkhead: None,
            health: None,
            tolerance_ms: 1000,
            is_shadow: false,
            seed: 3,
        };
        (spec, start, steps)
    });
    check(half_open, |(spec, start, steps)| {
        let circuit = spec.circuit.clone().expect("it has one");
        let specs = [spec];
        let mut engine = Engine::new(&specs, start);
        let mut honest = Honest::default();
        let mut live: BTreeMap<usize, u64> = BTreeMap::new();
        let mut since = 0;
        for moment in timeline(&specs, start, &steps) {
            if !honest.does(&moment.op, &engine.permits) || matches!(moment.op, Op::Renew(_) | Op::Reset) {
                continue;
            }
            let reply = engine.tell(&moment);
            let after = engine.state.snapshot();
            let Some(now) = after.circuit.filter(|c| c.phase == Phase::HalfOpen) else {
                live.clear();
                continue;
            };
            if reply.events.contains(&Event::ClockStepped) || now.since_at != since {
                since = now.since_at;
                live.clear();
            }
            let t = moment.now.max(after.last_at);
            if let Op::Settle { pick, .. } | Op::Cancel(pick) = &moment.op {
                let index = engine.permits.index(pick).expect("an honest host settles what it has");
                if live.get(&index).is_some_and(|end| *end > t) {
                    live.remove(&index);
                }
            }
            if is_admitted(&reply.said) && engine.permits.0.last().is_some_and(|permit| permit.lease != 0) {
                live.insert(engine.permits.0.len() - 1, t + circuit.probe_lease_ms * 1000);
            }
            let places = live.values().filter(|end| **end > t).count() as u64;
            prop_assert!(places <= u64::from(circuit.permits), "{live:?} at once, after {moment:?}");
            let results = u64::from(now.successes + now.failures);
            prop_assert!(
                places + results <= u64::from(circuit.calls),
                "{live:?} and {results} results, after {moment:?}"
            );
        }
        Ok(())
    });
}

/// A circuit with one trip that opens for good as far as a test is concerned.
fn only(consecutive: Option<u32>, in_window: Option<(u32, u64)>, like: &CircuitSpec) -> Spec {
    let circuit = CircuitSpec {
        consecutive,
        in_window,
        failure_rate_bp: None,
        slow: None,
        forget_ms: None,
        late_success_closes: false,
        late_failure_extends: false,
        open_ms: 3_600_000,
        open_max_ms: 3_600_000,
        jitter_bp: 0,
        ..like.clone()
    };
    let circuit = Some(circuit);
    Spec {
        circuit,
        limits: Vec::new(),
        block: None,
        bulkhead: None,
        health: None,
        tolerance_ms: 1000,
        is_shadow: false,
        seed: 0,
    }
}

/// Results with the µs that pass before each.
fn results() -> impl Strategy<Value = Vec<(u64, End)>> {
    let gap = prop_oneof![Just(0_u64), 1..=4000_u64, (0..=3_u64).prop_map(|ms| ms * 1000)];
    vec((gap, prop_oneof![3 => Just(End::Failure), 1 => Just(End::Success), 1 => Just(End::Ignored)]), 1..=60)
}

/// Reports results until the circuit opens, and tells with how many it did.
fn opens_after(spec: &Spec, start: u64, results: &[(u64, End)]) -> Option<usize> {
    let policy = spec.policy();
    let mut state = policy.new_state(at(start));
    let mut now = start;
    for (n, (gap, end)) in results.iter().enumerate() {
        now += gap;
        let report = Command::Report { outcome: end.outcome(), duration: None };
        let step = policy.command(&mut state, &report, at(now));
        if step.events.iter().any(|event| event == Event::Opened) {
            return Some(n);
        }
    }
    None
}

/// `consecutive_failures` is a counter that a success sets to 0 and that ignored results pass by; reached with `>=`.
#[test]
fn consecutive_failures_are_a_counter() {
    check((1..=6_u32, circuit(), start(), results()), |(threshold, like, start, results)| {
        let mut count = 0;
        let expected = results.iter().position(|(_, end)| {
            match end.outcome() {
                Outcome::Failure => count += 1,
                Outcome::Success => count = 0,
                Outcome::Ignored => {}
            }
            count >= threshold
        });
        prop_assert_eq!(opens_after(&only(Some(threshold), None, &like), start, &results), expected);
        Ok(())
    });
}

/// `failures_in_window` opens exactly when so many failures have `age < window_ms`, all instants kept.
#[test]
fn failures_in_window_keep_all_instants() {
    check((1..=8_u32, 1..=12_u64, circuit(), start(), results()), |(count, window_ms, like, start, results)| {
        let (mut now, mut failures) = (start, Vec::new());
        let expected = results.iter().position(|(gap, end)| {
            now += gap;
            if *end == End::Failure {
                failures.push(now);
            }
            let young = failures.iter().filter(|failure| now - **failure < window_ms * 1000).count();
            *end == End::Failure && young as u64 >= u64::from(count)
        });
        prop_assert_eq!(opens_after(&only(None, Some((count, window_ms)), &like), start, &results), expected);
        Ok(())
    });
}

/// Whether a rate is reached, in whole numbers.
fn is_reached(part: usize, calls: usize, minimum: u32, basis_points: u32) -> bool {
    calls as u64 >= u64::from(minimum) && part as u64 * 10_000 >= u64::from(basis_points) * calls as u64
}

/// A failure rate is taken over exactly the last `window.calls` calls; over time, over those whose slot is one of the last
/// `slots`: never one that is older than the window, and every one that is younger than it by more than a slot.
#[test]
fn failure_rate_keeps_all_calls() {
    let windows = prop_oneof![
        (1..=6_u32).prop_map(WindowSpec::Calls),
        (1..=12_u64, 1..=8_u32).prop_map(|(ms, slots)| WindowSpec::Time { ms, slots }),
    ];
    let rates = (1..=4_u32, 1..=10_000_u32, windows);
    check((rates, circuit(), start(), results()), |((minimum, rate, window), like, start, results)| {
        let minimum_calls = if let WindowSpec::Calls(size) = window { minimum.min(size) } else { minimum };
        let like = CircuitSpec { minimum_calls, window, ..like };
        let mut spec = only(None, None, &like);
        spec.circuit.as_mut().expect("it has one").failure_rate_bp = Some(rate);
        let (mut now, mut calls) = (start, Vec::new());
        let mut expected = None;
        for (n, (gap, end)) in results.iter().enumerate() {
            now += gap;
            if *end == End::Ignored {
                continue;
            }
            calls.push((now, *end == End::Failure));
            let counted = counted(&calls, window, now)?;
            let failures = counted.iter().filter(|(_, failed)| *failed).count();
            if is_reached(failures, counted.len(), minimum_calls, rate) {
                expected = Some(n);
                break;
            }
        }
        prop_assert_eq!(opens_after(&spec, start, &results), expected);
        Ok(())
    });
}

/// The calls that a window holds at `now`, out of all.
fn counted(calls: &[(u64, bool)], window: WindowSpec, now: u64) -> Result<Vec<(u64, bool)>, TestCaseError> {
    let (ms, slots) = match window {
        WindowSpec::Calls(size) => return Ok(calls[calls.len().saturating_sub(size as usize)..].to_vec()),
        WindowSpec::Time { ms, slots } => (ms, u64::from(slots)),
    };
    let slot_us = ms * 1000 / slots;
    let (held, left): (Vec<_>, Vec<_>) = calls.iter().partition(|(at, _)| at / slot_us + slots > now / slot_us);
    prop_assert!(held.iter().all(|(at, _)| now - at < ms * 1000), "older than the window");
    prop_assert!(left.iter().all(|(at, _)| now - at > slot_us * (slots - 1)), "left more than a slot early");
    Ok(held)
}
