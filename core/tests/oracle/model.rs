//! The reference model: its state, and how a step goes.
//!
//! A step works on a copy: the clock is repaired, a foreign state adopted, all transitions due by time made, the input
//! told. The copy replaces the state only if something but time changed it.

use std::collections::BTreeMap;

use stanchion::{Mode, Reason};

use super::history::{Op, Permits, Reply, Said};
use super::spec::Spec;

pub(crate) const MASK: u32 = (1 << 24) - 1;

/// The generation after.
pub(crate) fn after(generation: u32) -> u32 {
    ((generation + 1) & MASK).max(1)
}

/// Whether `a` is an earlier generation than `b`, by signed difference.
pub(crate) fn is_before(a: u32, b: u32) -> bool {
    let difference = a.wrapping_sub(b) & MASK;
    difference >= 1 << 23
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Phase {
    Closed { touched: u64 },
    Open { until: u64, open_us: u64 },
    HalfOpen { touched: u64, first: Option<u64>, probes: Vec<(u32, u64)>, successes: u32, failures: u32 },
}

/// What the rates are taken over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Window {
    None,
    /// Failed and slow, from the oldest.
    Calls(u32, Vec<(bool, bool)>),
    /// Calls, failures and slow ones by slot.
    Time {
        slot_us: u64,
        slots: u64,
        sums: BTreeMap<u64, (u64, u64, u64)>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Circuit {
    pub(crate) phase: Phase,
    pub(crate) since: u64,
    pub(crate) growth: u32,
    pub(crate) reason: Reason,
    /// How many results were counted. A counted result is a change even where it happens to leave the same numbers.
    pub(crate) counted: u64,
    pub(crate) consecutive: u32,
    pub(crate) failures: Vec<u64>,
    pub(crate) window: Window,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) level: i128,
    pub(crate) unit: i128,
    pub(crate) rate: i128,
    pub(crate) capacity: u32,
    pub(crate) is_per_call: bool,
    pub(crate) starts_empty: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slot {
    pub(crate) expires: u64,
    pub(crate) holder: u64,
    pub(crate) count: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    /// The policy that wrote it.
    pub(crate) spec: Spec,
    pub(crate) is_fresh: bool,
    pub(crate) last: u64,
    pub(crate) generation: u32,
    pub(crate) refunds_from: u32,
    pub(crate) counts_from: u32,
    pub(crate) next_lease: u32,
    pub(crate) circuit: Option<Circuit>,
    pub(crate) mode: Option<(Mode, Option<u64>)>,
    /// By name, carried ones too.
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// 0 for none.
    pub(crate) block: u64,
    pub(crate) slots: BTreeMap<u32, Slot>,
    /// When something worked last, as far as it is written.
    pub(crate) worked: Option<u64>,
    /// When the circuit opened, the last times.
    pub(crate) opened: Vec<u64>,
}

impl Model {
    pub(crate) fn new(spec: &Spec, now: u64) -> Self {
        let generation = u32::try_from((now >> 20) & u64::from(MASK)).expect("24 bits").max(1);
        let lease = u32::try_from(now & u64::from(MASK)).expect("24 bits").max(1);
        let mut new = Self {
            spec: spec.clone(),
            is_fresh: true,
            last: now,
            generation,
            refunds_from: generation,
            counts_from: generation.wrapping_sub(1 << 22) & MASK,
            next_lease: lease,
            circuit: spec.circuit.as_ref().map(|c| Circuit::new(c, now)),
            mode: None,
            buckets: spec.limits.iter().map(|limit| (limit.name.clone(), Bucket::new(limit))).collect(),
            block: 0,
            slots: BTreeMap::new(),
            worked: None,
            opened: Vec::new(),
        };
        new.begin_health();
        new
    }

    /// One input under a policy.
    pub(crate) fn step(&mut self, spec: &Spec, op: &Op, permits: &Permits, now: u64) -> Reply {
        let mut events = Vec::new();
        let mut next = self.clone();
        let moved = next.arrive(spec, now, &mut events);
        let due = next.clone();
        let said = next.tell(op, permits, self.generation, now, &mut events);
        let moved = moved || next != due;
        // A new state is written whatever the answer, as it was made: what is only due by time is not a change.
        let changed = moved || self.is_fresh;
        if moved {
            *self = next;
        } else {
            events.clear();
        }
        self.is_fresh = false;
        Reply { said, changed, events }
    }

    /// The state as an input at `now` finds it, and whether it had to be repaired or adopted.
    fn arrive(&mut self, spec: &Spec, now: u64, events: &mut Vec<stanchion::Event>) -> bool {
        let stepped = self.last.saturating_sub(now) > spec.tolerance_ms * 1000;
        if stepped {
            self.repair(spec, now, events);
        }
        let t = now.max(self.last);
        let foreign = !self.is_written_by(spec);
        if foreign {
            self.adopt(spec, t, events);
        }
        self.spec = spec.clone();
        self.advance(t, events);
        stepped || foreign
    }

    /// Whether the policy's fingerprint is the state's: mode, seed and tolerance are not in it.
    pub(crate) fn is_written_by(&self, spec: &Spec) -> bool {
        self.spec.circuit == spec.circuit
            && self.spec.limits == spec.limits
            && self.spec.block == spec.block
            && self.spec.bulkhead == spec.bulkhead
            && self.spec.health == spec.health
    }

    /// The state as it reads at `now`, before anything is told.
    pub(crate) fn read(&self, spec: &Spec, now: u64) -> Self {
        let mut read = self.clone();
        read.arrive(spec, now, &mut Vec::new());
        read
    }

    /// `named` is the generation that a summary names where no permit was given out.
    fn tell(&mut self, op: &Op, permits: &Permits, named: u32, now: u64, events: &mut Vec<stanchion::Event>) -> Said {
        match op {
            Op::SettleMany { off, calls } => Said::Commanded(self.many(permits.generation(named, *off), calls, events)),
            Op::Acquire { cost, holder } => self.acquire(*cost, *holder, now),
            Op::Settle { pick, end, took_us, actual } => {
                Said::Settled(self.settle(permits.pick(pick), *end, *took_us, *actual, events))
            }
            Op::Cancel(pick) => Said::Settled(self.cancel(permits.pick(pick))),
            Op::Renew(pick) => Said::Renewed(self.renew(permits.pick(pick))),
            command => Said::Commanded(self.command(command, now, events)),
        }
    }
}
