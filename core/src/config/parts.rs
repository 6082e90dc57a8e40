//! The table: every parameter of a policy with its type, range, default and meaning.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::config::classify::ClassifyConfig;
use crate::config::decimal::{Multiplier, Percent};
use crate::config::health::HealthConfig;
use crate::config::recovery::RecoveryConfig;
use crate::config::retry::RetryConfig;
use crate::config::schedule::ScheduleConfig;
use crate::config::spool::SpoolConfig;
use crate::config::table::{Field, Kind, Named, Row, Seen, Table, argument, config, field_type, how, kept, range, row};
#[cfg(feature = "serde")]
use crate::config::table::{Meaning, Place, default_words, meaning};
use crate::config::window::WindowConfig;
use crate::config::words::{Charge, Initial, LateFailure, LateSuccess, OnStoreError, PolicyMode};

config! {
    /// A policy as it is written down: its gates, and what hosts and stores must know beside them.
    ///
    /// It is its own builder. [`build`](PolicyConfig::build) checks everything once; nothing is clamped, and zero never
    /// means the default. Durations are whole milliseconds, with `_ms` in their names, as in JSON. Where a text speaks of null,
    /// JSON's null is meant, which is `None` here.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, CircuitConfig, LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("billing-api")
    ///     .circuit(CircuitConfig::new().consecutive_failures(5).open_ms(30_000))
    ///     .limit(LimitConfig::new("calls", 60, 60, 60_000))
    ///     .bulkhead(BulkheadConfig::new(10))
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(policy.name(), "billing-api");
    ///
    /// let error = Policy::builder("billing-api").bulkhead(BulkheadConfig::new(0)).build().unwrap_err();
    /// assert_eq!(error.to_string(), "`bulkhead.max_concurrent`: got 0, expected a whole number from 1 to 4096");
    /// ```
    pub struct PolicyConfig {
        /// assert_eq!(config.name, "billing-api");
        new("billing-api");
        required {
            /// What the policy guards, for people: it stands in logs and errors, not in the state.
            name: String in 1..=128;
        }
        optional {
            /// The circuit breaker. Null for none.
            circuit: maybe(CircuitConfig), None, e.g. CircuitConfig::new().consecutive_failures(5);
            /// The rate limits, all or none of which are taken.
            limits: plain(Vec<LimitConfig>) in 0..=16, Vec::new(), e.g. vec![LimitConfig::new("calls", 60, 60, 60_000)];
            /// The gate that a server's Retry-After closes. Null for none.
            block: maybe(BlockConfig), None, e.g. BlockConfig::new();
            /// How many calls may run at once. Null for no bound.
            bulkhead: maybe(BulkheadConfig), None, e.g. BulkheadConfig::new(10);
            /// When a call that failed is made again. Null for never.
            retry: maybe(RetryConfig), None, e.g. RetryConfig::new();
            /// When it runs by itself. Null for not by itself.
            schedule: maybe(ScheduleConfig), None, e.g. ScheduleConfig::new(60_000);
            /// How it is mended when it broke. Null for not at all.
            recovery: maybe(RecoveryConfig), None, e.g. RecoveryConfig::new(vec![RecoveryStepConfig::new("restart")]);
            /// What makes it unwell beside its gates. Null for nothing else.
            health: maybe(HealthConfig), None, e.g. HealthConfig::new();
            /// Where what could not be sent waits. Null for nowhere.
            spool: maybe(SpoolConfig), None, e.g. SpoolConfig::new();
            /// What statuses and network errors mean, where that is otherwise than in the default table.
            classify: derived(ClassifyConfig), "the default table", e.g. ClassifyConfig::new();
            /// How long a call may run before its host aborts it; the engine itself ends none. Null for as long as it likes.
            call_timeout_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 20_000;
            /// How far the clocks of hosts may differ before it counts as a clock that was set back.
            clock_tolerance_ms: plain(u32) in 0..=4_294_967_295, 1_000, e.g. 5_000;
            /// What a host answers while the shared state cannot be reached.
            on_store_error: plain(OnStoreError), OnStoreError::Admit, e.g. OnStoreError::Reject;
            /// Under `on_store_error: local`, what one host may do alone, in whole percents of each limit.
            local_share_percent: plain(u32) in 1..=100, 25, e.g. 10;
            /// Whether the policy decides, or only tells what it would decide.
            mode: plain(PolicyMode), PolicyMode::Enforce, e.g. PolicyMode::Shadow;
            /// From this comes the jitter of open times: equal seeds give equal times.
            seed: plain(u64) in 0..=9_007_199_254_740_991, 0, e.g. 7;
        }
    }
}

