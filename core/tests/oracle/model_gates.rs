//! The reference model: who refuses, until when, and what an admission takes.

use std::time::Duration;

use stanchion::{Gate, GateSet, Mode, Rejection, RetryAfter};

use super::history::{Parts, Said};
use super::model::{Circuit, MASK, Model, Phase, Slot};

impl Model {
    fn circuit_refuses(&self) -> bool {
        let Some(spec) = &self.spec.circuit else { return false };
        let Some(circuit) = &self.circuit else { return false };
        match self.mode {
            Some((Mode::ForcedOpen, _)) => return true,
            Some(_) => return false,
            None => {}
        }
        match &circuit.phase {
            Phase::Closed { .. } => false,
            Phase::Open { .. } => true,
            Phase::HalfOpen { probes, successes, failures, .. } => {
                let live = probes.len() as u64;
                live >= u64::from(spec.permits) || live + u64::from(successes + failures) >= u64::from(spec.calls)
            }
        }
    }

    /// What a limit takes of a call: `None` for a limit that the policy has not.
    pub(crate) fn charge(&self, name: &str, cost: u32) -> Option<i128> {
        let limit = self.spec.limits.iter().find(|limit| limit.name == name)?;
        Some(if limit.is_per_call { limit.unit() } else { i128::from(cost) * limit.unit() })
    }

    /// The slot that a re-entrant holder has already: of several, which another policy left, that which ends first.
    fn own_slot(&self, holder: Option<u64>) -> Option<u32> {
        let reentrant = self.spec.bulkhead.as_ref().is_some_and(|b| b.is_reentrant);
        let holder = holder.filter(|_| reentrant)?;
        let own = self.slots.iter().filter(|(_, slot)| slot.holder == holder);
        own.min_by_key(|(id, slot)| (slot.expires, **id)).map(|(id, _)| *id)
    }

    /// The gates that refuse now.
    fn refusing(&self, cost: u32, holder: Option<u64>) -> GateSet {
        let mut bits = 0;
        let mut refuse = |gate: Gate| bits |= 1_u32 << gate.index();
        if self.circuit_refuses() {
            refuse(Gate::Circuit);
        }
        if self.spec.block.is_some() && self.block > self.last {
            refuse(Gate::Block);
        }
        for (place, limit) in (0_u8..).zip(&self.spec.limits) {
            let takes = self.charge(&limit.name, cost).expect("its own limit");
            if self.buckets[&limit.name].level < takes {
                refuse(Gate::Limit(place));
            }
        }
        if let Some(bulkhead) = &self.spec.bulkhead
            && self.slots.len() as u64 >= u64::from(bulkhead.max_concurrent)
            && self.own_slot(holder).is_none()
        {
            refuse(Gate::Bulkhead);
        }
        GateSet::from_bits(bits)
    }

    /// The next instant at which an answer to such a call may be another.
    fn next_turn(&self, cost: u32) -> Option<u64> {
        let mut turns = self.ends();
        for (name, bucket) in &self.buckets {
            turns.extend(self.charge(name, cost).and_then(|units| self.holds_at(bucket, units)));
        }
        turns.into_iter().min()
    }

    fn at(&self, t: u64) -> Self {
        let mut later = self.clone();
        later.advance(t, &mut Vec::new());
        later
    }

    /// Why a call is refused now, and until when: time is played forward until every gate admits.
    pub(crate) fn refusal(&self, cost: u32, holder: Option<u64>, now: u64) -> Option<Rejection> {
        let gates = self.refusing(cost, holder);
        if gates.is_empty() {
            return None;
        }
        let mut before = self.clone();
        while let Some(turn) = before.next_turn(cost) {
            let then = before.at(turn);
            if then.refusing(cost, holder).is_empty() {
                let by = before.at(turn - 1).refusing(cost, holder).first().expect("no turn was passed over");
                let wait = Duration::from_micros(turn - now);
                return Some(Rejection::new(by, gates, RetryAfter::After(wait)));
            }
            before = then;
        }
        let by = before.refusing(cost, holder).first().expect("something refuses for ever");
        Some(Rejection::new(by, gates, RetryAfter::Never))
    }

    pub(crate) fn acquire(&mut self, cost: u32, holder: Option<u64>, now: u64) -> Said {
        if let Some(rejection) = self.refusal(cost, holder, now) {
            if self.spec.is_shadow {
                let permit = Parts { acquired_at: 0, cost: 0, generation: 0, lease: 0 };
                return Said::Admitted { permit, would_reject: Some(rejection) };
            }
            return Said::Rejected(rejection);
        }
        for limit in self.spec.limits.clone() {
            let takes = self.charge(&limit.name, cost).expect("its own limit");
            self.buckets.get_mut(&limit.name).expect("every limit has a bucket").level -= takes;
        }
        let lease = self.lease(holder);
        let acquired_at = self.last & ((1 << 48) - 1);
        let permit = Parts { acquired_at, cost, generation: self.generation, lease };
        Said::Admitted { permit, would_reject: None }
    }

    /// Takes slot and probe under one id, where there is something to take.
    fn lease(&mut self, holder: Option<u64>) -> u32 {
        let takes_probe = self.spec.circuit.is_some()
            && self.mode.is_none()
            && matches!(self.circuit, Some(Circuit { phase: Phase::HalfOpen { .. }, .. }));
        let bulkhead = self.spec.bulkhead.clone();
        if !takes_probe && bulkhead.is_none() {
            return 0;
        }
        let own = self.own_slot(holder);
        let id = own.unwrap_or_else(|| self.new_lease_id());
        let t = self.last;
        if let Some(bulkhead) = bulkhead {
            let expires = t + bulkhead.lease_ms * 1000;
            let slot = self.slots.entry(id).or_insert(Slot { expires, holder: holder.unwrap_or(0), count: 0 });
            slot.expires = slot.expires.max(expires);
            slot.count += 1;
        }
        if let (true, Some(spec), Some(circuit)) = (takes_probe, &self.spec.circuit, &mut self.circuit)
            && let Phase::HalfOpen { first, probes, .. } = &mut circuit.phase
        {
            first.get_or_insert(t);
            probes.push((id, t + spec.probe_lease_ms * 1000));
            probes.sort_unstable();
        }
        id
    }

    fn new_lease_id(&mut self) -> u32 {
        let mut id = self.next_lease;
        while id == 0 || self.slots.contains_key(&id) || self.has_probe(id) {
            id = (id + 1) & MASK;
        }
        self.next_lease = ((id + 1) & MASK).max(1);
        id
    }

    /// A policy without a circuit leaves the probes of another one as they are.
    pub(crate) fn has_probe(&self, id: u32) -> bool {
        match self.circuit.as_ref().filter(|_| self.spec.circuit.is_some()) {
            Some(Circuit { phase: Phase::HalfOpen { probes, .. }, .. }) => probes.iter().any(|(probe, _)| *probe == id),
            _ => false,
        }
    }
}
