//! Outlook: when something changes by time, and from when on a state says nothing.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use stanchion::{Policy, Settled, State};

use crate::oracle::history::{End, Op, Permits, Pick, Reply, Said, at, input, tell};
use crate::oracle::model::Model;
use crate::oracle::runner::check;
use crate::oracle::spec::{CircuitSpec, LimitSpec, Spec};
use crate::oracle::strategy::{history, op, spec, start};
use crate::oracle::timeline::{Engine, timeline};

/// `next_change_at` is the first instant after now at which, by time alone, the circuit reads otherwise, a lease, probe,
/// block or mode ends, or a level becomes full. Slots that left their window are still forgotten later: that instant may
/// be told, too.
#[test]
fn next_change_is_the_models() {
    check(([spec(), spec()], start(), history(2, 25)), |(specs, start, steps)| {
        let mut engine = Engine::new(&specs, start);
        let mut model = Model::new(&specs[0], start);
        for moment in timeline(&specs, start, &steps) {
            model.step(&specs[moment.policy], &moment.op, &engine.permits.clone(), moment.now);
            engine.tell(&moment);
            for now in [moment.now, moment.now + 1, moment.now + 1500] {
                let read = model.read(&specs[moment.policy], now);
                let expected = read.next_change();
                let got =
                    engine.policy(&moment).next_change_at(&engine.state, at(now)).map(stanchion::Timestamp::as_micros);
                let is_idle =
                    got.is_some() && got == read.forgets_slots_at() && expected.is_none_or(|at| Some(at) > got);
                prop_assert!(got == expected || is_idle, "{got:?}, not {expected:?}, after {moment:?}, asked at {now}");
            }
        }
        Ok(())
    });
}

/// One state with its own permits, told a sequence: what the answers say of anything but permits.
fn told(policy: &Policy, mut state: State, ops: &[(u64, Op)]) -> Vec<Said> {
    let mut permits = Permits::default();
    let mut all = Vec::new();
    for (now, op) in ops {
        if op
            .spends()
            .or(if let Op::Renew(pick) = op { Some(pick) } else { None })
            .is_some_and(|p| permits.index(p).is_none())
        {
            continue; // there is no permit of this sequence yet
        }
        let generation = state.snapshot().generation;
        let Reply { said, .. } = tell(policy, &mut state, input(op, &permits, generation, *now), *now);
        permits.note(&said);
        all.push(match said {
            // Permits carry the generation and the lease of their state.
            Said::Admitted { would_reject, .. } => {
                Said::Admitted { permit: Permits::default().pick(&Pick { back: 0, forge: None }), would_reject }
            }
            // A command may find something to do in one of the states only: that changes no answer to a call.
            Said::Commanded(_) => Said::Settled(Settled::Counted),
            said => said,
        });
    }
    all
}

/// Later operations, without those that only an operator says.
fn later() -> impl Strategy<Value = Vec<(u64, Op)>> {
    let gap = prop_oneof![3 => Just(0_u64), 3 => (0..=5_u64).prop_map(|n| n * 1000), 2 => 0..=30_000_u64];
    let is_a_call = |op: &Op| match op {
        Op::Acquire { .. } | Op::Report { .. } | Op::Block(_) => true,
        Op::Settle { pick, .. } | Op::Cancel(pick) | Op::Renew(pick) => pick.forge.is_none(),
        _ => false,
    };
    vec((gap, op().prop_filter("a call", is_a_call)), 1..=20)
}

fn placed(from: u64, gaps: &[(u64, Op)]) -> Vec<(u64, Op)> {
    let mut now = from;
    gaps.iter()
        .map(|(gap, op)| {
            now += gap;
            (now, op.clone())
        })
        .collect()
}

fn is_as_new(policy: &Policy, state: &State, from: u64, ops: &[(u64, Op)]) -> TestCaseResult {
    let ops = placed(from, ops);
    let kept = told(policy, state.clone(), &ops);
    let new = told(policy, policy.new_state(at(from)), &ops);
    prop_assert_eq!(kept, new, "kept and new differ from {} on: {:?}", from, ops);
    Ok(())
}

/// From `vacuous_at` on, dropping the state changes no answer to what begins then.
#[test]
fn from_vacuous_on_the_state_says_nothing() {
    check((spec(), start(), history(1, 15), later(), 0..=50_000_u64), |(spec, start, steps, later, more)| {
        let specs = [spec];
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
            let Some(vacuous) = engine.policies[0].vacuous_at(&engine.state) else { continue };
            let from = vacuous.as_micros().max(engine.state.snapshot().last_at);
            for from in [from, from + more] {
                is_as_new(&engine.policies[0], &engine.state, from, &later)?;
            }
        }
        Ok(())
    });
}

