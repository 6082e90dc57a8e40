//! From a checked configuration to the engine's rules, and what hosts ask of a policy.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use crate::answer::Gate;
use crate::config::check::complete;
use crate::config::health::HealthConfig;
use crate::config::parts::{
    BlockConfig, BulkheadConfig, CircuitConfig, FailuresInWindowConfig, LimitConfig, PolicyConfig,
};
use crate::config::recovery::RecoveryConfig;
use crate::config::retry::RetryConfig;
use crate::config::schedule::ScheduleConfig;
use crate::config::window::WindowConfig;
use crate::config::words::{Charge, Initial, LateFailure, LateSuccess, OnStoreError, PolicyMode};
use crate::error::ConfigError;
use crate::gather::gather;
use crate::hash::name_hash;
use crate::live::tag;
use crate::num::signed;
use crate::policy::{
    BlockRules, BulkheadRules, CircuitRules, FailuresInWindow, LimitRules, NEVER_US, Policy, WindowRules,
};
use crate::quiet::Straight;
use crate::time::duration_us;
#[cfg(feature = "serde")]
use crate::{
    config::{table::Named, walk},
    json::Json,
};

/// The most units that a level may hold: 2^53 − 1, so that every number of a state is exact in JavaScript too.
pub(crate) const MAX_UNITS: u64 = (1 << 53) - 1;

impl PolicyConfig {
    /// Checks everything, fills in the defaults, and makes the policy.
    ///
    /// ```
    /// use stanchion::PolicyConfig;
    ///
    /// assert!(PolicyConfig::new("p").build().is_ok());
    /// assert_eq!(PolicyConfig::new("").build().unwrap_err().field, "name");
    /// ```
    ///
    /// # Errors
    /// The first fault: the field, its value, and what is allowed there.
    pub fn build(self) -> Result<Policy, ConfigError> {
        Policy::new(self)
    }

    /// The configuration as JSON text, in the table's order. That of a built policy ([`Policy::config`]) has all
    /// defaults filled in; fields whose default depends on others and that do not apply are left out.
    ///
    /// ```
    /// use stanchion::{BlockConfig, Policy};
    ///
    /// let policy = Policy::builder("p").block(BlockConfig::new()).build().unwrap();
    /// assert!(policy.config().to_json().contains(r#""block":{"max_block_ms":3600000,"after_block_percent":0}"#));
    /// ```
    #[cfg(feature = "serde")]
    pub fn to_json(&self) -> String {
        walk::write(self).to_string()
    }

    /// Reads a configuration from JSON text. Unknown and repeated fields are refused; the ranges are checked when the
    /// policy is built.
    ///
    /// ```
    /// use stanchion::PolicyConfig;
    ///
    /// let config = PolicyConfig::from_json(r#"{ "name": "p" }"#).unwrap();
    /// assert_eq!(config, PolicyConfig::new("p"));
    /// ```
    ///
    /// # Errors
    /// What is no JSON, a field that is unknown, missing or repeated, and a value of another type.
    #[cfg(feature = "serde")]
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        let mut config = Self::blank();
        walk::read(&mut config, &Json::parse(json)?)?;
        Ok(config)
    }
}

impl Policy {
    /// A policy of that name without a gate, to which gates are added; then [`build`](PolicyConfig::build) it.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, Policy};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(5);
    /// let policy = Policy::builder("billing-api").circuit(circuit).build().unwrap();
    /// assert_eq!(policy.config().circuit.as_ref().unwrap().open_max_ms, Some(3_600_000));
    /// ```
    pub fn builder(name: impl Into<String>) -> PolicyConfig {
        PolicyConfig::new(name)
    }

