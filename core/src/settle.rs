//! How a permit ends, or goes on: what it gives back, what its result does to the circuit, how its lease is renewed.

use crate::answer::{Renewed, Settled};
use crate::bulkhead::find_live;
use crate::circuit::Circuit;
use crate::engine::Entered;
use crate::input::{Outcome, Settle};
use crate::live::{set_stored_probes, stored_probes};
use crate::num::{bits, level};
use crate::permit::Permit;
use crate::policy::CircuitRules;
use crate::snapshot::{Mode, Phase, Reason};
use crate::time::Timestamp;

/// What a result does to the circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    Nothing,
    Count { has_failed: bool, is_slow: bool },
    Probe { has_failed: bool },
    CloseLate,
    ExtendLate { until_at: u64 },
}

/// How a permit ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Settled(Settle),
    Cancelled,
}

impl Entered<'_> {
    /// Ends a permit: gives back what it holds, corrects what it cost, and tells the circuit.
    pub(crate) fn finish(&mut self, permit: &Permit, end: End) -> Settled {
        if permit.generation() == 0 {
            return Settled::Stale;
        }
        let circuit = self.circuit_now();
        let id = permit.lease_id();
        let has_slot = id != 0 && find_live(self.mem.view(), id, self.t).is_some();
        let has_probe = self.has_probe(&circuit, permit);
        let is_gone = id != 0 && !has_slot && !has_probe;
        let (effect, answer) = match end {
            End::Settled(end) => {
                let counts = circuit.counts(permit.generation());
                let is_lost_probe = self.is_probing(&circuit) && counts && !has_probe;
                let answer = if is_gone || (is_lost_probe && id != 0) {
                    Settled::LeaseLost
                } else {
                    settled(counts && !is_lost_probe)
                };
                let effect = match self.rules() {
                    Some(rules) if counts => effect(rules, &circuit, &end, has_probe, self.t),
                    _ => Effect::Nothing,
                };
                (effect, answer)
            }
            End::Cancelled if is_gone => (Effect::Nothing, Settled::LeaseLost),
            End::Cancelled => (Effect::Nothing, settled(circuit.refunds(permit.generation()))),
        };
        let moves_tokens = !is_gone && self.corrects(permit, end, circuit.refunds(permit.generation()), false);
        if has_slot || has_probe || moves_tokens || effect != Effect::Nothing {
            let circuit = self.advance();
            if moves_tokens {
                self.corrects(permit, end, circuit.refunds(permit.generation()), true);
            }
            if has_slot {
                self.mem.return_lease(id);
            }
            if has_probe {
                self.drop_probe(id);
            }
            self.take_effect(circuit, effect);
        }
        answer
    }

    /// Whether a permit is one of the probes that are out. A re-entrant holder's calls share an id: those that were admitted
    /// before this half-open time are none.
    fn has_probe(&self, circuit: &Circuit, permit: &Permit) -> bool {
        let id = permit.lease_id();
        id != 0
            && self.policy.circuit.is_some()
            && !circuit.drops_probes
            && circuit.counts(permit.generation())
            && self.mem.view().probes().iter().any(|[probe, end]| *probe == u64::from(id) && *end > self.t)
    }

    /// Whether a call that is admitted now is a probe.
    pub(crate) fn is_probing(&self, circuit: &Circuit) -> bool {
        self.policy.circuit.is_some() && circuit.exists && circuit.mode.is_none() && circuit.phase == Phase::HalfOpen
    }

    /// The place of a lease's probe. A re-entrant holder's calls share an id, so it may have several: that which ends first.
    fn probe_place(&mut self, id: u32) -> Option<usize> {
        let stored = stored_probes(self.mem.head);
        let own =
            self.mem.probe_places().iter().take(stored).enumerate().filter(|(_, [probe, _])| *probe == u64::from(id));
        own.min_by_key(|(_, [_, end])| *end).map(|(place, _)| place)
    }

    /// When the live probe of a lease ends that ends first.
    fn probe_end(&self, id: u32) -> Option<u64> {
        let live = self.mem.view().probes().iter().filter(|[probe, end]| *probe == u64::from(id) && *end > self.t);
        live.map(|[_, end]| *end).min()
    }

    /// Frees one probe of a lease: one call ended.
    fn drop_probe(&mut self, id: u32) {
        let Some(place) = self.probe_place(id) else { return };
        let left = stored_probes(self.mem.head).saturating_sub(1);
        let places = self.mem.probe_places();
        let last = places.get(left).copied().unwrap_or_default();
        if let Some(place) = places.get_mut(place) {
            *place = last;
        }
        set_stored_probes(self.mem.head, left);
    }

    /// Whether refund or debt of this end moves any level at `t`; and, when told to, moves it.
    fn corrects(&mut self, permit: &Permit, end: End, refunds: bool, moves: bool) -> bool {
        let elapsed_us = self.t.saturating_sub(self.mem.view().refills_from());
        let (t, mut corrects) = (self.t, false);
        for (rules, [units, ..]) in self.policy.limits.iter().zip(self.mem.limits_mut()) {
            // After `advance` nothing has elapsed, and this is the level as it stands.
            let before = rules.refilled(level(*units), elapsed_us);
            let after = match end {
                End::Cancelled if refunds => rules.refunded(before, rules.tokens(permit.cost()), permit, t),
                End::Settled(Settle { actual_cost: Some(actual), .. }) if !rules.is_per_call => {
                    let (cost, over) = (permit.cost(), actual.saturating_sub(permit.cost()));
                    match cost.saturating_sub(actual) {
                        0 => rules.owed(before, over),
                        unspent if refunds => rules.refunded(before, unspent, permit, t),
                        _ => before,
                    }
                }
                _ => before,
            };
            corrects |= after != before;
            if moves {
                *units = bits(after);
            }
        }
        corrects
    }

    /// Makes it so.
    pub(crate) fn take_effect(&mut self, mut circuit: Circuit, effect: Effect) {
        let Some(rules) = self.policy.circuit.as_ref() else { return };
        let (seed, t) = (self.policy.seed, self.t);
        match effect {
            Effect::Nothing => return,
            Effect::Count { has_failed, is_slow } => {
                circuit.touched_at = self.t;
                let reason = self.count(&mut circuit.consecutive, rules, has_failed, is_slow);
                self.trip_by(&mut circuit, rules, reason);
            }
            Effect::Probe { has_failed } => {
                circuit.judge_probe(rules, seed, has_failed, t, &mut self.events);
                if circuit.phase == Phase::Open {
                    self.note_opening(t);
                }
            }
            Effect::CloseLate => circuit.close(rules, t, &mut self.events),
            Effect::ExtendLate { until_at } => {
                circuit.until_at = until_at;
                self.events.push(crate::answer::Event::Extended);
            }
        }
        self.put(&mut circuit);
    }

    /// Opens a closed circuit for that reason, unless it only counts.
    pub(crate) fn trip_by(&mut self, circuit: &mut Circuit, rules: &CircuitRules, reason: Option<Reason>) {
        if let Some(reason) = reason.filter(|_| circuit.mode.is_none()) {
            circuit.open(rules, self.policy.seed, self.t, reason, &mut self.events);
            self.note_opening(self.t);
        }
    }

    /// Adds one result to the counts of a closed circuit; the first trip whose threshold it reaches.
    pub(crate) fn count(
        &mut self,
        consecutive: &mut u32,
        rules: &CircuitRules,
        has_failed: bool,
        is_slow: bool,
    ) -> Option<Reason> {
        let mut reason = None;
        if !has_failed {
            *consecutive = 0;
        } else if rules.consecutive_failures > 0 {
            *consecutive = consecutive.saturating_add(1);
            if *consecutive >= rules.consecutive_failures {
                reason = Some(Reason::ConsecutiveFailures);
            }
        }
        if let Some(rule) = rules.failures_in_window.filter(|_| has_failed)
            && self.mem.add_failure(rule, self.t)
        {
            reason = reason.or(Some(Reason::FailuresInWindow));
        }
        if let Some(window) = rules.window {
            self.mem.add_call(window, has_failed, is_slow, self.t);
            reason = reason.or(self.mem.totals().reached(rules));
        }
        reason
    }

    pub(crate) fn renew(&mut self, permit: &Permit) -> Renewed {
        if !permit.is_leased() {
            return Renewed::NotLeased;
        }
        let id = permit.lease_id();
        let circuit = self.circuit_now();
        let view = self.mem.view();
        let slot = find_live(view, id, self.t).map(|lease| lease.expires_at);
        // Whatever becomes of the probe: the slot may be another's, so the call must end.
        if slot.is_none() && self.policy.bulkhead.is_some() {
            return Renewed::LeaseLost;
        }
        let probe = self.has_probe(&circuit, permit).then(|| self.probe_end(id)).flatten();
        let slot_until = slot.map(|end| end.max(self.policy.bulkhead.map_or(0, |rules| self.until(rules.lease_us))));
        let probe_until = probe.map(|end| end.max(self.rules().map_or(0, |rules| self.until(rules.probe_lease_us))));
        let Some(until) = slot_until.into_iter().chain(probe_until).min().and_then(Timestamp::from_micros) else {
            return Renewed::LeaseLost;
        };
        if slot_until != slot || probe_until != probe {
            self.advance();
            if let Some(end) = slot_until {
                self.mem.extend_lease(id, end, 0);
            }
            if let (Some(end), Some(place)) = (probe_until, self.probe_place(id)) {
                self.mem.probe_places().get_mut(place).into_iter().for_each(|place| place[1] = end);
            }
        }
        Renewed::Until(until)
    }
}

