//! Between a live state and a [`Snapshot`]: out for bytes, JSON, adoption and repair; in under a policy.

use alloc::vec::Vec;

use crate::adopt::MAX_CARRIED;
use crate::annex::annex_words;
use crate::bulkhead::{ID_BITS, by_end, next_lease_id, table_size};
use crate::circuit::Circuit;
use crate::limit;
use crate::live::{
    BLOCK, CARRIES, HEAD, Head, IDS, INSTANT, LAST, MARK, Mem, PARKED, SHAPE, Shape, TAG, View, WindowShape, pack,
    set_stored_probes, tag, unpack,
};
use crate::num::{index, low32, wide};
use crate::policy::{Policy, WindowRules};
use crate::snapshot::{
    CircuitSnapshot, LeaseSnapshot, ModeSnapshot, ProbeSnapshot, ProbesSnapshot, Snapshot, WindowSnapshot,
};
use crate::sort::sort_by_key;
use crate::window::{failures, window};

/// What a live state says, as of its last change.
pub(crate) fn unload(view: View<'_>) -> Snapshot {
    if view.head[LAST] & PARKED != 0 {
        // Parked bytes were checked when they were parked.
        return Snapshot::decode(&unpack(view.body, index(view.head[PARKED_LEN]))).unwrap_or_default();
    }
    let (raw, raw_len) = view.raw();
    let mut snapshot = Snapshot::default();
    let circuit = Circuit::load(view.head);
    snapshot.fingerprint = view.fingerprint();
    snapshot.last_at = view.last_at();
    snapshot.generation = circuit.generation;
    snapshot.refunds_from = circuit.refunds_from;
    snapshot.counts_from = circuit.counts_from;
    snapshot.next_lease_id = next_lease_id(view.head);
    snapshot.circuit = circuit.exists.then(|| circuit_snapshot(&circuit));
    snapshot.mode = circuit.mode.map(|mode| ModeSnapshot { mode, until_at: circuit.mode_until });
    let elapsed_us = view.last_at().saturating_sub(view.refills_from());
    snapshot.limits = view.limits().iter().map(limit::from_words).filter(|limit| limit.name_hash != 0).collect();
    snapshot.limits.iter_mut().for_each(|limit| limit.refill(elapsed_us));
    sort_by_key(&mut snapshot.limits, |limit| limit.name_hash);
    snapshot.block_until = view.head[BLOCK];
    snapshot.failures_at = failures(view);
    snapshot.window = window(view);
    snapshot.probes = probes_snapshot(view, &circuit);
    snapshot.leases = by_end(view)
        .map(|l| LeaseSnapshot { id: l.id, expires_at: l.expires_at, holder: l.holder, count: l.count })
        .collect();
    sort_by_key(&mut snapshot.leases, |lease| lease.id);
    view.read_annexes(&mut snapshot);
    if raw_len > 0 {
        // What the policy has no place for was written by `raw_sections`, so it reads back.
        let rest = Snapshot::decode(&unpack(raw, raw_len)).unwrap_or_default();
        snapshot.carried = rest.carried;
        if rest.circuit.is_some() {
            (snapshot.failures_at, snapshot.window, snapshot.probes) = (rest.failures_at, rest.window, rest.probes);
        }
    }
    snapshot
}

fn circuit_snapshot(c: &Circuit) -> CircuitSnapshot {
    CircuitSnapshot {
        phase: c.phase,
        reason: c.reason,
        growth: c.growth,
        since_at: c.since_at,
        touched_at: c.touched_at,
        consecutive_failures: c.consecutive,
        open_us: c.open_us,
        until_at: c.until_at,
        successes: c.successes,
        failures: c.failures,
    }
}

fn probes_snapshot(view: View<'_>, circuit: &Circuit) -> Option<ProbesSnapshot> {
    if circuit.first_probe_at == 0 {
        return None;
    }
    let mut live: Vec<ProbeSnapshot> =
        view.probes().iter().map(|[id, end]| ProbeSnapshot { id: low32(*id), expires_at: *end }).collect();
    sort_by_key(&mut live, |probe| (probe.id, probe.expires_at));
    Some(ProbesSnapshot { first_at: circuit.first_probe_at, live })
}

