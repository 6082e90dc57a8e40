//! The lock of a file, held by a handle for one operation.

use std::fmt;
use std::time::Duration;

use stanchion::{Acquire, Asked, Command, Commanded, Permit, Policy, Renewed, Settle, Settled, State, Step, Timestamp};

use super::{KeyHandle, aside};
use crate::error::{ErrorKind, StoreError};
use crate::lock::Guard;
use crate::stored::{Stored, Verdict};

/// The lock, taken (or not got, with the reason) for one operation of a handle. Each operation ends it.
///
/// ```
/// # use stanchion_store::{Options, Store, StoreError};
/// # let dir = tempfile::tempdir().unwrap();
/// # let store = Store::open(dir.path().join("state"), Options::new())?;
/// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
/// use stanchion::Acquire;
///
/// let gate = store.gate(policy, "billing-api")?;
/// let turn = gate.try_turn().expect("nobody else has the file");
/// assert!(turn.acquire(Acquire::new(), None).answer.is_admitted());
/// # Ok::<(), StoreError>(())
/// ```
#[must_use = "it holds the lock of the file"]
pub struct Turn<'h> {
    pub(super) handle: &'h KeyHandle,
    pub(super) guard: Result<Guard, ErrorKind>,
}

impl Turn<'_> {
    /// [`KeyHandle::acquire`]
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert!(turn.acquire(Acquire::new(), None).answer.is_admitted());
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use = "an admitted call holds a permit that wants to be settled"]
    pub fn acquire(self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        let handle = self.handle;
        let (taken, waited) = self.try_step(now, |policy, state, now| policy.acquire(state, wish, now));
        match taken {
            Ok(stored) => stored.map(Verdict::from),
            Err(kind) => {
                let answer = match kind {
                    ErrorKind::Closed => Verdict::Unavailable,
                    _ => handle.share.acquire(wish, || handle.now(now)),
                };
                Stored::degraded(answer, handle.inner.tell(kind), waited)
            }
        }
    }

    /// [`KeyHandle::settle`]
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Acquire, Settle, Settled};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert_eq!(turn.settle(call.permit, Settle::success(), None)?.answer, Settled::Counted);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn settle(self, permit: Permit, end: Settle, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        match self.handle.settle_aside(permit, Some(end), now) {
            Ok(settled) => Ok(settled),
            Err(permit) => self.step(now, |policy, state, now| policy.settle(state, permit, end, now)),
        }
    }

    /// [`KeyHandle::cancel`]
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Acquire, Settled};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert_eq!(turn.cancel(call.permit, None)?.answer, Settled::Counted);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn cancel(self, permit: Permit, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        match self.handle.settle_aside(permit, None, now) {
            Ok(settled) => Ok(settled),
            Err(permit) => self.step(now, |policy, state, now| policy.cancel(state, permit, now)),
        }
    }

    /// [`KeyHandle::renew`]
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert!(turn.renew(&call.permit, None)?.answer.until().is_some());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn renew(self, permit: &Permit, now: Option<Timestamp>) -> Result<Stored<Renewed>, StoreError> {
        match self.handle.share.renew(permit, || self.handle.now(now)) {
            Some(step) => Ok(aside(step)),
            None => self.step(now, |policy, state, now| policy.renew(state, permit, now)),
        }
    }

    /// [`KeyHandle::command`]
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Command, Commanded};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert_eq!(turn.command(&Command::Reset, None)?.answer, Commanded::Done);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn command(self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        self.step(now, |policy, state, now| policy.command(state, command, now))
    }

    /// [`KeyHandle::apply`]. A query takes the lock too, here: it was taken already.
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "retry": {"jitter": "none"}}"#).unwrap();
    /// use stanchion::Asked;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// let failed = Asked::from_json(r#"{"retry": {"attempt": 3, "began_at_us": 1, "retry": "always"}}"#).unwrap();
    /// assert!(turn.apply(failed, None)?.answer.starts_with(r#"{"answer":{"give_up":"attempts"}"#));
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn apply(self, asked: Asked, now: Option<Timestamp>) -> Result<Stored<String>, StoreError> {
        let (handle, failed) = (self.handle, asked.failed().copied());
        let (taken, waited) = self.try_step(now, |policy, state, now| policy.apply_asked(state, asked, now));
        taken.or_else(|kind| match failed {
            Some(failed) if kind != ErrorKind::Closed => {
                let answer = handle.share.retry(&handle.policy, &failed, handle.now(now)).to_step_json();
                Ok(Stored::degraded(answer, handle.inner.tell(kind), waited))
            }
            _ => Err(handle.inner.tell(kind)),
        })
    }

    /// [`KeyHandle::restore`]
    ///
    /// # Errors
    /// As there.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Timestamp;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let bytes = gate.policy().new_state(Timestamp::from_system_clock()).to_bytes();
    /// let turn = gate.try_turn().expect("nobody else has the file");
    /// assert_eq!(turn.restore(&bytes)?.sequence, 1);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn restore(self, bytes: &[u8]) -> Result<Stored<()>, StoreError> {
        let restored = self.handle.policy.decode(bytes);
        let restored = restored.map_err(|error| self.handle.inner.tell(ErrorKind::State(error)))?;
        self.step(None, |_, state, _| {
            *state = restored;
            Step::new((), true)
        })
    }

    pub(super) fn step<T>(
        self,
        now: Option<Timestamp>,
        decide: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> Result<Stored<T>, StoreError> {
        let handle = self.handle;
        self.try_step(now, decide).0.map_err(|kind| handle.inner.tell(kind))
    }

    /// One step under the lock; with how long was waited for it, got or not.
    pub(super) fn try_step<T>(
        self,
        now: Option<Timestamp>,
        decide: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> (Result<Stored<T>, ErrorKind>, Duration) {
        match self.guard {
            Ok(guard) => (self.handle.step_under(&guard, now, decide), guard.waited),
            Err(ErrorKind::Busy { waited }) => (Err(ErrorKind::Busy { waited }), waited),
            Err(kind) => (Err(kind), Duration::ZERO),
        }
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("handle", self.handle).field("is_held", &self.guard.is_ok()).finish()
    }
}