config! {
    /// The circuit breaker: when it opens, for how long, and what closes it again.
    ///
    /// At least one trip must be set: `consecutive_failures`, `failures_in_window`, `failure_rate_percent` or
    /// `slow_call_rate_percent`. Thresholds are reached with `>=`.
    ///
    /// ```
    /// use stanchion::{CallWindow, CircuitConfig, Policy};
    ///
    /// let circuit = CircuitConfig::new().failure_rate_percent(50).window(CallWindow::new(100)).open_multiplier(2);
    /// assert!(Policy::builder("p").circuit(circuit).build().is_ok());
    ///
    /// let error = Policy::builder("p").circuit(CircuitConfig::new()).build().unwrap_err();
    /// assert_eq!(error.field, "circuit");
    /// ```
    pub struct CircuitConfig {
        /// assert_eq!((config.open_ms, config.half_open_permits), (30_000, 1));
        new();
        required {}
        optional {
            /// Opens after so many failures in a row. Null for not by this.
            consecutive_failures: maybe(u32) in 1..=1_000_000, None, e.g. 5;
            /// Opens after so many failures within a time. Null for not by this.
            failures_in_window: maybe(FailuresInWindowConfig), None, e.g. FailuresInWindowConfig::new(20, 300_000);
            /// Opens when so many percent of the window's calls failed; at most two decimals. Null for not by this.
            failure_rate_percent: maybe(Percent) in 1..=10_000, None, e.g. 50 => Percent::from(50);
            /// From this duration on a call is slow. Needed with `slow_call_rate_percent`, refused without it.
            slow_call_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 2_000;
            /// Opens when so many percent of the window's calls were slow; at most two decimals. Null for not by this.
            slow_call_rate_percent: maybe(Percent) in 1..=10_000, None, e.g. 80 => Percent::from(80);
            /// Rates are looked at from so many calls in the window on. Refused without a rate.
            minimum_calls: derived(u32) in 1..=1_000_000, "10, or `window.calls` if that is less", e.g. 20;
            /// What the rates are taken over. Refused without a rate.
            window: derived(WindowConfig), "60,000 ms in 10 slots",
                e.g. CallWindow::new(100) => WindowConfig::Calls(CallWindow::new(100));
            /// So long after the last result or opening a circuit that is not open reads as new. Null for never. It is as
            /// long as `open_max_ms` by default: an opening of that length ends as new, closed and its growth forgotten.
            forget_ms: or_never(u32) in 1..=4_294_967_295, Some(3_600_000), e.g. 600_000;
            /// How long it stays open the first time.
            open_ms: plain(u32) in 1..=4_294_967_295, 30_000, e.g. 60_000;
            /// Each further opening lasts so many times as long; at most three decimals.
            open_multiplier: plain(Multiplier) in 1_000..=1_000_000, Multiplier::from_thousandths(1_000),
                e.g. 2 => Multiplier::from(2);
            /// No opening lasts longer. At least `open_ms`. One that lasts as long as `forget_ms` ends without a probe.
            open_max_ms: derived(u32) in 1..=4_294_967_295, "the larger of `open_ms` and 3,600,000", e.g. 1_200_000;
            /// Shortens each open time by up to so many percent, so that hosts do not probe in step; at most two decimals.
            open_jitter_percent: plain(Percent) in 0..=10_000, Percent::from_basis_points(0), e.g. 10 => Percent::from(10);
            /// The open time starts small again only after it was closed for so long. Null: as soon as it closes.
            growth_reset_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 600_000;
            /// How many probes may run at once while half-open. 0: straight to closed after the open time.
            half_open_permits: plain(u32) in 0..=64, 1, e.g. 2;
            /// How many results of probes decide.
            half_open_calls: derived(u32) in 1..=1_024, "`half_open_permits`, or 1 if that is 0", e.g. 5;
            /// Opens again when so many percent of the probes failed; at most two decimals. Null: when one did.
            half_open_failure_rate_percent: maybe(Percent) in 1..=10_000, None, e.g. 40 => Percent::from(40);
            /// Opens again so long after the first probe if nothing was decided. Null for never.
            half_open_max_ms: maybe(u32) in 1..=4_294_967_295, None, e.g. 60_000;
            /// A probe that is not settled or renewed for so long gives its place back.
            probe_lease_ms: plain(u32) in 1..=4_294_967_295, 120_000, e.g. 60_000;
            /// What a success does that arrives while the circuit is open.
            late_success: plain(LateSuccess), LateSuccess::Ignore, e.g. LateSuccess::Close;
            /// What a failure does that arrives while the circuit is open.
            late_failure: plain(LateFailure), LateFailure::Ignore, e.g. LateFailure::Extend;
            /// Whether a result that is reported without a permit counts as a probe while half-open.
            report_as_probe: plain(bool), false, e.g. true;
        }
    }
}

