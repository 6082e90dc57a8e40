//! Health: whether something is live, ready and whole, and why not, from what its state says at an instant.
//!
//! | reason | is there while | it is |
//! |---|---|---|
//! | `gave_up` | the recovery gave up, until a reset | not live, not ready |
//! | `success_too_old` | nothing worked for `max_success_age_ms` | not ready |
//! | `circuit_open` | the circuit is open, or forced open | not ready |
//! | `flapping` | the circuit opened so often within the window | not ready |
//! | `blocked` | the server's block lies ahead | not ready |
//! | `recovering` | something is at fault, and not yet recovered | not ready |
//! | `half_open` | the circuit is half-open | ready |
//! | `disabled` | the circuit is disabled, or only counts | ready |
//! | `restarted` | the recovery counts attempts | ready |
//! | `backing_off` | failures in a row put runs of the schedule off, until one worked | ready |
//! | `store_away` | the host says so | ready |
//!
//! Whatever has a reason is degraded. Only what a restart may mend makes something not live: an open circuit would be as open
//! in the next process. Limits and slots that are used up are no reason: that is what they are for.
//!
//! In shadow mode what calls and gates say makes something degraded at most: it is tried out and refuses nothing, so it takes
//! nothing out of service either. Recovery is no gate, and what it says holds in that mode, too.

mod explain;
mod json;
mod memory;
mod reason;

use crate::circuit::Circuit;
use crate::live::{BLOCK, View};
use crate::outlook::Outlook;
use crate::policy::Policy;
use crate::snapshot::{Mode, Phase};
use crate::state::Live;
use crate::time::Timestamp;

pub use explain::HealthExplanation;
#[cfg(feature = "serde")]
pub use json::HealthReport;
pub use memory::HealthSnapshot;
use reason::Effect;
pub use reason::{HealthReason, HealthReasons};

/// The rules of health. Durations in µs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HealthRules {
    /// [`NEVER_US`](crate::policy::NEVER_US) for none.
    pub(crate) max_success_age_us: u64,
    pub(crate) flapping: Option<FlappingRules>,
}

/// How many openings within how long are flapping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlappingRules {
    /// 2 to 32.
    pub(crate) openings: u32,
    pub(crate) window_us: u64,
}

/// Whether something is well, and why not.
///
/// | reason | is there while | it is |
/// |---|---|---|
/// | `gave_up` | the recovery gave up, until a reset | not live, not ready |
/// | `success_too_old` | nothing worked for `max_success_age_ms` | not ready |
/// | `circuit_open` | the circuit is open, or forced open | not ready |
/// | `flapping` | the circuit opened so often within the window | not ready |
/// | `blocked` | the server's block lies ahead | not ready |
/// | `recovering` | something is at fault, and not yet recovered | not ready |
/// | `half_open` | the circuit is half-open | ready |
/// | `disabled` | the circuit is disabled, or only counts | ready |
/// | `restarted` | the recovery counts attempts | ready |
/// | `backing_off` | failures in a row put runs of the schedule off, until one worked | ready |
/// | `store_away` | the host says so | ready |
///
/// Whatever has a reason is degraded. In shadow mode only recovery makes something not live or not ready: the gates are tried
/// out, and take nothing out of service.
///
/// ```
/// use stanchion::{Command, Facts, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// let health = policy.health(&state, &Facts::new(), Timestamp::MIN);
/// assert_eq!((health.is_live, health.is_ready, health.is_degraded), (true, false, true));
/// assert_eq!((health.live_status(), health.ready_status()), (200, 503));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Health {
    /// A restart would not help, or is not needed.
    pub is_live: bool,
    /// It may be sent work. What is not live is not ready.
    pub is_ready: bool,
    /// It does not work as it should. What is not ready is degraded.
    pub is_degraded: bool,
    /// Why.
    pub reasons: HealthReasons,
}

impl Health {
    /// Nothing is wrong.
    pub const WELL: Self = Self { is_live: true, is_ready: true, is_degraded: false, reasons: HealthReasons::EMPTY };

