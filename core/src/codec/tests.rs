//! The size that is promised, and that states of every kind come back as they were, or are refused.

use alloc::vec;
use alloc::vec::Vec;

use super::examples::{all, at_rest, limit};
use crate::error::StateError;
use crate::snapshot::{CarriedSection, Snapshot};

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
    for snapshot in all().into_iter().chain(all().into_iter().rev()) {
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
    for snapshot in all() {
        let bytes = encoded(&snapshot);
        for cut in 0..bytes.len() {
            assert!(Snapshot::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }
}

#[test]
fn every_other_byte_is_refused_or_another_state() {
    for snapshot in all() {
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