    /// The policy that a configuration describes.
    ///
    /// ```
    /// use stanchion::{Policy, PolicyConfig};
    ///
    /// let policy = Policy::new(PolicyConfig::new("p")).unwrap();
    /// assert_eq!(policy.name(), "p");
    /// ```
    ///
    /// # Errors
    /// The first fault: the field, its value, and what is allowed there.
    pub fn new(mut config: PolicyConfig) -> Result<Self, ConfigError> {
        complete(&mut config)?;
        let circuit = config.circuit.as_ref().map(circuit_rules);
        let limits = gather(config.limits.iter().map(limit_rules));
        let bulkhead = config.bulkhead.as_ref().map(bulkhead_rules);
        let mut policy = Self {
            tag: 0,
            straight: Straight::of(circuit.as_ref(), &limits, bulkhead.as_ref()),
            circuit,
            limits,
            block: config.block.as_ref().map(block_rules),
            bulkhead,
            health: config.health.as_ref().map(HealthConfig::rules),
            retry: config.retry.as_ref().map(RetryConfig::rules),
            schedule: config.schedule.as_ref().map(ScheduleConfig::rules),
            recovery: config.recovery.as_ref().map(RecoveryConfig::rules),
            clock_tolerance_us: us(config.clock_tolerance_ms),
            seed: config.seed,
            is_shadow: config.mode == PolicyMode::Shadow,
            config,
        };
        policy.tag = tag(policy.compute_fingerprint());
        Ok(policy)
    }

    /// The policy that a JSON text describes.
    ///
    /// ```
    /// use stanchion::Policy;
    ///
    /// let policy = Policy::from_json(r#"{ "name": "p", "circuit": { "consecutive_failures": 5 } }"#).unwrap();
    /// assert_eq!(policy.name(), "p");
    ///
    /// let error = Policy::from_json(r#"{ "name": "p", "circuit": { "consecutive_failure": 5 } }"#).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`circuit.consecutive_failure`: got 5, expected no field of that name, the nearest is `consecutive_failures`",
    /// );
    /// ```
    ///
    /// # Errors
    /// What is no JSON, a field that is unknown, missing or repeated, and everything that [`Policy::new`] refuses.
    #[cfg(feature = "serde")]
    pub fn from_json(json: &str) -> Result<Self, ConfigError> {
        Self::new(PolicyConfig::from_json(json)?)
    }