    /// What these reasons make, for a host that knows of something itself: so a host whose store is away, and which has no
    /// state to ask, says just that.
    ///
    /// ```
    /// use stanchion::{Health, HealthReason};
    ///
    /// let health = Health::of([HealthReason::StoreAway].into_iter().collect());
    /// assert!(health.is_ready && health.is_degraded);
    /// ```
    pub fn of(reasons: HealthReasons) -> Self {
        let has = |effect| reasons.iter().any(|reason| reason.effect() == effect);
        let is_live = !has(Effect::NotLive);
        Self { is_live, is_ready: is_live && !has(Effect::NotReady), is_degraded: !reasons.is_empty(), reasons }
    }

    /// The health of two parts together: each is as well as the worse of both, and all reasons are told. In any order and any
    /// grouping, any number of parts come to the same; [`Health`] can be collected, too.
    ///
    /// ```
    /// use stanchion::{Health, HealthReason};
    ///
    /// let parts = [HealthReason::HalfOpen, HealthReason::Blocked].map(|reason| Health::of([reason].into_iter().collect()));
    /// let both = parts[0].and(parts[1]);
    /// assert!(!both.is_ready && both.reasons.contains(HealthReason::HalfOpen));
    /// assert_eq!(parts.into_iter().collect::<Health>(), both);
    /// ```
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            is_live: self.is_live && other.is_live,
            is_ready: self.is_ready && other.is_ready,
            is_degraded: self.is_degraded || other.is_degraded,
            reasons: self.reasons.union(other.reasons),
        }
    }

    /// The HTTP status of a liveness probe: 200, or 503 where a restart is wanted.
    ///
    /// ```
    /// assert_eq!(stanchion::Health::WELL.live_status(), 200);
    /// ```
    pub const fn live_status(self) -> u16 {
        if self.is_live { 200 } else { 503 }
    }

    /// The HTTP status of a readiness probe: 200, or 503 where no work is wanted.
    ///
    /// ```
    /// assert_eq!(stanchion::Health::WELL.ready_status(), 200);
    /// ```
    pub const fn ready_status(self) -> u16 {
        if self.is_ready { 200 } else { 503 }
    }
}

/// All parts together; well where there are none.
impl FromIterator<Health> for Health {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        parts.into_iter().fold(Self::WELL, Self::and)
    }
}

/// What only the host knows of the health of what a policy protects.
///
/// ```
/// use stanchion::{Facts, HealthReason, Policy, Timestamp};
///
/// let policy = Policy::builder("api").build().unwrap();
/// let facts = Facts::new().is_store_away(true);
/// let health = policy.health(&policy.new_state(Timestamp::MIN), &facts, Timestamp::MIN);
/// assert!(health.reasons.iter().eq([HealthReason::StoreAway]));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Facts {
    /// The store of the shared state cannot be reached, and the host decides by `on_store_error`.
    pub is_store_away: bool,
}

impl Facts {
    /// There is nothing to say.
    ///
    /// ```
    /// assert!(!stanchion::Facts::new().is_store_away);
    /// ```
    pub const fn new() -> Self {
        Self { is_store_away: false }
    }

    /// The same, with whether the store can be reached.
    ///
    /// ```
    /// assert!(stanchion::Facts::new().is_store_away(true).is_store_away);
    /// ```
    #[must_use]
    pub const fn is_store_away(mut self, is_away: bool) -> Self {
        self.is_store_away = is_away;
        self
    }
}

impl Policy {
    /// How well what the policy protects is at `now`. Pure: nothing is written. A policy without `health` is asked as well: it
    /// then knows neither the age of the last success nor flapping.
    ///
    /// ```
    /// use core::time::Duration;
    /// use stanchion::{Command, Facts, Health, HealthReason, Policy, Timestamp};
    ///
    /// let policy = Policy::from_json(r#"{"name": "api", "block": {}}"#).unwrap();
    /// let now = Timestamp::from_millis(1_700_000_000_000).unwrap();
    /// let mut state = policy.new_state(now);
    /// let until = now.saturating_add(Duration::from_secs(60));
    /// let _ = policy.command(&mut state, &Command::Block { until }, now);
    /// assert!(policy.health(&state, &Facts::new(), now).reasons.contains(HealthReason::Blocked));
    /// assert_eq!(policy.health(&state, &Facts::new(), until), Health::WELL);
    /// ```
    pub fn health(&self, state: &impl Live, facts: &Facts, now: Timestamp) -> Health {
        let seen = self.look(state, now);
        self.health_at(seen.view(), *facts, seen.t)
    }

