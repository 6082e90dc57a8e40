//! The parameters of retry: how often, how late, and how much of it a shared state allows.

use alloc::vec;
use alloc::vec::Vec;

use crate::config::check::{at_least, fits};
use crate::config::compile::{bucket, gcd, us};
use crate::config::decimal::{Multiplier, Percent};
use crate::config::table::{Datum, Shape};
use crate::config::table::{Field, Named, Row, Seen, Table, argument, config, field_type, how, kept, range, row};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::config::values::{Value, choices, scalars, word_values};
use crate::error::BoxedError;
#[cfg(feature = "serde")]
use crate::num::index;
use crate::num::{signed, wide};
use crate::retry::{BudgetRules, RetryRules};

choices! {
    /// How a delay is drawn from the random number that the host passes in.
    ///
    /// ```
    /// assert_eq!(stanchion::Jitter::Decorrelated.name(), "decorrelated");
    /// ```
    pub enum Jitter {
        /// Not at all: every host waits alike.
        None = "none",
        /// Anything from 0 to the backoff.
        Full = "full",
        /// Half of the backoff, and anything up to the other half.
        Equal = "equal",
        /// Anything from `base_delay_ms` to three times the delay before, up to `max_delay_ms`.
        Decorrelated = "decorrelated",
    }
}

config! {
    /// When a call that failed is made again, and when it is given up.
    ///
    /// Nothing of it is in the state but the budget.
    ///
    /// ```
    /// use stanchion::{Policy, RetryConfig};
    ///
    /// assert!(Policy::builder("p").retry(RetryConfig::new().max_attempts(5)).build().is_ok());
    ///
    /// let error = Policy::builder("p").retry(RetryConfig::new().max_delay_ms(50)).build().unwrap_err();
    /// assert_eq!(error.to_string(), "`retry.max_delay_ms`: got 50, expected at least `base_delay_ms`, which is 100");
    /// ```
    pub struct RetryConfig {
        /// assert_eq!((config.max_attempts, config.base_delay_ms, config.max_delay_ms), (3, 100, 20_000));
        new();
        required {}
        optional {
            /// How often a call is made at most, the first time included.
            max_attempts: plain(u32) in 1..=100, 3, e.g. 5;
            /// The backoff after the first failure.
            base_delay_ms: plain(u32) in 0..=4_294_967_295, 100, e.g. 250;
            /// No backoff is longer. At least `base_delay_ms`.
            max_delay_ms: plain(u32) in 0..=4_294_967_295, 20_000, e.g. 60_000;
            /// Each further backoff is so many times as long; at most three decimals.
            multiplier: plain(Multiplier) in 1_000..=1_000_000, Multiplier::from_thousandths(2_000),
                e.g. 3 => Multiplier::from(3);
            /// How a delay is drawn, so that callers do not come back in step.
            jitter: plain(Jitter), Jitter::Full, e.g. Jitter::Equal;
            /// From the beginning of the first attempt to the beginning of the last one at most. Null for no bound.
            deadline_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 30_000;
            /// A server that asks for a longer wait (Retry-After) is not asked again.
            max_retry_after_ms: plain(u32) in 0..=4_294_967_295, 60_000, e.g. 300_000;
            /// What all callers that share the state may add to the load. Null for no bound.
            budget: maybe(RetryBudgetConfig), None, e.g. RetryBudgetConfig::new();
        }
    }
}

config! {
    /// How many retries all callers that share a state may make: so many percent of the calls, and a minimum rate.
    ///
    /// It is a token bucket, full at first. A call that is admitted puts in `percent` hundredths of a token, time puts in
    /// `refill_tokens` per `refill_interval_ms`, and a retry takes one. So in no span of time are there more retries than
    /// `capacity`, what time put in, and `percent` of the calls admitted in it.
    ///
    /// ```
    /// use stanchion::{Policy, RetryBudgetConfig, RetryConfig};
    ///
    /// let retry = RetryConfig::new().budget(RetryBudgetConfig::new().percent(10).capacity(20));
    /// assert!(Policy::builder("p").retry(retry).build().is_ok());
    /// ```
    pub struct RetryBudgetConfig {
        /// assert_eq!((config.capacity, config.refill_tokens, config.refill_interval_ms), (10, 1, 1_000));
        new();
        required {}
        optional {
            /// So many retries for a hundred calls that are admitted, those that are made again included; at most two decimals.
            percent: plain(Percent) in 0..=10_000, Percent::from_basis_points(2_000), e.g. 10 => Percent::from(10);
            /// How many retries may come at once.
            capacity: plain(u32) in 1..=1_000_000, 10, e.g. 20;
            /// How many retries are allowed in `refill_interval_ms` however few calls there are.
            refill_tokens: plain(u32) in 1..=1_000_000, 1, e.g. 5;
            /// In how long `refill_tokens` come back.
            refill_interval_ms: plain(u32) in 1..=4_294_967_295, 1_000, e.g. 10_000;
        }
    }
}

/// The defaults.
impl Default for RetryConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The defaults.
impl Default for RetryBudgetConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryConfig {
    pub(crate) fn complete(&self) -> Result<(), BoxedError> {
        at_least("max_delay_ms", self.max_delay_ms, "`base_delay_ms`", self.base_delay_ms)?;
        match &self.budget {
            Some(budget) => budget.complete().map_err(|e| e.within("budget")),
            None => Ok(()),
        }
    }

    pub(crate) fn rules(&self) -> RetryRules {
        RetryRules {
            max_attempts: self.max_attempts,
            base_delay_us: us(self.base_delay_ms),
            max_delay_us: us(self.max_delay_ms),
            multiplier_thousandths: self.multiplier.thousandths(),
            jitter: self.jitter,
            deadline_us: self.deadline_ms.map(us),
            max_retry_after_us: us(self.max_retry_after_ms),
            budget: self.budget.as_ref().map(RetryBudgetConfig::rules),
        }
    }
}

impl RetryBudgetConfig {
    /// A token in units: as many as make the refill of one microsecond and what one call puts in whole numbers.
    pub(crate) fn units_per_token(&self) -> u64 {
        let interval_us = us(self.refill_interval_ms);
        let of_time = interval_us.checked_div(gcd(u64::from(self.refill_tokens), interval_us)).unwrap_or(1);
        let basis_points = u64::from(self.percent.basis_points());
        let of_calls = 10_000_u64.checked_div(gcd(basis_points, 10_000)).unwrap_or(1);
        of_time.saturating_mul(of_calls.checked_div(gcd(of_time, of_calls)).unwrap_or(1))
    }

    fn complete(&self) -> Result<(), BoxedError> {
        fits("capacity", self.capacity, 1, self.units_per_token(), "the other fields")
    }

    fn rules(&self) -> BudgetRules {
        let units_per_token = self.units_per_token();
        // A whole number by the choice of the unit.
        let units_per_call =
            units_per_token.saturating_mul(u64::from(self.percent.basis_points())).wrapping_div(10_000);
        BudgetRules {
            bucket: bucket(self.capacity, 0, (self.refill_tokens, self.refill_interval_ms), units_per_token),
            units_per_call: signed(units_per_call),
        }
    }
}
