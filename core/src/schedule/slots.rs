//! The slots of a key: where they lie, and which one comes next.

use crate::backoff::part;
use crate::hash::splitmix64;
use crate::num::low32;
use crate::schedule::ScheduleRules;

/// The slots of one key under one schedule.
pub(crate) struct Slots {
    interval_us: u64,
    /// Below the interval.
    phase_us: u64,
    /// How far a slot is put off at most: less than the interval.
    jitter_us: u64,
    /// What the jitter of each slot is drawn from.
    salt: u64,
}

impl Slots {
    /// Without a key (0) they lie at the whole multiples of the interval since the epoch.
    pub(crate) fn new(rules: &ScheduleRules, key: u64, seed: u64) -> Self {
        Self {
            interval_us: rules.interval_us,
            phase_us: key.checked_rem(rules.interval_us).unwrap_or(0),
            // Below 2^42 × 2^14, so nothing is cut.
            jitter_us: rules.interval_us.saturating_mul(u64::from(rules.jitter_bp)).wrapping_div(10_000),
            salt: splitmix64(splitmix64(seed) ^ key),
        }
    }

    /// The number of the slot that lies at or before `at` but for its jitter.
    fn number(&self, at: u64) -> u64 {
        at.saturating_sub(self.phase_us).checked_div(self.interval_us).unwrap_or(0)
    }

    /// How long after the last slot that is not after it an instant is; 0 before the first.
    pub(crate) fn late_us(&self, at: u64) -> u64 {
        let number = self.number(at);
        let slot = Some(self.slot(number)).filter(|slot| *slot <= at);
        at.saturating_sub(slot.unwrap_or_else(|| self.slot(number.saturating_sub(1)).min(at)))
    }

    /// The first slot after `at`, strictly.
    pub(crate) fn after(&self, at: u64) -> u64 {
        let number = self.number(at);
        // Jitter is less than an interval: slots ascend, and the one before this one does not come after `at`.
        let slot = self.slot(number);
        if slot > at { slot } else { self.slot(number.saturating_add(1)) }
    }

    /// `phase + number × interval`, and its jitter.
    fn slot(&self, number: u64) -> u64 {
        let jitter_us = part(self.jitter_us, low32(splitmix64(self.salt ^ number) >> 32));
        number.saturating_mul(self.interval_us).saturating_add(self.phase_us).saturating_add(jitter_us)
    }
}
