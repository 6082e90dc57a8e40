//! A policy on one key of a file.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use stanchion::{
    Acquire, Command, Commanded, Explanation, Peek, Permit, Policy, Renewed, Settle, Settled, State, Step, Timestamp,
};

use crate::error::{ErrorKind, StoreError};
use crate::lock::Guard;
use crate::record::{self, Place};
use crate::share::Share;
use crate::store::Inner;
use crate::stored::{Stored, Verdict};
use crate::table::{Found, Put};

/// A policy on one key of a file: what a binding calls. `Send + Sync`; keep one for each key.
///
/// `now` is the instant of the decision; `None` reads the store's clock, under the lock.
pub struct KeyHandle {
    inner: Arc<Inner>,
    policy: Arc<Policy>,
    key: Box<str>,
    /// Used only under the lock of the file, so nobody ever waits for it.
    scratch: Mutex<Scratch>,
    /// What is decided while the store is away.
    share: Share,
}

/// What a step works on, kept so that it allocates nothing.
#[derive(Default)]
struct Scratch {
    /// Where the key lay last time.
    place: Option<Place>,
    state: Option<State>,
    read: Vec<u8>,
    record: Vec<u8>,
}

/// The lock, taken (or not got, with the reason) for one operation of a handle. Each operation ends it.
#[must_use = "it holds the lock of the file"]
pub struct Turn<'h> {
    handle: &'h KeyHandle,
    guard: Result<Guard, ErrorKind>,
}

impl KeyHandle {
    pub(crate) fn new(inner: Arc<Inner>, policy: Arc<Policy>, key: &str) -> Self {
        let share = Share::new(&policy);
        Self { inner, policy, key: key.into(), scratch: Mutex::default(), share }
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Asks for the lock once. `None`: another holds it now, so wait elsewhere (a thread pool) by the handle's own
    /// operations. What else is wrong with the file is told by the operation, as its policy says.
    pub fn try_turn(&self) -> Option<Turn<'_>> {
        let turn = self.turn(Duration::ZERO);
        (!matches!(turn.guard, Err(ErrorKind::Busy { .. }))).then_some(turn)
    }

    /// Waits for the lock, at most so long. That it was not got is told by the operation.
    pub fn turn(&self, wait: Duration) -> Turn<'_> {
        Turn { handle: self, guard: self.inner.lock(wait) }
    }

    fn next_turn(&self) -> Turn<'_> {
        self.turn(self.inner.options.wait)
    }

    /// Whether a call may go ahead. Never fails: without the store, the policy's `on_store_error` decides, and the
    /// answer says so.
    #[must_use = "an admitted call holds a permit that wants to be settled"]
    pub fn acquire(&self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        self.next_turn().acquire(wish, now)
    }

    /// Tells how a call ended. A permit that was given without the store never touches it.
    ///
    /// # Errors
    /// The store is away: the result is lost, a slot or probe comes back when its lease ends.
    pub fn settle(&self, permit: Permit, end: Settle, now: Option<Timestamp>) -> Result<Stored<Settled>, StoreError> {
        match self.settle_aside(permit, Some(end), now) {
            Ok(settled) => Ok(settled),
            Err(permit) => self.next_turn().step(now, |policy, state, now| policy.settle(state, permit, end, now)),
        }
    }

    /// Gives a permit back: the call never began.
    ///
    /// # Errors
    /// The store is away: the tokens stay taken, a slot or probe comes back when its lease ends.
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
    pub fn command(&self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        self.next_turn().command(command, now)
    }

    /// What an acquire would be answered. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    pub fn peek(&self, wish: &Acquire, now: Option<Timestamp>) -> Result<Peek, StoreError> {
        let now = self.now(now);
        Ok(self.policy.peek(&self.state(now)?, wish, now))
    }

    /// What an operator needs. Takes no lock, so it works while a process that holds it hangs.
    ///
    /// # Errors
    /// The file cannot be read, or the key's bytes are no state.
    pub fn explain(&self, now: Option<Timestamp>) -> Result<Explanation, StoreError> {
        let now = self.now(now);
        Ok(self.policy.explain(&self.state(now)?, now))
    }

    /// The key's bytes; `None` where it does not exist yet. Takes no lock.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let record = self.inner.read(&self.key).map_err(|kind| self.inner.tell(kind))?;
        Ok(record.map(|record| record.bytes))
    }

    /// Sets the key to bytes of a snapshot, which are checked first.
    ///
    /// # Errors
    /// The bytes are no state of this release, or the store is away: nothing was done.
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

