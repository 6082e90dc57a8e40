//! Many keys: what is packed is the state again, and no key is dropped that says something.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use stanchion::{Acquire, Command, Guard, Keyed, KeyedRejected, Live, Packer, Policy, Settle, State};

use crate::oracle::history::{End, at};
use crate::oracle::runner::check;
use crate::oracle::strategy::{history, spec, start};
use crate::oracle::timeline::{Engine, timeline};

/// What was packed is unpacked as it was, whatever was in the memory before: a state that is packed between any two steps answers as
/// one that never was, also where another policy adopted it, and word for word where no lease came back.
#[test]
fn packing_is_exact() {
    check(([spec(), spec()], start(), start(), history(2, 30)), |(specs, start, near, steps)| {
        let mut kept = Engine::new(&specs, start);
        let mut packed = kept.clone();
        let small = Packer::new(&kept.policies[0], at(near));
        let mut bytes = Vec::new();
        for moment in timeline(&specs, start, &steps) {
            small.pack(&packed.state, &mut bytes);
            bytes.extend([0; 3]);
            let was = std::mem::replace(&mut packed.state, packed.policies[1].new_state(at(near)));
            small.unpack(&bytes, &mut packed.state);
            bytes.clear();
            let has_leases = specs.iter().any(|spec| spec.bulkhead.is_some());
            prop_assert!(has_leases || packed.state.words() == was.words(), "before {moment:?}");
            prop_assert_eq!(packed.tell(&moment), kept.tell(&moment));
            prop_assert_eq!(packed.bytes(), kept.bytes(), "after {:?}", moment);
        }
        Ok(())
    });
}

/// One use of one of a few keys.
#[derive(Debug, Clone)]
struct Use {
    gap_us: u64,
    key: usize,
    cost: u32,
    end: End,
    took_us: u64,
    blocks: bool,
    swept: usize,
}

fn one_use() -> impl Strategy<Value = Use> {
    let gap = prop_oneof![2 => Just(0), 3 => 0..=8_000_u64, 2 => 0..=60_000_u64, 1 => 0..=5_000_000_u64];
    let end = prop_oneof![2 => Just(End::Success), 3 => Just(End::Failure), 1 => Just(End::Ignored)];
    (gap, 0..3_usize, 0..4_u32, end, 0..6_000_u64, prop::bool::weighted(0.05), 0..40_usize).prop_map(
        |(gap_us, key, cost, end, took_us, blocks, swept)| Use { gap_us, key, cost, end, took_us, blocks, swept },
    )
}

/// The states of a few keys, of which none is ever forgotten.
struct Kept {
    policy: Policy,
    states: BTreeMap<usize, State>,
}

impl Kept {
    fn state(&mut self, key: usize, now: u64) -> &mut State {
        self.states.entry(key).or_insert_with(|| self.policy.new_state(at(now)))
    }

    /// Whether it agrees with a set that was asked the same.
    fn is_as(&mut self, used: &Use, now: u64, said: Result<Guard<'_>, KeyedRejected>) -> Result<(), TestCaseError> {
        let policy = self.policy.clone();
        let state = self.state(used.key, now);
        let wish = Acquire::new().cost(used.cost);
        match (policy.acquire(state, wish, at(now)).answer.into_result(), said) {
            (Ok(call), Ok(guard)) => {
                prop_assert_eq!(call.would_reject.as_ref(), guard.would_reject());
                let end = Settle::new(used.end.outcome()).took(Duration::from_micros(used.took_us));
                prop_assert_eq!(policy.settle(state, call.permit, end, at(now)).answer, guard.settle(end));
            }
            (Err(rejection), Err(KeyedRejected::Rejected(refused))) => prop_assert_eq!(rejection, refused.rejection),
            (kept, said) => prop_assert!(false, "{kept:?}, but the set says {said:?}"),
        }
        Ok(())
    }
}

/// A set that forgets whatever it may, as soon as it may, answers as one that never forgets.
#[test]
fn forgetting_keys_changes_no_answer() {
    check((spec(), start(), vec(one_use(), 1..=60)), |(spec, start, uses)| {
        let clock = Arc::new(AtomicU64::new(start));
        let read = Arc::clone(&clock);
        let users = Keyed::with_clock(spec.policy(), move || at(read.load(Ordering::Relaxed)));
        let mut kept = Kept { policy: spec.policy(), states: BTreeMap::new() };
        for used in &uses {
            let now = clock.fetch_add(used.gap_us, Ordering::Relaxed) + used.gap_us;
            users.sweep(used.swept);
            let name = format!("user-{}", used.key);
            if used.blocks {
                let command = Command::Block { until: at(now + used.took_us) };
                let policy = kept.policy.clone();
                let _ = policy.command(kept.state(used.key, now), &command, at(now));
                prop_assert!(users.command(&name, &command).is_ok());
            }
            let said = users.acquire_with(name, Acquire::new().cost(used.cost));
            kept.is_as(used, now, said)?;
        }
        Ok(())
    });
}
