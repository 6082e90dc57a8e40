//! How a policy takes over the state of another one: no amnesia, no free burst, nobody kept out for ever.
//!
//! | what | becomes |
//! |---|---|
//! | time before | is refilled at the stored rate, up to the stored capacity |
//! | tokens of a limit that both have | are kept, rounded down to the new unit, clamped to the new capacity and debt |
//! | a limit that is new | starts as `initial` says |
//! | a limit that the policy lacks | is carried at its own rate, until it is full (for ever with `initial: "empty"`); at most 16 |
//! | counts of trips that the policy lacks, a window of another shape | start empty |
//! | half-open results | are cut to `half_open_calls − 1`, failures first kept |
//! | a block beyond `max_block_ms`, a debt beyond `max_debt` | are cut to them |
//! | a circuit that the policy lacks | stays as it is |
//! | what a policy beside the gates remembers (`annex`) | is that policy's matter; what this one has no use for stays as it is |
//! | the generation | rises by one, and refunds end there |

use crate::circuit::next_generation;
use crate::policy::{CircuitRules, Policy, WindowRules};
use crate::snapshot::{CircuitSnapshot, Phase, Snapshot, WindowSnapshot};
use crate::sort::sort_by_key;

/// How many limits that a policy lacks are carried at most.
pub(crate) const MAX_CARRIED: usize = 16;

/// Makes `snapshot` one of this policy at `t`. Returns whether a carried limit had to go.
pub(crate) fn adopt(policy: &Policy, snapshot: &mut Snapshot, t: u64) -> bool {
    refill_all(snapshot, t);
    snapshot.leases.retain(|lease| lease.expires_at > t);
    snapshot.last_at = t;
    snapshot.fingerprint = policy.fingerprint();
    snapshot.generation = next_generation(snapshot.generation);
    snapshot.refunds_from = snapshot.generation;
    if snapshot.block_until <= t {
        snapshot.block_until = 0;
    } else if let Some(block) = policy.block {
        snapshot.block_until = snapshot.block_until.min(t.saturating_add(block.max_block_us));
    }
    if let Some(rules) = &policy.circuit {
        adopt_circuit(rules, snapshot, t);
    }
    snapshot.adopt_annexes(policy, t);
    snapshot.start_health(policy, t);
    snapshot.drop_empty_annexes();
    adopt_limits(policy, snapshot)
}

/// Refills every limit at its stored rate, except while a block was ahead.
fn refill_all(snapshot: &mut Snapshot, t: u64) {
    let elapsed_us = t.saturating_sub(snapshot.last_at.max(snapshot.block_until));
    for limit in &mut snapshot.limits {
        limit.refill(elapsed_us);
    }
}

fn adopt_limits(policy: &Policy, snapshot: &mut Snapshot) -> bool {
    let own = |hash: u32| policy.limits.iter().find(|rules| rules.name_hash == hash);
    snapshot.limits.retain(|limit| own(limit.name_hash).is_some() || !limit.can_be_dropped());
    for limit in &mut snapshot.limits {
        if let Some(rules) = own(limit.name_hash) {
            *limit = rules.converted(limit);
        }
    }
    for rules in &policy.limits {
        if !snapshot.limits.iter().any(|limit| limit.name_hash == rules.name_hash) {
            snapshot.limits.push(rules.snapshot(rules.initial_level()));
        }
    }
    let mut has_dropped = false;
    while snapshot.limits.len().saturating_sub(policy.limits.len()) > MAX_CARRIED {
        let soonest = snapshot
            .limits
            .iter()
            .filter(|limit| own(limit.name_hash).is_none())
            .min_by_key(|limit| (limit.full_in_us(), limit.name_hash))
            .map(|limit| limit.name_hash);
        snapshot.limits.retain(|limit| Some(limit.name_hash) != soonest);
        has_dropped = true;
    }
    sort_by_key(&mut snapshot.limits, |limit| limit.name_hash);
    has_dropped
}

fn adopt_circuit(rules: &CircuitRules, snapshot: &mut Snapshot, t: u64) {
    let Some(circuit) = &mut snapshot.circuit else {
        snapshot.circuit = Some(CircuitSnapshot::closed_at(t));
        snapshot.failures_at.clear();
        snapshot.window = None;
        snapshot.probes = None;
        return;
    };
    if rules.consecutive_failures == 0 {
        circuit.consecutive_failures = 0;
    }
    if circuit.phase == Phase::HalfOpen {
        let most = rules.half_open_calls.saturating_sub(1);
        circuit.failures = circuit.failures.min(most);
        circuit.successes = circuit.successes.min(most.saturating_sub(circuit.failures));
    }
    if rules.failures_in_window.is_none() {
        snapshot.failures_at.clear();
    }
    if !snapshot.window.as_ref().is_some_and(|window| has_shape(window, rules.window)) {
        snapshot.window = None;
    }
}

/// Whether a stored window has the shape that the rules ask for.
pub(crate) fn has_shape(window: &WindowSnapshot, rules: Option<WindowRules>) -> bool {
    match (window, rules) {
        (WindowSnapshot::Calls { size, .. }, Some(WindowRules::Calls(own))) => *size == own,
        (WindowSnapshot::Time { slot_us, slots, .. }, Some(WindowRules::Time { slot_us: own_us, slots: own })) => {
            *slot_us == own_us && *slots == own
        }
        _ => false,
    }
}
