//! Stanchion decides whether a call may go ahead.
//!
//! A [`Policy`] holds a circuit breaker, up to 16 rate limits, a server's block and a bulkhead, and decides them
//! **as one**: nothing is taken from any gate unless all of them admit. It is a set of total functions over plain
//! data, `policy + state + input + now -> answer + next state`, without a clock, a random source, a thread or I/O.
//! The [`State`] is yours: keep it in memory, in a file that processes share, or in any store with
//! compare-and-swap.
//!
//! # In one process
//!
//! [`Local`] is a policy and its state behind a lock, with a clock. This is what most programs start from:
//!
//! ```
//! use stanchion::{CircuitConfig, LimitConfig, Local, Policy, RunError};
//!
//! let policy = Policy::builder("billing-api")
//!     .circuit(CircuitConfig::new().consecutive_failures(5))
//!     .limit(LimitConfig::new("calls", 60, 60, 60_000))
//!     .build()?;
//! let api = Local::new(policy);
//! match api.run(|| "42".parse::<u32>()) {
//!     Ok(answer) => assert_eq!(answer, 42),
//!     Err(RunError::Rejected(refusal)) => println!("not now: {refusal}"),
//!     Err(RunError::Failed(error)) => println!("it failed, and was counted: {error}"),
//! }
//! # Ok::<(), stanchion::ConfigError>(())
//! ```
//!
//! # For each of many keys
//!
//! [`Keyed`] is the same for each user, agent or endpoint, in memory that is bounded: a key is forgotten when its state says nothing
//! that a new one would not.
//!
//! ```
//! use stanchion::{Keyed, LimitConfig, Policy};
//!
//! let policy = Policy::builder("users").limit(LimitConfig::new("calls", 60, 60, 60_000)).build()?;
//! let users = Keyed::new(policy);
//! assert!(users.acquire("ann").is_ok_and(|call| !call.is_degraded()));
//! # Ok::<(), stanchion::ConfigError>(())
//! ```
//!
//! # On a state of your own
//!
//! Each step takes the state and the instant of the decision, and says whether the state changed and so must be kept. Every
//! answer can be had again from the same policy, state, input and instant:
//!
//! ```
//! use core::time::Duration;
//! use stanchion::{Acquire, Policy, Settle, Settled, Timestamp};
//!
//! let policy = Policy::from_json(r#"{"name": "billing-api", "circuit": {"consecutive_failures": 5}}"#)?;
//! let now = Timestamp::from_system_clock();
//! let mut state = policy.new_state(now);
//!
//! let step = policy.acquire(&mut state, Acquire::new(), now);
//! match step.answer.into_result() {
//!     Ok(call) => {
//!         // … the call, which took 80 ms …
//!         let (took, later) = (Duration::from_millis(80), now.saturating_add(Duration::from_millis(80)));
//!         let step = policy.settle(&mut state, call.permit, Settle::success().took(took), later);
//!         assert_eq!(step.answer, Settled::Counted);
//!     }
//!     Err(refusal) => println!("not before {:?}", refusal.retry_after.wait()),
//! }
//! let bytes = state.to_bytes(); // what a store keeps
//! assert!(policy.decode(&bytes).is_ok());
//! # Ok::<(), stanchion::ConfigError>(())
//! ```
//!
//! # Words
//!
//! - A **gate** ([`Gate`]) is one part of a policy that can refuse: the circuit, the block, a limit, the bulkhead.
//! - An admitted call holds a **permit** ([`Permit`]), which is given back once: by [`Policy::settle`] with how the call ended,
//!   or by [`Policy::cancel`] where it never began.
//! - A **lease** is what a permit holds of a bulkhead (a slot) or of a half-open circuit (a probe). It has an end, so that it comes
//!   back when its holder died; [`Policy::renew`] moves the end.
//! - The **generation** counts the phases of a circuit. A permit carries it, so that late results move no later phase.
//! - **State time** is `now`, or the last change of the state where that is later.
//!
//! # Features
//!
//! `std` (on by default) brings [`Local`], [`Keyed`] and the system's clock, `serde` (on by default) JSON and its schemas. Without both, the
//! crate needs `alloc` alone.
//!
//! # Errors
//!
//! A refusal is an answer, not an error. What else can go wrong has a code, the same in all languages:
//!
//! | code | error | what to do |
//! |---|---|---|
//! | `invalid_config` | [`ConfigError`] | correct the field that it names |
//! | `invalid_input` | [`InputError`] | correct the field that it names; nothing was changed |
//! | `not_a_state` | [`StateError::NotAState`] | look where the bytes came from, keep them |
//! | `newer_version` | [`StateError::NewerVersion`] | upgrade this release, keep the bytes |
//! | `unknown_section` | [`StateError::UnknownSection`] | upgrade this release, keep the bytes |
//! | `state_length` | [`StateError::Length`] | the bytes were cut, or something was added to them |
//! | `invalid_state` | [`StateError::Invalid`] | the bytes were damaged |
//! | `state_memory` | [`StateError::Memory`] | lend more memory, or start a state in it |
//! | `too_many_keys` | [`TooManyKeys`] | raise [`Keyed::max_keys`], or let calls through by [`Keyed::on_full`] |
//! | `unknown_answer` | [`UnknownAnswer`] | build engine and binding from one release |
#![no_std]
#![doc(test(attr(deny(warnings))))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod adopt;
mod annex;
mod answer;
mod backoff;
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
mod gather;
#[cfg(feature = "std")]
mod guard;
mod hash;
mod headers;
mod health;
mod input;
#[cfg(feature = "serde")]
mod json;
#[cfg(feature = "std")]
mod keyed;
mod limit;
mod live;
mod load;
#[cfg(feature = "std")]
mod local;
mod num;
mod outlook;
mod pack;
mod permit;
mod policy;
mod query;
mod quiet;
mod recovery;
mod repair;
mod retry;
mod retry_after;
mod schedule;
mod settle;
mod snapshot;
#[cfg(feature = "serde")]
mod snapshot_json;
#[cfg(feature = "serde")]
mod snapshot_schema;
mod sort;
mod spool;
mod state;
#[cfg(feature = "serde")]
mod step_json;
mod summary;
mod time;
mod window;

