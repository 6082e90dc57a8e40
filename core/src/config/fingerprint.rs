//! The fingerprint: which rules a state was written under. States carry it, so it never changes.
//!
//! FNV-1a over little-endian 64-bit numbers, mixed by splitmix64, its high half. What may be absent is a 0, or a 1 and
//! its numbers. It covers circuit, limits in their order, block and bulkhead; not name, seed, mode or timeouts, which
//! leave the meaning of a state as it is. What else the state remembers (the retry budget, schedule, recovery, health) comes
//! behind, by the kind of its section and its numbers, and only where it is there: so the fingerprints of policies without it
//! stay what they were.

use crate::annex::Annex;
use crate::hash::{fnv64, fnv64_from, splitmix64};
use crate::health::{HealthRules, HealthSnapshot};
use crate::num::{low32, wide};
use crate::policy::{BlockRules, BulkheadRules, CircuitRules, LimitRules, Policy, WindowRules};
use crate::recovery::{RecoveryRules, RecoverySnapshot};
use crate::retry::{BudgetRules, BudgetSnapshot};
use crate::schedule::{ScheduleRules, ScheduleSnapshot};

struct Hasher(u64);

impl Hasher {
    fn numbers(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.0 = fnv64_from(self.0, &number.to_le_bytes());
        }
    }

    fn maybe<T>(&mut self, part: Option<&T>, add: impl FnOnce(&mut Self, &T)) {
        self.numbers(&[u64::from(part.is_some())]);
        if let Some(part) = part {
            add(self, part);
        }
    }
}

impl Policy {
    /// Not inlined where the rules are made, for they would be made in as many variables: more code than in memory.
    #[inline(never)]
    pub(crate) fn compute_fingerprint(&self) -> u32 {
        let mut hasher = Hasher(fnv64(&[]));
        hasher.maybe(self.circuit.as_ref(), add_circuit);
        hasher.numbers(&[wide(self.limits.len())]);
        self.limits.iter().for_each(|limit| add_limit(&mut hasher, limit));
        hasher.maybe(self.block.as_ref(), add_block);
        hasher.maybe(self.bulkhead.as_ref(), add_bulkhead);
        if let Some(budget) = self.retry.and_then(|retry| retry.budget) {
            add_budget(&mut hasher, &budget);
        }
        if let Some(schedule) = &self.schedule {
            add_schedule(&mut hasher, schedule);
        }
        if let Some(recovery) = &self.recovery {
            add_recovery(&mut hasher, recovery);
        }
        if let Some(health) = &self.health {
            add_health(&mut hasher, health);
        }
        low32(splitmix64(hasher.0) >> 32)
    }
}

fn add_circuit(hasher: &mut Hasher, circuit: &CircuitRules) {
    hasher.numbers(&[u64::from(circuit.consecutive_failures)]);
    hasher.maybe(circuit.failures_in_window.as_ref(), |hasher, window| {
        hasher.numbers(&[u64::from(window.count), window.window_us]);
    });
    hasher.numbers(&[
        u64::from(circuit.failure_rate_bp),
        u64::from(circuit.slow_call_rate_bp),
        circuit.slow_call_us,
        u64::from(circuit.minimum_calls),
    ]);
    hasher.maybe(circuit.window.as_ref(), |hasher, window| match *window {
        WindowRules::Calls(calls) => hasher.numbers(&[0, u64::from(calls)]),
        WindowRules::Time { slot_us, slots } => hasher.numbers(&[1, slot_us, u64::from(slots)]),
    });
    hasher.numbers(&[
        circuit.forget_us,
        circuit.open_us,
        u64::from(circuit.open_multiplier_thousandths),
        circuit.open_max_us,
        u64::from(circuit.open_jitter_bp),
    ]);
    hasher.maybe(circuit.growth_reset_us.as_ref(), |hasher, us| hasher.numbers(&[*us]));
    hasher.numbers(&[
        u64::from(circuit.half_open_permits),
        u64::from(circuit.half_open_calls),
        u64::from(circuit.half_open_failure_rate_bp),
        circuit.half_open_max_us,
        circuit.probe_lease_us,
        u64::from(circuit.late_success_closes),
        u64::from(circuit.late_failure_extends),
        u64::from(circuit.report_as_probe),
    ]);
}

fn add_limit(hasher: &mut Hasher, limit: &LimitRules) {
    hasher.numbers(&[
        u64::from(limit.name_hash),
        u64::from(limit.capacity),
        limit.units_per_token,
        limit.units_per_us,
        limit.max_debt_units.unsigned_abs(),
        u64::from(limit.is_per_call),
        u64::from(limit.starts_empty),
    ]);
}

fn add_block(hasher: &mut Hasher, block: &BlockRules) {
    hasher.numbers(&[block.max_block_us, u64::from(block.after_block_percent)]);
}

fn add_bulkhead(hasher: &mut Hasher, bulkhead: &BulkheadRules) {
    hasher.numbers(&[u64::from(bulkhead.max_concurrent), bulkhead.lease_us, u64::from(bulkhead.is_reentrant)]);
}

fn add_budget(hasher: &mut Hasher, budget: &BudgetRules) {
    hasher.numbers(&[
        u64::from(BudgetSnapshot::KIND),
        u64::from(budget.bucket.capacity),
        budget.bucket.units_per_token,
        budget.bucket.units_per_us,
        budget.units_per_call.unsigned_abs(),
    ]);
}

fn add_schedule(hasher: &mut Hasher, schedule: &ScheduleRules) {
    hasher.numbers(&[u64::from(ScheduleSnapshot::KIND), schedule.interval_us, schedule.min_spacing_us]);
    hasher.maybe(schedule.flood.as_ref(), |hasher, flood| {
        hasher.numbers(&[u64::from(flood.count), flood.window_us]);
    });
    hasher.maybe(schedule.backoff.as_ref(), |hasher, backoff| {
        hasher.numbers(&[
            u64::from(backoff.after_failures),
            backoff.base_us,
            u64::from(backoff.multiplier_thousandths),
            backoff.max_us,
        ]);
    });
    hasher.numbers(&[u64::from(schedule.jitter_bp)]);
}

fn add_recovery(hasher: &mut Hasher, recovery: &RecoveryRules) {
    hasher.numbers(&[u64::from(RecoverySnapshot::KIND), wide(recovery.steps.len())]);
    for step in &recovery.steps {
        hasher.numbers(&[
            u64::from(step.name_hash),
            wide(step.max_attempts),
            step.window_us,
            step.base_delay_us,
            u64::from(step.multiplier_thousandths),
            step.max_delay_us,
            u64::from(step.jitter_bp),
            step.lease_us,
        ]);
    }
    let begins_at = [recovery.transient, recovery.unauthenticated, recovery.session_lost, recovery.conflict];
    hasher.numbers(&begins_at.map(wide));
    hasher.numbers(&[recovery.stable_us, recovery.forget_us, recovery.max_throttle_us]);
}

fn add_health(hasher: &mut Hasher, health: &HealthRules) {
    hasher.numbers(&[u64::from(HealthSnapshot::KIND), health.max_success_age_us]);
    hasher.maybe(health.flapping.as_ref(), |hasher, flapping| {
        hasher.numbers(&[u64::from(flapping.openings), flapping.window_us]);
    });
}
