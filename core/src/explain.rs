//! What an operator needs at three in the morning: each gate, its numbers, since when, until when, and why.

mod bulkhead;
mod recovery;
mod schedule;
pub(crate) mod text;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::circuit::Circuit;
use crate::gather::gather;
use crate::health::HealthExplanation;
use crate::limit;
use crate::live::{BLOCK, LIMIT_WORDS, View};
use crate::num::{bits, level, low32, wide};
use crate::outlook::Outlook;
use crate::policy::{CircuitRules, LimitRules, Policy};
use crate::snapshot::{Mode, Phase, Reason};
use crate::state::Live;
use crate::time::{Timestamp, duration_us};
use crate::window::{failures_in_window, sums};

pub use bulkhead::BulkheadExplanation;
pub use recovery::{RecoveryExplanation, RecoveryStepExplanation};
pub use schedule::ScheduleExplanation;

/// A state as a person reads it, at one instant. `Display` is the page for a terminal, [`Explanation::to_json`] the same for
/// programs. Instants are µs since the epoch.
///
/// ```
/// use stanchion::{Acquire, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
/// let mut state = policy.new_state(now);
/// let _ = policy.acquire(&mut state, Acquire::new(), now);
/// let page = policy.explain(&state, now);
/// assert!(!page.admits);
/// assert!(page.to_string().contains("bulkhead  REFUSES  1 of 1 slots taken"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// The policy's name.
    pub policy: String,
    /// State time: `now`, or the last change where that is later.
    pub at_us: u64,
    /// When the state changed last.
    pub last_at_us: u64,
    /// The circuit's generation, which permits given out now carry.
    pub generation: u32,
    /// Whether a call of cost 1 would be admitted.
    pub admits: bool,
    /// Which gate holds such a call up longest.
    pub by: Option<String>,
    /// All gates that refuse it now.
    pub gates: Vec<String>,
    /// How long to wait; `None` where it is admitted, and where waiting cannot help.
    pub retry_after_us: Option<u64>,
    /// Nothing is enforced: what would be refused is only told.
    pub is_shadow: bool,
    /// The circuit.
    pub circuit: Option<CircuitExplanation>,
    /// The end of the block; `None` where there is none now.
    pub block_until_us: Option<u64>,
    /// The limits in the policy's order.
    pub limits: Vec<LimitExplanation>,
    /// How many limits of other configurations are carried, because they are not full again.
    pub carried_limits: u64,
    /// The bulkhead.
    pub bulkhead: Option<BulkheadExplanation>,
    /// The schedule; left out of the JSON where there is none.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub schedule: Option<ScheduleExplanation>,
    /// The recovery; left out of the JSON where there is none.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub recovery: Option<RecoveryExplanation>,
    /// How well it is; left out of JSON where the policy has no `health`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub health: Option<HealthExplanation>,
    /// When something changes next by itself: [`Policy::next_change_at`].
    pub next_change_us: Option<u64>,
    /// From when the state says nothing that a new one would not: [`Policy::vacuous_at`].
    pub vacuous_us: Option<u64>,
}

/// The circuit of an [`Explanation`].
///
/// ```
/// use stanchion::{Command, Phase, Policy, Reason, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 30000}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let circuit = policy.explain(&state, Timestamp::MIN).circuit.unwrap();
/// assert_eq!((circuit.phase, circuit.reason), (Phase::Open, Reason::Tripped));
/// assert_eq!(circuit.until_us, Some(30_000_001));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CircuitExplanation {
    /// Its phase now.
    pub phase: Phase,
    /// What lies over it.
    pub mode: Option<Mode>,
    /// When the mode ends by itself.
    pub mode_until_us: Option<u64>,
    /// Since when it is in its phase.
    pub since_us: u64,
    /// The end of the open time, or of a half-open time that began.
    pub until_us: Option<u64>,
    /// Why it opened last.
    pub reason: Reason,
    /// How often it opened since growth was reset.
    pub growth: u8,
    /// Failures in a row, and how many trip.
    pub consecutive_failures: Option<Count>,
    /// Failures in the window, and how many trip.
    pub failures_in_window: Option<Count>,
    /// What the rates are taken over.
    pub rates: Option<Rates>,
    /// The probes of a half-open circuit.
    pub probes: Option<Probes>,
}

