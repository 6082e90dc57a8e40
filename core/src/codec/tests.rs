//! The size that is promised, and that states of every kind come back as they were, or are refused.

#![expect(clippy::indexing_slicing, reason = "a test may panic")]

use alloc::vec;
use alloc::vec::Vec;

use crate::error::StateError;
use crate::snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};

/// A breaker and one limit at rest.
fn at_rest() -> Snapshot {
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

fn limit(name_hash: u32) -> LimitSnapshot {
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
fn full_house() -> Snapshot {
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
        carried: vec![
            CarriedSection { kind: 10, flags: 0xFE, body: vec![] },
            CarriedSection { kind: 255, flags: 0, body: vec![7; 9] },
        ],
        ..at_rest()
    }
}

fn slots() -> Snapshot {
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
        window: Some(WindowSnapshot::Time {
            slot_us: 6_000_000,
            slots: 10,
            sums: vec![slot(1, 1), slot(10, u32::MAX)],
        }),
        ..at_rest()
    }
}

fn no_circuit() -> Snapshot {
    Snapshot { circuit: None, ..at_rest() }
}

fn encoded(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.encode(&mut bytes);
    bytes
}

#[test]
fn a_breaker_and_one_limit_take_80_bytes() {
    assert_eq!(encoded(&at_rest()).len(), 80);
}

#[test]
fn states_of_every_kind_come_back() {
    let mut reused = Snapshot::default();
    for snapshot in [at_rest(), full_house(), slots(), no_circuit(), full_house()] {
        let bytes = encoded(&snapshot);
        assert_eq!(Snapshot::decode(&bytes).as_ref(), Ok(&snapshot));
        assert_eq!(reused.decode_into(&bytes), Ok(()));
        assert_eq!(reused, snapshot);
    }
}

#[test]
fn limits_and_carried_sections_are_bounded() {
    let body = |len| CarriedSection { kind: 200, flags: 0, body: vec![1; len] };
    let most = Snapshot { limits: (1..=32).map(limit).collect(), carried: vec![body(1020)], ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&most)).as_ref(), Ok(&most));

    let offset = encoded(&at_rest()).len();
    let carried = StateError::Invalid { field: "carried", offset };
    let too_long = Snapshot { carried: vec![body(1021)], ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&too_long)), Err(carried));

    let limits = StateError::Invalid { field: "limits", offset: 16 + 36 + 32 * 28 };
    let too_many = Snapshot { limits: (1..=33).map(limit).collect(), ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&too_many)), Err(limits));
}

#[test]
fn every_cut_is_refused() {
    for snapshot in [at_rest(), full_house(), slots(), no_circuit()] {
        let bytes = encoded(&snapshot);
        for cut in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn every_other_byte_is_refused_or_another_state() {
    for snapshot in [at_rest(), full_house(), slots(), no_circuit()] {
        let bytes = encoded(&snapshot);
        for at in 0..bytes.len() {
            for byte in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = byte;
                if let Ok(read) = Snapshot::decode(&changed) {
                    assert_eq!(encoded(&read), changed, "byte {at} as {byte}");
                }
            }
        }
    }
}
