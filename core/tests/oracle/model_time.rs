//! The reference model: what time does.

use std::collections::BTreeMap;

use stanchion::{Event, Reason};

use super::model::{Bucket, Circuit, Model, Phase, Window, after};
use super::spec::{CircuitSpec, LimitSpec, Spec, WindowSpec};

pub(crate) type Events = Vec<Event>;

impl Bucket {
    pub(crate) fn new(limit: &LimitSpec) -> Self {
        let level = if limit.starts_empty { 0 } else { i128::from(limit.capacity) * limit.unit() };
        Self {
            level,
            unit: limit.unit(),
            rate: limit.rate(),
            capacity: limit.capacity,
            is_per_call: limit.is_per_call,
            starts_empty: limit.starts_empty,
        }
    }

    pub(crate) fn full(&self) -> i128 {
        i128::from(self.capacity) * self.unit
    }
}

impl Window {
    pub(crate) fn new(spec: &CircuitSpec) -> Self {
        if !spec.has_rate() {
            return Self::None;
        }
        match spec.window {
            WindowSpec::Calls(size) => Self::Calls(size, Vec::new()),
            WindowSpec::Time { ms, slots } => {
                Self::Time { slot_us: ms * 1000 / u64::from(slots), slots: u64::from(slots), sums: BTreeMap::new() }
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Self::None => {}
            Self::Calls(_, calls) => calls.clear(),
            Self::Time { sums, .. } => sums.clear(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Calls(_, calls) => calls.is_empty(),
            Self::Time { sums, .. } => sums.is_empty(),
        }
    }
}

impl Circuit {
    pub(crate) fn new(spec: &CircuitSpec, now: u64) -> Self {
        Self {
            phase: Phase::Closed { touched: now },
            since: now,
            growth: 0,
            reason: Reason::None,
            counted: 0,
            consecutive: 0,
            failures: Vec::new(),
            window: Window::new(spec),
        }
    }

    pub(crate) fn clear_counts(&mut self) {
        self.consecutive = 0;
        self.failures.clear();
        self.window.clear();
    }

    /// Whether a closed circuit says anything that a new one would not.
    fn remembers(&self) -> bool {
        let has_counts = self.consecutive > 0 || !self.failures.is_empty() || !self.window.is_empty();
        has_counts || self.growth > 0 || self.reason != Reason::None
    }

    /// Drops the slots that are too old to count at `t`. Of the failures the last ones are kept, and passed over.
    fn prune(&mut self, t: u64) {
        if let Window::Time { slot_us, slots, sums } = &mut self.window {
            let (current, slots) = (t / *slot_us, *slots);
            sums.retain(|index, _| index + slots > current);
        }
    }
}

/// What becomes of a circuit by time alone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Due {
    Forget,
    GrowthReset,
    OpenEnds,
    HalfOpenTimeout,
}

impl Model {
    /// Makes all transitions due by `t`, each at its own instant.
    pub(crate) fn advance(&mut self, t: u64, events: &mut Events) {
        self.refill(t);
        self.drop_full();
        if self.block <= t {
            self.block = 0;
        }
        self.slots.retain(|_, slot| slot.expires > t);
        if self.spec.circuit.is_some() {
            // In the order in which they happened; at one instant the mode comes first.
            if let Some(end) = self.mode.and_then(|(_, until)| until).filter(|end| *end <= t) {
                while let Some((at, due)) = self.due().filter(|(at, _)| *at < end) {
                    self.make(due, at, events);
                }
                self.mode = None;
                events.push(Event::ModeChanged);
            }
            while let Some((at, due)) = self.due().filter(|(at, _)| *at <= t) {
                self.make(due, at, events);
            }
            self.prune(t);
        }
        self.last = t;
    }

    /// Refills every bucket up to `t`; nothing refills while a block is ahead.
    pub(crate) fn refill(&mut self, t: u64) {
        let from = self.last.max(self.block.min(t));
        let elapsed = i128::from(t.saturating_sub(from));
        for bucket in self.buckets.values_mut() {
            bucket.level = (bucket.level + bucket.rate * elapsed).min(bucket.full());
        }
    }

