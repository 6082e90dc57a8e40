//! States for the tests of the codec and of the JSON form: between them every kind of section.

use alloc::vec;

use crate::recovery::{RecoveryLeaseSnapshot, RecoverySnapshot, RecoveryStepSnapshot, Unrecoverable};
use crate::snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};

/// A breaker and one limit at rest.
pub(crate) fn at_rest() -> Snapshot {
    Snapshot {
        fingerprint: 7,
        last_at: 1_700_000_000_000_000,
        generation: 1,
        refunds_from: 1,
        counts_from: 1,
        next_lease_id: 1,
        circuit: Some(CircuitSnapshot { since_at: 5, touched_at: 5, ..CircuitSnapshot::default() }),
        limits: vec![limit(9)],
        ..Snapshot::default()
    }
}

/// A limit in debt.
pub(crate) fn limit(name_hash: u32) -> LimitSnapshot {
    LimitSnapshot {
        name_hash,
        level: -4_000_000,
        units_per_token: 1_000_000,
        units_per_us: 10,
        capacity: 50,
        is_per_call: name_hash & 1 == 0,
        starts_empty: name_hash & 2 == 0,
    }
}

/// Every kind of section at once, but for the second kind of window.
pub(crate) fn full_house() -> Snapshot {
    let lease = |id, holder, count| LeaseSnapshot { id, expires_at: 1 << 51, holder, count };
    Snapshot {
        circuit: Some(CircuitSnapshot {
            phase: Phase::HalfOpen,
            reason: Reason::Tripped,
            growth: 255,
            since_at: 5,
            successes: 3,
            failures: 1021,
            ..CircuitSnapshot::default()
        }),
        mode: Some(ModeSnapshot { mode: Mode::ForcedOpen, until_at: 12 }),
        limits: (1..=3).map(limit).collect(),
        block_until: (1 << 52) - 1,
        failures_at: vec![1, 1, 70],
        window: Some(WindowSnapshot::Calls { size: 6, calls: vec![0, 1, 2, 3, 1] }),
        probes: Some(ProbesSnapshot { first_at: 3, live: vec![ProbeSnapshot { id: 0xFF_FFFF, expires_at: 8 }] }),
        leases: vec![lease(1, 0, 1), lease(2, u64::MAX, 1), lease(70, 5, 4095)],
        recovery: Some(recovering()),
        carried: vec![
            CarriedSection { kind: 10, flags: 0xFE, body: vec![] },
            CarriedSection { kind: 255, flags: 0, body: vec![7; 9] },
        ],
        ..at_rest()
    }
}

/// A step that is under way, and one that backs off.
fn recovering() -> RecoverySnapshot {
    let step = |name_hash, again_at, attempts_at| RecoveryStepSnapshot { name_hash, again_at, attempts_at };
    RecoverySnapshot {
        reached: 9,
        unrecoverable: None,
        touched_at: 6,
        throttled_until: 1 << 51,
        lease: Some(RecoveryLeaseSnapshot { id: 0xFF_FFFF, step: 9, until_at: 1 << 51 }),
        steps: vec![step(7, 1 << 51, vec![1, 1, 5]), step(9, 0, vec![6])],
    }
}

/// Open, with sums by slots of time.
pub(crate) fn slots() -> Snapshot {
    let slot = |index, calls| SlotSnapshot { index, calls, failures: calls, slow: 0 };
    Snapshot {
        circuit: Some(CircuitSnapshot {
            phase: Phase::Open,
            since_at: 5,
            open_us: 6,
            until_at: 5,
            ..CircuitSnapshot::default()
        }),
        limits: vec![],
        recovery: Some(RecoverySnapshot {
            unrecoverable: Some(Unrecoverable::Exhausted),
            touched_at: 6,
            ..RecoverySnapshot::default()
        }),
        window: Some(WindowSnapshot::Time {
            slot_us: 6_000_000,
            slots: 10,
            sums: vec![slot(1, 1), slot(10, u32::MAX)],
        }),
        ..at_rest()
    }
}

/// One limit, and no circuit.
pub(crate) fn no_circuit() -> Snapshot {
    Snapshot { circuit: None, ..at_rest() }
}

/// One of each.
pub(crate) fn all() -> [Snapshot; 4] {
    [at_rest(), full_house(), slots(), no_circuit()]
}
