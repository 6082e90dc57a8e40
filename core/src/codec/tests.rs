//! The size that is promised, and that states of every kind come back as they were, or are refused.

#![expect(clippy::arithmetic_side_effects, reason = "a test may panic")]

extern crate std;

use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use super::examples::{all, at_rest, limit};
use super::random::states;
use crate::error::StateError;
use crate::snapshot::{CarriedSection, LeaseSnapshot, Snapshot};

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
    let body = |len| CarriedSection { kind: 200, flags: 0, body: alloc::vec![1; len] };
    let most = Snapshot { limits: (1..=32).map(limit).collect(), carried: alloc::vec![body(1020)], ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&most)).as_ref(), Ok(&most));

    let offset = encoded(&at_rest()).len();
    let carried = StateError::Invalid { field: "carried", offset };
    let too_long = Snapshot { carried: alloc::vec![body(1021)], ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&too_long)), Err(carried));

    let limits = StateError::Invalid { field: "limits", offset: 16 + 36 + 32 * 28 };
    let too_many = Snapshot { limits: (1..=33).map(limit).collect(), ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&too_many)), Err(limits));
}

/// How many random states a property is tried on: `STANCHION_CASES`, a few hundred by default.
fn cases() -> ProptestConfig {
    let cases = std::env::var("STANCHION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200);
    // Miri gives no files to keep a failure in; the failure's message has all that is needed.
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
#[cfg_attr(miri, ignore = "thousands of leases")]
fn leases_are_bounded() {
    let lease = |id| LeaseSnapshot { id, expires_at: 1, holder: 1, count: 2 };
    let most = Snapshot { leases: (1..=4096).map(lease).collect(), ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&most)).as_ref(), Ok(&most));

    let too_many = Snapshot { leases: (1..=4097).map(lease).collect(), ..at_rest() };
    assert_eq!(Snapshot::decode(&encoded(&too_many)), Err(StateError::Invalid { field: "leases", offset: 80 }));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_state_comes_back(state in states(), before in states()) {
        let bytes = encoded(&state);
        let mut reused = before;
        prop_assert_eq!(reused.decode_into(&bytes), Ok(()));
        prop_assert_eq!(&reused, &state);
        prop_assert_eq!(Snapshot::decode(&bytes), Ok(state));
        prop_assert_eq!(encoded(&reused), bytes);
    }

    #[test]
    fn every_cut_is_refused(state in states()) {
        let bytes = encoded(&state);
        for cut in 0..bytes.len() {
            prop_assert!(Snapshot::decode(&bytes[..cut]).is_err(), "cut at {}", cut);
        }
    }

    #[test]
    fn a_longer_one_is_refused(state in states(), more in vec(any::<u8>(), 1..40)) {
        let mut bytes = encoded(&state);
        let (offset, len) = (bytes.len(), bytes.len() + more.len());
        bytes.extend(more);
        prop_assert_eq!(Snapshot::decode(&bytes), Err(StateError::Length { offset, len }));
    }

    #[test]
    fn a_changed_byte_is_refused_or_another_state(state in states(), flips in vec(1..=255_u8, 16)) {
        let bytes = encoded(&state);
        for (at, flip) in (0..bytes.len()).zip(flips.iter().cycle()) {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            check_canonical(&changed)?;
        }
    }

    #[test]
    fn nothing_is_left_of_a_failed_decode(state in states(), other in states(), cut in any::<Index>()) {
        let bytes = encoded(&other);
        let mut reused = Snapshot::default();
        prop_assert!(reused.decode_into(&bytes[..cut.index(bytes.len())]).is_err());
        prop_assert_eq!(reused.decode_into(&encoded(&state)), Ok(()));
        prop_assert_eq!(reused, state);
    }
}

/// Bytes that are taken are written again just so.
fn check_canonical(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(read) = Snapshot::decode(bytes) {
        prop_assert_eq!(encoded(&read), bytes);
    }
    Ok(())
}

#[test]
#[cfg_attr(miri, ignore = "a hundred thousand states")]
fn every_other_byte_is_refused_or_another_state() {
    for state in all() {
        let bytes = encoded(&state);
        for (at, byte) in (0..bytes.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut changed = bytes.clone();
            changed[at] = byte;
            check_canonical(&changed).unwrap_or_else(|fault| panic!("byte {at} as {byte}: {fault}"));
        }
    }
}
