//! Pinned hashes. They stand in states and permits, so they never change.

use crate::num::low32;

/// FNV-1a over bytes, 64 bits.
pub(crate) const fn fnv64(bytes: &[u8]) -> u64 {
    fnv64_from(0xCBF2_9CE4_8422_2325, bytes)
}

/// FNV-1a, going on from `hash`.
pub(crate) const fn fnv64_from(mut hash: u64, mut bytes: &[u8]) -> u64 {
    while let [first, rest @ ..] = bytes {
        #[expect(clippy::as_conversions, reason = "widening in a const fn, where `u64::from` is not yet callable")]
        let byte = *first as u64;
        hash = (hash ^ byte).wrapping_mul(0x0000_0100_0000_01B3);
        bytes = rest;
    }
    hash
}

/// One step of splitmix64 from `seed`: well mixed, pinned, and the engine's only source of "randomness".
pub(crate) const fn splitmix64(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The 64-bit hash under which a holder's name stands in a state: FNV-1a, mixed by splitmix64; 0 becomes 1.
///
/// ```
/// assert_eq!(stanchion::holder_hash("worker-7"), stanchion::holder_hash("worker-7"));
/// assert_ne!(stanchion::holder_hash("worker-7"), stanchion::holder_hash("worker-8"));
/// ```
pub const fn holder_hash(name: &str) -> u64 {
    match splitmix64(fnv64(name.as_bytes())) {
        0 => 1,
        hash => hash,
    }
}

/// The 32-bit hash under which a limit's name stands in a state: FNV-1a mixed by splitmix64, its high half; 0 becomes 1.
///
/// ```
/// assert_ne!(stanchion::name_hash("calls"), stanchion::name_hash("tokens"));
/// ```
pub const fn name_hash(name: &str) -> u32 {
    match low32(splitmix64(fnv64(name.as_bytes())) >> 32) {
        0 => 1,
        hash => hash,
    }
}
