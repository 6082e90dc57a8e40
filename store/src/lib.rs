//! One state file that processes of any language share.
//!
//! A [`Store`] is one file of many keys. Each key holds one state of the `stanchion` engine (or bytes of yours). An
//! operation locks the file, reads the key's state in place, decides, writes in place and unlocks; what changes nothing
//! is not written. A process that is killed at any instant leaves the old state or the new one. The format, the order of
//! the writes and the reasons stand in `FORMAT.md`.
//!
//! Local file systems of Unix systems only: network file systems do not keep the locks that this relies on.
//!
//! ```
//! use stanchion::{Acquire, Policy, Settle};
//! use stanchion_store::{Options, Store, StoreError};
//!
//! # let dir = tempfile::tempdir().unwrap();
//! # let path = dir.path().join("state");
//! let policy = Policy::from_json(r#"{"name": "billing-api", "bulkhead": {"max_concurrent": 10}}"#).unwrap();
//! let gate = Store::open(&path, Options::new())?.gate(policy, "billing-api")?;
//! match gate.acquire(Acquire::new(), None).answer.into_result() {
//!     Ok(call) => gate.settle(call.permit, Settle::success(), None).map(drop)?, // … after the call
//!     Err(refusal) => panic!("nobody else holds a slot: {refusal:?}"),
//! }
//! # Ok::<(), StoreError>(())
//! ```
#![doc(test(attr(deny(warnings))))]

#[cfg(not(unix))]
compile_error!("stanchion-store needs a Unix system: it relies on flock, positioned I/O and file modes");

mod error;
mod fork;
mod handle;
mod header;
mod identity;
mod index;
mod lock;
mod medium;
mod options;
mod record;
mod repair;
mod room;
mod root;
#[cfg(feature = "import")]
pub mod s2;
mod session;
mod share;
mod spool;
mod store;
mod stored;
mod table;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tape;
mod transaction;

pub use error::{ErrorKind, StoreError};
pub use handle::{KeyHandle, Turn};
pub use identity::ProcessIdentity;
pub use options::{Durability, Options};
pub use repair::{Repaired, repair};
#[cfg(feature = "lines")]
pub use spool::Imported;
pub use spool::{Delivery, Offer, Payload, Salvaged, Spool, SpoolCut, SpoolReport};
pub use store::{KeyInfo, Record, Store, Survey};
pub use stored::{Stored, Verdict};
pub use transaction::{Transaction, Write};

/// The examples of the README, run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