config! {
    /// So many failures within a time, counted exactly.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, FailuresInWindowConfig};
    ///
    /// let circuit = CircuitConfig::new().failures_in_window(FailuresInWindowConfig::new(20, 300_000));
    /// assert_eq!(circuit.failures_in_window.unwrap().count, 20);
    /// ```
    pub struct FailuresInWindowConfig {
        /// assert_eq!((config.count, config.window_ms), (20, 300_000));
        new(20, 300_000);
        required {
            /// So many failures open the circuit.
            count: u32 in 1..=64;
            /// Within how long.
            window_ms: u32 in 1..=4_294_967_295;
        }
        optional {}
    }
}

config! {
    /// One rate limit, a token bucket: full it holds `capacity` tokens, and it refills continuously.
    ///
    /// In no span of time is more admitted than `capacity` and what was refilled in it. So capacity 10 with 10 tokens a
    /// second admits up to 20 within some second.
    ///
    /// ```
    /// use stanchion::{Charge, LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("llm")
    ///     .limit(LimitConfig::new("calls", 60, 60, 60_000).charge(Charge::Call))
    ///     .limit(LimitConfig::new("tokens", 100_000, 100_000, 60_000))
    ///     .build()
    ///     .unwrap();
    /// assert!(policy.limit_names().eq(["calls", "tokens"]));
    /// ```
    pub struct LimitConfig {
        /// assert_eq!((config.capacity, config.refill_tokens, config.refill_interval_ms), (60, 60, 60_000));
        new("calls", 60, 60, 60_000);
        required {
            /// What it limits; no two limits of a policy share a name.
            name: String in 1..=64;
            /// How many tokens it holds when full.
            capacity: u32 in 1..=4_294_967_295;
            /// How many tokens come back in `refill_interval_ms`.
            refill_tokens: u32 in 1..=4_294_967_295;
            /// In how long `refill_tokens` come back.
            refill_interval_ms: u32 in 1..=4_294_967_295;
        }
        optional {
            /// What a call takes: its cost, or one token.
            charge: plain(Charge), Charge::Cost, e.g. Charge::Call;
            /// What is in it at the beginning.
            initial: plain(Initial), Initial::Full, e.g. Initial::Empty;
            /// How many tokens it may owe when calls cost more than was estimated.
            max_debt: derived(u32) in 0..=4_294_967_295, "`capacity`", e.g. 0;
        }
    }
}

config! {
    /// The gate that a server's Retry-After closes.
    ///
    /// ```
    /// use stanchion::{BlockConfig, Policy};
    ///
    /// assert!(Policy::builder("p").block(BlockConfig::new().max_block_ms(60_000)).build().is_ok());
    /// ```
    pub struct BlockConfig {
        /// assert_eq!((config.max_block_ms, config.after_block_percent), (3_600_000, 0));
        new();
        required {}
        optional {
            /// No server blocks for longer.
            max_block_ms: plain(u32) in 1..=4_294_967_295, 3_600_000, e.g. 60_000;
            /// What a block leaves in each limit at most, in whole percents of its capacity.
            after_block_percent: plain(u32) in 0..=100, 0, e.g. 50;
        }
    }
}

config! {
    /// How many calls may run at once. Each holds a slot by a lease, which comes back when its holder died.
    ///
    /// ```
    /// use stanchion::{BulkheadConfig, Policy};
    ///
    /// assert!(Policy::builder("p").bulkhead(BulkheadConfig::new(10).lease_ms(5_000)).build().is_ok());
    /// ```
    pub struct BulkheadConfig {
        /// assert_eq!((config.max_concurrent, config.lease_ms), (10, 30_000));
        new(10);
        required {
            /// How many calls may run at once.
            max_concurrent: u32 in 1..=4_096;
        }
        optional {
            /// A slot that is not settled or renewed for so long is free again.
            lease_ms: plain(u32) in 1..=4_294_967_295, 30_000, e.g. 5_000;
            /// Whether calls of one holder share one slot.
            reentrant: plain(bool), false, e.g. true;
        }
    }
}

/// A circuit without a trip yet: the same as `new`.
impl Default for CircuitConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// The same as `new`.
impl Default for BlockConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl PolicyConfig {
    /// One more limit.
    ///
    /// ```
    /// use stanchion::{Charge, LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("model")
    ///     .limit(LimitConfig::new("calls", 60, 60, 60_000).charge(Charge::Call))
    ///     .limit(LimitConfig::new("tokens", 100_000, 100_000, 60_000))
    ///     .build()
    ///     .unwrap();
    /// assert_eq!(policy.config().limits.len(), 2);
    /// ```
    #[must_use]
    pub fn limit(mut self, limit: LimitConfig) -> Self {
        self.limits.push(limit);
        self
    }
}
