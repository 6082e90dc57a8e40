//! Stanchion decides whether a call may go ahead.
//!
//! A [`Policy`] holds a circuit breaker, up to 16 rate limits, a server's block and a bulkhead, and decides them
//! **as one**: nothing is taken from any gate unless all of them admit. It is a set of total functions over plain
//! data, `policy + state + input + now -> answer + next state`, without a clock, a random source, a thread or I/O.
//! The [`State`] is yours: keep it in memory, in a file that processes share, or in any store with
//! compare-and-swap.
#![no_std]
#![doc(test(attr(deny(warnings))))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod adopt;
mod answer;
mod bulkhead;
mod circuit;
mod classify;
mod codec;
mod command;
#[cfg(feature = "serde")]
mod command_json;
mod config;
mod engine;
mod error;
mod explain;
mod fit;
mod hash;
mod headers;
mod input;
#[cfg(feature = "serde")]
mod json;
mod limit;
mod live;
mod load;
#[cfg(feature = "std")]
mod local;
mod num;
mod outlook;
mod permit;
mod policy;
mod query;
mod quiet;
mod repair;
mod retry_after;
mod settle;
mod snapshot;
#[cfg(feature = "serde")]
mod snapshot_json;
#[cfg(feature = "serde")]
mod snapshot_schema;
mod sort;
mod state;
mod summary;
mod time;
mod window;

pub use answer::{
    Admission, Answer, Commanded, Decision, Event, Events, Gate, GateSet, Peek, Rejection, Renewed, RetryAfter,
    Settled, Step,
};
pub use classify::{Classified, Reply};
#[cfg(feature = "serde")]
pub use config::policy_schema;
pub use config::{
    BlockConfig, BulkheadConfig, CallWindow, Charge, CircuitConfig, ClassifyConfig, ClassifyRule,
    FailuresInWindowConfig, Initial, LateFailure, LateSuccess, LimitConfig, Multiplier, NetworkError, On, OnStoreError,
    Percent, PolicyConfig, PolicyMode, Retry, RetryAfterHeader, TimeWindow, WindowConfig,
};
pub use error::{ConfigError, InputError, StateError, UnknownAnswer};
pub use explain::{BulkheadExplanation, CircuitExplanation, Count, Explanation, LimitExplanation, Probes, Rates};
pub use hash::{holder_hash, name_hash};
pub use input::{Acquire, Command, Holder, Input, Outcome, Settle};
#[cfg(feature = "std")]
pub use local::{Guard, Local, Rejected, RunError};
pub use permit::Permit;
pub use policy::Policy;
pub use retry_after::parse_retry_after;
pub use snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};
#[cfg(feature = "serde")]
pub use snapshot_schema::state_schema;
pub use state::{Live, State, StateMut};
pub use summary::Summary;
pub use time::{Timestamp, wait_ms, wait_s};
