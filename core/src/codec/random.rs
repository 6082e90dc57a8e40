//! Random valid states.

#![expect(clippy::arithmetic_side_effects, reason = "a test may panic")]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use super::{END_AT, END_UNITS, MAX_DURATION_US, MAX_LEASE_COUNT};
use crate::health::HealthSnapshot;
use crate::recovery::{RecoveryLeaseSnapshot, RecoverySnapshot, RecoveryStepSnapshot, Unrecoverable};
use crate::retry::BudgetSnapshot;
use crate::schedule::ScheduleSnapshot;
use crate::snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};

const REASONS: [Reason; 8] = [
    Reason::None,
    Reason::ConsecutiveFailures,
    Reason::FailuresInWindow,
    Reason::FailureRate,
    Reason::SlowCallRate,
    Reason::ProbeFailed,
    Reason::HalfOpenTimeout,
    Reason::Tripped,
];

/// A state that the codec takes, of any shape.
pub(super) fn states() -> impl Strategy<Value = Snapshot> {
    option::weighted(0.9, circuits())
        .prop_flat_map(|circuit| {
            let below = (of_a_circuit(circuit), limits(), option::of(instants()), leases(), carried());
            (heads(), below).prop_map(move |(head, (over, limits, block_until, leases, carried))| Snapshot {
                circuit,
                limits,
                block_until: block_until.unwrap_or(0),
                leases,
                carried,
                mode: over.mode,
                failures_at: over.failures_at,
                window: over.window,
                probes: over.probes,
                ..head
            })
        })
        .prop_map(|state| Snapshot { last_at: state.last_at.max(newest(&state)), ..state })
        .prop_flat_map(|state| {
            let t = state.last_at;
            let runs = (option::of(schedules(t)), option::of(recoveries(t)));
            (option::of(budgets(t)), runs, option::of(healths(t))).prop_map(
                move |(budget, (schedule, recovery), health)| Snapshot {
                    budget,
                    schedule,
                    recovery,
                    health,
                    ..state.clone()
                },
            )
        })
}

/// What recovery may remember at `last_at`.
fn recoveries(last_at: u64) -> impl Strategy<Value = RecoverySnapshot> {
    let hash = || 1..=u32::MAX;
    let attempts = vec(1..=last_at, 0..=32).prop_map(|mut attempts_at| {
        attempts_at.sort_unstable();
        attempts_at
    });
    let lease = (1..1_u32 << 24, hash(), prop_oneof![Just(0), instants()])
        .prop_map(|(id, step, until_at)| RecoveryLeaseSnapshot { id, step, until_at });
    let steps = btree_map(hash(), (instants(), attempts), 1..=8).prop_map(|steps| {
        let step = |(name_hash, (again_at, attempts_at))| RecoveryStepSnapshot { name_hash, again_at, attempts_at };
        steps.into_iter().map(step).collect::<Vec<_>>()
    });
    let (touched_at, throttled_until) = (1..=last_at, prop_oneof![Just(0), instants()]);
    let given_up = (touched_at.clone(), prop_oneof![Just(Unrecoverable::Fatal), Just(Unrecoverable::Exhausted)])
        .prop_map(|(touched_at, reason)| RecoverySnapshot {
            touched_at,
            unrecoverable: Some(reason),
            ..RecoverySnapshot::default()
        });
    let going_on = (prop_oneof![Just(0), hash()], touched_at, throttled_until, option::of(lease), steps).prop_map(
        |(reached, touched_at, throttled_until, lease, steps)| RecoverySnapshot {
            reached,
            touched_at,
            throttled_until,
            lease: lease.filter(|_| reached != 0),
            steps,
            unrecoverable: None,
        },
    );
    prop_oneof![1 => given_up, 4 => going_on]
}

/// A schedule that was asked before `last_at`, and may have run.
fn schedules(last_at: u64) -> impl Strategy<Value = ScheduleSnapshot> {
    (vec(1..=last_at, 1..=66), any::<u32>()).prop_map(|(mut instants, failures)| {
        instants.sort_unstable();
        let anchor_at = instants.remove(0);
        let last_run_at = instants.pop().unwrap_or(0);
        instants.truncate(64);
        let failures = if last_run_at == 0 { 0 } else { failures };
        ScheduleSnapshot { anchor_at, last_run_at, failures, runs_at: instants }
    })
}

