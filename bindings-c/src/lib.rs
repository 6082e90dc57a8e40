//! The C interface: converts, calls the engine or the store, converts. No rule, default or message is born here.
//!
//! `include/stanchion.h` is generated from this crate's signatures and documentation, and says the conventions once, at its
//! top (`cbindgen.toml`). Every entry goes through [`guard`], which turns a panic into a status, but for those of `plain.rs`,
//! in which none can be.
//!
//! | file | what |
//! |---|---|
//! | `abi.rs` | the constants and structs that cross |
//! | `guard.rs` | the one guard, and what can fail in it |
//! | `hand.rs` | the checks of what is handed in and out: handles, structs, memory, texts |
//! | `convert.rs` | between the crossing structs and the engine's types |
//! | `short.rs` | the short way of an acquire and of its settle |
//! | `policy.rs`, `state.rs`, `steps.rs`, `plain.rs`, `beside.rs`, `queries.rs`, `text.rs` | the engine |
//! | `store.rs`, `key.rs`, `transaction.rs` | the state file |
//! | `spool.rs` | the spool |
#![expect(non_camel_case_types, reason = "the types' names are those of C")]
#![expect(clippy::missing_safety_doc, reason = "what a caller must keep is said once, in the header's conventions")]

pub mod abi;
mod convert;
mod guard;
mod hand;
mod short;

// The header has them in this order.
pub mod policy;

pub mod state;

pub mod steps;

pub mod plain;

pub mod beside;

pub mod queries;

pub mod text;

pub mod store;

pub mod key;

pub mod transaction;

pub mod spool;
