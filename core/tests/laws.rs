//! The laws of the engine, held over random policies and histories, against oracles that share no code with it.
//!
//! `STANCHION_CASES` sets the number of cases a law (300 by default); a counterexample is shrunk and kept in
//! `proptest-regressions`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::std_instead_of_core,
    clippy::std_instead_of_alloc,
    reason = "tests stop where something is not as it must be, and have a standard library"
)]

mod oracle;

#[path = "laws/adoption.rs"]
mod adoption;
#[path = "laws/classify.rs"]
mod classify;
#[path = "laws/differential.rs"]
mod differential;
#[path = "laws/health.rs"]
mod health;
#[path = "laws/keyed.rs"]
mod keyed;
#[path = "laws/limits.rs"]
mod limits;
#[path = "laws/merging.rs"]
mod merging;
#[path = "laws/outlook.rs"]
mod outlook;
#[path = "laws/recovery.rs"]
mod recovery;
#[path = "laws/retry.rs"]
mod retry;
#[path = "laws/schedule.rs"]
mod schedule;
#[path = "laws/sets.rs"]
mod sets;
#[path = "laws/spool.rs"]
mod spool;
#[path = "laws/state.rs"]
mod state;
#[path = "laws/waits.rs"]
mod waits;
