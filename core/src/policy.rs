//! A checked policy, in the form in which the engine decides: whole microseconds, units of tokens, basis points.

use alloc::vec::Vec;

use crate::config::PolicyConfig;
use crate::health::HealthRules;
use crate::live::fingerprint;
use crate::quiet::Straight;
use crate::recovery::RecoveryRules;
use crate::retry::RetryRules;
use crate::schedule::ScheduleRules;

/// A checked, immutable policy: the rules of one key. Build it from JSON or with the typed builders; it is
/// `Send + Sync` and can be shared by any number of states.
///
/// ```
/// use stanchion::{BulkheadConfig, Policy};
///
/// let built = Policy::builder("api").bulkhead(BulkheadConfig::new(10)).build().unwrap();
/// let read = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 10}}"#).unwrap();
/// assert_eq!(built.config(), read.config());
/// ```
#[derive(Debug, Clone)]
pub struct Policy {
    /// The first word of its live states, with the fingerprint in it: of circuit, limits, block and bulkhead with their
    /// defaults, and of whatever else the state remembers. Adoption goes by it.
    pub(crate) tag: u64,
    /// Of circuit, limits and bulkhead once more, for the shortest way.
    pub(crate) straight: Straight,
    pub(crate) circuit: Option<CircuitRules>,
    pub(crate) limits: Vec<LimitRules>,
    pub(crate) block: Option<BlockRules>,
    pub(crate) bulkhead: Option<BulkheadRules>,
    pub(crate) health: Option<HealthRules>,
    pub(crate) retry: Option<RetryRules>,
    pub(crate) schedule: Option<ScheduleRules>,
    pub(crate) recovery: Option<RecoveryRules>,
    pub(crate) clock_tolerance_us: u64,
    pub(crate) seed: u64,
    pub(crate) is_shadow: bool,
    /// What it was built from, with all defaults filled in.
    pub(crate) config: PolicyConfig,
}

/// "None" of a duration that would otherwise be compared: further ahead than any instant.
pub(crate) const NEVER_US: u64 = u64::MAX;

/// The circuit's rules. Durations in µs, rates in basis points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CircuitRules {
    /// 0 for none.
    pub(crate) consecutive_failures: u32,
    pub(crate) failures_in_window: Option<FailuresInWindow>,
    /// 0 for none.
    pub(crate) failure_rate_bp: u32,
    /// 0 for none.
    pub(crate) slow_call_rate_bp: u32,
    /// [`NEVER_US`] for none.
    pub(crate) slow_call_us: u64,
    pub(crate) minimum_calls: u32,
    /// There where a rate trips.
    pub(crate) window: Option<WindowRules>,
    /// [`NEVER_US`] for never.
    pub(crate) forget_us: u64,
    pub(crate) open_us: u64,
    pub(crate) open_multiplier_thousandths: u32,
    pub(crate) open_max_us: u64,
    pub(crate) open_jitter_bp: u32,
    /// `None`: growth is reset by closing.
    pub(crate) growth_reset_us: Option<u64>,
    /// 0: straight to closed.
    pub(crate) half_open_permits: u32,
    pub(crate) half_open_calls: u32,
    /// 0 for none.
    pub(crate) half_open_failure_rate_bp: u32,
    /// [`NEVER_US`] for none.
    pub(crate) half_open_max_us: u64,
    pub(crate) probe_lease_us: u64,
    pub(crate) late_success_closes: bool,
    pub(crate) late_failure_extends: bool,
    pub(crate) report_as_probe: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct FailuresInWindow {
    /// 1 to 64.
    pub(crate) count: u32,
    pub(crate) window_us: u64,
}

/// The window of the rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowRules {
    /// The last so many calls, at most 1,024.
    Calls(u32),
    /// So many slots (1 to 64) of `slot_us`, aligned to the epoch. `slot_us = window_us / slots`, rounded down.
    Time { slot_us: u64, slots: u32 },
}

/// One limit's rules. A unit is the part of a token that makes the refill of a µs a whole number.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LimitRules {
    pub(crate) name_hash: u32,
    /// Tokens.
    pub(crate) capacity: u32,
    /// `refill_interval_us / gcd(refill_tokens, refill_interval_us)`.
    pub(crate) units_per_token: u64,
    /// `refill_tokens / gcd(..)`: units a µs.
    pub(crate) units_per_us: u64,
    /// `capacity × units_per_token`, below 2^53.
    pub(crate) capacity_units: i64,
    /// `max_debt × units_per_token`, below 2^53, as a positive number.
    pub(crate) max_debt_units: i64,
    /// So many µs after any level it is full: `ceil((capacity_units + max_debt_units) / units_per_us)`.
    pub(crate) full_after_us: u64,
    /// `charge: "call"`.
    pub(crate) is_per_call: bool,
    /// `initial: "empty"`.
    pub(crate) starts_empty: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockRules {
    pub(crate) max_block_us: u64,
    /// 0 to 100.
    pub(crate) after_block_percent: u32,
}

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BulkheadRules {
    /// 1 to 4,096.
    pub(crate) max_concurrent: u32,
    pub(crate) lease_us: u64,
    pub(crate) is_reentrant: bool,
}

impl Policy {
    /// Stands for circuit, limits, block and bulkhead with their defaults; a state carries that of its policy.
    ///
    /// ```
    /// use stanchion::Policy;
    ///
    /// let ten = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 10}}"#).unwrap();
    /// let renamed = Policy::from_json(r#"{"name": "the api", "bulkhead": {"max_concurrent": 10}}"#).unwrap();
    /// let twenty = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 20}}"#).unwrap();
    /// assert_eq!(ten.fingerprint(), renamed.fingerprint());
    /// assert_ne!(ten.fingerprint(), twenty.fingerprint());
    /// ```
    pub const fn fingerprint(&self) -> u32 {
        fingerprint(self.tag)
    }

    /// What it was built from, with all defaults filled in.
    ///
    /// ```
    /// let policy = stanchion::Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 10}}"#).unwrap();
    /// assert_eq!(policy.config().clock_tolerance_ms, 1_000, "the default is filled in");
    /// ```
    pub const fn config(&self) -> &PolicyConfig {
        &self.config
    }
}
