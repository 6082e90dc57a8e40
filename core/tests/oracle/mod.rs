//! Independent oracles of the engine: written from its rules alone, slow and obvious, in plain lists and wide integers.
//!
//! - [`spec`]: policies as plain data, [`strategy`]: random ones, and random histories ([`history`]).
//! - [`model`]: a whole second implementation of policy and state, with its parts in the `model_*` files.
//! - [`schedule`]: schedules, their oracle and their histories.
//! - [`recovery`]: what is to be done about a fault, read from a diary; [`recovery_history`]: random ones.
//! - [`timeline`]: a history with its instants, and the permits that it gave out, as the engine answered.

pub(crate) mod history;
pub(crate) mod model;
mod model_adopt;
mod model_circuit;
mod model_gates;
mod model_health;
mod model_ops;
mod model_time;
pub(crate) mod recovery;
pub(crate) mod recovery_history;
pub(crate) mod runner;
pub(crate) mod schedule;
pub(crate) mod spec;
pub(crate) mod strategy;
pub(crate) mod timeline;
