//! A policy on one key of a file.
//!
//! Each operation comes twice. The plain one runs on the thread of JavaScript and asks for the lock once: where another
//! holds it, it answers [`LOCKED`] and has done nothing. The one named `…_later` waits for the lock in the thread pool. Where
//! each write is synced, which takes milliseconds, the plain one always answers so.

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Uint8Array};
use napi_derive::napi;
use stanchion::{Acquire, Asked, Command, Settle, Timestamp};
use stanchion_raw::status::{LOCKED, Status, renewed, settled};
use stanchion_raw::{Raw, number, permit_of};
use stanchion_store::{KeyHandle, StoreError, Turn};

use crate::answer::{put, told, verdict};
use crate::call;
use crate::later::{Later, Op, Work};
use crate::store::{fault_of, moment};

/// A policy on one key of a file.
#[napi]
pub struct RawKey {
    pub(crate) handle: Arc<KeyHandle>,
    pub(crate) is_synced: bool,
}

impl RawKey {
    /// Runs an operation at once where the lock is free. What the numbers refuse is its status.
    #[inline]
    fn now<T>(
        &self,
        told: Result<T, Status>,
        step: impl FnOnce(&mut Raw, Turn<'_>, T) -> Status,
    ) -> napi::Result<Status> {
        call(|raw| match told {
            Ok(_) if self.is_synced => LOCKED,
            Ok(told) => match self.handle.try_turn() {
                Some(turn) => step(raw, turn, told),
                None => LOCKED,
            },
            Err(status) => status,
        })
    }

    fn later(&self, op: Result<Op, Status>) -> AsyncTask<Later> {
        AsyncTask::new(Later(match op {
            Ok(op) => Work::Key(Arc::clone(&self.handle), op),
            Err(status) => Work::Refused(status),
        }))
    }
}

/// What only reads takes no lock, so it runs at once.
fn query<T>(
    now_us: f64,
    ask: impl FnOnce(Option<Timestamp>) -> Result<T, StoreError>,
    put: impl FnOnce(&mut Raw, T) -> Status,
) -> napi::Result<Status> {
    call(|raw| match moment(now_us).map(ask) {
        Ok(Ok(answer)) => put(raw, answer),
        Ok(Err(error)) => raw.fail(fault_of(&error)),
        Err(status) => status,
    })
}

fn wish(cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> Result<(Acquire, Option<Timestamp>), Status> {
    Ok((number::wish(cost, holder_lo, holder_hi)?, moment(now_us)?))
}

fn end(outcome: u32, duration_us: f64, actual_cost: f64, now_us: f64) -> Result<(Settle, Option<Timestamp>), Status> {
    Ok((number::end(outcome, duration_us, actual_cost)?, moment(now_us)?))
}

#[napi]
#[expect(clippy::too_many_arguments, reason = "numbers only: an object would cost more than the call")]
impl RawKey {
    /// Whether a call may go ahead.
    #[napi]
    pub fn acquire(&self, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> napi::Result<Status> {
        self.now(wish(cost, holder_lo, holder_hi, now_us), |raw, turn, (wish, now)| {
            put(raw, Ok(turn.acquire(wish, now)), verdict)
        })
    }

    /// The same, waiting in the thread pool.
    #[napi]
    pub fn acquire_later(&self, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> AsyncTask<Later> {
        self.later(wish(cost, holder_lo, holder_hi, now_us).map(|(wish, now)| Op::Acquire(wish, now)))
    }

    /// Tells how a call ended.
    #[napi]
    pub fn settle(
        &self,
        a: u32,
        b: u32,
        c: u32,
        d: u32,
        outcome: u32,
        duration_us: f64,
        actual_cost: f64,
        now_us: f64,
    ) -> napi::Result<Status> {
        self.now(end(outcome, duration_us, actual_cost, now_us), |raw, turn, (end, now)| {
            put(raw, turn.settle(permit_of([a, b, c, d]), end, now), |_, what| settled(what))
        })
    }

    /// The same, waiting in the thread pool.
    #[napi]
    pub fn settle_later(
        &self,
        a: u32,
        b: u32,
        c: u32,
        d: u32,
        outcome: u32,
        duration_us: f64,
        actual_cost: f64,
        now_us: f64,
    ) -> AsyncTask<Later> {
        let end = end(outcome, duration_us, actual_cost, now_us);
        self.later(end.map(|(end, now)| Op::Settle(permit_of([a, b, c, d]), end, now)))
    }

    /// Gives a permit back: the call never began.
    #[napi]
    pub fn cancel(&self, a: u32, b: u32, c: u32, d: u32, now_us: f64) -> napi::Result<Status> {
        self.now(moment(now_us), |raw, turn, now| {
            put(raw, turn.cancel(permit_of([a, b, c, d]), now), |_, what| settled(what))
        })
    }

    /// The same, waiting in the thread pool.
    #[napi]
    pub fn cancel_later(&self, a: u32, b: u32, c: u32, d: u32, now_us: f64) -> AsyncTask<Later> {
        self.later(moment(now_us).map(|now| Op::Cancel(permit_of([a, b, c, d]), now)))
    }

    /// Extends the lease of a permit.
    #[napi]
    pub fn renew(&self, a: u32, b: u32, c: u32, d: u32, now_us: f64) -> napi::Result<Status> {
        self.now(moment(now_us), |raw, turn, now| {
            put(raw, turn.renew(&permit_of([a, b, c, d]), now), |slot, what| renewed(slot, &what))
        })
    }

    /// The same, waiting in the thread pool.
    #[napi]
    pub fn renew_later(&self, a: u32, b: u32, c: u32, d: u32, now_us: f64) -> AsyncTask<Later> {
        self.later(moment(now_us).map(|now| Op::Renew(permit_of([a, b, c, d]), now)))
    }

    /// Gives a command, from its JSON form, waiting in the thread pool. Without an instant, times in it that are
    /// told from now are told from when it was given.
    #[napi]
    pub fn command_later(&self, json: String, now_us: f64) -> AsyncTask<Later> {
        let now = match moment(now_us) {
            Ok(now) => now,
            Err(status) => return self.later(Err(status)),
        };
        match Command::from_json(&json, now.unwrap_or_else(Timestamp::from_system_clock)) {
            Ok(command) => self.later(Ok(Op::Command(command, now))),
            Err(error) => AsyncTask::new(Later(Work::Failed(error.into()))),
        }
    }

    /// A step or query of a policy beside the gates, from its JSON form to `text`. A query takes no lock.
    #[napi]
    pub fn apply(&self, json: String, now_us: f64) -> napi::Result<Status> {
        match Asked::from_json(&json) {
            Ok(asked) if asked.is_query() => call(|raw| match moment(now_us) {
                Ok(now) => told(raw, self.handle.apply(asked, now)),
                Err(status) => status,
            }),
            Ok(asked) => self.now(moment(now_us), |raw, turn, now| told(raw, turn.apply(asked, now))),
            Err(error) => call(|raw| raw.fail(error)),
        }
    }

    /// The same, waiting in the thread pool.
    #[napi]
    pub fn apply_later(&self, json: String, now_us: f64) -> AsyncTask<Later> {
        match Asked::from_json(&json) {
            Ok(asked) => self.later(moment(now_us).map(|now| Op::Apply(asked, now))),
            Err(error) => AsyncTask::new(Later(Work::Failed(error.into()))),
        }
    }

    /// Sets the key to the bytes of a snapshot, waiting in the thread pool.
    #[napi]
    pub fn restore_later(&self, bytes: Uint8Array) -> AsyncTask<Later> {
        self.later(Ok(Op::Restore(bytes.to_vec())))
    }

    /// What an acquire would be answered.
    #[napi]
    pub fn peek(&self, cost: f64, holder_lo: u32, holder_hi: u32, now_us: f64) -> napi::Result<Status> {
        match number::wish(cost, holder_lo, holder_hi) {
            Ok(wish) => query(now_us, |now| self.handle.peek(&wish, now), |raw, peek| raw.slot_mut().peek(peek)),
            Err(status) => Ok(status),
        }
    }

    /// `text` is the explanation as JSON.
    #[napi]
    pub fn explain(&self, now_us: f64) -> napi::Result<Status> {
        query(now_us, |now| self.handle.explain(now), |raw, explanation| raw.say(explanation.to_json()))
    }

    /// `bytes` are the key's; `value` is 1 where it exists.
    #[napi]
    pub fn snapshot(&self) -> napi::Result<Status> {
        query(
            0.0,
            |_| self.handle.snapshot(),
            |raw, bytes| {
                raw.slot_mut().value = f64::from(u8::from(bytes.is_some()));
                raw.put(&bytes.unwrap_or_default())
            },
        )
    }
}
