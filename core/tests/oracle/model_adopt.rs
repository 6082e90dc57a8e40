//! The reference model: a state under another policy.

use stanchion::{Event, name_hash};

use super::model::{Bucket, Circuit, Model, Phase, Window, after};
use super::model_time::Events;
use super::spec::{CircuitSpec, LimitSpec, Spec};

/// A bucket under another limit of the same name: the same tokens, rounded down, within the new bounds.
fn converted(old: &Bucket, limit: &LimitSpec) -> Bucket {
    let fresh = Bucket::new(limit);
    let level = (old.level * fresh.unit).div_euclid(old.unit);
    let level = level.min(fresh.full()).max(-i128::from(limit.max_debt) * fresh.unit);
    Bucket { level, ..fresh }
}

/// How long until it is full.
fn full_in(bucket: &Bucket) -> i128 {
    (bucket.full() - bucket.level + bucket.rate - 1) / bucket.rate
}

impl Circuit {
    /// The counts of trips that the new policy lacks are cleared, a window of another shape starts empty.
    fn adopt(&mut self, spec: &CircuitSpec) {
        if spec.consecutive.is_none() {
            self.consecutive = 0;
        }
        match spec.in_window {
            None => self.failures.clear(),
            Some((count, _)) => {
                let extra = self.failures.len().saturating_sub(usize::try_from(count).expect("at most 64"));
                self.failures.drain(..extra);
            }
        }
        let fresh = Window::new(spec);
        let same = match (&self.window, &fresh) {
            (Window::Calls(a, _), Window::Calls(b, _)) => a == b,
            (Window::Time { slot_us: a, slots: n, .. }, Window::Time { slot_us: b, slots: m, .. }) => (a, n) == (b, m),
            _ => false,
        };
        if !same {
            self.window = fresh;
        }
        if let Phase::HalfOpen { successes, failures, .. } = &mut self.phase {
            *failures = (*failures).min(spec.calls - 1);
            *successes = (*successes).min(spec.calls - 1 - *failures);
        }
    }
}

impl Model {
    /// Takes the state over at `t`; what is due by then is read by the new policy afterwards.
    pub(crate) fn adopt(&mut self, spec: &Spec, t: u64, events: &mut Events) {
        events.push(Event::Adopted);
        self.refill(t);
        self.generation = after(self.generation);
        self.refunds_from = self.generation;
        self.adopt_buckets(spec, events);
        self.block = match &spec.block {
            Some(block) => self.block.min(t + block.max_block_ms * 1000),
            None => self.block,
        };
        if let Some(ours) = &spec.circuit {
            match &mut self.circuit {
                None => self.circuit = Some(Circuit::new(ours, t)),
                Some(circuit) => circuit.adopt(ours),
            }
        }
        self.adopt_health(spec, t);
        // The levels are as of `t` now; the circuit's transitions carry their own instants.
        self.last = t;
        self.spec = spec.clone();
        self.close_without_probes(events);
    }

    fn adopt_buckets(&mut self, spec: &Spec, events: &mut Events) {
        let old = std::mem::take(&mut self.buckets);
        for limit in &spec.limits {
            let bucket = old.get(&limit.name).map_or_else(|| Bucket::new(limit), |bucket| converted(bucket, limit));
            self.buckets.insert(limit.name.clone(), bucket);
        }
        let mut carried: Vec<_> = old
            .into_iter()
            .filter(|(name, bucket)| {
                !self.buckets.contains_key(name) && (bucket.starts_empty || bucket.level < bucket.full())
            })
            .collect();
        carried.sort_by_key(|(name, bucket)| (full_in(bucket), name_hash(name)));
        let extra = carried.len().saturating_sub(16);
        if extra > 0 {
            events.push(Event::LimitDropped);
        }
        self.buckets.extend(carried.drain(extra..));
    }

    /// A half-open circuit of a policy without half-open permits is closed, as if it had been so from the start.
    fn close_without_probes(&mut self, events: &mut Events) {
        let none = self.spec.circuit.as_ref().is_some_and(|c| c.permits == 0);
        if let Some(Circuit { phase: Phase::HalfOpen { .. }, since, .. }) = self.circuit.as_ref().filter(|_| none) {
            self.close(*since, events);
        }
    }
}