    /// Drops the carried buckets that are full, and so say nothing that a new one would not.
    fn drop_full(&mut self) {
        let ours = |name: &String| self.spec.limits.iter().any(|limit| limit.name == *name);
        self.buckets.retain(|name, bucket| ours(name) || bucket.starts_empty || bucket.level < bucket.full());
    }

    fn prune(&mut self, t: u64) {
        let Some(circuit) = &mut self.circuit else { return };
        circuit.prune(t);
        if let Phase::HalfOpen { probes, .. } = &mut circuit.phase {
            probes.retain(|(_, expires)| *expires > t);
        }
    }

    /// The circuit's next transition by time, if there is one.
    fn due(&self) -> Option<(u64, Due)> {
        let (spec, circuit) = (self.spec.circuit.as_ref()?, self.circuit.as_ref()?);
        let forget_us = spec.forget_ms.map(|ms| ms * 1000);
        let mut all = Vec::new();
        match &circuit.phase {
            Phase::Closed { touched } => {
                if let Some(us) = forget_us.filter(|_| circuit.remembers()) {
                    all.push((touched + us, Due::Forget));
                }
                if let Some(ms) = spec.growth_reset_ms.filter(|_| circuit.growth > 0) {
                    all.push((circuit.since + ms * 1000, Due::GrowthReset));
                }
            }
            Phase::Open { until, .. } => all.push((*until, Due::OpenEnds)),
            Phase::HalfOpen { touched, first, probes, .. } => {
                if let (Some(first), Some(ms)) = (first, spec.half_max_ms) {
                    all.push((first + ms * 1000, Due::HalfOpenTimeout));
                }
                if let Some(us) = forget_us {
                    let free = probes.iter().map(|(_, expires)| *expires).max().unwrap_or(0);
                    all.push(((touched + us).max(circuit.since).max(free), Due::Forget));
                }
            }
        }
        all.into_iter().min_by_key(|(at, due)| (*at, *due == Due::Forget))
    }

    fn make(&mut self, due: Due, at: u64, events: &mut Events) {
        let spec = self.spec.circuit.clone().expect("only a policy with a circuit moves one");
        let circuit = self.circuit.as_mut().expect("only a circuit has something due");
        match (due, &circuit.phase) {
            (Due::GrowthReset, _) => circuit.growth = 0,
            (Due::Forget, phase) => {
                if !matches!(phase, Phase::Closed { .. }) {
                    self.close(at, events);
                }
                let circuit = self.circuit.as_mut().expect("it is there");
                circuit.growth = 0;
                circuit.reason = Reason::None;
                circuit.clear_counts();
            }
            (Due::OpenEnds, _) if spec.permits == 0 => self.close(at, events),
            (Due::OpenEnds, _) => self.half_open(at, events),
            (Due::HalfOpenTimeout, _) => self.open(at, Reason::HalfOpenTimeout, events),
        }
    }

    fn half_open(&mut self, at: u64, events: &mut Events) {
        self.next_phase();
        let circuit = self.circuit.as_mut().expect("only a circuit half-opens");
        let touched = circuit.since;
        circuit.phase = Phase::HalfOpen { touched, first: None, probes: Vec::new(), successes: 0, failures: 0 };
        circuit.since = at;
        events.push(Event::HalfOpened);
    }

    /// A phase of which no result before counts.
    pub(crate) fn next_phase(&mut self) {
        self.generation = after(self.generation);
        self.counts_from = self.generation;
    }

