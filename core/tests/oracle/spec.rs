//! Policies as plain data: what the reference model decides by, and the JSON that the engine is built from.

use serde_json::{Map, Value, json};
use stanchion::Policy;

/// A policy as a person would write it. Durations in ms, rates in basis points, the multiplier in thousandths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub(crate) circuit: Option<CircuitSpec>,
    pub(crate) limits: Vec<LimitSpec>,
    pub(crate) block: Option<BlockSpec>,
    pub(crate) bulkhead: Option<BulkheadSpec>,
    pub(crate) health: Option<HealthSpec>,
    pub(crate) tolerance_ms: u64,
    pub(crate) is_shadow: bool,
    pub(crate) seed: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CircuitSpec {
    pub(crate) consecutive: Option<u32>,
    /// Count and window.
    pub(crate) in_window: Option<(u32, u64)>,
    pub(crate) failure_rate_bp: Option<u32>,
    /// Duration from which a call is slow, and the rate.
    pub(crate) slow: Option<(u64, u32)>,
    pub(crate) minimum_calls: u32,
    pub(crate) window: WindowSpec,
    pub(crate) forget_ms: Option<u64>,
    pub(crate) open_ms: u64,
    pub(crate) multiplier: u32,
    pub(crate) open_max_ms: u64,
    pub(crate) jitter_bp: u32,
    pub(crate) growth_reset_ms: Option<u64>,
    pub(crate) permits: u32,
    pub(crate) calls: u32,
    pub(crate) half_rate_bp: Option<u32>,
    pub(crate) half_max_ms: Option<u64>,
    pub(crate) probe_lease_ms: u64,
    pub(crate) late_success_closes: bool,
    pub(crate) late_failure_extends: bool,
    pub(crate) report_as_probe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum WindowSpec {
    Calls(u32),
    Time { ms: u64, slots: u32 },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LimitSpec {
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) refill_tokens: u32,
    pub(crate) interval_ms: u64,
    pub(crate) is_per_call: bool,
    pub(crate) starts_empty: bool,
    pub(crate) max_debt: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BlockSpec {
    pub(crate) max_block_ms: u64,
    pub(crate) after_percent: u32,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BulkheadSpec {
    pub(crate) max_concurrent: u32,
    pub(crate) lease_ms: u64,
    pub(crate) is_reentrant: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HealthSpec {
    pub(crate) max_age_ms: Option<u64>,
    /// Openings and window.
    pub(crate) flapping: Option<(u32, u64)>,
}

impl LimitSpec {
    /// Units in a token: so many that the refill of a µs is a whole number of them.
    pub(crate) fn unit(&self) -> i128 {
        let interval_us = i128::from(self.interval_ms) * 1000;
        interval_us / gcd(interval_us, i128::from(self.refill_tokens))
    }

    /// Units a µs.
    pub(crate) fn rate(&self) -> i128 {
        let interval_us = i128::from(self.interval_ms) * 1000;
        i128::from(self.refill_tokens) / gcd(interval_us, i128::from(self.refill_tokens))
    }

    /// Whether the arithmetic bounds of a policy hold.
    pub(crate) fn is_allowed(&self) -> bool {
        i128::from(self.capacity.max(self.max_debt)) * self.unit() < 1 << 53
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl CircuitSpec {
    pub(crate) fn has_rate(&self) -> bool {
        self.failure_rate_bp.is_some() || self.slow.is_some()
    }
}

/// A number with decimals, exactly as written.
fn decimal(value: u32, one: u32, digits: usize) -> Value {
    let text = format!("{}.{:0digits$}", value / one, value % one);
    serde_json::from_str(&text).expect("a decimal is a JSON number")
}

impl Spec {
    /// The engine's policy of this one.
    pub(crate) fn policy(&self) -> Policy {
        let json = self.to_json().to_string();
        Policy::from_json(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
    }

    pub(crate) fn to_json(&self) -> Value {
        let mut all = Map::new();
        all.insert("name".into(), json!("oracle"));
        if let Some(circuit) = &self.circuit {
            all.insert("circuit".into(), circuit.to_json());
        }
        if !self.limits.is_empty() {
            all.insert("limits".into(), self.limits.iter().map(LimitSpec::to_json).collect());
        }
        if let Some(block) = &self.block {
            all.insert(
                "block".into(),
                json!({ "max_block_ms": block.max_block_ms, "after_block_percent": block.after_percent }),
            );
        }
        if let Some(bulkhead) = &self.bulkhead {
            all.insert(
                "bulkhead".into(),
                json!({ "max_concurrent": bulkhead.max_concurrent, "lease_ms": bulkhead.lease_ms,
                        "reentrant": bulkhead.is_reentrant }),
            );
        }
        if let Some(health) = &self.health {
            let flapping = health.flapping.map(|(openings, ms)| json!({ "openings": openings, "window_ms": ms }));
            all.insert("health".into(), json!({ "max_success_age_ms": health.max_age_ms, "flapping": flapping }));
        }
        // Leases of a few ms are for tests: a policy takes them where calls are aborted sooner.
        all.insert("call_timeout_ms".into(), json!(1));
        all.insert("clock_tolerance_ms".into(), json!(self.tolerance_ms));
        all.insert("mode".into(), json!(if self.is_shadow { "shadow" } else { "enforce" }));
        all.insert("seed".into(), json!(self.seed));
        Value::Object(all)
    }

    /// The same policy in shadow mode, or not.
    pub(crate) fn shadow(&self, is_shadow: bool) -> Self {
        Self { is_shadow, ..self.clone() }
    }
}

impl LimitSpec {
    fn to_json(&self) -> Value {
        json!({ "name": self.name, "capacity": self.capacity, "refill_tokens": self.refill_tokens,
            "refill_interval_ms": self.interval_ms, "charge": if self.is_per_call { "call" } else { "cost" },
            "initial": if self.starts_empty { "empty" } else { "full" }, "max_debt": self.max_debt })
    }
}

impl CircuitSpec {
    fn to_json(&self) -> Value {
        let late = |acts: bool, how: &str| if acts { json!(how) } else { json!("ignore") };
        let mut c = json!({
            "minimum_calls": self.minimum_calls,
            "forget_ms": self.forget_ms,
            "open_ms": self.open_ms,
            "open_multiplier": decimal(self.multiplier, 1000, 3),
            "open_max_ms": self.open_max_ms,
            "open_jitter_percent": decimal(self.jitter_bp, 100, 2),
            "half_open_permits": self.permits,
            "half_open_calls": self.calls,
            "probe_lease_ms": self.probe_lease_ms,
            "late_success": late(self.late_success_closes, "close"),
            "late_failure": late(self.late_failure_extends, "extend"),
            "report_as_probe": self.report_as_probe,
        });
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                c[name] = value;
            }
        };
        put("consecutive_failures", self.consecutive.map(Value::from));
        put("failures_in_window", self.in_window.map(|(n, ms)| json!({ "count": n, "window_ms": ms })));
        put("failure_rate_percent", self.failure_rate_bp.map(|bp| decimal(bp, 100, 2)));
        put("slow_call_ms", self.slow.map(|(ms, _)| json!(ms)));
        put("slow_call_rate_percent", self.slow.map(|(_, bp)| decimal(bp, 100, 2)));
        put("growth_reset_ms", self.growth_reset_ms.map(Value::from));
        put("half_open_failure_rate_percent", self.half_rate_bp.map(|bp| decimal(bp, 100, 2)));
        put("half_open_max_ms", self.half_max_ms.map(Value::from));
        if self.has_rate() {
            c["window"] = match self.window {
                WindowSpec::Calls(calls) => json!({ "calls": calls }),
                WindowSpec::Time { ms, slots } => json!({ "ms": ms, "slots": slots }),
            };
        } else {
            // Without a rate there is no window, and no minimum of calls in one.
            c.as_object_mut().expect("an object").remove("minimum_calls");
        }
        c
    }
}