    /// The same of a view at `t`.
    fn health_at(&self, view: View<'_>, facts: Facts, t: u64) -> Health {
        let outlook = Outlook::new(self, view, t);
        let circuit = self.circuit.as_ref().and_then(|_| circuit_reason(&outlook.circuit_at(t)));
        let mut reasons: HealthReasons = circuit.into_iter().chain(self.recovery_reasons(view, t)).collect();
        let mut tell = |is_so: bool, reason| is_so.then(|| reasons.insert(reason));
        tell(self.block.is_some() && t < view.head[BLOCK], HealthReason::Blocked);
        tell(self.is_backing_off(view), HealthReason::BackingOff);
        tell(facts.is_store_away, HealthReason::StoreAway);
        if let Some(rules) = &self.health {
            let memory = outlook.recall(rules, t);
            tell(t >= rules.too_old_at(&memory), HealthReason::SuccessTooOld);
            tell(t < rules.flaps_until(&memory), HealthReason::Flapping);
        }
        let holds = |reason: &HealthReason| !self.is_shadow || reason.is_of_recovery();
        Health { is_degraded: !reasons.is_empty(), reasons, ..Health::of(reasons.iter().filter(holds).collect()) }
    }

    fn recovery_reasons(&self, view: View<'_>, t: u64) -> impl Iterator<Item = HealthReason> {
        let recovery = self.recovery_at(view, t).unwrap_or_default();
        let has_attempts = recovery.steps.iter().any(|step| !step.attempts_at.is_empty());
        let all = [
            (recovery.unrecoverable.is_some(), HealthReason::GaveUp),
            (recovery.reached != 0, HealthReason::Recovering),
            (has_attempts, HealthReason::Restarted),
        ];
        all.into_iter().filter_map(|(is_so, reason)| is_so.then_some(reason))
    }
}

/// What a circuit says, as a call would find it.
const fn circuit_reason(circuit: &Circuit) -> Option<HealthReason> {
    match (circuit.mode, circuit.phase) {
        (Some(Mode::ForcedOpen), _) | (None, Phase::Open) => Some(HealthReason::CircuitOpen),
        (Some(Mode::Disabled | Mode::MetricsOnly), _) => Some(HealthReason::Disabled),
        (None, Phase::HalfOpen) => Some(HealthReason::HalfOpen),
        (None, Phase::Closed) => None,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::{Effect, HealthReason, HealthReasons};

    /// The rows of the tables above, whose lines begin so: reason and what it makes.
    fn rows(line: &str) -> Vec<(&'static str, &'static str)> {
        let lines = include_str!("health.rs").lines().filter_map(|text| text.strip_prefix(line));
        let cells = lines.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
        cells.skip(2).map(|cells| (cells[0].trim_matches('`'), cells[2])).collect()
    }

    #[test]
    fn the_tables_are_the_match() {
        let all = HealthReasons::from_bits(u32::MAX);
        let row = |reason: HealthReason| {
            let makes = match reason.effect() {
                Effect::NotLive => "not live, not ready",
                Effect::NotReady => "not ready",
                Effect::Degraded => "ready",
            };
            (reason.name(), makes)
        };
        let expected: Vec<_> = all.iter().map(row).collect();
        assert_eq!(rows("//! |"), expected, "the table of the module");
        assert_eq!(rows("/// |"), expected, "the table of `Health`");
    }

    #[test]
    fn names_and_bits_lead_back() {
        for (index, reason) in (0..).zip(HealthReasons::from_bits(u32::MAX).iter()) {
            assert_eq!((reason.index(), HealthReason::from_name(reason.name())), (index, Some(reason)));
        }
    }
}
