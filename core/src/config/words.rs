//! The words that a policy chooses from.

use crate::config::table::{Bounds, Value};
use crate::config::values::choices;
#[cfg(feature = "serde")]
use crate::config::{schema, values::words};
use crate::error::ConfigError;
#[cfg(feature = "serde")]
use crate::json::{Fields, Json};
#[cfg(feature = "serde")]
use alloc::string::String;

choices! {
    /// Whether a policy decides.
    pub enum PolicyMode {
        /// It decides.
        Enforce = "enforce",
        /// It admits everything and tells what it would have refused.
        Shadow = "shadow",
    }

    /// What a host answers while the shared state cannot be reached. Every such answer says that it is degraded.
    pub enum OnStoreError {
        /// It admits.
        Admit = "admit",
        /// It refuses.
        Reject = "reject",
        /// It decides alone, with its share of each limit.
        Local = "local",
    }

    /// What a call takes from a limit.
    pub enum Charge {
        /// Its cost.
        Cost = "cost",
        /// One token, whatever it costs.
        Call = "call",
    }

    /// What is in a limit at the beginning.
    pub enum Initial {
        /// Its capacity.
        Full = "full",
        /// Nothing.
        Empty = "empty",
    }

    /// What a success does that arrives while the circuit is open.
    pub enum LateSuccess {
        /// Nothing.
        Ignore = "ignore",
        /// It closes the circuit.
        Close = "close",
    }

    /// What a failure does that arrives while the circuit is open.
    pub enum LateFailure {
        /// Nothing.
        Ignore = "ignore",
        /// It moves the end of the open time, to at most `open_max_ms` from the opening.
        Extend = "extend",
    }
}
