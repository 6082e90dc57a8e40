//! Configurations: one table of parameters, checked once, compiled to the form in which the engine decides.
//!
//! - `parts` is the table (`window`, `classify`, `words` and one file for each of `retry`, `schedule`,
//!   `recovery`, `health` and `spool` belong to it), `table` what it expands to, `values` and `decimal` the types that stand
//!   in it, `walk` what goes through it: the check of the ranges, the reader and the writer of JSON.
//! - `check` holds what one field says about another, and fills in the defaults that depend on other fields.
//! - `compile` makes the engine's rules and the fingerprint, `share` the part of a policy that one host may use alone.
//! - `schema` is the JSON Schema, `fault` the path in an error.

mod check;
mod classify;
mod compile;
mod decimal;
mod fault;
mod fingerprint;
mod health;
mod parts;
mod recovery;
mod retry;
mod schedule;
#[cfg(feature = "serde")]
mod schema;
mod share;
mod spool;
mod table;
mod values;
mod walk;
mod window;
mod words;

pub use classify::{ClassifyConfig, ClassifyRule, NetworkError, On, Retry, RetryAfterHeader};
pub use decimal::{Multiplier, Percent};
#[cfg(feature = "serde")]
pub(crate) use decimal::{parse_scaled, parted};
#[cfg(feature = "serde")]
pub(crate) use fault::{Quoted, listed, quoted};
pub use health::{FlappingConfig, HealthConfig};
pub use parts::{BlockConfig, BulkheadConfig, CircuitConfig, FailuresInWindowConfig, LimitConfig, PolicyConfig};
pub use recovery::{RecoveryConfig, RecoveryStepConfig};
pub use retry::{Jitter, RetryBudgetConfig, RetryConfig};
pub use schedule::{FloodConfig, ScheduleBackoffConfig, ScheduleConfig};
#[cfg(feature = "serde")]
pub use schema::policy_schema;
pub use spool::{PaceConfig, SpoolConfig, SpoolOrder};
pub use window::{CallWindow, TimeWindow, WindowConfig};
pub use words::{Charge, Initial, LateFailure, LateSuccess, OnStoreError, PolicyMode};