    /// Its name.
    ///
    /// ```
    /// let policy = stanchion::Policy::builder("billing-api").build().unwrap();
    /// assert_eq!(policy.name(), "billing-api");
    /// ```
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// The names of its limits, in their order: the name of [`Gate::Limit`]`(i)` is the one at place `i`.
    ///
    /// ```
    /// use stanchion::{LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("p").limit(LimitConfig::new("calls", 60, 60, 60_000)).build().unwrap();
    /// assert_eq!(policy.limit_names().next(), Some("calls"));
    /// ```
    pub fn limit_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.config.limits.iter().map(|limit| limit.name.as_str())
    }

    /// A gate's name in JSON and logs: `circuit`, `block`, `limit:<name>`, `bulkhead`. A limit that the policy does not
    /// have is `limit:<its place>`.
    ///
    /// ```
    /// use stanchion::{Gate, LimitConfig, Policy};
    ///
    /// let policy = Policy::builder("p").limit(LimitConfig::new("calls", 60, 60, 60_000)).build().unwrap();
    /// assert_eq!(policy.gate_name(Gate::Limit(0)), "limit:calls");
    /// ```
    pub fn gate_name(&self, gate: Gate) -> String {
        match gate {
            Gate::Circuit => "circuit".to_string(),
            Gate::Block => "block".to_string(),
            Gate::Limit(place) => match self.config.limits.get(usize::from(place)) {
                Some(limit) => format!("limit:{}", limit.name),
                None => format!("limit:{place}"),
            },
            Gate::Bulkhead => "bulkhead".to_string(),
        }
    }

    /// Whether it decides or only tells what it would decide.
    ///
    /// ```
    /// use stanchion::{Policy, PolicyMode};
    ///
    /// let policy = Policy::builder("p").mode(PolicyMode::Shadow).build().unwrap();
    /// assert_eq!(policy.mode(), PolicyMode::Shadow);
    /// ```
    pub const fn mode(&self) -> PolicyMode {
        self.config.mode
    }

    /// After how long a host aborts a call; `None` for never.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::Policy;
    ///
    /// let policy = Policy::builder("p").call_timeout_ms(20_000).build().unwrap();
    /// assert_eq!(policy.call_timeout(), Some(Duration::from_secs(20)));
    /// ```
    pub fn call_timeout(&self) -> Option<Duration> {
        self.config.call_timeout_ms.map(ms)
    }

    /// What a host answers while the shared state cannot be reached.
    ///
    /// ```
    /// use stanchion::{OnStoreError, Policy};
    ///
    /// let policy = Policy::builder("p").build().unwrap();
    /// assert_eq!(policy.on_store_error(), OnStoreError::Admit);
    /// ```
    pub const fn on_store_error(&self) -> OnStoreError {
        self.config.on_store_error
    }

    /// How long a permit's lease lasts without a renewal: the shorter one where a call may hold a slot and be a probe.
    /// None where nothing is leased.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{BulkheadConfig, Policy};
    ///
    /// let policy = Policy::builder("p").bulkhead(BulkheadConfig::new(10)).build().unwrap();
    /// assert_eq!(policy.lease(), Some(Duration::from_secs(30)));
    /// ```
    pub fn lease(&self) -> Option<Duration> {
        let probe = self.circuit.as_ref().filter(|circuit| circuit.half_open_permits > 0);
        let probe_us = probe.map_or(NEVER_US, |circuit| circuit.probe_lease_us);
        let slot_us = self.bulkhead.map_or(NEVER_US, |bulkhead| bulkhead.lease_us);
        Some(probe_us.min(slot_us)).filter(|us| *us != NEVER_US).map(Duration::from_micros)
    }

    /// How often a host renews the permit of a running call: every third of its [`lease`](Policy::lease), in whole µs. None where
    /// nothing is leased, or where the call is aborted at [`call_timeout`](Policy::call_timeout) before its lease ends.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{BulkheadConfig, Policy};
    ///
    /// let slots = BulkheadConfig::new(10).lease_ms(30_000);
    /// let renewing = Policy::builder("p").bulkhead(slots.clone()).build().unwrap();
    /// assert_eq!(renewing.renew_interval(), Some(Duration::from_secs(10)));
    /// let aborting = Policy::builder("p").bulkhead(slots).call_timeout_ms(20_000).build().unwrap();
    /// assert_eq!(aborting.renew_interval(), None);
    /// ```
    pub fn renew_interval(&self) -> Option<Duration> {
        let lease = self.lease()?;
        let is_aborted_before = self.call_timeout().is_some_and(|timeout| timeout <= lease);
        if is_aborted_before { None } else { Some(Duration::from_micros(duration_us(lease) / 3)) }
    }
}

/// Whole microseconds of whole milliseconds: below 2^42.
pub(crate) const fn us(ms: u32) -> u64 {
    #[expect(clippy::as_conversions, reason = "widening in a const fn")]
    let ms = ms as u64;
    ms.saturating_mul(1000)
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(u64::from(ms))
}

