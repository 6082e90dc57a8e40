//! JavaScript's numbers as what the engine takes. Nothing is rounded or wrapped: what does not fit is refused.

use core::time::Duration;

use stanchion::{Acquire, Holder, Outcome, Settle, Timestamp};

use crate::status::{BAD_ACTUAL_COST, BAD_COST, BAD_DURATION, BAD_NOW, BAD_OUTCOME, Status};

/// Of `settle`'s outcome: a duration is given.
pub const HAS_DURATION: u32 = 4;
/// Of `settle`'s outcome: an actual cost is given.
pub const HAS_ACTUAL_COST: u32 = 8;

/// What is allowed where that argument was refused: the field's name and the range.
pub(crate) const fn refused(status: Status) -> (&'static str, &'static str) {
    match status {
        BAD_NOW => ("now_us", "a whole number of microseconds since 1970 from 1 to 4503599627370495"),
        BAD_COST => ("cost", "a whole number from 0 to 4294967295"),
        BAD_DURATION => ("duration_us", "a whole number of microseconds from 0 to 9007199254740991"),
        BAD_ACTUAL_COST => ("actual_cost", "a whole number from 0 to 4294967295"),
        _ => ("outcome", "`success`, `failure` or `ignored`"),
    }
}

/// An instant.
///
/// # Errors
/// [`BAD_NOW`].
#[inline]
#[expect(clippy::float_cmp, reason = "what was rounded shows on the way back")]
pub fn instant(now_us: f64) -> Result<Timestamp, Status> {
    // From 2^52 on the numbers lie 1 apart, so the low bits of the sum are the number; what is no instant leaves others, too. Of
    // all ways from a float this has the fewest instructions in WebAssembly.
    const SHIFT: f64 = 4_503_599_627_370_496.0;
    let sum = now_us + SHIFT;
    if sum - SHIFT == now_us {
        Timestamp::from_micros(sum.to_bits() ^ SHIFT.to_bits()).ok_or(BAD_NOW)
    } else {
        Err(BAD_NOW)
    }
}

/// The µs of an instant from 2^50 up to 2^51, the years 2005 to 2041, in half the instructions of [`instant`]: there all floats have
/// one exponent, and two bits below the whole number. `None` says nothing of any other number.
#[inline]
pub fn recent(now_us: f64) -> Option<u64> {
    // One less than that exponent, which leaves the 1 that a float does not write; what is below the whole number goes on top.
    const EXPONENT: u64 = 0x430 << 52;
    let micros = now_us.to_bits().wrapping_sub(EXPONENT).rotate_right(2);
    (micros >> 50 == 1).then_some(micros)
}

/// A wish to make a call.
///
/// # Errors
/// [`BAD_COST`].
#[inline]
pub fn wish(cost: f64, holder_lo: u32, holder_hi: u32) -> Result<Acquire, Status> {
    let wish = Acquire::new().cost(whole_u32(cost).ok_or(BAD_COST)?);
    Ok(match Holder::from_raw(u64::from(holder_lo) | (u64::from(holder_hi) << 32)) {
        Some(holder) => wish.holder(holder),
        None => wish,
    })
}

/// How a call ended: `outcome` is 0 for success, 1 for failure, 2 for ignored, plus what is given beside it.
///
/// # Errors
/// [`BAD_OUTCOME`], [`BAD_DURATION`] or [`BAD_ACTUAL_COST`].
#[inline]
pub fn end(outcome: u32, duration_us: f64, actual_cost: f64) -> Result<Settle, Status> {
    let mut end = Settle::new(match outcome & 3 {
        0 => Outcome::Success,
        1 => Outcome::Failure,
        2 => Outcome::Ignored,
        _ => return Err(BAD_OUTCOME),
    });
    if outcome & HAS_DURATION != 0 {
        end = end.took(Duration::from_micros(whole(duration_us).ok_or(BAD_DURATION)?));
    }
    if outcome & HAS_ACTUAL_COST != 0 {
        end = end.actual_cost(whole_u32(actual_cost).ok_or(BAD_ACTUAL_COST)?);
    }
    Ok(end)
}

