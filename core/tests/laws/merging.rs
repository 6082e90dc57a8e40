//! Merging: summaries and what they settle.

use proptest::collection::vec;
use proptest::prelude::*;
use stanchion::{Command, Outcome, Phase, State, Summary};

use crate::oracle::history::{at, summary};
use crate::oracle::runner::check;
use crate::oracle::strategy::{history, spec, start};
use crate::oracle::timeline::{Engine, Moment, timeline};

fn calls() -> impl Strategy<Value = Vec<u8>> {
    let successes = prop_oneof![Just(0_u8), Just(2_u8)];
    prop_oneof![5 => vec(0..=3_u8, 0..=8), 3 => vec(successes, 1..=3), 1 => vec(0..=3_u8, 1000..=1100)]
}

/// Merging is what recording all calls in order is, however they are grouped.
#[test]
fn merging_is_associative() {
    check([calls(), calls(), calls()], |[a, b, c]| {
        let all = summary(&[&a[..], &b, &c].concat());
        let merged = |first: &Summary, later: &Summary| {
            let mut both = first.clone();
            both.merge(later);
            both
        };
        let (a, b, c) = (summary(&a), summary(&b), summary(&c));
        prop_assert_eq!(&merged(&merged(&a, &b), &c), &all);
        prop_assert_eq!(&merged(&a, &merged(&b, &c)), &all);
        Ok(())
    });
}

/// A summary is its calls, counted by hand.
#[test]
fn summary_is_its_calls() {
    check(calls(), |calls| {
        let s = summary(&calls);
        let fails: Vec<bool> = calls.iter().map(|call| call & 1 == 1).collect();
        let runs: Vec<usize> = fails.split(|fails| !fails).map(<[bool]>::len).collect();
        let as_u32 = |n: usize| u32::try_from(n).expect("few");
        prop_assert_eq!(s.calls(), as_u32(calls.len()));
        prop_assert_eq!(s.failures(), as_u32(fails.iter().filter(|fails| **fails).count()));
        prop_assert_eq!(s.slow(), as_u32(calls.iter().filter(|call| **call & 2 == 2).count()));
        prop_assert_eq!(s.leading_failures(), as_u32(runs[0]));
        prop_assert_eq!(s.trailing_failures(), as_u32(*runs.last().expect("split gives one")));
        prop_assert_eq!(s.longest_run(), as_u32(runs.iter().copied().max().unwrap_or(0)));
        let last: Vec<u8> = s.last_calls().collect();
        prop_assert_eq!(&last[..], &calls[calls.len().saturating_sub(1024)..]);
        Ok(())
    });
}

fn phase(state: &State) -> Option<Phase> {
    state.snapshot().circuit.map(|c| c.phase)
}

/// The calls one by one, as reports; and whether the circuit opened on the way.
fn in_order(engine: &Engine, slow_us: u64, calls: &[u8], moment: &Moment) -> (State, bool) {
    let (mut state, mut opened) = (engine.state.clone(), false);
    for call in calls {
        let outcome = if call & 1 == 1 { Outcome::Failure } else { Outcome::Success };
        let duration = (call & 2 == 2).then(|| core::time::Duration::from_micros(slow_us));
        let report = Command::Report { outcome, duration };
        let step = engine.policy(moment).command(&mut state, &report, at(moment.now));
        opened |= step.events.iter().any(|event| event == stanchion::Event::Opened);
    }
    (state, opened)
}

/// `settle_many` on a closed circuit never opens where the calls in order would not, misses no run of failures, and,
/// where neither opens, leaves the very bytes that the calls in order leave.
#[test]
fn settle_many_is_the_calls_in_order() {
    let policy = || spec().prop_filter("with a circuit", |spec| spec.circuit.is_some());
    check(([policy(), policy()], start(), history(2, 15), calls()), |(specs, start, steps, all)| {
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            let circuit = specs[moment.policy].circuit.clone().expect("filtered");
            let has_runs_only = !circuit.has_rate();
            let slow_us = circuit.slow.map_or(1, |(ms, _)| ms * 1000);
            // Without a slow duration no call is slow, however a host sums it up.
            let calls: Vec<u8> = all.iter().map(|call| if circuit.slow.is_some() { *call } else { call & 1 }).collect();
            let mut read = engine.state.clone();
            let generation = read.snapshot().generation;
            let is_closed = phase(&read) == Some(Phase::Closed) && read.snapshot().mode.is_none();
            let many = Command::SettleMany { generation, summary: Box::new(summary(&calls)) };
            let step = engine.policy(&moment).command(&mut read, &many, at(moment.now));
            let stepped = step.events.iter().any(|event| event == stanchion::Event::ClockStepped);
            if !is_closed || stepped {
                continue;
            }
            let (ordered, opened) = in_order(&engine, slow_us, &calls, &moment);
            let opens = phase(&read) == Some(Phase::Open);
            prop_assert!(!opens || opened, "opens where the calls in order do not: {moment:?}");
            prop_assert!(!has_runs_only || opens == opened, "misses a run of failures: {moment:?}");
            if !opens && !opened {
                prop_assert_eq!(read.to_bytes(), ordered.to_bytes(), "neither opens, the bytes differ: {:?}", moment);
            }
        }
        Ok(())
    });
}
