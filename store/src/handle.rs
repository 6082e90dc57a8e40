//! A policy on one key of a file.

mod beside;
mod step;
mod turn;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stanchion::{
    Acquire, Command, Commanded, Explanation, Peek, Permit, Policy, Renewed, Settle, Settled, State, Step, Timestamp,
};

use crate::error::{ErrorKind, StoreError};
use crate::share::Share;
use crate::store::Inner;
use crate::stored::{Stored, Verdict};

use step::Scratch;
pub use turn::Turn;

/// A policy on one key of a file: what a binding calls. `Send + Sync`; keep one for each key.
///
/// `now` is the instant of the decision; `None` reads the store's clock, under the lock.
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
/// assert!(!gate.acquire(Acquire::new(), None).answer.is_admitted());
/// assert_eq!(gate.settle(call.permit, Settle::success(), None)?.answer, Settled::Counted);
/// # Ok::<(), StoreError>(())
/// ```
pub struct KeyHandle {
    inner: Arc<Inner>,
    policy: Arc<Policy>,
    key: Box<str>,
    /// Used only under the lock of the file, so nobody ever waits for it.
    scratch: Mutex<Scratch>,
    /// What is decided while the store is away.
    share: Share,
}

impl KeyHandle {
    pub(crate) fn new(inner: Arc<Inner>, policy: Arc<Policy>, key: &str) -> Self {
        let share = Share::new(&policy);
        Self { inner, policy, key: key.into(), scratch: Mutex::default(), share }
    }

