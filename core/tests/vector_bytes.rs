//! Every state of every vector, as it is and cut at every length: an error, or a valid state.
//!
//! A valid state is written again as it was read, and decides a call without a panic into another valid state.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

#[path = "support/replay.rs"]
mod replay;

use std::collections::BTreeSet;
use std::path::PathBuf;

use stanchion::{Acquire, Decision, Policy, Settle, Timestamp};

/// Decodes bytes that may be anything. Returns whether they are a state.
fn is_survived(policy: &Policy, bytes: &[u8], now: Timestamp) -> bool {
    let Ok(mut state) = policy.decode(bytes) else { return false };
    assert_eq!(state.to_bytes(), bytes, "a state is written as it was read");
    let decision = policy.acquire(&mut state, Acquire::new(), now).answer;
    if let Decision::Admitted { permit, .. } = decision {
        let _ = policy.settle(&mut state, permit, Settle::failure(), now);
    }
    let after = state.to_bytes();
    let again = policy.decode(&after).map(|state| state.to_bytes());
    assert_eq!(again.as_ref(), Ok(&after), "a step leaves a valid state");
    true
}

/// Calls `visit` with each state of each vector, once.
fn each_state(mut visit: impl FnMut(&Policy, &[u8], Timestamp)) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut seen = BTreeSet::new();
    for file in replay::files(&dir).unwrap() {
        for vector in replay::load(&dir, &file).unwrap() {
            let each = |policy: &Policy, state: &stanchion::State, now| {
                let bytes = state.to_bytes();
                if seen.insert((policy.fingerprint(), bytes.clone())) {
                    visit(policy, &bytes, now);
                }
            };
            replay::replay(&vector.inputs(), each).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
        }
    }
    assert!(seen.len() > 1000, "only {} states", seen.len());
}

#[test]
fn every_state_of_every_vector_survives() {
    each_state(|policy, bytes, now| assert!(is_survived(policy, bytes, now)));
}

#[test]
fn no_cut_is_a_state() {
    each_state(|policy, bytes, now| {
        for end in 0..bytes.len() {
            assert!(!is_survived(policy, &bytes[..end], now), "{end} bytes of {bytes:02x?}");
        }
    });
}