/// A number and its threshold.
///
/// ```
/// use stanchion::{Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let page = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN);
/// let failures = page.circuit.unwrap().consecutive_failures.unwrap();
/// assert_eq!((failures.count, failures.of), (0, 5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Count {
    /// What is there.
    pub count: u32,
    /// What it is measured against.
    pub of: u32,
}

/// What the rates of an [`Explanation`] are taken over. Thresholds are basis points, `None` where that rate does not trip.
///
/// ```
/// use stanchion::{CallWindow, CircuitConfig, Policy, Timestamp};
///
/// let circuit = CircuitConfig::new().failure_rate_percent(50).window(CallWindow::new(20));
/// let policy = Policy::builder("api").circuit(circuit).build().unwrap();
/// let rates = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN).circuit.unwrap().rates.unwrap();
/// assert_eq!((rates.calls, rates.failure_rate_bp, rates.slow_call_rate_bp), (0, Some(5_000), None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Rates {
    /// Calls in the window.
    pub calls: u32,
    /// From so many on the rates are judged.
    pub minimum_calls: u32,
    /// Calls that failed.
    pub failures: u32,
    /// Calls that were slow.
    pub slow: u32,
    /// The failure rate that trips, in basis points.
    pub failure_rate_bp: Option<u32>,
    /// The slow-call rate that trips, in basis points.
    pub slow_call_rate_bp: Option<u32>,
}

/// The probes of an [`Explanation`].
///
/// ```
/// use core::time::Duration;
/// use stanchion::{Command, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5, "open_ms": 30000}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let later = Timestamp::MIN.saturating_add(Duration::from_secs(30));
/// let probes = policy.explain(&state, later).circuit.unwrap().probes.unwrap();
/// assert_eq!((probes.live, probes.permits, probes.calls), (0, 1, 1));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Probes {
    /// How many are out now.
    pub live: u32,
    /// How many may be out at once.
    pub permits: u32,
    /// How many succeeded.
    pub successes: u32,
    /// How many failed.
    pub failures: u32,
    /// How many results decide.
    pub calls: u32,
}

/// One limit of an [`Explanation`].
///
/// ```
/// use stanchion::{Acquire, LimitConfig, Policy, Timestamp};
///
/// let policy = Policy::builder("api").limit(LimitConfig::new("calls", 60, 60, 60_000)).build().unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.acquire(&mut state, Acquire::new().cost(3), Timestamp::MIN);
/// let limit = &policy.explain(&state, Timestamp::MIN).limits[0];
/// assert_eq!((limit.name.as_str(), limit.tokens, limit.capacity, limit.full_us), ("calls", 57, 60, 3_000_001));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LimitExplanation {
    /// Its name.
    pub name: String,
    /// Whole tokens that are there, rounded down; below 0 it is debt.
    pub tokens: i64,
    /// Thousandths of a token beyond the whole ones.
    pub token_thousandths: u32,
    /// How many it holds at most.
    pub capacity: u32,
    /// When it is full, if nothing more is taken; now or earlier where it is.
    pub full_us: u64,
}

impl Policy {
    /// Explains a state as of `now`. Pure; a clock that stepped back and a state of another policy are shown as a step would
    /// find them.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let page = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN);
    /// assert!(page.admits && page.gates.is_empty());
    /// ```
    pub fn explain(&self, state: &impl Live, now: Timestamp) -> Explanation {
        let seen = self.look(state, now);
        let mut page = self.explain_view(seen.view(), seen.t, now.as_micros());
        page.next_change_us = self.next_change_at(state, now).map(Timestamp::as_micros);
        page.vacuous_us = self.vacuous_at(state).map(Timestamp::as_micros);
        page
    }