    /// Its key.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert_eq!(gate.key(), "billing-api");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its policy.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert_eq!(gate.policy().name(), "p");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks for the lock once. `None`: another holds it now, so wait elsewhere (a thread pool) by the handle's own
    /// operations. What else is wrong with the file is told by the operation, as its policy says.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// let gate = store.gate(policy, "billing-api")?;
    /// let held = store.begin("another key")?;
    /// assert!(gate.try_turn().is_none(), "one lock for the whole file");
    /// held.abort();
    /// assert!(gate.try_turn().is_some());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        let turn = self.turn(Duration::ZERO);
        (!matches!(turn.guard, Err(ErrorKind::Busy { .. }))).then_some(turn)
    }

    /// Waits for the lock, at most so long. That it was not got is told by the operation.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    /// use std::time::Duration;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let held = store.begin("another key")?;
    /// let late = gate.turn(Duration::from_millis(1)).acquire(Acquire::new(), None);
    /// assert_eq!(late.degraded.unwrap().code(), "busy");
    /// # drop(held);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn turn(&self, wait: Duration) -> Turn<'_> {
        Turn { handle: self, guard: self.inner.lock(wait) }
    }

    fn next_turn(&self) -> Turn<'_> {
        self.turn(self.inner.options.wait)
    }

    /// Whether a call may go ahead. Never fails: without the store, the policy's `on_store_error` decides, and the
    /// answer says so.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let first = gate.acquire(Acquire::new(), None);
    /// assert!(first.answer.is_admitted() && first.degraded.is_none());
    /// assert_eq!((first.changed, first.sequence), (true, 1));
    /// # Ok::<(), StoreError>(())
    /// ```
    #[must_use = "an admitted call holds a permit that wants to be settled"]
    pub fn acquire(&self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        self.next_turn().acquire(wish, now)
    }

    /// The same, but asks for the lock once: for a thread that must not wait, which lets another one wait by [`KeyHandle::acquire`].
    ///
    /// # Errors
    /// `busy`: another holds the lock now, and nothing was decided, not even by `on_store_error`.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let held = store.begin("another key")?;
    /// assert_eq!(gate.try_acquire(Acquire::new(), None).unwrap_err().code(), "busy");
    /// drop(held);
    /// assert!(gate.try_acquire(Acquire::new(), None)?.answer.is_admitted());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn try_acquire(&self, wish: Acquire, now: Option<Timestamp>) -> Result<Stored<Verdict>, StoreError> {
        match self.turn(Duration::ZERO) {
            Turn { guard: Err(busy @ ErrorKind::Busy { .. }), .. } => Err(self.inner.tell(busy)),
            turn => Ok(turn.acquire(wish, now)),
        }
    }

    /// Tells how a call ended. A permit that was given without the store never touches it.
    ///
    /// # Errors
    /// The store is away, and nothing happened. A host that kept the permit's words can settle it again; else the result is lost,
    /// and a slot or probe comes back when its lease ends.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Acquire, Settle};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let call = gate.acquire(Acquire::new(), None).answer.into_result().unwrap();
    /// gate.settle(call.permit, Settle::failure(), None)?;
    /// assert!(gate.acquire(Acquire::new(), None).answer.is_admitted(), "the slot came back");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn settle(&self, permit: Permit, end: Settle, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        match self.settle_aside(permit, Some(end), now) {
            Ok(settled) => Ok(settled),
            Err(permit) => self.next_turn().step(now, |policy, state, now| policy.settle(state, permit, end, now)),
        }
    }

    /// Gives a permit back: the call never began.
    ///
    /// # Errors
    /// The store is away, and nothing happened: as with [`KeyHandle::settle`]. Until it is cancelled again, the tokens stay taken.
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
    /// assert_eq!(gate.cancel(call.permit, None)?.answer, Settled::Counted);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn cancel(&self, permit: Permit, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        match self.settle_aside(permit, None, now) {
            Ok(settled) => Ok(settled),
            Err(permit) => self.next_turn().step(now, |policy, state, now| policy.cancel(state, permit, now)),
        }
    }

    /// Extends the lease of a permit.
    ///
    /// # Errors
    /// The store is away: try again, and abort the call before the lease ends.
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
    /// assert!(gate.renew(&call.permit, None)?.answer.until().is_some());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn renew(&self, permit: &Permit, now: Option<Timestamp>) -> Result<Stored<Renewed>, StoreError> {
        match self.share.renew(permit, || self.now(now)) {
            Some(step) => Ok(aside(step)),
            None => self.next_turn().step(now, |policy, state, now| policy.renew(state, permit, now)),
        }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// The store is away: nothing was done.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Command, Commanded};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert_eq!(gate.command(&Command::Reset, None)?.answer, Commanded::Done);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn command(&self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        self.next_turn().command(command, now)
    }

    /// What an acquire would be answered. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::{Acquire, Peek};
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert_eq!(gate.peek(&Acquire::new(), None)?, Peek::Admits);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn peek(&self, wish: &Acquire, now: Option<Timestamp>) -> Result<Peek, StoreError> {
        let now = self.now(now);
        Ok(self.policy.peek(&self.state(now)?, wish, now))
    }

    /// What an operator needs. Takes no lock, so it works while a process that holds it hangs.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// let _held = gate.acquire(Acquire::new(), None);
    /// assert_eq!(gate.explain(None)?.bulkhead.unwrap().in_flight, 1);
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn explain(&self, now: Option<Timestamp>) -> Result<Explanation, StoreError> {
        let now = self.now(now);
        Ok(self.policy.explain(&self.state(now)?, now))
    }

    /// The key's bytes; `None` where it does not exist yet. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read.
    ///
    /// ```
    /// # use stanchion_store::{Options, Store, StoreError};
    /// # let dir = tempfile::tempdir().unwrap();
    /// # let store = Store::open(dir.path().join("state"), Options::new())?;
    /// # let policy = stanchion::Policy::from_json(r#"{"name": "p", "bulkhead": {"max_concurrent": 1}}"#).unwrap();
    /// use stanchion::Acquire;
    ///
    /// let gate = store.gate(policy, "billing-api")?;
    /// assert_eq!(gate.snapshot()?, None);
    /// let _held = gate.acquire(Acquire::new(), None);
    /// assert!(gate.policy().decode(&gate.snapshot()?.unwrap()).is_ok());
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let record = self.inner.read(&self.key).map_err(|kind| self.inner.tell(kind))?;
        Ok(record.map(|record| record.bytes))
    }

    /// Sets the key to bytes of a snapshot, which are checked first.
    ///
    /// # Errors
    /// The bytes are no state of this release, or the store is away: nothing was done.
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
    /// assert_eq!(gate.restore(&bytes)?.sequence, 1);
    /// assert_eq!(gate.restore(b"{}").unwrap_err().code(), "not_a_state");
    /// # Ok::<(), StoreError>(())
    /// ```
    pub fn restore(&self, bytes: &[u8]) -> Result<Stored<()>, StoreError> {
        self.next_turn().restore(bytes)
    }

    fn now(&self, now: Option<Timestamp>) -> Timestamp {
        now.unwrap_or_else(|| self.inner.now())
    }

    /// The state as a query sees it.
    fn state(&self, now: Timestamp) -> Result<State, StoreError> {
        match self.snapshot()? {
            Some(bytes) => self.policy.decode(&bytes).map_err(|error| self.inner.tell(ErrorKind::State(error))),
            None => Ok(self.policy.new_state(now)),
        }
    }

    /// Settles a permit that was given without the store, or gives it back to be settled there.
    fn settle_aside(
        &self,
        permit: Permit,
        end: Option<Settle>,
        now: Option<Timestamp>,
    ) -> Result<Stored<Settled>, Permit> {
        // The permit of generation 0: of shadow mode, or of a call that `on_store_error: admit` let through. The engine
        // answers `Stale` and changes nothing; asking it would cost the file another wait.
        if permit.to_words() == [0; 4] {
            return Ok(aside(Step::new(Settled::Stale, false)));
        }
        self.share.settle(permit, end, || self.now(now)).map(aside)
    }
}

/// An answer in which the store had no part, by a permit that it did not give.
fn aside<T>(step: Step<T>) -> Stored<T> {
    Stored::decided(step, 0, Duration::ZERO)
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHandle").field("key", &self.key).field("policy", &self.policy.name()).finish_non_exhaustive()
    }
}