/// A retry budget that is not full at `last_at`.
fn budgets(last_at: u64) -> impl Strategy<Value = BudgetSnapshot> {
    (1..=1_000_000_u32, 1..=END_UNITS / 1_000_001, 1..=u64::from(u32::MAX)).prop_flat_map(
        move |(capacity, units_per_token, units_per_us)| {
            let full = i64::try_from(u64::from(capacity) * units_per_token).unwrap();
            (0..full).prop_map(move |level| BudgetSnapshot {
                level,
                at: last_at,
                units_per_token,
                units_per_us,
                capacity,
            })
        },
    )
}

/// What health remembers at `last_at`: something, and nothing later.
fn healths(last_at: u64) -> impl Strategy<Value = HealthSnapshot> {
    (0..=last_at, vec(1..=last_at, 0..=32)).prop_map(|(last_success_at, mut openings_at)| {
        openings_at.sort_unstable();
        let last_success_at = if openings_at.is_empty() { last_success_at.max(1) } else { last_success_at };
        HealthSnapshot { last_success_at, openings_at }
    })
}

/// The newest instant of what has happened, which is a change: never after the last one.
fn newest(state: &Snapshot) -> u64 {
    let circuit = state.circuit.map_or(0, |circuit| circuit.since_at.max(circuit.touched_at));
    let failure = state.failures_at.last().copied().unwrap_or(0);
    let slot = match &state.window {
        Some(WindowSnapshot::Time { slot_us, sums, .. }) => sums.last().map_or(0, |slot| slot.index * slot_us),
        _ => 0,
    };
    circuit.max(failure).max(slot).max(state.probes.as_ref().map_or(0, |probes| probes.first_at))
}

fn instants() -> impl Strategy<Value = u64> {
    prop_oneof![1..END_AT, Just(1), Just(END_AT - 1), 1_700_000_000_000_000..1_700_000_100_000_000_u64]
}

fn heads() -> impl Strategy<Value = Snapshot> {
    let u24 = 0..1_u32 << 24;
    (any::<u32>(), instants(), 1..1_u32 << 24, u24.clone(), u24, 1..1_u32 << 24).prop_map(
        |(fingerprint, last_at, generation, refunds_from, counts_from, next_lease_id)| Snapshot {
            fingerprint,
            last_at,
            generation,
            refunds_from,
            counts_from,
            next_lease_id,
            ..Snapshot::default()
        },
    )
}

fn circuits() -> impl Strategy<Value = CircuitSnapshot> {
    let head = (0..REASONS.len(), any::<u8>(), instants()).prop_map(|(reason, growth, since_at)| CircuitSnapshot {
        reason: REASONS[reason],
        growth,
        since_at,
        ..CircuitSnapshot::default()
    });
    (head, phases()).prop_map(|(head, phase)| CircuitSnapshot {
        reason: head.reason,
        growth: head.growth,
        since_at: head.since_at,
        // `until_at` holds its distance from `since_at` so far.
        until_at: if phase.phase == Phase::Open { (head.since_at + phase.until_at).min(END_AT - 1) } else { 0 },
        ..phase
    })
}

fn phases() -> impl Strategy<Value = CircuitSnapshot> {
    let blank = CircuitSnapshot::default();
    prop_oneof![
        (0..END_AT, any::<u32>()).prop_map(move |(touched_at, consecutive_failures)| CircuitSnapshot {
            touched_at,
            consecutive_failures,
            ..blank
        }),
        (1..=MAX_DURATION_US, 0..1_u64 << 48).prop_map(move |(open_us, until_at)| CircuitSnapshot {
            phase: Phase::Open,
            open_us,
            until_at,
            ..blank
        }),
        (0..END_AT, 0..=512_u32, 0..=512_u32).prop_map(move |(touched_at, successes, failures)| CircuitSnapshot {
            phase: Phase::HalfOpen,
            touched_at,
            successes,
            failures,
            ..blank
        }),
    ]
}

/// What is there only where a circuit is, as parts of a state.
fn of_a_circuit(circuit: Option<CircuitSnapshot>) -> BoxedStrategy<Snapshot> {
    let Some(circuit) = circuit else { return Just(Snapshot::default()).boxed() };
    let probes = if circuit.phase == Phase::HalfOpen { option::of(probes()).boxed() } else { Just(None).boxed() };
    let failures = prop_oneof![9 => vec(instants(), 0..=9), 1 => vec(instants(), 64)].prop_map(|mut at| {
        at.sort_unstable();
        at
    });
    (option::of(modes()), failures, option::of(windows()), probes)
        .prop_map(|(mode, failures_at, window, probes)| Snapshot {
            mode,
            failures_at,
            window,
            probes,
            ..Snapshot::default()
        })
        .boxed()
}