fn circuit_rules(circuit: &CircuitConfig) -> CircuitRules {
    let basis_points = |percent: Option<crate::Percent>| percent.map_or(0, crate::Percent::basis_points);
    CircuitRules {
        consecutive_failures: circuit.consecutive_failures.unwrap_or(0),
        failures_in_window: circuit.failures_in_window.as_ref().map(failures_in_window),
        failure_rate_bp: basis_points(circuit.failure_rate_percent),
        slow_call_rate_bp: basis_points(circuit.slow_call_rate_percent),
        slow_call_us: circuit.slow_call_ms.map_or(NEVER_US, us),
        minimum_calls: circuit.minimum_calls.unwrap_or(0),
        window: circuit.window.as_ref().map(window_rules),
        forget_us: circuit.forget_ms.map_or(NEVER_US, us),
        open_us: us(circuit.open_ms),
        open_multiplier_thousandths: circuit.open_multiplier.thousandths(),
        open_max_us: us(circuit.open_max_ms.unwrap_or(circuit.open_ms)),
        open_jitter_bp: circuit.open_jitter_percent.basis_points(),
        growth_reset_us: circuit.growth_reset_ms.map(us),
        half_open_permits: circuit.half_open_permits,
        half_open_calls: circuit.half_open_calls.unwrap_or(1),
        half_open_failure_rate_bp: basis_points(circuit.half_open_failure_rate_percent),
        half_open_max_us: circuit.half_open_max_ms.map_or(NEVER_US, us),
        probe_lease_us: us(circuit.probe_lease_ms),
        late_success_closes: circuit.late_success == LateSuccess::Close,
        late_failure_extends: circuit.late_failure == LateFailure::Extend,
        report_as_probe: circuit.report_as_probe,
    }
}

fn failures_in_window(window: &FailuresInWindowConfig) -> FailuresInWindow {
    FailuresInWindow { count: window.count, window_us: us(window.window_ms) }
}

fn window_rules(window: &WindowConfig) -> WindowRules {
    match window {
        WindowConfig::Calls(window) => WindowRules::Calls(window.calls),
        WindowConfig::Time(window) => {
            let slot_us = us(window.ms).checked_div(u64::from(window.slots)).unwrap_or(1);
            WindowRules::Time { slot_us, slots: window.slots }
        }
    }
}

/// A token in units: as many as make the refill of one microsecond a whole number.
pub(crate) fn units_per_token(limit: &LimitConfig) -> u64 {
    let interval_us = us(limit.refill_interval_ms);
    interval_us.checked_div(gcd(u64::from(limit.refill_tokens), interval_us)).unwrap_or(1)
}

fn limit_rules(limit: &LimitConfig) -> LimitRules {
    let max_debt = limit.max_debt.unwrap_or(limit.capacity);
    let refill = (limit.refill_tokens, limit.refill_interval_ms);
    LimitRules {
        name_hash: name_hash(&limit.name),
        is_per_call: limit.charge == Charge::Call,
        starts_empty: limit.initial == Initial::Empty,
        ..bucket(limit.capacity, max_debt, refill, units_per_token(limit))
    }
}

/// The rules of a bucket without a name that counts calls. The refill of one microsecond is a whole number by the choice of the unit.
pub(crate) fn bucket(capacity: u32, max_debt: u32, refill: (u32, u32), units_per_token: u64) -> LimitRules {
    let (tokens, interval_us) = (u64::from(refill.0), us(refill.1));
    let divisor = gcd(tokens, interval_us);
    let lowest = |x: u64| x.checked_div(divisor).unwrap_or(1);
    let units_per_us = lowest(tokens).saturating_mul(units_per_token.checked_div(lowest(interval_us)).unwrap_or(1));
    let [capacity_units, max_debt_units] =
        [capacity, max_debt].map(|tokens| u64::from(tokens).saturating_mul(units_per_token));
    LimitRules {
        name_hash: 0,
        capacity,
        units_per_token,
        units_per_us,
        capacity_units: signed(capacity_units),
        max_debt_units: signed(max_debt_units),
        full_after_us: capacity_units.saturating_add(max_debt_units).div_ceil(units_per_us.max(1)),
        is_per_call: true,
        starts_empty: false,
    }
}

fn block_rules(block: &BlockConfig) -> BlockRules {
    BlockRules { max_block_us: us(block.max_block_ms), after_block_percent: block.after_block_percent }
}

fn bulkhead_rules(bulkhead: &BulkheadConfig) -> BulkheadRules {
    BulkheadRules {
        max_concurrent: bulkhead.max_concurrent,
        lease_us: us(bulkhead.lease_ms),
        is_reentrant: bulkhead.reentrant,
    }
}

/// The greatest common divisor.
pub(crate) fn gcd(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}