pub use answer::{
    Admission, Answer, Commanded, Decision, Event, Events, Gate, GateSet, Peek, Rejection, Renewed, RetryAfter,
    Settled, Step,
};
pub use classify::{Classified, Reply, is_idempotent_method};
#[cfg(feature = "serde")]
pub use config::policy_schema;
pub use config::{
    BlockConfig, BulkheadConfig, CallWindow, Charge, CircuitConfig, ClassifyConfig, ClassifyRule,
    FailuresInWindowConfig, FlappingConfig, FloodConfig, HealthConfig, Initial, Jitter, LateFailure, LateSuccess,
    LimitConfig, Multiplier, NetworkError, On, OnStoreError, PaceConfig, Percent, PolicyConfig, PolicyMode,
    RecoveryConfig, RecoveryStepConfig, Retry, RetryAfterHeader, RetryBudgetConfig, RetryConfig, ScheduleBackoffConfig,
    ScheduleConfig, SpoolConfig, SpoolOrder, TimeWindow, WindowConfig,
};
pub use error::{ConfigError, InputError, StateError, UnknownAnswer};
pub use explain::{
    BulkheadExplanation, CircuitExplanation, Count, Explanation, LimitExplanation, Probes, Rates, RecoveryExplanation,
    RecoveryStepExplanation, ScheduleExplanation,
};
#[cfg(feature = "std")]
pub use guard::Guard;
pub use hash::{holder_hash, name_hash};
#[cfg(feature = "serde")]
pub use health::HealthReport;
pub use health::{Facts, Health, HealthExplanation, HealthReason, HealthReasons, HealthSnapshot};
pub use input::{Acquire, Command, Holder, Input, Outcome, Settle};
#[cfg(feature = "std")]
pub use keyed::{Keyed, KeyedRejected, OnFull, TooManyKeys};
#[cfg(feature = "std")]
pub use local::{Local, Rejected, RunError};
pub use pack::Packer;
pub use permit::Permit;
pub use policy::Policy;
pub use recovery::{
    Fault, FaultClass, Recovery, RecoveryLeaseSnapshot, RecoverySnapshot, RecoveryStepSnapshot, RecoveryWait,
    Unrecoverable,
};
pub use retry::{BudgetSnapshot, Failed, GiveUp, Retried};
pub use retry_after::parse_retry_after;
pub use schedule::{Hold, Intent, Run, RunAnswer, ScheduleSnapshot};
pub use snapshot::{
    CarriedSection, CircuitSnapshot, LeaseSnapshot, LimitSnapshot, Mode, ModeSnapshot, Phase, ProbeSnapshot,
    ProbesSnapshot, Reason, SlotSnapshot, Snapshot, WindowSnapshot,
};
#[cfg(feature = "serde")]
pub use snapshot_schema::state_schema;
pub use spool::{
    SpoolAppend, SpoolAppended, SpoolCall, SpoolChange, SpoolDeath, SpoolEnd, SpoolFull, SpoolItem, SpoolNext,
    SpoolRules, SpoolSettled, SpoolState, SpoolStatus, SpoolStep, SpoolTotals, SpoolWait,
};
pub use state::{Live, State, StateMut};
#[cfg(feature = "serde")]
pub use step_json::Asked;
pub use summary::Summary;
pub use time::{Timestamp, wait_ms, wait_s};
