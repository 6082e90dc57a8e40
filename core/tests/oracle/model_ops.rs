//! The reference model: what comes back, and what operators say.

use std::collections::BTreeMap;

use stanchion::{Commanded, Event, Mode, Reason, Renewed, Settled};

use super::history::{End, Op, Parts, ahead, at};
use super::model::{Bucket, Circuit, Model, Phase, Slot, after, is_before};
use super::model_circuit::Source;
use super::model_time::Events;

/// What a permit still holds.
struct Held {
    slot: bool,
    probe: bool,
    lost: bool,
}

impl Model {
    /// Gives slot and probe back.
    fn give_back(&mut self, permit: Parts) -> Held {
        let id = permit.lease;
        let slot = id != 0 && self.slots.contains_key(&id);
        let probe = self.is_probe(permit);
        let held = Held { slot, probe, lost: id != 0 && !slot && !probe };
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.count -= 1;
            if slot.count == 0 {
                self.slots.remove(&id);
            }
        }
        if let (true, Some(Circuit { phase: Phase::HalfOpen { probes, .. }, .. })) = (probe, &mut self.circuit) {
            let place = probes.iter().position(|(probe, _)| *probe == id).expect("it has one");
            probes.remove(place);
        }
        held
    }

    /// Whether the permit is a probe that is out. Calls of one holder may share an id: only those of this half-open time are.
    fn is_probe(&self, permit: Parts) -> bool {
        permit.lease != 0 && self.is_from(permit, self.counts_from) && self.has_probe(permit.lease)
    }

    fn is_from(&self, permit: Parts, from: u32) -> bool {
        permit.generation != 0 && !is_before(permit.generation, from) && !is_before(self.generation, permit.generation)
    }

    /// Gives tokens back: of what was taken, `unspent` tokens, and never what would have refilled anyway.
    fn refund(&mut self, permit: Parts, unspent: impl Fn(&str, u32) -> Option<i128>) {
        let elapsed = i128::from(self.last.wrapping_sub(permit.acquired_at) & ((1 << 48) - 1));
        for limit in self.spec.limits.clone() {
            let took = self.charge(&limit.name, permit.cost).expect("its own limit");
            let Some(unspent) = unspent(&limit.name, permit.cost) else { continue };
            let bucket = self.buckets.get_mut(&limit.name).expect("every limit has a bucket");
            let back = unspent.min((took - bucket.rate * elapsed).max(0));
            bucket.level = (bucket.level + back).min(bucket.full()).max(bucket.level);
        }
    }

    pub(crate) fn cancel(&mut self, permit: Parts) -> Settled {
        if permit.generation == 0 {
            return Settled::Stale;
        }
        let held = self.give_back(permit);
        let counts = self.is_from(permit, self.refunds_from);
        if counts && !held.lost {
            let spec = self.spec.clone();
            self.refund(permit, |name, cost| {
                let limit = spec.limits.iter().find(|limit| limit.name == name)?;
                Some(if limit.is_per_call { limit.unit() } else { i128::from(cost) * limit.unit() })
            });
        }
        match (held.lost, counts) {
            (true, _) => Settled::LeaseLost,
            (false, true) => Settled::Counted,
            (false, false) => Settled::Stale,
        }
    }

    pub(crate) fn settle(
        &mut self,
        permit: Parts,
        end: End,
        took_us: Option<u64>,
        actual: Option<u32>,
        events: &mut Events,
    ) -> Settled {
        if permit.generation == 0 {
            return Settled::Stale;
        }
        let is_half_open = self.spec.circuit.is_some()
            && self.mode.is_none()
            && matches!(self.circuit, Some(Circuit { phase: Phase::HalfOpen { .. }, .. }));
        let held = self.give_back(permit);
        if let Some(actual) = actual.filter(|_| !held.lost) {
            self.correct(permit, actual);
        }
        if end == End::Success {
            self.work();
        }
        let counts = self.is_from(permit, self.counts_from);
        if counts {
            let source = if held.probe { Source::Probe } else { Source::Call };
            self.result(source, end, took_us, events);
        }
        let probe_gone = is_half_open && !held.probe;
        match (held.lost, counts) {
            (true, _) => Settled::LeaseLost,
            (false, false) => Settled::Stale,
            (false, true) if probe_gone && held.slot => Settled::LeaseLost,
            (false, true) if probe_gone => Settled::Stale,
            (false, true) => Settled::Counted,
        }
    }

    /// Underspend is refunded, overspend is owed.
    fn correct(&mut self, permit: Parts, actual: u32) {
        let spec = self.spec.clone();
        let by_cost = |name: &str| spec.limits.iter().find(|limit| limit.name == name && !limit.is_per_call);
        if actual < permit.cost && self.is_from(permit, self.refunds_from) {
            self.refund(permit, |name, cost| Some(i128::from(cost - actual) * by_cost(name)?.unit()));
        }
        for limit in spec.limits.iter().filter(|limit| !limit.is_per_call && actual > permit.cost) {
            let bucket = self.buckets.get_mut(&limit.name).expect("every limit has a bucket");
            let owed = i128::from(actual - permit.cost) * limit.unit();
            bucket.level = (bucket.level - owed).max(-i128::from(limit.max_debt) * limit.unit()).min(bucket.level);
        }
    }

    pub(crate) fn renew(&mut self, permit: Parts) -> Renewed {
        if permit.lease == 0 {
            return Renewed::NotLeased;
        }
        if self.spec.bulkhead.is_some() && !self.slots.contains_key(&permit.lease) {
            return Renewed::LeaseLost;
        }
        let is_probe = self.is_probe(permit);
        let mut until = Vec::new();
        let t = self.last;
        if let Some(slot) = self.slots.get_mut(&permit.lease) {
            // A policy without a bulkhead knows no length of a lease: the slot of another one stays as it is.
            let lease_ms = self.spec.bulkhead.as_ref().map_or(0, |bulkhead| bulkhead.lease_ms);
            slot.expires = slot.expires.max(t + lease_ms * 1000);
            until.push(slot.expires);
        }
        if let (Some(Circuit { phase: Phase::HalfOpen { probes, .. }, .. }), Some(spec)) =
            (&mut self.circuit, &self.spec.circuit)
        {
            if let Some((_, expires)) = probes.iter_mut().find(|(id, _)| is_probe && *id == permit.lease) {
                *expires = (*expires).max(t + spec.probe_lease_ms * 1000);
                until.push(*expires);
            }
            probes.sort_unstable();
        }
        until.into_iter().min().map_or(Renewed::LeaseLost, |until| Renewed::Until(at(until)))
    }

    pub(crate) fn command(&mut self, op: &Op, now: u64, events: &mut Events) -> Commanded {
        let before = self.clone();
        let missing = match op {
            Op::Block(_) => self.spec.block.is_none(),
            // The block of another policy can be lifted as long as it lasts.
            Op::Unblock => self.spec.block.is_none() && self.block == 0,
            // The slots of another policy's bulkhead can be released as long as any of them lasts.
            Op::ReleaseHolder(_) => self.spec.bulkhead.is_none() && self.slots.is_empty(),
            Op::Reset => false,
            Op::Report { end: End::Success, .. } => self.spec.circuit.is_none() && !self.asks_for_success(),
            _ => self.spec.circuit.is_none(),
        };
        if missing {
            return Commanded::NoGate;
        }
        match op {
            Op::Block(by) => self.block_until(ahead(now, *by), events),
            Op::Unblock => {
                self.block = 0;
                if before.block != 0 {
                    events.push(Event::Unblocked);
                }
            }
            Op::Trip => self.trip(events),
            Op::Reset => self.reset(events),
            Op::ForceOpen(by) => {
                let until = by.map(|by| ahead(now, by));
                if until.is_none_or(|until| until > self.last) {
                    self.lay(Some((Mode::ForcedOpen, until)), events);
                }
            }
            Op::Disable => self.lay(Some((Mode::Disabled, None)), events),
            Op::MetricsOnly => self.lay(Some((Mode::MetricsOnly, None)), events),
            Op::LiftMode => self.lay(None, events),
            Op::Report { end, took_us } => {
                if *end == End::Success {
                    self.work();
                }
                if self.spec.circuit.is_some() {
                    self.result(Source::Report, *end, *took_us, events);
                }
            }
            Op::ReleaseHolder(holder) => self.release(*holder),
            _ => unreachable!("not a command"),
        }
        if *self == before { Commanded::Unchanged } else { Commanded::Done }
    }

    /// A summary of calls of that generation.
    pub(crate) fn many(&mut self, generation: u32, calls: &[u8], events: &mut Events) -> Commanded {
        let works = calls.iter().any(|call| call & 1 == 0) && self.asks_for_success();
        if self.spec.circuit.is_none() && !works {
            return Commanded::NoGate;
        }
        let before = self.clone();
        if works {
            self.work();
        }
        if self.spec.circuit.is_some() {
            self.settle_many(generation, calls, events);
        }
        if *self == before { Commanded::Unchanged } else { Commanded::Done }
    }

    /// A holder that is gone holds neither slots nor the probes that go with them. A circuit that the policy lacks stays as it is, and
    /// its probes come back by their leases.
    fn release(&mut self, holder: u64) {
        let gone = |slots: &BTreeMap<u32, Slot>, id: &u32| slots.get(id).is_some_and(|slot| slot.holder == holder);
        if let Some(Circuit { phase: Phase::HalfOpen { probes, .. }, .. }) =
            self.circuit.as_mut().filter(|_| self.spec.circuit.is_some())
        {
            probes.retain(|(id, _)| !gone(&self.slots, id));
        }
        self.slots.retain(|_, slot| slot.holder != holder);
    }

    fn lay(&mut self, mode: Option<(Mode, Option<u64>)>, events: &mut Events) {
        if self.mode != mode {
            self.mode = mode;
            events.push(Event::ModeChanged);
        }
    }

    fn block_until(&mut self, until: u64, events: &mut Events) {
        let spec = self.spec.block.clone().expect("checked before");
        let until = until.min(self.last + spec.max_block_ms * 1000);
        if until <= self.last || until <= self.block {
            return;
        }
        self.block = until;
        for bucket in self.buckets.values_mut() {
            bucket.level = bucket.level.min(bucket.full() * i128::from(spec.after_percent) / 100);
        }
        self.generation = after(self.generation);
        self.refunds_from = self.generation;
        events.push(Event::Blocked);
    }

    fn trip(&mut self, events: &mut Events) {
        let is_open = matches!(self.circuit, Some(Circuit { phase: Phase::Open { .. }, .. }));
        if !is_open && self.mode.is_none() {
            self.open(self.last, Reason::Tripped, events);
        }
    }

    fn reset(&mut self, events: &mut Events) {
        self.generation = after(self.generation);
        self.refunds_from = self.generation;
        self.counts_from = self.generation;
        self.circuit = self.spec.circuit.as_ref().map(|spec| Circuit::new(spec, self.last));
        self.mode = None;
        self.block = 0;
        self.buckets = self.spec.limits.iter().map(|limit| (limit.name.clone(), Bucket::new(limit))).collect();
        (self.worked, self.opened) = (None, Vec::new());
        self.begin_health();
        events.push(Event::Reset);
    }
}
