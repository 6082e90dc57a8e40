//! Every state of every vector, cut at every length and with every byte altered: an error, or a valid state.
//!
//! A valid state is written again as it was read, and decides a call without a panic into another valid state.
//! One alteration of each byte is tried; with `STANCHION_CASES` set (`make soak`) all that are listed here.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a broken assumption of a helper is a failed test")]

#[path = "support/replay.rs"]
mod replay;

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use stanchion::{Acquire, Decision, Policy, Settle, Timestamp};

/// What may become of a byte: a bit flipped, one more or less, the extremes.
const ALTERATIONS: [fn(u8) -> u8; 8] = [
    |byte| byte ^ 1,
    |byte| byte ^ 0x80,
    |byte| byte.wrapping_add(1),
    |byte| byte.wrapping_sub(1),
    |_| 0x00,
    |_| 0xFF,
    |byte| byte ^ 0x10,
    |byte| byte ^ 0x04,
];

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

/// Calls `visit` with each state of each vector, once, and a number that rotates through the alterations.
fn each_state(mut visit: impl FnMut(&Policy, &[u8], Timestamp, usize)) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut seen = BTreeSet::new();
    for file in replay::files(&dir).unwrap() {
        for vector in replay::load(&dir, &file).unwrap() {
            let each = |policy: &Policy, state: &stanchion::State, now| {
                let bytes = state.to_bytes();
                if seen.insert((policy.fingerprint(), bytes.clone())) {
                    visit(policy, &bytes, now, seen.len());
                }
            };
            replay::replay(&vector.inputs(), each).unwrap_or_else(|e| panic!("{}: {e}", vector.id));
        }
    }
    assert!(seen.len() > 1000, "only {} states", seen.len());
}

#[test]
fn every_state_of_every_vector_survives() {
    each_state(|policy, bytes, now, _| assert!(is_survived(policy, bytes, now)));
}

#[test]
fn no_cut_is_a_state() {
    each_state(|policy, bytes, now, _| {
        for end in 0..bytes.len() {
            assert!(!is_survived(policy, &bytes[..end], now), "{end} bytes of {bytes:02x?}");
        }
    });
}

#[test]
fn an_altered_byte_is_an_error_or_a_valid_state() {
    let is_soak = env::var_os("STANCHION_CASES").is_some();
    let (mut refused, mut read) = (0_u64, 0_u64);
    each_state(|policy, bytes, now, number| {
        let mut altered = bytes.to_vec();
        for (i, &byte) in bytes.iter().enumerate() {
            for (j, alteration) in ALTERATIONS.iter().enumerate() {
                if is_soak || j == (number + i) % ALTERATIONS.len() {
                    altered[i] = alteration(byte);
                    *(if is_survived(policy, &altered, now) { &mut read } else { &mut refused }) += 1;
                }
            }
            altered[i] = byte;
        }
    });
    assert!(refused > 1000 && read > 1000, "{refused} refused and {read} read: neither may be rare");
}
