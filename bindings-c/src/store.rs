//! The state file that processes share.

use std::ffi::c_char;
use std::time::Duration;

use engine::{Command, Events, Timestamp};
use stanchion_store::{Durability, KeyHandle, Options, Store, StoreError, Stored};

use crate::abi::{
    STN_STORE_ANY_OWNER, STN_STORE_MAX_KEYS, STN_STORE_MUST_EXIST, STN_STORE_READ_ONLY, STN_STORE_SYNC, STN_STORE_WAIT,
    stn_acquire_options, stn_answer, stn_decision, stn_error, stn_permit, stn_settle_options, stn_store_options,
    stn_stored,
};
use crate::convert::{Code, answered, end, micros, wish};
use crate::guard::{Fault, OUT_OF_RANGE, Status, guard, guard_telling, tell};
use crate::hand::{
    Handle, bytes, give, give_handle, give_text, given, handle, instant, maybe_taken, take_handle, taken, text,
};
use crate::policy::stn_policy;
use crate::steps::permit_of;

/// A state file that this process has open. Any number of threads may use it at once.
pub struct stn_store {
    pub(crate) store: Store,
}

impl Handle for stn_store {
    const MAGIC: u64 = u64::from_le_bytes(*b"stn\0stor");
}

/// A policy on one key of a state file. Any number of threads may use it at once.
pub struct stn_store_key {
    key: KeyHandle,
}

impl Handle for stn_store_key {
    const MAGIC: u64 = u64::from_le_bytes(*b"stn\0skey");
}

/// # Safety
/// `options` is null (every default) or the caller's struct.
unsafe fn options_of(options: *const stn_store_options) -> Result<Options, Status> {
    let defaults = Options::new();
    if options.is_null() {
        return Ok(defaults);
    }
    // SAFETY: the caller vouches for the struct.
    let given = unsafe { given(options)? };
    let known = STN_STORE_MUST_EXIST | STN_STORE_READ_ONLY | STN_STORE_ANY_OWNER | STN_STORE_SYNC;
    if given.fields & !(STN_STORE_WAIT | STN_STORE_MAX_KEYS) != 0 || given.flags & !known != 0 {
        return Err(OUT_OF_RANGE);
    }
    let mut options = defaults;
    if given.fields & STN_STORE_WAIT != 0 {
        options = options.wait(Duration::from_millis(given.wait_ms.into()));
    }
    if given.fields & STN_STORE_MAX_KEYS != 0 {
        options = options.max_keys(given.max_keys);
    }
    if given.flags & STN_STORE_MUST_EXIST != 0 {
        options = options.create(false);
    }
    if given.flags & STN_STORE_READ_ONLY != 0 {
        options = options.read_only(true);
    }
    if given.flags & STN_STORE_ANY_OWNER != 0 {
        options = options.any_owner(true);
    }
    if given.flags & STN_STORE_SYNC != 0 {
        options = options.durability(Durability::Sync);
    }
    Ok(options)
}

/// Opens a state file, or makes it and its directory (0600 and 0700) where they are missing.
///
/// `path` is `len` bytes of UTF-8; `options` null takes every default. `*out` receives the store, to be closed by
/// `stn_store_close`, or null. Fails with `STN_STORE`; what was found is left as it is. A store does not outlive a fork: the
/// child opens its own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_open(
    path: *const c_char,
    len: usize,
    options: *const stn_store_options,
    out: *mut *mut stn_store,
    error: *mut stn_error,
) -> u32 {
    // SAFETY: the caller keeps the header's conventions.
    unsafe {
        guard_telling(error, || {
            give_handle(out, || {
                let store = Store::open(text(path, len)?, options_of(options)?)?;
                Ok(stn_store { store })
            })
        })
    }
}

/// Closes a store. Its keys and transactions live on until they are closed. Null is allowed. Nobody may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_close(store: *mut stn_store) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(store));
        Ok(())
    });
}

/// A policy on one key of the file (1 to 255 bytes of UTF-8). Cheap to keep and made to be kept.
///
/// `*out` receives it, to be closed by `stn_store_key_close`, or null. It keeps what it needs of store and policy.
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

/// Closes a key. Null is allowed. Nobody may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stn_store_key_close(key: *mut stn_store_key) {
    // SAFETY: the caller keeps the header's conventions.
    guard(|| unsafe {
        drop(take_handle(key));
        Ok(())
    });
}

/// The instant of a decision; 0 lets the store read its clock under the lock.
fn maybe_instant(now_us: u64) -> Result<Option<Timestamp>, Status> {
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
unsafe fn report<T>(out: Option<&mut stn_stored>, error: *mut stn_error, stored: Stored<T>) -> (T, bool, Events) {
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
/// `on_store_error` decides and the answer says so: `degraded` in `*stored` (null where nobody asks), with the reason in
/// `*error`. A refusal by `on_store_error: reject` is `STN_UNAVAILABLE`.
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
    unsafe {
        guard_telling(error, || {
            let key = &handle(key)?.key;
            let (out, stored) = (taken(out)?, maybe_taken(stored)?);
            let (verdict, changed, events) = report(stored, error, key.acquire(wish(options)?, maybe_instant(now_us)?));
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

/// `stn_settle` on the key's state. Fails with `STN_STORE` where the file is away: nothing happened, so the permit can be
/// settled again; else the result is lost, and a slot or probe comes back when its lease ends. `out`, `stored` and `error` may be null, here and in the four that follow.
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

/// `stn_cancel` on the key's state. Fails with `STN_STORE` where the file is away: nothing happened, so the permit can be
/// cancelled again; else the tokens stay taken, and a slot or probe comes back when its lease ends.
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

/// `stn_renew` on the key's state. Fails with `STN_STORE` where the file is away: try again, and abort the call before the
/// lease ends.
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

/// `stn_command` on the key's state. Fails with `STN_INPUT` where the text is no command, with `STN_STORE` where the file is
/// away. A time from now in the command (`for_ms`) counts from `now_us`, or from the system's clock where that is 0.
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

/// Sets the key to a state's bytes, which are checked first. Fails with `STN_STORE`: nothing was done.
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
