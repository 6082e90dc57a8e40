//! What happens when a clock stepped back by more than the tolerance: every stored instant goes back with it.
//!
//! For the state no time has passed, so a repair costs nothing in state time, and nobody waits longer than the policy could
//! have made them wait. The permits that are out give no tokens back, because their instants belong to the other clock.

use crate::circuit::next_generation;
use crate::policy::Policy;
use crate::snapshot::{SlotSnapshot, Snapshot, WindowSnapshot};

/// Moves all instants of `snapshot` back so that its last change was at `now`.
pub(crate) fn repair(policy: &Policy, snapshot: &mut Snapshot, now: u64) {
    let back = snapshot.last_at.saturating_sub(now);
    let shift = |at: &mut u64| {
        if *at != 0 {
            *at = at.saturating_sub(back).max(1);
        }
    };
    let clip = |at: &mut u64, most: u64| {
        shift(at);
        *at = (*at).min(now.saturating_add(most));
    };
    snapshot.last_at = now;
    snapshot.generation = next_generation(snapshot.generation);
    snapshot.refunds_from = snapshot.generation;
    clip(&mut snapshot.block_until, policy.block.map_or(u64::MAX, |block| block.max_block_us));
    if let Some(mode) = &mut snapshot.mode {
        shift(&mut mode.until_at);
    }
    if let Some(circuit) = &mut snapshot.circuit {
        clip(&mut circuit.since_at, 0);
        clip(&mut circuit.touched_at, 0);
        clip(&mut circuit.until_at, policy.circuit.map_or(u64::MAX, |rules| rules.open_max_us));
    }
    for at in &mut snapshot.failures_at {
        clip(at, 0);
    }
    if let Some(WindowSnapshot::Time { slot_us, sums, .. }) = &mut snapshot.window {
        shift_slots(sums, *slot_us, back);
    }
    if let Some(probes) = &mut snapshot.probes {
        clip(&mut probes.first_at, 0);
        for probe in &mut probes.live {
            clip(&mut probe.expires_at, policy.circuit.map_or(u64::MAX, |rules| rules.probe_lease_us));
        }
    }
    for lease in &mut snapshot.leases {
        clip(&mut lease.expires_at, policy.bulkhead.map_or(u64::MAX, |bulkhead| bulkhead.lease_us));
    }
    snapshot.shift_annexes(policy, back, now);
    snapshot.drop_empty_annexes();
}

/// Moves slots to the older side; where two meet, their sums are added.
fn shift_slots(sums: &mut alloc::vec::Vec<SlotSnapshot>, slot_us: u64, back: u64) {
    for slot in sums.iter_mut() {
        let start = slot.index.saturating_mul(slot_us).saturating_sub(back);
        slot.index = start.checked_div(slot_us).unwrap_or(0);
    }
    sums.dedup_by(|later, earlier| {
        let meets = later.index == earlier.index;
        if meets {
            earlier.calls = earlier.calls.saturating_add(later.calls);
            earlier.failures = earlier.failures.saturating_add(later.failures);
            earlier.slow = earlier.slow.saturating_add(later.slow);
        }
        meets
    });
}