fn modes() -> impl Strategy<Value = ModeSnapshot> {
    prop_oneof![
        (0..END_AT).prop_map(|until_at| ModeSnapshot { mode: Mode::ForcedOpen, until_at }),
        Just(ModeSnapshot { mode: Mode::Disabled, until_at: 0 }),
        Just(ModeSnapshot { mode: Mode::MetricsOnly, until_at: 0 }),
    ]
}

fn limits() -> impl Strategy<Value = Vec<LimitSnapshot>> {
    let limit = (1..=MAX_DURATION_US, 1..=u32::MAX, any::<u32>(), any::<u64>(), any::<(bool, bool, bool)>());
    btree_map(1..=u32::MAX, limit, 0..=5).prop_map(|limits| {
        let limits = limits.into_iter();
        limits
            .map(|(name_hash, (units_per_token, units_per_us, capacity, level, flags))| {
                let most = u32::try_from((END_UNITS - 1) / units_per_token).unwrap_or(u32::MAX);
                let capacity = capacity % most + 1;
                let capacity = capacity.min(most);
                let full = u64::from(capacity) * units_per_token;
                let (is_per_call, starts_empty, is_debt) = flags;
                let level = level % if is_debt { END_UNITS } else { full + 1 };
                let level = if is_debt { -level.cast_signed() } else { level.cast_signed() };
                let units_per_us = u64::from(units_per_us);
                LimitSnapshot { name_hash, level, units_per_token, units_per_us, capacity, is_per_call, starts_empty }
            })
            .collect()
    })
}

fn windows() -> impl Strategy<Value = WindowSnapshot> {
    let calls = (1..=1024_u32, vec(0..=3_u8, 1..=40)).prop_map(|(size, mut calls)| {
        calls.truncate(usize::try_from(size).unwrap_or(1));
        WindowSnapshot::Calls { size, calls }
    });
    let sums = vec((1..=u32::MAX, any::<u32>(), any::<u32>()), 1..=12);
    let slots = (1..=MAX_DURATION_US, 1..=64_u32, any::<u64>(), any::<u64>(), sums).prop_map(
        |(slot_us, slots, first, places, sums)| {
            let first = first % ((END_AT - 1) / slot_us).saturating_sub(u64::from(slots)).max(1);
            let sum = |(place, (calls, failures, slow)): (u64, (u32, u32, u32))| SlotSnapshot {
                index: first + place,
                calls,
                failures: failures % calls,
                slow: slow.min(calls),
            };
            let taken = |place: &u64| *place == 0 || places & (1 << place) != 0;
            let sums: Vec<_> = (0..u64::from(slots)).filter(taken).zip(sums).map(sum).collect();
            let inside = |slot: &SlotSnapshot| slot.index * slot_us < END_AT;
            WindowSnapshot::Time { slot_us, slots, sums: sums.into_iter().filter(inside).collect() }
        },
    );
    prop_oneof![calls, slots]
}

/// Ids of leases: ascending, of 24 bits, never 0.
fn ids() -> impl Strategy<Value = BTreeSet<u32>> {
    prop_oneof![9 => btree_set(1..1_u32 << 24, 0..=5), 1 => btree_set(1..1_u32 << 24, 64)]
}

fn probes() -> impl Strategy<Value = ProbesSnapshot> {
    (instants(), ids(), instants()).prop_map(|(first_at, ids, expires_at)| ProbesSnapshot {
        first_at,
        live: ids.into_iter().map(|id| ProbeSnapshot { id, expires_at }).collect(),
    })
}

fn leases() -> impl Strategy<Value = Vec<LeaseSnapshot>> {
    let holder = prop_oneof![Just(0), any::<u64>()];
    let count = prop_oneof![3 => Just(1), 1 => 1..=MAX_LEASE_COUNT];
    btree_map(1..1_u32 << 24, (instants(), holder, count), 0..=12).prop_map(|leases| {
        let leases = leases.into_iter();
        leases.map(|(id, (expires_at, holder, count))| LeaseSnapshot { id, expires_at, holder, count }).collect()
    })
}

fn carried() -> impl Strategy<Value = Vec<CarriedSection>> {
    let kinds = prop_oneof![10..=31_u8, 36..=63_u8, 128..=255_u8];
    let body = vec(any::<u8>(), 0..=40);
    btree_map(kinds, (any::<u8>(), body), 0..=5).prop_map(|sections| {
        let sections = sections.into_iter();
        sections.map(|(kind, (flags, body))| CarriedSection { kind, flags: flags & !1, body }).collect()
    })
}
