//! The engine against the reference model: every answer, every change, every number of the state.

use proptest::prelude::*;
use stanchion::{Snapshot, WindowSnapshot, name_hash};

use crate::oracle::model::{Model, Phase, Window};
use crate::oracle::runner::check;
use crate::oracle::spec::Spec;
use crate::oracle::strategy::{history, many_limits, spec, start};
use crate::oracle::timeline::{Engine, Moment, timeline};

/// A state of either side as lines that can be compared.
fn engine_lines(s: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "last_at {} generation {} refunds_from {} counts_from {} next_lease_id {} block {}",
        s.last_at, s.generation, s.refunds_from, s.counts_from, s.next_lease_id, s.block_until
    )];
    if let Some(c) = &s.circuit {
        lines.push(format!("{:?} since {} growth {} reason {:?}", c.phase, c.since_at, c.growth, c.reason));
        lines.push(format!("consecutive {} open {} until {}", c.consecutive_failures, c.open_us, c.until_at));
        lines.push(format!("touched {} successes {} failures {}", c.touched_at, c.successes, c.failures));
        let probes = s.probes.clone().unwrap_or_default();
        let live: Vec<_> = probes.live.iter().map(|probe| (probe.id, probe.expires_at)).collect();
        lines.push(format!("first probe {} live {live:?}", probes.first_at));
    }
    lines.push(format!("mode {:?}", s.mode.as_ref().map(|mode| (mode.mode, mode.until_at))));
    lines.push(format!("failures {:?}", s.failures_at));
    lines.push(match &s.window {
        Some(WindowSnapshot::Calls { calls, .. }) if !calls.is_empty() => format!("window {calls:?}"),
        Some(WindowSnapshot::Time { sums, .. }) if !sums.is_empty() => {
            let sums: Vec<_> = sums.iter().map(|s| (s.index, s.calls, s.failures, s.slow)).collect();
            format!("window {sums:?}")
        }
        _ => "window empty".into(),
    });
    lines.extend(s.limits.iter().map(|l| format!("limit {} level {} of {}", l.name_hash, l.level, l.units_per_token)));
    let health = s.health.clone().unwrap_or_default();
    lines.push(format!("worked {} opened {:?}", health.last_success_at, health.openings_at));
    lines.extend(s.leases.iter().map(|l| format!("slot {} {} {} {}", l.id, l.expires_at, l.holder, l.count)));
    lines
}

fn model_lines(m: &Model) -> Vec<String> {
    let mut lines = vec![format!(
        "last_at {} generation {} refunds_from {} counts_from {} next_lease_id {} block {}",
        m.last, m.generation, m.refunds_from, m.counts_from, m.next_lease, m.block
    )];
    if let Some(c) = &m.circuit {
        let (name, open_us, until, touched, successes, failures) = match &c.phase {
            Phase::Closed { touched } => ("Closed", 0, 0, *touched, 0, 0),
            Phase::Open { until, open_us } => ("Open", *open_us, *until, 0, 0, 0),
            Phase::HalfOpen { touched, successes, failures, .. } => ("HalfOpen", 0, 0, *touched, *successes, *failures),
        };
        lines.push(format!("{name} since {} growth {} reason {:?}", c.since, c.growth, c.reason));
        lines.push(format!("consecutive {} open {open_us} until {until}", c.consecutive));
        lines.push(format!("touched {touched} successes {successes} failures {failures}"));
        let (first, live) = match &c.phase {
            Phase::HalfOpen { first, probes, .. } => (first.unwrap_or(0), probes.clone()),
            _ => (0, Vec::new()),
        };
        lines.push(format!("first probe {first} live {live:?}"));
    }
    lines.push(format!("mode {:?}", m.mode.map(|(mode, until)| (mode, until.unwrap_or(0)))));
    lines.push(format!("failures {:?}", m.circuit.as_ref().map_or(&[][..], |c| &c.failures)));
    lines.push(match m.circuit.as_ref().map(|c| &c.window) {
        Some(Window::Calls(_, calls)) if !calls.is_empty() => {
            let calls: Vec<u8> = calls.iter().map(|(f, s)| u8::from(*f) | (u8::from(*s) << 1)).collect();
            format!("window {calls:?}")
        }
        Some(Window::Time { sums, .. }) if !sums.is_empty() => {
            let sums: Vec<_> = sums.iter().map(|(i, s)| (*i, s.0, s.1, s.2)).collect();
            format!("window {sums:?}")
        }
        _ => "window empty".into(),
    });
    let mut buckets: Vec<_> = m.buckets.iter().map(|(name, b)| (name_hash(name), b.level, b.unit)).collect();
    buckets.sort_unstable();
    lines.extend(buckets.iter().map(|(hash, level, unit)| format!("limit {hash} level {level} of {unit}")));
    lines.push(format!("worked {} opened {:?}", m.worked.unwrap_or(0), m.opened));
    lines.extend(m.slots.iter().map(|(id, s)| format!("slot {id} {} {} {}", s.expires, s.holder, s.count)));
    lines
}

/// Plays a history on both and compares after each step.
fn compare(specs: &[Spec], start: u64, moments: &[Moment]) -> Result<(), TestCaseError> {
    let mut engine = Engine::new(specs, start);
    let mut model = Model::new(&specs[0], start);
    for (n, moment) in moments.iter().enumerate() {
        let permits = engine.permits.clone();
        let told = format!("step {n} of policy {}: {:?} at {}", moment.policy, moment.op, moment.now);
        let expected = model.step(&specs[moment.policy], &moment.op, &permits, moment.now);
        let got = engine.tell(moment);
        prop_assert_eq!(&got.said, &expected.said, "{}\n{:#?}", told, engine_lines(&engine.state.snapshot()));
        let (got_lines, expected_lines) = (engine_lines(&engine.state.snapshot()), model_lines(&model));
        prop_assert_eq!(got_lines, expected_lines, "{}: the states differ", told);
        prop_assert_eq!(got.changed, expected.changed, "{}: changed", told);
        prop_assert_eq!(&got.events, &expected.events, "{}: events", told);
    }
    Ok(())
}

/// One policy, any history: the engine answers and stores what the reference model does, step by step.
#[test]
fn engine_is_the_model() {
    check((spec(), start(), history(1, 40)), |(spec, start, steps)| {
        let specs = [spec];
        compare(&specs, start, &timeline(&specs, start, &steps))
    });
}

/// Three policies take turns on one state: adoption is the model's, too.
#[test]
fn engine_adopts_as_the_model() {
    check(([spec(), spec(), spec()], start(), history(3, 40)), |(specs, start, steps)| {
        compare(&specs, start, &timeline(&specs, start, &steps))
    });
}

/// Policies with many limits, of which they share some: what is carried, what is dropped for want of room, is the model's.
#[test]
fn engine_carries_as_the_model() {
    let many = || (spec(), many_limits()).prop_map(|(spec, limits)| Spec { limits, ..spec });
    check(([many(), many(), many(), many()], start(), history(4, 25)), |(specs, start, steps)| {
        compare(&specs, start, &timeline(&specs, start, &steps))
    });
}
