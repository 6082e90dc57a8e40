//! A policy on one key of a file.

use std::time::Duration;

use stanchion::{Acquire, Command, Commanded, Explanation, Peek, Permit, Policy, Renewed, Settle, Settled, Timestamp};

use crate::error::StoreError;
use crate::stored::{Stored, Verdict};

/// A policy on one key of a file: what a binding calls. `Send + Sync`; keep one for each key.
///
/// `now` is the instant of the decision; `None` reads the store's clock, under the lock.
#[derive(Debug)]
pub struct KeyHandle {}

/// The lock, taken (or not got, with the reason) for one operation of a handle. Each operation ends it.
#[derive(Debug)]
#[must_use = "it holds the lock of the file"]
pub struct Turn<'h> {
    handle: &'h KeyHandle,
}

#[expect(unused_variables, clippy::unused_self, reason = "bodies follow")]
impl KeyHandle {
    /// Its key.
    pub fn key(&self) -> &str {
        unimplemented!()
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        unimplemented!()
    }

    /// Asks for the lock once. `None`: another holds it now, so wait elsewhere (a thread pool) by the handle's own
    /// operations. What else is wrong with the file is told by the operation, as its policy says.
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        unimplemented!()
    }

    /// Waits for the lock, at most so long. That it was not got is told by the operation.
    pub fn turn(&self, wait: Duration) -> Turn<'_> {
        unimplemented!()
    }

    /// Whether a call may go ahead. Never fails: without the store, the policy's `on_store_error` decides, and the
    /// answer says so.
    pub fn acquire(&self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        unimplemented!()
    }

    /// Tells how a call ended.
    ///
    /// # Errors
    /// The store is away: the result is lost, a slot or probe comes back when its lease ends.
    pub fn settle(&self, permit: Permit, end: Settle, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        unimplemented!()
    }

    /// Gives a permit back: the call never began.
    ///
    /// # Errors
    /// The store is away: the tokens stay taken, a slot or probe comes back when its lease ends.
    pub fn cancel(&self, permit: Permit, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        unimplemented!()
    }

    /// Extends the lease of a permit.
    ///
    /// # Errors
    /// The store is away: try again, and abort the call before the lease ends.
    pub fn renew(&self, permit: &Permit, now: Option<Timestamp>) -> Result<Stored<Renewed>, StoreError> {
        unimplemented!()
    }

    /// Gives a command.
    ///
    /// # Errors
    /// The store is away: nothing was done.
    pub fn command(&self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        unimplemented!()
    }

    /// What an acquire would be answered. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    pub fn peek(&self, wish: &Acquire, now: Option<Timestamp>) -> Result<Peek, StoreError> {
        unimplemented!()
    }

    /// What an operator needs. Takes no lock, so it works while a process that holds it hangs.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    pub fn explain(&self, now: Option<Timestamp>) -> Result<Explanation, StoreError> {
        unimplemented!()
    }

    /// The key's bytes; `None` where it does not exist yet. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, StoreError> {
        unimplemented!()
    }

    /// Sets the key to bytes of a snapshot, which are checked first.
    ///
    /// # Errors
    /// The bytes are no state of this release, or the store is away: nothing was done.
    pub fn restore(&self, bytes: &[u8]) -> Result<Stored<()>, StoreError> {
        unimplemented!()
    }
}

#[expect(unused_variables, reason = "bodies follow")]
impl Turn<'_> {
    /// [`KeyHandle::acquire`]
    pub fn acquire(self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        unimplemented!()
    }

    /// [`KeyHandle::settle`]
    ///
    /// # Errors
    /// As there.
    pub fn settle(self, permit: Permit, end: Settle, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        unimplemented!()
    }

    /// [`KeyHandle::cancel`]
    ///
    /// # Errors
    /// As there.
    pub fn cancel(self, permit: Permit, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        unimplemented!()
    }

    /// [`KeyHandle::renew`]
    ///
    /// # Errors
    /// As there.
    pub fn renew(self, permit: &Permit, now: Option<Timestamp>) -> Result<Stored<Renewed>, StoreError> {
        unimplemented!()
    }

    /// [`KeyHandle::command`]
    ///
    /// # Errors
    /// As there.
    pub fn command(self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        unimplemented!()
    }

    /// [`KeyHandle::restore`]
    ///
    /// # Errors
    /// As there.
    pub fn restore(self, bytes: &[u8]) -> Result<Stored<()>, StoreError> {
        unimplemented!()
    }
}
