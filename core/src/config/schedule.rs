//! The parameters of a schedule: when something runs that runs by itself.

use alloc::vec;
use alloc::vec::Vec;

use crate::config::check::at_least;
use crate::config::compile::us;
use crate::config::decimal::{Multiplier, Percent};
use crate::config::table::{Field, Kind, Named, Row, Seen, Table, argument, config, field_type, how, kept, range, row};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::error::BoxedError;
use crate::schedule::{BackoffRules, FloodRules, ScheduleRules};

config! {
    /// When something runs that runs by itself: a heartbeat, a poll, a drain.
    ///
    /// ```
    /// use stanchion::{FloodConfig, Policy, ScheduleBackoffConfig, ScheduleConfig};
    ///
    /// let heartbeat = ScheduleConfig::new(1_800_000)
    ///     .min_spacing_ms(30_000)
    ///     .flood(FloodConfig::new(5, 60_000))
    ///     .backoff(ScheduleBackoffConfig::new().after_failures(5));
    /// assert!(Policy::builder("p").schedule(heartbeat).build().is_ok());
    /// ```
    pub struct ScheduleConfig {
        /// assert_eq!((config.interval_ms, config.min_spacing_ms), (60_000, 0));
        new(60_000);
        required {
            /// From one run to the next.
            interval_ms: u32 in 1..=4_294_967_295;
        }
        optional {
            /// No two runs begin within less, whatever asks for them.
            min_spacing_ms: plain(u32) in 0..=4_294_967_295, 0, e.g. 30_000;
            /// So many runs within a time are enough, whatever asks for them. Null for no bound.
            flood: maybe(FloodConfig), None, e.g. FloodConfig::new(5, 60_000);
            /// How runs that fail come later. Null for not at all.
            backoff: maybe(ScheduleBackoffConfig), None, e.g. ScheduleBackoffConfig::new();
            /// Delays each run by up to so many percent of the interval; at most two decimals. The same for the same seed, key
            /// and run.
            jitter_percent: plain(Percent) in 0..=9_999, Percent::from_basis_points(0), e.g. 10 => Percent::from(10);
        }
    }
}

config! {
    /// So many runs within a time are enough.
    ///
    /// ```
    /// use stanchion::{FloodConfig, ScheduleConfig};
    ///
    /// let heartbeat = ScheduleConfig::new(60_000).flood(FloodConfig::new(5, 60_000));
    /// assert_eq!(heartbeat.flood.unwrap().count, 5);
    /// ```
    pub struct FloodConfig {
        /// assert_eq!((config.count, config.window_ms), (5, 60_000));
        new(5, 60_000);
        required {
            /// So many runs.
            count: u32 in 1..=64;
            /// Within how long.
            window_ms: u32 in 1..=4_294_967_295;
        }
        optional {}
    }
}

config! {
    /// How runs that fail come later: after `after_failures` in a row the next one waits `base_ms × multiplier`, after one
    /// more `multiplier` times as long, up to `max_ms`, and then for its slot. A scheduled run's wait counts from its slot, however
    /// late its timer was; that of any other from the run.
    ///
    /// ```
    /// use stanchion::{Policy, ScheduleBackoffConfig, ScheduleConfig};
    ///
    /// let backoff = ScheduleBackoffConfig::new().after_failures(5).max_ms(7_200_000);
    /// let policy = Policy::builder("p").schedule(ScheduleConfig::new(1_800_000).backoff(backoff)).build().unwrap();
    /// let backoff = policy.config().schedule.as_ref().unwrap().backoff.as_ref().unwrap();
    /// assert_eq!(backoff.base_ms, Some(1_800_000), "the interval");
    /// ```
    pub struct ScheduleBackoffConfig {
        /// assert_eq!(config.after_failures, 1);
        new();
        required {}
        optional {
            /// From so many failures in a row on.
            after_failures: plain(u32) in 1..=1_000_000, 1, e.g. 5;
            /// What is multiplied. At least `interval_ms`: a shorter one would never be felt.
            base_ms: derived(u32) in 1..=4_294_967_295, "`interval_ms`", e.g. 3_600_000;
            /// At most three decimals.
            multiplier: plain(Multiplier) in 1_000..=1_000_000, Multiplier::from_thousandths(2_000),
                e.g. 3 => Multiplier::from(3);
            /// No wait is longer. At least `base_ms`.
            max_ms: derived(u32) in 1..=4_294_967_295, "the larger of 7,200,000 and 8 × `base_ms`", e.g. 7_200_000;
        }
    }
}

/// The defaults.
impl Default for ScheduleBackoffConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl ScheduleConfig {
    pub(crate) fn complete(&mut self) -> Result<(), BoxedError> {
        match &mut self.backoff {
            Some(backoff) => backoff.complete(self.interval_ms).map_err(|e| e.within("backoff")),
            None => Ok(()),
        }
    }

    /// Of a completed configuration.
    pub(crate) fn rules(&self) -> ScheduleRules {
        ScheduleRules {
            interval_us: us(self.interval_ms),
            min_spacing_us: us(self.min_spacing_ms),
            flood: self.flood.as_ref().map(FloodConfig::rules),
            backoff: self.backoff.as_ref().map(|backoff| backoff.rules(self.interval_ms)),
            jitter_bp: self.jitter_percent.basis_points(),
        }
    }
}

impl ScheduleBackoffConfig {
    fn complete(&mut self, interval_ms: u32) -> Result<(), BoxedError> {
        let base_ms = self.base_ms.unwrap_or(interval_ms);
        at_least("base_ms", base_ms, "`interval_ms`", interval_ms)?;
        let max_ms = self.max_ms.unwrap_or_else(|| base_ms.saturating_mul(8).max(7_200_000));
        at_least("max_ms", max_ms, "`base_ms`", base_ms)?;
        self.base_ms = Some(base_ms);
        self.max_ms = Some(max_ms);
        Ok(())
    }

    fn rules(&self, interval_ms: u32) -> BackoffRules {
        let base_ms = self.base_ms.unwrap_or(interval_ms);
        BackoffRules {
            after_failures: self.after_failures,
            base_us: us(base_ms),
            multiplier_thousandths: self.multiplier.thousandths(),
            max_us: us(self.max_ms.unwrap_or(base_ms)),
        }
    }
}

impl FloodConfig {
    fn rules(&self) -> FloodRules {
        FloodRules { count: self.count, window_us: us(self.window_ms) }
    }
}
