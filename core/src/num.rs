//! Total conversions and arithmetic: the only place of the core with an `as`.

/// The low 32 bits.
#[expect(clippy::as_conversions, reason = "masked to 32 bits first")]
#[inline]
pub(crate) const fn low32(x: u64) -> u32 {
    (x & 0xFFFF_FFFF) as u32
}

/// The low 16 bits.
#[expect(clippy::as_conversions, reason = "masked to 16 bits first")]
#[inline]
pub(crate) const fn low16(x: u64) -> u16 {
    (x & 0xFFFF) as u16
}

/// The low 8 bits.
#[expect(clippy::as_conversions, reason = "masked to 8 bits first")]
#[inline]
pub(crate) const fn low8(x: u64) -> u8 {
    (x & 0xFF) as u8
}

/// An index into memory. Our indices stay far below 2^32, so nothing is cut on a 32-bit machine.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "indices stay below 2^32")]
#[inline]
pub(crate) const fn index(x: u64) -> usize {
    x as usize
}

/// A length or an index as a number of the state.
#[expect(clippy::as_conversions, reason = "usize is at most 64 bits on every supported target")]
#[inline]
pub(crate) const fn wide(x: usize) -> u64 {
    x as u64
}

/// Any 32-bit number as a word, in constant functions too.
#[expect(clippy::as_conversions, reason = "widening")]
#[inline]
pub(crate) const fn wide32(x: u32) -> u64 {
    x as u64
}

/// The bits of a signed level, as they stand in a word of the state.
#[inline]
pub(crate) const fn bits(level: i64) -> u64 {
    level.cast_unsigned()
}

/// A signed level from its bits.
#[inline]
pub(crate) const fn level(bits: u64) -> i64 {
    bits.cast_signed()
}

/// A value that its bounds keep below 2^63, as a signed one.
#[inline]
pub(crate) const fn signed(x: u64) -> i64 {
    (x & (u64::MAX >> 1)).cast_signed()
}

/// `a × b ÷ c` rounded down, where `a` is below `c` and `c` at most 2^54: by the bytes of `b`, so that nothing is cut and no
/// division of 128 bits is needed.
pub(crate) fn mul_div(a: u64, b: u64, c: u64) -> u64 {
    let (mut whole, mut rest) = (0_u64, 0_u64);
    for byte in b.to_be_bytes() {
        let part = (rest << 8).wrapping_add(a.wrapping_mul(u64::from(byte)));
        whole = (whole << 8).wrapping_add(part.checked_div(c).unwrap_or(0));
        rest = part.checked_rem(c).unwrap_or(0);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::mul_div;
    use crate::hash::splitmix64;

    #[test]
    fn steps_of_64_bits_divide_as_one_of_128() {
        const END: u64 = (1 << 54) + 1;
        for seed in 0..10_000 {
            let [a, b, c] = [1, 2, 3].map(|salt| (splitmix64((seed << 2) | salt) % END) >> (seed * salt % 40));
            let (c, b) = (c.max(1), if seed % 9 == 0 { END - 1 } else { b });
            let a = if seed % 7 == 0 { c - 1 } else { a % c };
            let whole = u128::from(a) * u128::from(b) / u128::from(c);
            assert_eq!(u128::from(mul_div(a, b, c)), whole, "{a} × {b} ÷ {c}");
        }
    }
}
