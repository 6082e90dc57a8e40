//! The header fields by which a server tells its callers of limits: `RateLimit-Policy` and `RateLimit`, as
//! draft-ietf-httpapi-ratelimit-headers-10 has them, and the seconds of `Retry-After`.
//!
//! | field | for each limit |
//! |---|---|
//! | `RateLimit-Policy` | `"name";q=capacity;w=seconds in which the capacity refills` |
//! | `RateLimit` | `"name";r=whole tokens that are there;t=seconds until there is one more` |
//!
//! Seconds are rounded up and tokens down, so that nobody is told of more than there is. A full limit has no `t`, because
//! no more will be available. In debt there are 0 tokens, and while the policy is blocked nothing refills. Every number is far
//! below the 15 digits of a structured field's integer: a limit's units, of which one comes each µs, are below 2^53.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::answer::Gate;
use crate::config::LimitConfig;
use crate::limit::time_to;
use crate::num::{level, low32};
use crate::policy::{LimitRules, Policy};
use crate::state::Live;
use crate::time::{Timestamp, wait_s};

impl Policy {
    /// The value of `RateLimit-Policy`: what the limits allow. Empty where there are none. It is the same for every state.
    ///
    /// ```
    /// use stanchion::{LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("p").limit(LimitConfig::new("calls", 100, 50, 5_000)).build().unwrap();
    /// assert_eq!(policy.rate_limit_policy(), r#""calls";q=100;w=10"#);
    /// ```
    pub fn rate_limit_policy(&self) -> String {
        let each = self.config().limits.iter().map(|limit| {
            let tokens_ms = u64::from(limit.capacity).saturating_mul(u64::from(limit.refill_interval_ms));
            let window_s = tokens_ms.div_ceil(u64::from(limit.refill_tokens).max(1).saturating_mul(1_000));
            format!("{};q={};w={window_s}", quoted(&limit.name), limit.capacity)
        });
        each.collect::<Vec<_>>().join(", ")
    }

    /// The value of `RateLimit`: what is left of the limits. Empty where there are none. The state is not changed.
    ///
    /// ```
    /// use stanchion::{Acquire, LimitConfig, Policy, Timestamp};
    ///
    /// let policy = Policy::builder("p").limit(LimitConfig::new("calls", 100, 1, 2_000)).build().unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// assert_eq!(policy.rate_limit(&state, now), r#""calls";r=100"#);
    /// let _ = policy.acquire(&mut state, Acquire::new().cost(60), now);
    /// assert_eq!(policy.rate_limit(&state, now), r#""calls";r=40;t=2"#);
    /// ```
    pub fn rate_limit(&self, state: &impl Live, now: Timestamp) -> String {
        let seen = self.look(state, now);
        let (view, t) = (seen.view(), seen.t);
        let from = view.refills_from();
        let rules = self.limits.iter().zip(&self.config().limits);
        let each = rules.zip(view.limits()).map(|((rules, config), [units, ..])| {
            let units = rules.refilled(level(*units), t.saturating_sub(from));
            left(rules, config, units, from.max(t).saturating_sub(t))
        });
        each.collect::<Vec<_>>().join(", ")
    }
}

impl Gate {
    /// The HTTP status with which a server refuses a request that this gate holds up: 429 where it is a limit of
    /// the caller's own, else 503.
    ///
    /// ```
    /// use stanchion::Gate;
    ///
    /// assert_eq!((Gate::Limit(0).refusal_status(), Gate::Circuit.refusal_status()), (429, 503));
    /// ```
    pub const fn refusal_status(self) -> u16 {
        match self {
            Self::Limit(_) => 429,
            Self::Circuit | Self::Block | Self::Bulkhead => 503,
        }
    }
}

/// A limit whose level is `units`, from which it refills after a pause.
fn left(rules: &LimitRules, config: &LimitConfig, units: i64, pause_us: u64) -> String {
    let name = quoted(&config.name);
    let unit = i64::try_from(rules.units_per_token).unwrap_or(i64::MAX).max(1);
    let tokens = low32(u64::try_from(units.div_euclid(unit)).unwrap_or(0));
    if tokens >= rules.capacity {
        return format!("{name};r={tokens}");
    }
    let next_us = time_to(units, rules.units(tokens.saturating_add(1)), rules.units_per_us);
    format!("{name};r={tokens};t={}", wait_s(pause_us.saturating_add(next_us)))
}

/// A name as a structured field's string, which holds printable ASCII only; what else there is becomes a question mark.
fn quoted(name: &str) -> String {
    let mut text = "\"".to_string();
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    text.push('"');
    text
}
