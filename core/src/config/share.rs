//! The part of a policy that one host may use alone, while the shared state cannot be reached.

use crate::config::compile::{MAX_UNITS, gcd, units_per_token};
use crate::config::parts::LimitConfig;
use crate::num::{low32, mul_div};
use crate::policy::Policy;

impl Policy {
    /// The policy that one host enforces by itself under `on_store_error: local`: `local_share_percent` of each limit
    /// and of the bulkhead, so that a few hosts together stay near what the upstream bears.
    ///
    /// Each limit's capacity and `max_debt` and the bulkhead's `max_concurrent` are that share, rounded down, but at
    /// least 1 (`max_debt`: 0). Each refill is slowed to the share, rounded down, by a longer interval; where that is
    /// longer than a configuration can say, by fewer tokens, at least 1 in 2^32 − 1 ms. Circuit and block are the same.
    /// Its own share is 100 percent, so the share of a share is itself.
    ///
    /// ```
    /// use stanchion::{LimitConfig, Policy};
    ///
    /// let limit = LimitConfig::new("calls", 60, 1, 1_000);
    /// let policy = Policy::builder("p").limit(limit).local_share_percent(25).build().unwrap();
    /// let local = policy.local_share();
    /// let limit = &local.config().limits[0];
    /// assert_eq!((limit.capacity, limit.refill_tokens, limit.refill_interval_ms), (15, 1, 4_000));
    /// ```
    #[must_use]
    pub fn local_share(&self) -> Self {
        let mut config = self.config().clone();
        let percent = u64::from(config.local_share_percent);
        config.local_share_percent = 100;
        for limit in &mut config.limits {
            share_limit(limit, percent);
        }
        if let Some(bulkhead) = &mut config.bulkhead {
            bulkhead.max_concurrent = share_of(bulkhead.max_concurrent, percent).max(1);
        }
        // A share is inside of every range that the whole was in, so the fallback is never taken.
        Self::new(config).unwrap_or_else(|_| self.clone())
    }
}

fn share_of(whole: u32, percent: u64) -> u32 {
    low32(u64::from(whole).saturating_mul(percent) / 100)
}

/// Why it always fits: with `refill_tokens / refill_interval_ms` in lowest terms, a longer interval makes a token so
/// many times more units as the capacity has fewer tokens. What rounding adds to that is cut off the capacity.
fn share_limit(limit: &mut LimitConfig, percent: u64) {
    if percent < 100 {
        slow_down(limit, percent);
    }
    let most = low32(MAX_UNITS.checked_div(units_per_token(limit)).unwrap_or(0).min(u64::from(u32::MAX)));
    limit.max_debt = limit.max_debt.map(|debt| share_of(debt, percent).min(most));
    limit.capacity = share_of(limit.capacity, percent).clamp(1, most.max(1));
}

fn slow_down(limit: &mut LimitConfig, percent: u64) {
    let divisor = gcd(u64::from(limit.refill_tokens), u64::from(limit.refill_interval_ms));
    let lowest = |x: u32| u64::from(x).checked_div(divisor).unwrap_or(1);
    let (tokens, interval_ms) = (lowest(limit.refill_tokens), lowest(limit.refill_interval_ms));
    let stretched_ms = interval_ms.saturating_mul(100);
    if let Ok(longer_ms) = u32::try_from(stretched_ms.div_ceil(percent.max(1))) {
        (limit.refill_tokens, limit.refill_interval_ms) = (low32(tokens), longer_ms);
        return;
    }
    // The longest interval is below the stretched one, so what is left is below `tokens`.
    let fewer = mul_div(u64::from(u32::MAX), tokens.saturating_mul(percent), stretched_ms);
    (limit.refill_tokens, limit.refill_interval_ms) = (low32(fewer).max(1), u32::MAX);
}