impl Turn<'_> {
    /// [`KeyHandle::acquire`]
    #[must_use = "an admitted call holds a permit that wants to be settled"]
    pub fn acquire(self, wish: Acquire, now: Option<Timestamp>) -> Stored<Verdict> {
        let handle = self.handle;
        let (taken, waited) = self.try_step(now, |policy, state, now| policy.acquire(state, wish, now));
        match taken {
            Ok(stored) => stored.map(Verdict::from),
            Err(kind) => {
                let answer = handle.share.acquire(wish, || handle.now(now));
                Stored::degraded(answer, handle.inner.tell(kind), waited)
            }
        }
    }

    /// [`KeyHandle::settle`]
    ///
    /// # Errors
    /// As there.
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
    pub fn command(self, command: &Command, now: Option<Timestamp>) -> Result<Stored<Commanded>, StoreError> {
        self.step(now, |policy, state, now| policy.command(state, command, now))
    }

    /// [`KeyHandle::restore`]
    ///
    /// # Errors
    /// As there.
    pub fn restore(self, bytes: &[u8]) -> Result<Stored<()>, StoreError> {
        let restored = self.handle.policy.decode(bytes);
        let restored = restored.map_err(|error| self.handle.inner.tell(ErrorKind::State(error)))?;
        self.step(None, |_, state, _| {
            *state = restored;
            Step::new((), true)
        })
    }

    fn step<T>(
        self,
        now: Option<Timestamp>,
        decide: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> Result<Stored<T>, StoreError> {
        let handle = self.handle;
        self.try_step(now, decide).0.map_err(|kind| handle.inner.tell(kind))
    }

    /// One step under the lock; with how long was waited for it, got or not.
    fn try_step<T>(
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

impl KeyHandle {
    /// The hot path: read, decide, and write what changed.
    fn step_under<T>(
        &self,
        guard: &Guard,
        now: Option<Timestamp>,
        decide: impl FnOnce(&Policy, &mut State, Timestamp) -> Step<T>,
    ) -> Result<Stored<T>, ErrorKind> {
        let table = &guard.session.table;
        let Scratch { place, state: kept, read, record } = &mut *self.scratch.lock();
        let found = table.get(self.key.as_bytes(), *place, read)?;
        let now = self.now(now);
        let state = self.state_of(found, kept, read, now)?;
        let step = decide(&self.policy, state, now);
        let mut sequence = found.map_or(0, |found| found.newest.head.sequence);
        *place = found.map(|found| found.place);
        if step.changed {
            record::start(record, self.key.as_bytes());
            state.encode(record);
            let vacuous_at = self.policy.vacuous_at(state).map_or(0, Timestamp::as_micros);
            let max_keys = self.inner.options.max_keys;
            let put = Put { key: self.key.as_bytes(), vacuous_at, before: 0, now: now.as_micros(), max_keys };
            let (lies, head) = table.put(put, found, record, read)?;
            (*place, sequence) = (Some(lies), head.sequence);
        }
        Ok(Stored::decided(step, sequence, guard.waited))
    }

    /// The live state of what was found, in the memory of the last one.
    fn state_of<'s>(
        &self,
        found: Option<Found>,
        kept: &'s mut Option<State>,
        read: &[u8],
        now: Timestamp,
    ) -> Result<&'s mut State, ErrorKind> {
        match (found, &mut *kept) {
            (Some(found), Some(state)) => {
                self.policy.decode_into(state, found.newest.body(read)).map_err(ErrorKind::State)?;
            }
            (Some(found), None) => {
                *kept = Some(self.policy.decode(found.newest.body(read)).map_err(ErrorKind::State)?);
            }
            (None, _) => *kept = Some(self.policy.new_state(now)),
        }
        Ok(kept.get_or_insert_with(|| self.policy.new_state(now)))
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyHandle").field("key", &self.key).field("policy", &self.policy.name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Turn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("handle", self.handle).field("is_held", &self.guard.is_ok()).finish()
    }
}
