//! The words that a policy chooses from.

use crate::config::table::{Datum, Field, Seen, Shape};
use crate::config::values::{Value, choices, scalars, word_values};
use crate::num::wide;
#[cfg(feature = "serde")]
use crate::{config::table::Place, num::index};

choices! {
    /// Whether a policy decides.
    ///
    /// ```
    /// assert_eq!(stanchion::PolicyMode::Shadow.name(), "shadow");
    /// ```
    pub enum PolicyMode {
        /// It decides.
        Enforce = "enforce",
        /// It admits everything and tells what it would have refused.
        Shadow = "shadow",
    }

    /// What a host answers while the shared state cannot be reached. Every such answer says that it is degraded.
    ///
    /// ```
    /// assert_eq!(stanchion::OnStoreError::Local.name(), "local");
    /// ```
    pub enum OnStoreError {
        /// It admits.
        Admit = "admit",
        /// It refuses.
        Reject = "reject",
        /// It decides alone, with its share of each limit.
        Local = "local",
    }

    /// What a call takes from a limit.
    ///
    /// ```
    /// use stanchion::{Charge, LimitConfig};
    ///
    /// let calls = LimitConfig::new("calls", 60, 60, 60_000).charge(Charge::Call);
    /// assert_eq!(calls.charge.name(), "call");
    /// ```
    pub enum Charge {
        /// Its cost.
        Cost = "cost",
        /// One token, whatever it costs.
        Call = "call",
    }

    /// What is in a limit at the beginning.
    ///
    /// ```
    /// use stanchion::{Initial, LimitConfig};
    ///
    /// let slow_start = LimitConfig::new("calls", 60, 60, 60_000).initial(Initial::Empty);
    /// assert_eq!(slow_start.initial.name(), "empty");
    /// ```
    pub enum Initial {
        /// Its capacity.
        Full = "full",
        /// Nothing.
        Empty = "empty",
    }

    /// What a success does that arrives while the circuit is open.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, LateSuccess};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(5).late_success(LateSuccess::Close);
    /// assert_eq!(circuit.late_success.name(), "close");
    /// ```
    pub enum LateSuccess {
        /// Nothing.
        Ignore = "ignore",
        /// It closes the circuit.
        Close = "close",
    }

    /// What a failure does that arrives while the circuit is open.
    ///
    /// ```
    /// use stanchion::{CircuitConfig, LateFailure};
    ///
    /// let circuit = CircuitConfig::new().consecutive_failures(5).late_failure(LateFailure::Extend);
    /// assert_eq!(circuit.late_failure.name(), "extend");
    /// ```
    pub enum LateFailure {
        /// Nothing.
        Ignore = "ignore",
        /// It moves the end of the open time, to at most `open_max_ms` from the opening.
        Extend = "extend",
    }
}
