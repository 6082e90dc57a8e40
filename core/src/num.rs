//! Total conversions and arithmetic: the only place of the core with an `as`.

/// The low 32 bits.
#[expect(clippy::as_conversions, reason = "masked to 32 bits first")]
pub(crate) const fn low32(x: u64) -> u32 {
    (x & 0xFFFF_FFFF) as u32
}

/// The low 16 bits.
#[expect(clippy::as_conversions, reason = "masked to 16 bits first")]
pub(crate) const fn low16(x: u64) -> u16 {
    (x & 0xFFFF) as u16
}

/// The low 8 bits.
#[expect(clippy::as_conversions, reason = "masked to 8 bits first")]
pub(crate) const fn low8(x: u64) -> u8 {
    (x & 0xFF) as u8
}

/// An index into memory. Our indices stay far below 2^32, so nothing is cut on a 32-bit machine.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "indices stay below 2^32")]
pub(crate) const fn index(x: u64) -> usize {
    x as usize
}

/// A length or an index as a number of the state.
#[expect(clippy::as_conversions, reason = "usize is at most 64 bits on every supported target")]
pub(crate) const fn wide(x: usize) -> u64 {
    x as u64
}

/// Any 32-bit number as a word, in constant functions too.
#[expect(clippy::as_conversions, reason = "widening")]
pub(crate) const fn wide32(x: u32) -> u64 {
    x as u64
}

/// The bits of a signed level, as they stand in a word of the state.
pub(crate) const fn bits(level: i64) -> u64 {
    level.cast_unsigned()
}

/// A signed level from its bits.
pub(crate) const fn level(bits: u64) -> i64 {
    bits.cast_signed()
}

/// A value that its bounds keep below 2^63, as a signed one.
pub(crate) const fn signed(x: u64) -> i64 {
    (x & (u64::MAX >> 1)).cast_signed()
}
