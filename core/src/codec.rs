//! A state's bytes: the one encoding that a [`Snapshot`] has, as the table in `snapshot.rs` lays it out.
//!
//! Stores compare states by their bytes, so the encoding is canonical: `decode` refuses whatever `encode` would not
//! write, and what it takes encodes to the very same bytes again. It checks structure and bounds, every length against
//! the buffer before anything is reserved; what a state *means* (an end that lies too far ahead, a level of another
//! rate) is for the engine's repair and adoption.
//!
//! `read.rs` cuts the bytes into sections, `decode.rs` reads their fields, `encode.rs` writes them.

mod decode;
mod encode;
#[cfg(test)]
pub(crate) mod examples;
#[cfg(test)]
mod random;
mod read;
#[cfg(test)]
mod tests;

/// The first two bytes of a state: "St".
const MAGIC: [u8; 2] = *b"St";
/// The major version that this release reads and writes.
const VERSION: u8 = 1;
/// Bytes before the first section.
const HEADER_LEN: usize = 16;

/// Instants lie below.
const END_AT: u64 = 1 << 52;
/// No configured duration is longer: 2^32 − 1 ms.
const MAX_DURATION_US: u64 = 4_294_967_295_000;
/// Levels and capacities in units lie below, so that a host without 64-bit integers can show them.
const END_UNITS: u64 = 1 << 53;
/// 16 of a policy, 16 carried.
const MAX_LIMITS: usize = 32;
/// The most that `failures_in_window.count` can be.
const MAX_FAILURES: usize = 64;
/// The most that `window.calls` and `half_open_calls` can be.
const MAX_CALLS: u32 = 1024;
/// The most that `window.slots` can be.
const MAX_SLOTS: u32 = 64;
/// The most that `half_open_permits` can be.
const MAX_PROBES: usize = 64;
/// The most that `max_concurrent` can be: no slot is taken beyond it, whichever policies take turns. More of them, with
/// ids that are at home in one place, would take the table the square of their number.
const MAX_LEASES: usize = 4096;
/// The most calls that share a re-entrant lease.
const MAX_LEASE_COUNT: u32 = 4095;
/// What is carried unread, with its heads.
const MAX_CARRIED: usize = 1024;

/// The kinds of sections that this release knows.
mod kind {
    pub(super) const CIRCUIT: u8 = 1;
    pub(super) const LIMIT: u8 = 2;
    pub(super) const BLOCK: u8 = 3;
    pub(super) const MODE: u8 = 4;
    pub(super) const FAILURES: u8 = 5;
    pub(super) const CALLS: u8 = 6;
    pub(super) const SLOTS: u8 = 7;
    pub(super) const PROBES: u8 = 8;
    pub(super) const LEASES: u8 = 9;
}

/// Bits of a section's flags.
mod flag {
    /// Who does not know the section must refuse the state. All of ours are so.
    pub(super) const CRITICAL: u8 = 1;
    /// Of a limit: `charge: "call"`.
    pub(super) const PER_CALL: u8 = 2;
    /// Of a limit: `initial: "empty"`.
    pub(super) const STARTS_EMPTY: u8 = 4;
    /// Of the leases: some lease has a holder, and each is written with one.
    pub(super) const HOLDERS: u8 = 2;
    /// Of the leases: some count is not 1, and each is written with one.
    pub(super) const COUNTS: u8 = 4;
}

/// How many bytes a length takes in LEB128.
const fn leb128_len(value: usize) -> usize {
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3,
    }
}

/// How many bytes a lease takes under these flags.
const fn lease_len(flags: u8) -> usize {
    match (flags & flag::HOLDERS != 0, flags & flag::COUNTS != 0) {
        (false, false) => 10,
        (false, true) => 12,
        (true, false) => 18,
        (true, true) => 20,
    }
}
