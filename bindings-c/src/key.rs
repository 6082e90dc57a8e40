//! A policy on one key of the state file, and the steps on it.

use std::ffi::c_char;
use std::time::Duration;

use engine::{Acquire, Command, Events, Timestamp};
use stanchion_store::{KeyHandle, StoreError, Stored, Verdict};

use crate::abi::{
    stn_acquire_options, stn_answer, stn_decision, stn_error, stn_permit, stn_settle_options, stn_stored,
};
use crate::convert::{Code, answered, end, micros, wish};
use crate::guard::{Fault, Status, guard, guard_telling, tell};
use crate::hand::{
    Handle, bytes, give, give_handle, give_text, handle, instant, magic, maybe_taken, take_handle, taken, text,
};
use crate::policy::stn_policy;
use crate::steps::permit_of;
use crate::store::stn_store;

/// A policy on one key of a state file. Any number of threads may use it at once.
pub struct stn_store_key {
    pub(crate) key: KeyHandle,
}

impl Handle for stn_store_key {
    const MAGIC: u64 = magic(*b"skey");
}

/// A policy on one key of the file (`len`, 1 to 255, bytes). Cheap to keep and made to be kept.
///
/// - Owner: `*out` is yours, to be closed by `stn_store_key_close`; null where this fails. It keeps what it needs of
///   store and policy.
/// - Null: `error`.
/// - Fails with: `STN_STORE`, `STN_NOT_UTF8`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_key_open(
    store: *const stn_store,
    policy: *const stn_policy,
    key: *const c_char,
    len: usize,
    out: *mut *mut stn_store_key,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let policy = handle(policy)?.policy.clone();
                let key = handle(store)?.store.gate(policy, text(key, len)?)?;
                Ok(stn_store_key { key })
            })
        })
    }
}

/// Closes a key.
///
/// - Null: `key`: nothing is done.
/// - Threads: the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_key_close(key: *mut stn_store_key) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(key));
        Ok(())
    });
}

/// The instant of a decision; 0 lets the store read its clock under the lock.
pub(crate) fn maybe_instant(now_us: u64) -> Result<Option<Timestamp>, Status> {
    if now_us == 0 { Ok(None) } else { instant(now_us).map(Some) }
}

impl stn_stored {
    pub(crate) fn set(&mut self, degraded: Option<&StoreError>, sequence: u64, waited: Duration) {
        self.degraded = degraded.is_some().into();
        self.sequence = sequence;
        self.waited_us = micros(waited);
    }
}

/// Tells what the store adds to an answer, where the caller wants to know.
///
/// # Safety
/// `error` is null or the caller's struct.
pub(crate) unsafe fn report<T>(
    out: Option<&mut stn_stored>,
    error: *mut stn_error,
    stored: Stored<T>,
) -> (T, bool, Events) {
    if let Some(out) = out {
        out.set(stored.degraded.as_ref(), stored.sequence, stored.waited);
    }
    if let Some(why) = stored.degraded {
        // SAFETY: the caller vouches for `error`.
        unsafe { tell(error, &Fault::Store(why)) };
    }
    (stored.answer, stored.changed, stored.events)
}

/// `stn_acquire` on the key's state, under the file's lock.
///
/// `now_us` 0 lets the store read its clock under the lock; here and in all that follow. Without the file, the policy's
/// `on_store_error` decides and the answer says so: `degraded` in `*stored`, with the reason in `*error`. A refusal by
/// `on_store_error: reject` is `STN_UNAVAILABLE`.
///
/// - Null: `options`, `stored` and `error`.
/// - Fails with: `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_acquire(
    key: *const stn_store_key,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { decided(key, options, now_us, out, stored, error, |key, wish, now| Ok(key.acquire(wish, now))) }
}

/// `stn_store_acquire` that asks for the file's lock once, for a thread that must not wait. `STN_STORE` with the code `busy`
/// says that another holds it: nothing was decided, not even by `on_store_error`. Then wait elsewhere, by
/// `stn_store_acquire`.
///
/// - Null: `options`, `stored` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_try_acquire(
    key: *const stn_store_key,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { decided(key, options, now_us, out, stored, error, |key, wish, now| Ok(key.try_acquire(wish, now)?)) }
}

/// What the two ways to acquire have in common.
///
/// # Safety
/// The pointers are the caller's, by the header's conventions.
unsafe fn decided(
    key: *const stn_store_key,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
    stored: *mut stn_stored,
    error: *mut stn_error,
    decide: impl FnOnce(&KeyHandle, Acquire, Option<Timestamp>) -> Result<Stored<Verdict>, Fault>,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            let (out, stored) = (taken(out)?, maybe_taken(stored)?);
            let answer = decide(key, wish(options)?, maybe_instant(now_us)?)?;
            let (verdict, changed, events) = report(stored, error, answer);
            out.decided(verdict.into_result(), changed, events);
            Ok(())
        })
    }
}