/// What a result of the present generation does to the circuit.
pub(crate) fn effect(rules: &CircuitRules, circuit: &Circuit, end: &Settle, has_probe: bool, t: u64) -> Effect {
    let has_failed = match end.outcome {
        Outcome::Success if circuit.exists => false,
        Outcome::Failure if circuit.exists => true,
        _ => return Effect::Nothing,
    };
    let is_slow = rules.is_slow(end);
    match (circuit.phase, circuit.mode) {
        (Phase::Closed, None | Some(Mode::MetricsOnly)) => {
            if rules.counts(has_failed, circuit.consecutive) {
                Effect::Count { has_failed, is_slow }
            } else {
                Effect::Nothing
            }
        }
        (Phase::HalfOpen, None) if has_probe => Effect::Probe { has_failed },
        (Phase::Open, None) if has_failed && rules.late_failure_extends => match circuit.extended_until(rules, t) {
            until_at if until_at > circuit.until_at => Effect::ExtendLate { until_at },
            _ => Effect::Nothing,
        },
        (Phase::Open, None) if !has_failed && rules.late_success_closes => Effect::CloseLate,
        _ => Effect::Nothing,
    }
}

impl CircuitRules {
    /// Whether that call was slow: one of unknown duration is not.
    pub(crate) fn is_slow(&self, end: &Settle) -> bool {
        end.duration.is_some_and(|took| crate::time::duration_us(took) >= self.slow_call_us)
    }

    /// Whether such a result changes the counts of a closed circuit after so many failures in a row.
    pub(crate) fn counts(&self, has_failed: bool, consecutive: u32) -> bool {
        let counts_failures = self.consecutive_failures > 0 || self.failures_in_window.is_some();
        self.window.is_some() || if has_failed { counts_failures } else { consecutive > 0 }
    }
}

fn settled(counts: bool) -> Settled {
    if counts { Settled::Counted } else { Settled::Stale }
}
