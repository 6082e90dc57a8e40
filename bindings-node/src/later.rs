//! What waits for the lock, in the thread pool, so that it never holds up the event loop.

use std::sync::Arc;

use napi::Task;
use napi::bindgen_prelude::Env;
use napi_derive::napi;
use stanchion::{Acquire, Asked, Command, Permit, Policy, Settle, Timestamp};
use stanchion_raw::status::{FAULT, Status, commanded, renewed, settled};
use stanchion_raw::{Fault, Raw, Slot, number};
use stanchion_store::{KeyHandle, Options, Spool, Store, StoreError, Stored, Transaction};

use crate::answer::{laid, verdict};
use crate::spool::{RawSpool, SpoolOp};
use crate::store::{RawTransaction, fault_of};
use crate::{call, guard};

/// An operation on a key, with everything that it needs.
pub(crate) enum Op {
    Acquire(Acquire, Option<Timestamp>),
    Settle(Permit, Settle, Option<Timestamp>),
    Cancel(Permit, Option<Timestamp>),
    Renew(Permit, Option<Timestamp>),
    Command(Command, Option<Timestamp>),
    Apply(Asked, Option<Timestamp>),
    Restore(Vec<u8>),
}

impl Op {
    /// Waiting for the lock as long as the store's options say.
    fn in_time(self, key: &KeyHandle) -> Done {
        match self {
            Self::Acquire(wish, now) => Done::stored(Ok(key.acquire(wish, now)), verdict),
            Self::Settle(permit, end, now) => Done::stored(key.settle(permit, end, now), |_, what| settled(what)),
            Self::Cancel(permit, now) => Done::stored(key.cancel(permit, now), |_, what| settled(what)),
            Self::Renew(permit, now) => Done::stored(key.renew(&permit, now), |slot, what| renewed(slot, &what)),
            Self::Command(command, now) => Done::stored(key.command(&command, now), |_, what| commanded(what)),
            Self::Apply(asked, now) => Done::told(key.apply(asked, now)),
            Self::Restore(bytes) => Done::stored(key.restore(&bytes), |_, ()| 0),
        }
    }
}

/// An answer, away from the engine of any thread.
#[derive(Default)]
pub struct Done {
    status: Status,
    slot: Slot,
    text: Option<String>,
    bytes: Option<Vec<u8>>,
    fault: Option<Fault>,
    transaction: Option<Transaction>,
    spool: Option<Spool>,
}

impl Done {
    fn failed(fault: Fault) -> Self {
        Self { status: FAULT, fault: Some(fault), ..Self::default() }
    }

    /// Writes the new bytes of the key whose lock is held: the new write sequence.
    pub(crate) fn committed(held: Transaction, bytes: &[u8], vacuous_at: Option<Timestamp>) -> Self {
        match held.commit(bytes, vacuous_at) {
            Ok(sequence) => {
                let mut done = Self::default();
                done.slot.sequence = number::exact(sequence);
                done
            }
            Err(error) => Self::failed(fault_of(&error)),
        }
    }

    /// An answer that is a text.
    fn told(stored: Result<Stored<String>, StoreError>) -> Self {
        let mut text = None;
        let done = Self::stored(stored, |_, answer| {
            text = Some(answer);
            0
        });
        Self { text, ..done }
    }

    fn stored<T>(stored: Result<Stored<T>, StoreError>, lay: impl FnOnce(&mut Slot, T) -> Status) -> Self {
        let mut done = Self::default();
        (done.status, done.fault) = laid(&mut done.slot, stored, lay);
        done
    }

    /// Makes it the last answer of this thread's engine.
    pub(crate) fn put(self, raw: &mut Raw) -> Status {
        *raw.slot_mut() = self.slot;
        if let Some(text) = self.text {
            raw.say(text);
        }
        if let Some(bytes) = self.bytes {
            raw.put(&bytes);
        }
        if let Some(fault) = self.fault {
            raw.fail(fault);
        }
        self.status
    }
}