/// What the steps after an acquire have in common.
///
/// # Safety
/// The pointers are the caller's, by the header's conventions.
unsafe fn step<T: Code>(
    key: *const stn_store_key,
    out: *mut stn_answer,
    stored: *mut stn_stored,
    error: *mut stn_error,
    decide: impl FnOnce(&KeyHandle) -> Result<Stored<T>, Fault>,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            let (out, stored) = (maybe_taken(out)?, maybe_taken(stored)?);
            let (answer, changed, events) = report(stored, error, decide(key)?);
            answered(out, &answer, changed, events);
            Ok(())
        })
    }
}

/// `stn_settle` on the key's state. Where the file is away, nothing happened, so the permit can be settled again; else the
/// result is lost, and a slot or probe comes back when its lease ends.
///
/// - Null: `out`, `stored` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_settle(
    key: *const stn_store_key,
    permit: *const stn_permit,
    options: *const stn_settle_options,
    now_us: u64,
    out: *mut stn_answer,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        step(key, out, stored, error, |key| {
            Ok(key.settle(permit_of(permit)?, end(options)?, maybe_instant(now_us)?)?)
        })
    }
}

/// `stn_cancel` on the key's state. Where the file is away, nothing happened, so the permit can be cancelled again; else
/// the tokens stay taken, and a slot or probe comes back when its lease ends.
///
/// - Null: `out`, `stored` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_cancel(
    key: *const stn_store_key,
    permit: *const stn_permit,
    now_us: u64,
    out: *mut stn_answer,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { step(key, out, stored, error, |key| Ok(key.cancel(permit_of(permit)?, maybe_instant(now_us)?)?)) }
}

/// `stn_renew` on the key's state. Where the file is away, try again, and abort the call before the lease ends.
///
/// - Null: `out`, `stored` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_renew(
    key: *const stn_store_key,
    permit: *const stn_permit,
    now_us: u64,
    out: *mut stn_answer,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { step(key, out, stored, error, |key| Ok(key.renew(&permit_of(permit)?, maybe_instant(now_us)?)?)) }
}

/// `stn_command` on the key's state. A time from now in the command (`for_ms`) counts from `now_us`, or from the system's
/// clock where that is 0.
///
/// - Null: `out`, `stored` and `error`.
/// - Fails with: `STN_INPUT`, `STN_NOT_UTF8`, `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_command(
    key: *const stn_store_key,
    json: *const c_char,
    len: usize,
    now_us: u64,
    out: *mut stn_answer,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        step(key, out, stored, error, |key| {
            let now = maybe_instant(now_us)?;
            let command = Command::from_json(text(json, len)?, now.unwrap_or_else(Timestamp::from_system_clock))?;
            Ok(key.command(&command, now)?)
        })
    }
}

/// `stn_peek` on the key's state. Takes no lock.
///
/// - Null: `options` and `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_peek(
    key: *const stn_store_key,
    options: *const stn_acquire_options,
    now_us: u64,
    out: *mut stn_decision,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            taken(out)?.peeked(&key.peek(&wish(options)?, maybe_instant(now_us)?)?);
            Ok(())
        })
    }
}

/// `stn_explain` on the key's state. Takes no lock, so it works while a process that holds it hangs.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_STORE`, `STN_OUT_OF_RANGE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_explain(
    key: *const stn_store_key,
    now_us: u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let explanation = handle(key)?.key.explain(maybe_instant(now_us)?)?;
            Ok(give_text(explanation.to_json(), buffer, capacity, needed)?)
        })
    }
}

/// Writes the key's bytes, as `stn_state_encode` does. `*needed` is 0 where the key does not exist yet. Takes no lock.
///
/// - Null: `buffer`, to ask for the size; `error`.
/// - Fails with: `STN_STORE`, `STN_BUFFER_TOO_SMALL`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_snapshot(
    key: *const stn_store_key,
    buffer: *mut u8,
    capacity: usize,
    needed: *mut usize,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            let snapshot = handle(key)?.key.snapshot()?;
            Ok(give(snapshot.as_deref().unwrap_or_default(), buffer, capacity, needed)?)
        })
    }
}

/// Sets the key to a state's `len` bytes, which are checked first. Where this fails, nothing was done.
///
/// - Null: `stored` and `error`.
/// - Fails with: `STN_STORE`.
/// - Threads: any.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_restore(
    key: *const stn_store_key,
    encoded: *const u8,
    len: usize,
    stored: *mut stn_stored,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe { step(key, std::ptr::null_mut(), stored, error, |key| Ok(key.restore(bytes(encoded, len)?)?)) }
}