/// The last call ends, and says nothing.
fn ends() -> Op {
    Op::Settle { pick: Pick { back: 0, forge: None }, end: End::Ignored, took_us: None, actual: None }
}

fn acquire(cost: u32) -> Op {
    Op::Acquire { cost, holder: None }
}

/// Sequences at one instant that bring out what a state of the policy may remember.
fn witnesses(spec: &Spec) -> Vec<Vec<Op>> {
    let mut all: Vec<Vec<Op>> = vec![vec![acquire(0)], vec![acquire(1)]];
    for limit in &spec.limits {
        let calls = if limit.is_per_call { limit.capacity } else { 1 };
        let acquire = acquire(if limit.is_per_call { 0 } else { limit.capacity });
        all.push(vec![acquire.clone(); calls as usize]);
        // The same where a bulkhead lets only one call through at once.
        all.push((0..calls).flat_map(|_| [acquire.clone(), ends()]).collect());
    }
    // A slot that is taken shows when all others are.
    let most = spec.bulkhead.as_ref().map_or(1, |bulkhead| bulkhead.max_concurrent);
    all.push((0..most).map(|_| acquire(0)).collect());
    let Some(circuit) = &spec.circuit else { return all };
    // A half-open circuit lets only so many through.
    all.push((0..=circuit.permits.min(circuit.calls)).map(|_| acquire(0)).collect());
    // Thresholds are small here: so many failures open any circuit, and then its open time shows.
    let most = circuit.consecutive.unwrap_or(0).max(circuit.in_window.map_or(0, |(count, _)| count));
    for count in 0..=most {
        let mut calls = vec![Op::Report { end: End::Failure, took_us: None }; count as usize];
        calls.push(acquire(0));
        all.push(calls);
    }
    all
}

/// One gate of a policy, and the block: two gates may hide each other's end.
fn only(spec: &Spec, gate: u8) -> Spec {
    let mut one = Spec { circuit: None, limits: Vec::new(), bulkhead: None, health: None, ..spec.clone() };
    match gate {
        0 => one.circuit.clone_from(&spec.circuit),
        1 => one.limits = spec.limits.iter().take(1).cloned().collect(),
        _ => one.bulkhead.clone_from(&spec.bulkhead),
    }
    one
}

/// Whether few results at one instant show what the policy's counts remember. What a window of calls or slots holds may
/// take more to show than the tests try, or may not show at all where the next result pushes it out; and of two trips one
/// may hide the other.
fn is_plain(spec: &Spec) -> bool {
    let is_few = |limit: &LimitSpec| !limit.is_per_call || limit.capacity <= 1000;
    spec.limits.iter().all(is_few) && spec.circuit.as_ref().is_none_or(is_single)
}

fn is_single(circuit: &CircuitSpec) -> bool {
    !circuit.has_rate() && circuit.consecutive.is_some() != circuit.in_window.is_some()
}

/// `vacuous_at` is exact: one microsecond before it, and for ever where it is none, some sequence is answered otherwise by
/// the kept state than by a new one.
#[test]
fn before_vacuous_the_state_says_something() {
    let plain =
        (spec(), 0..3_u8).prop_map(|(spec, gate)| only(&spec, gate)).prop_filter("shown by few calls", is_plain);
    check((plain, start(), history(1, 10)), |(spec, start, steps)| {
        let specs = [spec];
        let mut engine = Engine::new(&specs, start);
        for moment in timeline(&specs, start, &steps) {
            engine.tell(&moment);
        }
        let policy = &engine.policies[0];
        let last = engine.state.snapshot().last_at;
        let vacuous = policy.vacuous_at(&engine.state).map(stanchion::Timestamp::as_micros);
        let at_last = vacuous.map_or(last + 1_000_000_000_000, |vacuous| vacuous - 1);
        if at_last < last {
            return Ok(()); // it says nothing already
        }
        let is_shown = witnesses(&specs[0]).into_iter().any(|ops| {
            let ops: Vec<_> = ops.into_iter().map(|op| (0, op)).collect();
            is_as_new(policy, &engine.state, at_last, &ops).is_err()
        });
        prop_assert!(is_shown, "vacuous at {vacuous:?}, but as new at {at_last}: {:#?}", engine.state.snapshot());
        Ok(())
    });
}