/// What is to be done in the thread pool.
pub(crate) enum Work {
    Key(Arc<KeyHandle>, Op),
    Begin(Store, String),
    Remove(Store, String),
    Commit(Transaction, Vec<u8>, Option<Timestamp>),
    OpenSpool(String, Arc<Policy>, Options),
    Spool(Spool, SpoolOp, Option<Timestamp>),
    /// An argument was none: the answer stands already.
    Refused(Status),
    /// The same, with its fault.
    Failed(Fault),
    #[cfg(feature = "test-panic")]
    Panic,
    /// It was taken.
    Nothing,
}

impl Work {
    fn run(self) -> Done {
        match self {
            Self::Key(key, op) => op.in_time(&key),
            Self::Begin(store, key) => match store.begin(&key) {
                Ok(transaction) => Done { transaction: Some(transaction), ..Done::default() },
                Err(error) => Done::failed(fault_of(&error)),
            },
            Self::Remove(store, key) => match store.remove(&key) {
                Ok(was_there) => {
                    let mut done = Done::default();
                    done.slot.value = f64::from(u8::from(was_there));
                    done
                }
                Err(error) => Done::failed(fault_of(&error)),
            },
            Self::Commit(held, bytes, vacuous_at) => Done::committed(held, &bytes, vacuous_at),
            Self::OpenSpool(path, policy, options) => match Spool::open(path, policy, options) {
                Ok(spool) => Done { spool: Some(spool), ..Done::default() },
                Err(error) => Done::failed(fault_of(&error)),
            },
            Self::Spool(spool, op, now) => match op.run(&spool, now) {
                Ok((answer, bytes)) => Done { text: Some(answer.to_string()), bytes: Some(bytes), ..Done::default() },
                Err(fault) => Done::failed(*fault),
            },
            Self::Refused(status) => Done { status, ..Done::default() },
            Self::Failed(fault) => Done::failed(fault),
            #[cfg(feature = "test-panic")]
            Self::Panic => panic!("a panic on purpose"),
            Self::Nothing => Done::default(),
        }
    }
}

/// Work in the thread pool, whose promise is of an [`RawDone`].
pub struct Later(pub(crate) Work);

impl Task for Later {
    type Output = Done;
    type JsValue = RawDone;

    fn compute(&mut self) -> napi::Result<Done> {
        let work = std::mem::replace(&mut self.0, Work::Nothing);
        guard(|| work.run())
    }

    fn resolve(&mut self, _: Env, done: Done) -> napi::Result<RawDone> {
        Ok(RawDone { done: Some(done) })
    }
}

/// An answer from the thread pool.
#[napi]
pub struct RawDone {
    done: Option<Done>,
}

#[napi]
impl RawDone {
    /// Its status, once; from now on the slot and the fault are those of this answer. Take the transaction before.
    #[napi]
    pub fn load(&mut self) -> napi::Result<Status> {
        let done = self.done.take().unwrap_or_default();
        call(|raw| done.put(raw))
    }

    /// The spool that was opened, once. Take it before `load`.
    #[napi]
    pub fn spool(&mut self) -> Option<RawSpool> {
        self.done.as_mut().and_then(|done| done.spool.take()).map(RawSpool::new)
    }

    /// The transaction that began, once.
    #[napi]
    pub fn transaction(&mut self) -> Option<RawTransaction> {
        let transaction = self.done.as_mut().and_then(|done| done.transaction.take());
        transaction.map(|transaction| RawTransaction { transaction: Some(transaction) })
    }
}

/// Panics in the thread pool.
#[cfg(feature = "test-panic")]
#[napi]
pub fn test_panic_later() -> napi::bindgen_prelude::AsyncTask<Later> {
    napi::bindgen_prelude::AsyncTask::new(Later(Work::Panic))
}