/// What a live state under this policy keeps as bytes, because the policy has no place for it: carried sections, and
/// without a circuit in the policy the windows and probes of an older one, which stay as they are. As a state of its
/// own, so that it is read back by the one decoder; empty where there is nothing.
fn raw_sections(policy: &Policy, snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    let keeps_circuit = policy.circuit.is_none() && snapshot.circuit.is_some();
    if snapshot.carried.is_empty() && !keeps_circuit {
        return bytes;
    }
    let mut rest = Snapshot {
        // The decoder refuses what is later than the last change.
        last_at: snapshot.last_at,
        generation: 1,
        refunds_from: 1,
        counts_from: 1,
        next_lease_id: 1,
        carried: snapshot.carried.clone(),
        ..Snapshot::default()
    };
    if keeps_circuit {
        rest.circuit = snapshot.circuit;
        rest.failures_at.clone_from(&snapshot.failures_at);
        rest.window.clone_from(&snapshot.window);
        rest.probes.clone_from(&snapshot.probes);
    }
    rest.encode(&mut bytes);
    bytes
}

/// The room that a state needs under a policy: its own, and whatever a snapshot brings beyond it.
pub(crate) fn shape(policy: &Policy, snapshot: Option<&Snapshot>) -> Shape {
    let rules = policy.circuit.as_ref();
    let limits = policy.limits.len();
    let own_leases = policy.bulkhead.map_or(0, |bulkhead| index(u64::from(bulkhead.max_concurrent)));
    let own_probes = rules.map_or(0, |rules| index(u64::from(rules.half_open_permits)));
    let brought = |count: fn(&Snapshot) -> usize| snapshot.map_or(0, count);
    Shape {
        limits,
        carried_limits: brought(|s| s.limits.len()).saturating_sub(limits),
        failures: rules.and_then(|r| r.failures_in_window).map_or(0, |rule| index(u64::from(rule.count))),
        window: match rules.and_then(|rules| rules.window) {
            None => WindowShape::None,
            Some(WindowRules::Calls(size)) => WindowShape::Calls(size),
            Some(WindowRules::Time { slots, .. }) => WindowShape::Time(slots),
        },
        probes: own_probes.max(if rules.is_some() {
            brought(|s| s.probes.as_ref().map_or(0, |probes| probes.live.len()))
        } else {
            0
        }),
        leases: table_size(own_leases.max(brought(|s| s.leases.len()))),
        annexes: annex_words(policy, snapshot),
        raw_bytes: snapshot.map_or(0, |snapshot| raw_sections(policy, snapshot).len()),
    }
}

/// Writes a snapshot of this policy's fingerprint into zeroed words of [`shape`]'s size.
pub(crate) fn load(policy: &Policy, snapshot: &Snapshot, words: &mut [u64]) {
    let shape = shape(policy, Some(snapshot));
    words.fill(0);
    let Some(mut mem) = Mem::new(words) else { return };
    shape.store(mem.head);
    load_head(policy, snapshot, mem.head);
    if shape.carried_limits > 0 {
        mem.head[LAST] |= CARRIES;
    }
    mem.set_last_at(snapshot.last_at);
    mem.set_block(snapshot.block_until);
    load_limits(policy, snapshot, &mut mem);
    if let Some(rules) = policy.circuit.as_ref() {
        if let (Some(WindowRules::Time { slot_us, .. }), Some(word)) =
            (rules.window, mem.body.get_mut(shape.window_at()))
        {
            *word = slot_us;
        }
        load_counts(snapshot, &mut mem);
        load_probes(snapshot, &mut mem);
    }
    load_leases(snapshot, &mut mem);
    mem.load_annexes(policy, snapshot);
    mem.set_wake(policy);
    if shape.raw_bytes > 0 {
        let raw = raw_sections(policy, snapshot);
        pack(&raw, mem.body.get_mut(shape.raw_at()..).unwrap_or_default());
    }
}

/// In the order of the list: each is then put in at its end. In any other order each would be walked back to its place,
/// and a state could be made to take the square of its length.
fn load_leases(snapshot: &Snapshot, mem: &mut Mem<'_>) {
    let mut leases: Vec<&LeaseSnapshot> = snapshot.leases.iter().collect();
    sort_by_key(&mut leases, |lease| (lease.expires_at, lease.id));
    for lease in leases {
        mem.take_lease(lease.id, lease.expires_at, lease.holder, lease.count);
    }
}