    /// The clock stepped back: every instant is moved by the difference, none further ahead than the policy allows.
    pub(crate) fn repair(&mut self, spec: &Spec, now: u64, events: &mut Events) {
        let by = self.last - now;
        let back = |at: &mut u64, most: Option<u64>| {
            *at = at.saturating_sub(by).min(most.map_or(u64::MAX, |ms| now + ms * 1000));
        };
        if self.block != 0 {
            back(&mut self.block, spec.block.as_ref().map(|b| b.max_block_ms));
        }
        for slot in self.slots.values_mut() {
            back(&mut slot.expires, spec.bulkhead.as_ref().map(|b| b.lease_ms));
        }
        if let Some((_, Some(until))) = &mut self.mode {
            back(until, None);
        }
        if let Some(circuit) = &mut self.circuit {
            back(&mut circuit.since, None);
            circuit.failures.iter_mut().for_each(|at| back(at, None));
            if let Window::Time { slot_us, sums, .. } = &mut circuit.window {
                let slot_us = *slot_us;
                let old = std::mem::take(sums);
                for (index, (calls, failures, slow)) in old {
                    let sum = sums.entry((index * slot_us).saturating_sub(by) / slot_us).or_insert((0, 0, 0));
                    *sum = (sum.0 + calls, sum.1 + failures, sum.2 + slow);
                }
            }
            let spec = spec.circuit.as_ref();
            match &mut circuit.phase {
                Phase::Closed { touched } => back(touched, None),
                Phase::Open { until, .. } => back(until, spec.map(|c| c.open_max_ms)),
                Phase::HalfOpen { touched, first, probes, .. } => {
                    back(touched, None);
                    if let Some(first) = first {
                        back(first, None);
                    }
                    for (_, expires) in probes {
                        back(expires, spec.map(|c| c.probe_lease_ms));
                    }
                }
            }
        }
        self.opened.iter_mut().chain(&mut self.worked).for_each(|at| back(at, None));
        self.last = now;
        self.generation = after(self.generation);
        self.refunds_from = self.generation;
        events.push(Event::ClockStepped);
    }

    /// The instants after that of the state at which something ends by time alone.
    pub(crate) fn ends(&self) -> Vec<u64> {
        let mut ends: Vec<u64> = self.slots.values().map(|slot| slot.expires).collect();
        ends.push(self.block);
        if self.spec.circuit.is_some() {
            ends.extend(self.mode.and_then(|(_, until)| until));
            ends.extend(self.due().map(|(at, _)| at));
            if let Some(Circuit { phase: Phase::HalfOpen { probes, .. }, .. }) = &self.circuit {
                ends.extend(probes.iter().map(|(_, expires)| *expires));
            }
        }
        ends.retain(|at| *at > self.last);
        ends
    }

    /// The first instant at which a reader would see something else than now.
    pub(crate) fn next_change(&self) -> Option<u64> {
        let mut changes = self.ends();
        changes.extend(self.health_ends());
        let own = self.spec.limits.iter().map(|limit| &self.buckets[&limit.name]);
        changes.extend(own.filter_map(|bucket| self.holds_at(bucket, bucket.full())));
        changes.into_iter().min().filter(|at| *at < 1 << 52)
    }

    /// When a closed circuit over slots of time forgets, though all its slots may have left the window before.
    pub(crate) fn forgets_slots_at(&self) -> Option<u64> {
        let forget_ms = self.spec.circuit.as_ref()?.forget_ms?;
        match self.circuit.as_ref()? {
            Circuit { phase: Phase::Closed { touched }, window: Window::Time { .. }, .. } => {
                Some(touched + forget_ms * 1000)
            }
            _ => None,
        }
    }

    /// Those, and the instants at which something stops counting or a bucket holds so many tokens.
    pub(crate) fn edges(&self, cost: u32) -> Vec<u64> {
        let mut edges = self.ends();
        edges.extend(self.health_ends());
        edges.extend(self.buckets.values().filter_map(|bucket| self.holds_at(bucket, i128::from(cost) * bucket.unit)));
        edges.extend(self.buckets.values().filter_map(|bucket| self.holds_at(bucket, bucket.full())));
        if let (Some(circuit), Some(spec)) = (&self.circuit, &self.spec.circuit) {
            let window_us = spec.in_window.map_or(0, |(_, ms)| ms * 1000);
            edges.extend(circuit.failures.iter().map(|at| at + window_us));
            if let Window::Time { slot_us, slots, sums } = &circuit.window {
                edges.extend(sums.keys().map(|index| (index + slots) * slot_us));
            }
        }
        edges.retain(|at| *at > self.last);
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// When a bucket that lacks so many units holds them, if it ever does.
    pub(crate) fn holds_at(&self, bucket: &Bucket, units: i128) -> Option<u64> {
        let lacks = units - bucket.level;
        if lacks <= 0 || units > bucket.full() {
            return None;
        }
        let wait = (lacks + bucket.rate - 1) / bucket.rate;
        Some(self.last.max(self.block) + u64::try_from(wait).expect("a bucket fills within the range of instants"))
    }
}
