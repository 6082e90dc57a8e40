//! The words of a state: the phases of a circuit, why it opened, and what lies over it.

/// The phase of a circuit, as it is stored: time may have moved it since.
///
/// These are all: a circuit with another phase would be another policy, with bytes of another kind. So a `match` over them
/// needs no other case.
///
/// ```
/// use stanchion::{Phase, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let state = policy.new_state(Timestamp::MIN);
/// assert_eq!(state.snapshot().circuit.unwrap().phase, Phase::Closed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[expect(clippy::exhaustive_enums, reason = "the phases are the circuit's definition")]
pub enum Phase {
    /// Calls go through and are counted.
    #[default]
    Closed,
    /// Calls are refused until the open time has passed.
    Open,
    /// A few probes decide.
    HalfOpen,
}

/// Why a circuit opened last.
///
/// ```
/// use stanchion::{Command, Policy, Reason, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Trip, Timestamp::MIN);
/// assert_eq!(state.snapshot().circuit.unwrap().reason, Reason::Tripped);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
#[repr(u8)]
pub enum Reason {
    /// It never opened.
    #[default]
    None = 0,
    /// `consecutive_failures` was reached.
    ConsecutiveFailures = 1,
    /// `failures_in_window` was reached.
    FailuresInWindow = 2,
    /// `failure_rate_percent` was reached.
    FailureRate = 3,
    /// `slow_call_rate_percent` was reached.
    SlowCallRate = 4,
    /// A probe failed, or too many did.
    ProbeFailed = 5,
    /// `half_open_max_ms` passed without a verdict.
    HalfOpenTimeout = 6,
    /// It was tripped by command.
    Tripped = 7,
}

/// What lies over a circuit.
///
/// ```
/// use stanchion::{Command, Mode, Policy, Timestamp};
///
/// let policy = Policy::from_json(r#"{"name": "api", "circuit": {"consecutive_failures": 5}}"#).unwrap();
/// let mut state = policy.new_state(Timestamp::MIN);
/// let _ = policy.command(&mut state, &Command::Disable, Timestamp::MIN);
/// assert_eq!(state.snapshot().mode.unwrap().mode, Mode::Disabled);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
#[repr(u8)]
pub enum Mode {
    /// Everything is refused.
    ForcedOpen = 1,
    /// Everything is admitted, nothing is counted.
    Disabled = 2,
    /// Everything is admitted and counted, nothing trips.
    MetricsOnly = 3,
}
