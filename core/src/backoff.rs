//! How waits grow from failure to failure: what the circuit, retry, schedule, recovery and spool have in common.

use crate::num::mul_div;

/// After so many times a wait grows no more: as the circuit's open time.
const MOST_TIMES: u32 = 255;

/// `base_us`, multiplied so many times, each product rounded down to the µs and cut at `max_us`.
pub(crate) fn grown(base_us: u64, multiplier_thousandths: u32, max_us: u64, times: u32) -> u64 {
    let mut wait_us = base_us.min(max_us);
    for _ in 0..times.min(MOST_TIMES) {
        if wait_us >= max_us || multiplier_thousandths <= 1000 {
            break;
        }
        // Below 2^42 × 2^20, so nothing is cut.
        let next = wait_us.saturating_mul(u64::from(multiplier_thousandths)).wrapping_div(1000);
        wait_us = next.min(max_us);
    }
    wait_us
}

/// That part of `us` which a random number from 0 to 2^32 − 1 stands for: from 0 on, below `us`.
pub(crate) fn part(us: u64, random: u32) -> u64 {
    mul_div(u64::from(random), us, 1 << 32)
}

/// `us`, shortened by up to so many basis points of it, as a pinned random number says.
pub(crate) fn shortened(us: u64, jitter_bp: u32, random: u32) -> u64 {
    // Below 2^42 × 2^14, so nothing is cut, and the part of it that the random number says is no more.
    let most = us.wrapping_mul(u64::from(jitter_bp));
    us.saturating_sub(part(most, random).wrapping_div(10_000))
}

#[cfg(test)]
mod tests {
    use super::{grown, part, shortened};

    #[test]
    fn waits_grow_to_their_maximum() {
        let waits = [0, 1, 2, 3, 4].map(|times| grown(300, 2_000, 1_200, times));
        assert_eq!(waits, [300, 600, 1_200, 1_200, 1_200]);
        assert_eq!(grown(1, 1_500, 100, 255), 1, "what rounds down to itself does not grow");
        assert_eq!(grown(700, 1_000, 900, 9), 700);
        assert_eq!(grown(700, 2_000, 500, 0), 500);
        assert_eq!(grown(4_294_967_295_000, 1_000_000, 4_294_967_295_000, u32::MAX), 4_294_967_295_000);
    }

    #[test]
    fn a_part_is_exact() {
        assert_eq!((part(1_000, 0), part(1_000, 1 << 31), part(1_000, u32::MAX)), (0, 500, 999));
        assert_eq!(shortened(1_000, 1_000, 1 << 31), 950);
        assert_eq!(shortened(1_000, 0, u32::MAX), 1_000);
    }
}