/// A whole number as JavaScript holds it. Instants, waits and sequences stay below 2^53.
#[expect(clippy::cast_precision_loss, reason = "whole numbers below 2^53 are exact")]
pub const fn exact(number: u64) -> f64 {
    number as f64
}

/// A whole number that JavaScript holds exactly; `as` saturates, so the way back shows what did not fit. By way of signed
/// numbers, for which processors have an instruction.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "compared on the way back"
)]
pub(crate) fn whole(number: f64) -> Option<u64> {
    const END: u64 = 1 << 53;
    let whole = number as i64;
    let is_whole = whole as f64 == number;
    u64::try_from(whole).ok().filter(|whole| is_whole && *whole < END)
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "compared on the way back"
)]
pub(crate) fn whole_u32(number: f64) -> Option<u32> {
    let whole = number as u32;
    (f64::from(whole) == number).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_in_range_are_instants() {
        for bad in [0.0, -1.0, 0.5, 1.5, f64::NAN, f64::INFINITY, -f64::INFINITY, 4_503_599_627_370_496.0, 1e300] {
            assert_eq!(instant(bad), Err(BAD_NOW), "{bad}");
        }
        for good in [1_u64, 1_700_000_000_000_001, (1 << 52) - 1] {
            assert_eq!(instant(exact(good)).map(Timestamp::as_micros), Ok(good));
        }
    }

    #[test]
    fn what_is_recent_is_the_same_instant() {
        let (from, to) = (2.0_f64.powi(50), 2.0_f64.powi(51));
        for there in [from, from + 1.0, 1_700_000_000_000_001.0, to - 1.0] {
            assert_eq!(recent(there), instant(there).ok().map(Timestamp::as_micros), "{there}");
            assert!(recent(there).is_some() && recent(-there).is_none());
            assert_eq!([0.25, 0.5, 0.75].map(|part| recent(there + part)), [None; 3]);
        }
        // Each other exponent, and what is no number.
        for other in [0.0, 1.0, 1e9, from - 1.0, from / 2.0, to, 2.0 * to, 1e300, f64::NAN, f64::INFINITY] {
            assert_eq!([recent(other), recent(-other)], [None; 2], "{other}");
        }
        assert!((0..1 << 12).filter(|top| recent(f64::from_bits((top << 52) | 4)).is_some()).eq([0x431]));
    }

    #[test]
    fn a_cost_is_never_wrapped() {
        for bad in [-1.0, 0.5, 4_294_967_296.0, f64::NAN] {
            assert_eq!(wish(bad, 0, 0), Err(BAD_COST), "{bad}");
        }
        assert_eq!(wish(4_294_967_295.0, 0, 0).map(|w| w.cost), Ok(u32::MAX));
    }

    #[test]
    fn a_holder_is_its_two_halves() {
        assert_eq!(wish(1.0, 7, 1).map(|w| w.holder), Ok(Holder::from_raw((1 << 32) | 7)));
        assert_eq!(wish(1.0, 0, 0).map(|w| w.holder), Ok(None));
    }

    #[test]
    fn an_end_holds_only_what_is_given() {
        assert_eq!(end(1, f64::NAN, f64::NAN), Ok(Settle::failure()));
        let full = Settle::success().took(Duration::from_micros(3)).actual_cost(4);
        assert_eq!(end(HAS_DURATION | HAS_ACTUAL_COST, 3.0, 4.0), Ok(full));
        assert_eq!(end(3, 0.0, 0.0), Err(BAD_OUTCOME));
        assert_eq!(end(2 | HAS_DURATION, -1.0, 0.0), Err(BAD_DURATION));
        assert_eq!(end(2 | HAS_ACTUAL_COST, 0.0, 0.1), Err(BAD_ACTUAL_COST));
    }
}