fn load_head(policy: &Policy, snapshot: &Snapshot, head: &mut Head) {
    let c = snapshot.circuit.unwrap_or_default();
    head[TAG] = policy.tag;
    head[IDS] = u64::from(snapshot.next_lease_id) << ID_BITS;
    let circuit = Circuit {
        exists: snapshot.circuit.is_some(),
        phase: c.phase,
        mode: snapshot.mode.map(|mode| mode.mode),
        mode_until: snapshot.mode.map_or(0, |mode| mode.until_at),
        generation: snapshot.generation,
        refunds_from: snapshot.refunds_from,
        counts_from: snapshot.counts_from,
        growth: c.growth,
        reason: c.reason,
        since_at: c.since_at,
        touched_at: c.touched_at,
        until_at: c.until_at,
        open_us: c.open_us,
        consecutive: c.consecutive_failures,
        successes: c.successes,
        failures: c.failures,
        first_probe_at: match &snapshot.probes {
            Some(probes) if policy.circuit.is_some() => probes.first_at,
            _ => 0,
        },
        clears_counts: false,
        drops_probes: false,
    };
    circuit.store(head);
}

/// The policy's limits in its order, then the carried ones in theirs.
fn load_limits(policy: &Policy, snapshot: &Snapshot, mem: &mut Mem<'_>) {
    let own = policy.limits.iter().map(|rules| {
        let stored = snapshot.limits.iter().find(|limit| limit.name_hash == rules.name_hash);
        let level = stored.map_or_else(|| rules.initial_level(), |limit| limit.level);
        // Bytes may claim any level; none above the capacity or below the debt is believed.
        rules.words(level.min(rules.capacity_units).max(rules.max_debt_units.saturating_neg()))
    });
    let is_own = |hash: u32| policy.limits.iter().any(|rules| rules.name_hash == hash);
    let carried = snapshot.limits.iter().filter(|limit| !is_own(limit.name_hash)).map(limit::words);
    for (place, words) in mem.limits_mut().iter_mut().zip(own.chain(carried)) {
        *place = words;
    }
}

fn load_counts(snapshot: &Snapshot, mem: &mut Mem<'_>) {
    let shape = Shape::of(mem.head);
    let kept = snapshot.failures_at.len().min(shape.failures);
    let skip = snapshot.failures_at.len().saturating_sub(kept);
    if let Some((state, places)) =
        mem.body.get_mut(shape.failures_at()..shape.window_at()).and_then(|words| words.split_first_mut())
    {
        for (place, at) in places.iter_mut().zip(snapshot.failures_at.iter().skip(skip)) {
            *place = *at;
        }
        let next = wide(kept).checked_rem(wide(shape.failures)).unwrap_or(0);
        *state = wide(kept) | (next << 8);
    }
    match (&snapshot.window, shape.window) {
        (Some(WindowSnapshot::Calls { size, calls }), WindowShape::Calls(own)) if *size == own => {
            for bits in calls {
                mem.push_call(own, u64::from(*bits));
            }
        }
        (Some(WindowSnapshot::Time { slot_us, slots, sums }), WindowShape::Time(own)) if *slots == own => {
            for slot in sums {
                let sums = crate::window::Sums { calls: slot.calls, failures: slot.failures, slow: slot.slow };
                mem.add_sums(*slot_us, own, sums, slot.index.saturating_mul(*slot_us));
            }
        }
        _ => {}
    }
}

fn load_probes(snapshot: &Snapshot, mem: &mut Mem<'_>) {
    let live = snapshot.probes.as_ref().map_or(&[][..], |probes| &probes.live);
    for (place, probe) in mem.probe_places().iter_mut().zip(live) {
        *place = [u64::from(probe.id), probe.expires_at];
    }
    set_stored_probes(mem.head, live.len());
}

/// Where a parked state keeps the number of its bytes.
const PARKED_LEN: usize = MARK;

/// How many words a state from these bytes needs under a policy: as it is, or parked and then adopted.
pub(crate) fn words_for(policy: &Policy, snapshot: &Snapshot, bytes: usize) -> usize {
    let own = shape(policy, Some(snapshot));
    if snapshot.fingerprint == policy.fingerprint() {
        return own.words();
    }
    // It may be that all limits of the snapshot have to be carried.
    let carried = snapshot.limits.len().min(MAX_CARRIED);
    let adopted = Shape { carried_limits: own.carried_limits.max(carried), ..own };
    adopted.words().max(HEAD.saturating_add(bytes.div_ceil(8)))
}

/// Parks bytes of another policy's state, in words that are large enough, until the first input.
pub(crate) fn park(snapshot: &Snapshot, bytes: &[u8], words: &mut [u64]) {
    words.fill(0);
    let size = wide(words.len());
    let Some(mem) = Mem::new(words) else { return };
    mem.head[TAG] = tag(snapshot.fingerprint);
    mem.head[LAST] = (snapshot.last_at & INSTANT) | PARKED;
    mem.head[SHAPE] = size.min(0xFFFF) << 48;
    mem.head[PARKED_LEN] = wide(bytes.len());
    pack(bytes, mem.body);
}
