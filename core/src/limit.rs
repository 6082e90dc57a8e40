//! Limits: token buckets in exact integers.
//!
//! A level is a signed number of units as of `last_at`; a unit is the part of a token that makes the refill of a µs a whole
//! number, so refilling in one step or in many is the same. Only overspend makes a level negative.

use crate::live::LIMIT_WORDS;
use crate::num::{bits, level, low32, mul_div, signed};
use crate::permit::Permit;
use crate::policy::LimitRules;
use crate::snapshot::LimitSnapshot;

const PER_CALL: u64 = 1 << 62;
const STARTS_EMPTY: u64 = 1 << 63;
const UNITS: u64 = (1 << 60) - 1;

impl LimitRules {
    /// The level after `elapsed_us` of refill.
    #[inline]
    pub(crate) fn refilled(&self, level: i64, elapsed_us: u64) -> i64 {
        if elapsed_us >= self.full_after_us {
            return self.capacity_units;
        }
        // Below `full_after_us`, so below 2^54 + 2^32.
        let gain = elapsed_us.wrapping_mul(self.units_per_us).cast_signed();
        level.wrapping_add(gain).min(self.capacity_units)
    }

    /// What an acquire of that cost takes, in tokens.
    #[inline]
    pub(crate) fn tokens(&self, cost: u32) -> u32 {
        if self.is_per_call { 1 } else { cost }
    }

    /// Tokens in units; for at most `capacity` tokens it is below 2^53.
    #[inline]
    pub(crate) fn units(&self, tokens: u32) -> i64 {
        u64::from(tokens).wrapping_mul(self.units_per_token).cast_signed()
    }

    /// Whether that level admits a call of that cost. In debt even cost 0 is refused.
    #[inline]
    pub(crate) fn admits(&self, level: i64, cost: u32) -> bool {
        let tokens = self.tokens(cost);
        // One token is one of any capacity.
        (tokens <= 1 || tokens <= self.capacity) && level >= self.units(tokens)
    }

    /// How a new one starts.
    pub(crate) fn initial_level(&self) -> i64 {
        if self.starts_empty { 0 } else { self.capacity_units }
    }

    /// How long after `level` it admits that cost; `None` where it never does.
    pub(crate) fn wait_us(&self, level: i64, cost: u32) -> Option<u64> {
        let tokens = self.tokens(cost);
        if tokens > self.capacity {
            return None;
        }
        Some(time_to(level, self.units(tokens), self.units_per_us))
    }

    /// How long after `level` it is full.
    pub(crate) fn full_in_us(&self, level: i64) -> u64 {
        time_to(level, self.capacity_units, self.units_per_us)
    }

    /// The level after `unspent` tokens of a permit came back at `t`: all that has not refilled meanwhile, at once.
    pub(crate) fn refunded(&self, level: i64, unspent: u32, permit: &Permit, t: u64) -> i64 {
        let elapsed = t.wrapping_sub(permit.acquired_at_us()) & ((1 << 48) - 1);
        let taken = i128::from(self.tokens(permit.cost())).wrapping_mul(i128::from(self.units_per_token));
        let refilled = i128::from(elapsed).wrapping_mul(i128::from(self.units_per_us));
        let missing = taken.wrapping_sub(refilled).max(0);
        let unspent = i128::from(unspent).wrapping_mul(i128::from(self.units_per_token));
        let back = i64::try_from(unspent.min(missing)).unwrap_or(i64::MAX);
        level.saturating_add(back).min(self.capacity_units)
    }

    /// The level after `over` tokens more were spent than charged: debt, at most `max_debt`.
    pub(crate) fn owed(&self, level: i64, over: u32) -> i64 {
        let over = i128::from(over).wrapping_mul(i128::from(self.units_per_token));
        let over = i64::try_from(over).unwrap_or(i64::MAX);
        level.saturating_sub(over).max(self.max_debt_units.saturating_neg()).min(level)
    }

    /// A limit by these rules that has so many units.
    pub(crate) fn snapshot(&self, units: i64) -> LimitSnapshot {
        LimitSnapshot {
            name_hash: self.name_hash,
            level: units,
            units_per_token: self.units_per_token,
            units_per_us: self.units_per_us,
            capacity: self.capacity,
            is_per_call: self.is_per_call,
            starts_empty: self.starts_empty,
        }
    }

    /// The same tokens in these rules' units, rounded down, and no more than fit.
    pub(crate) fn converted(&self, old: &LimitSnapshot) -> LimitSnapshot {
        let (old_unit, new_unit) = (old.units_per_token.max(1), self.units_per_token);
        let (tokens, rest) = (old.level.div_euclid(signed(old_unit)), old.level.rem_euclid(signed(old_unit)));
        let rest = signed(mul_div(rest.unsigned_abs(), new_unit, old_unit));
        // What saturates is cut off next.
        let units = tokens.saturating_mul(signed(new_unit)).saturating_add(rest);
        self.snapshot(units.clamp(self.max_debt_units.saturating_neg(), self.capacity_units))
    }

    /// The words of a live state for it.
    pub(crate) fn words(&self, units: i64) -> [u64; LIMIT_WORDS] {
        words(&self.snapshot(units))
    }
}

/// How long from `level` to `target` at that rate.
pub(crate) fn time_to(level: i64, target: i64, units_per_us: u64) -> u64 {
    let missing = target.saturating_sub(level).max(0);
    missing.unsigned_abs().div_ceil(units_per_us.max(1))
}

/// A limit as words of a live state.
pub(crate) fn words(limit: &LimitSnapshot) -> [u64; LIMIT_WORDS] {
    let flags = (if limit.is_per_call { PER_CALL } else { 0 }) | (if limit.starts_empty { STARTS_EMPTY } else { 0 });
    [
        bits(limit.level),
        u64::from(limit.name_hash) | (u64::from(limit.capacity) << 32),
        (limit.units_per_token & UNITS) | flags,
        limit.units_per_us,
    ]
}

/// A limit from words of a live state.
pub(crate) fn from_words(words: &[u64; LIMIT_WORDS]) -> LimitSnapshot {
    let [units, name, token, rate] = *words;
    LimitSnapshot {
        name_hash: low32(name),
        level: level(units),
        units_per_token: token & UNITS,
        units_per_us: rate,
        capacity: low32(name >> 32),
        is_per_call: token & PER_CALL != 0,
        starts_empty: token & STARTS_EMPTY != 0,
    }
}

impl LimitSnapshot {
    /// What it holds at most, in units: below 2^53, as the decoder asks for.
    pub(crate) fn capacity_units(&self) -> i64 {
        signed(u64::from(self.capacity).wrapping_mul(self.units_per_token))
    }

    /// How long until it is full.
    pub(crate) fn full_in_us(&self) -> u64 {
        time_to(self.level, self.capacity_units(), self.units_per_us)
    }

    /// Refills it by its own rate.
    pub(crate) fn refill(&mut self, elapsed_us: u64) {
        self.level = if elapsed_us >= self.full_in_us() {
            self.capacity_units()
        } else {
            // Less than is missing, which is below 2^54.
            self.level.wrapping_add(signed(elapsed_us.wrapping_mul(self.units_per_us)))
        };
    }

    /// Whether a carried one says nothing any more.
    pub(crate) fn can_be_dropped(&self) -> bool {
        !self.starts_empty && self.level >= self.capacity_units()
    }
}