    fn explain_view(&self, view: View<'_>, t: u64, now: u64) -> Explanation {
        let outlook = Outlook::new(self, view, t);
        let circuit = outlook.circuit_at(t);
        let rejection = outlook.rejection(now);
        let elapsed_us = t.saturating_sub(view.refills_from());
        let limits = self.limits.iter().zip(&self.config().limits).zip(view.limits());
        Explanation {
            policy: self.name().to_string(),
            at_us: t,
            last_at_us: view.last_at(),
            generation: circuit.generation,
            admits: rejection.is_none(),
            by: rejection.map(|refusal| self.gate_name(refusal.by)),
            gates: rejection.map_or_else(Vec::new, |r| gather(r.gates.iter().map(|gate| self.gate_name(gate)))),
            retry_after_us: rejection.and_then(|rejection| rejection.retry_after.wait()).map(duration_us),
            is_shadow: self.is_shadow,
            circuit: self.circuit.as_ref().map(|rules| explain_circuit(&circuit, rules, view, t)),
            block_until_us: Some(view.head[BLOCK]).filter(|until| *until > t),
            limits: gather(limits.map(|((rules, config), [units, ..])| {
                let units = rules.refilled(level(*units), elapsed_us);
                explain_limit(&config.name, rules, units, t.max(view.head[BLOCK]))
            })),
            carried_limits: wide(
                view.limits().iter().skip(self.limits.len()).filter(|words| is_carried(words, elapsed_us)).count(),
            ),
            bulkhead: self.bulkhead.map(|rules| BulkheadExplanation::new(view, rules.max_concurrent, t)),
            schedule: self
                .schedule
                .as_ref()
                .map(|rules| ScheduleExplanation::new(rules, &view.annex().unwrap_or_default(), t)),
            recovery: self.explain_recovery(view, t),
            health: self.explain_health(view, t),
            next_change_us: None,
            vacuous_us: None,
        }
    }
}

/// Whether a limit that the policy lacks still says something after so much refill.
fn is_carried(words: &[u64; LIMIT_WORDS], elapsed_us: u64) -> bool {
    let mut carried = limit::from_words(words);
    carried.refill(elapsed_us);
    carried.name_hash != 0 && !carried.can_be_dropped()
}

fn explain_circuit(circuit: &Circuit, rules: &CircuitRules, view: View<'_>, t: u64) -> CircuitExplanation {
    let is_kept = !circuit.clears_counts;
    let rate = |bp: u32| Some(bp).filter(|bp| *bp != 0);
    let reopens_at = Some(circuit.reopens_at(rules)).filter(|at| *at <= Timestamp::MAX.as_micros());
    CircuitExplanation {
        phase: circuit.phase,
        mode: circuit.mode,
        mode_until_us: Some(circuit.mode_until).filter(|until| *until != 0),
        since_us: circuit.since_at,
        until_us: match circuit.phase {
            Phase::Closed => None,
            Phase::Open => Some(circuit.until_at),
            Phase::HalfOpen => reopens_at,
        },
        reason: circuit.reason,
        growth: circuit.growth,
        consecutive_failures: (rules.consecutive_failures > 0)
            .then_some(Count { count: circuit.consecutive, of: rules.consecutive_failures }),
        failures_in_window: rules
            .failures_in_window
            .map(|rule| Count { count: if is_kept { failures_in_window(view, rule, t) } else { 0 }, of: rule.count }),
        rates: rules.window.map(|_| {
            let sums = if is_kept { sums(view, t) } else { crate::window::Sums::default() };
            Rates {
                calls: sums.calls,
                minimum_calls: rules.minimum_calls,
                failures: sums.failures,
                slow: sums.slow,
                failure_rate_bp: rate(rules.failure_rate_bp),
                slow_call_rate_bp: rate(rules.slow_call_rate_bp),
            }
        }),
        probes: (circuit.phase == Phase::HalfOpen).then(|| Probes {
            live: circuit.live_probes(view.probes(), t),
            permits: rules.half_open_permits,
            successes: circuit.successes,
            failures: circuit.failures,
            calls: rules.half_open_calls,
        }),
    }
}

fn explain_limit(name: &str, rules: &LimitRules, units: i64, from: u64) -> LimitExplanation {
    let unit = i64::try_from(rules.units_per_token).unwrap_or(i64::MAX).max(1);
    // A unit is below 2^43, so nothing is cut.
    let rest = units.rem_euclid(unit).wrapping_mul(1000).div_euclid(unit);
    LimitExplanation {
        name: name.to_string(),
        tokens: units.div_euclid(unit),
        token_thousandths: low32(bits(rest)),
        capacity: rules.capacity,
        full_us: from.saturating_add(rules.full_in_us(units)),
    }
}

impl Explanation {
    /// The page as JSON.
    ///
    /// ```
    /// use stanchion::{Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
    /// let page = policy.explain(&policy.new_state(Timestamp::MIN), Timestamp::MIN);
    /// assert!(page.to_json().starts_with(r#"{"policy":"api","at_us":1,"#));
    /// ```
    #[cfg(feature = "serde")]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
